"""What only clients older than @iotize/tap 2.7.0 ask for. Hardly anything is known of it; the rows say what."""

from dataclasses import replace
from typing import Final, NoReturn

from emulator import credentials
from emulator.blueprint import Group
from emulator.exchange import Exchange
from emulator.services import instances, login
from emulator.services.binding import handles
from emulator.services.settings import accepted
from protocol.bodies.legacy import AclEntry, AvailableFunction
from protocol.codes import NO_INSTANCE, ResultCode
from protocol.errors import PeerError
from protocol.resources.registry import RESOURCES
from protocol.scram import RECORD_SIZE, SALT_SIZE, PasswordKey

_ACL: Final = 2
_OBJECTS: Final = frozenset(row.object for row in RESOURCES) - {_ACL}
"""Objects that have an access-control entry: all but the entries themselves."""

_RANDOM_SIZE: Final = 4


@handles("interface.get_functions")
def get_functions(exchange: Exchange, _: None) -> AvailableFunction:
    """The emulator has both."""
    return AvailableFunction(debug=True, data_log=True)


@handles("interface.get_rand")
def get_rand(exchange: Exchange, _: None) -> bytes:
    """As many bytes as the number that old firmware answers in the slot of the initialization vector (D1)."""
    return exchange.device.entropy.token(_RANDOM_SIZE)


@handles("device.get_public_password")
def get_public_password(exchange: Exchange, _: None) -> str:
    """Later firmware has it at /1024//60."""
    password: str = exchange.state["interface.product_key"]
    return password


@handles("secure_element.send")
def send(exchange: Exchange, message: bytes) -> NoReturn:
    """A known feature that this Tap does not have (OQ39)."""
    raise PeerError("there is no secure element", ResultCode.NOT_IMPLEMENTED)


def _entry_of(exchange: Exchange) -> int:
    """The object whose entry the path names.

    Raises:
        PeerError: 84, the Tap has no such object.
    """
    if exchange.instance not in _OBJECTS:
        raise PeerError(f"there is no object {exchange.instance}", ResultCode.NOT_FOUND)
    return exchange.instance


@handles("acl.get_object_id")
def get_object_id(exchange: Exchange, _: None) -> int:
    """An entry has the number of its object."""
    return _entry_of(exchange)


@handles("acl.get_instance_id")
def get_instance_id(exchange: Exchange, _: None) -> int:
    """An entry is about all instances of its object."""
    _entry_of(exchange)
    return NO_INSTANCE


@handles("acl.get_list")
def get_list(exchange: Exchange, _: None) -> list[AclEntry]:
    """The same for every object."""
    _entry_of(exchange)
    entries: list[AclEntry] = exchange.state["acl.list"]
    return entries


@handles("acl.put_list")
def put_list(exchange: Exchange, entries: list[AclEntry]) -> None:
    """Kept and answered; rights are those of profiles and bundles (D13)."""
    _entry_of(exchange)
    exchange.state.put("acl.list", entries)


@handles("acl.get_owner")
def get_owner(exchange: Exchange, _: None) -> int:
    """The same for every object; the admin, until somebody writes another."""
    _entry_of(exchange)
    owner: int = exchange.state["acl.owner"]
    return owner


@handles("acl.put_owner")
def put_owner(exchange: Exchange, owner: int) -> None:
    """Written with four bytes, but it has to be a group id of two."""
    _entry_of(exchange)
    exchange.state.put("acl.owner", accepted("acl.owner", owner))


def _user(exchange: Exchange) -> tuple[Group, bytes]:
    """The group of the path, and its password as it is kept.

    Raises:
        PeerError: 84 if there is no such group, 86 if it has no password.
    """
    group = instances.existing(exchange, exchange.state.groups, "group")
    if group.password is None:
        raise PeerError(f"{group.name!r} has no password", ResultCode.NOT_ACCEPTABLE)
    return group, group.password


@handles("group.get_scram_user_iteration")
def get_scram_user_iteration(exchange: Exchange, _: None) -> int:
    """All groups have the iterations of /1024//42: a password key of 36 bytes has no room for its own."""
    _user(exchange)
    iterations: int = exchange.state["scram.hash_iteration"]
    return iterations


@handles("group.put_scram_user_iteration")
def put_scram_user_iteration(exchange: Exchange, iterations: int) -> None:
    """Another number could not take effect: the next login would still be told that of /1024//42."""
    _user(exchange)
    if iterations != exchange.state["scram.hash_iteration"]:
        raise PeerError("iterations are those of /1024//42 for every group", ResultCode.NOT_ACCEPTABLE)


@handles("group.get_scram_user_salt")
def get_scram_user_salt(exchange: Exchange, _: None) -> int:
    """Of a password that is kept otherwise it is the salt with which a SCRAM login raises it to a key."""
    group, kept = _user(exchange)
    salt = PasswordKey.from_bytes(kept).salt if len(kept) == RECORD_SIZE else login.salt_of(exchange, group.name)
    return int.from_bytes(salt, "big")


@handles("group.put_scram_user_salt")
def put_scram_user_salt(exchange: Exchange, salt: int) -> None:
    """A clear password or a hash becomes a key with this salt; a key cannot be redone, only its salt changes."""
    group, kept = _user(exchange)
    chosen = salt.to_bytes(SALT_SIZE, "big")
    if len(kept) == RECORD_SIZE:
        key: PasswordKey | None = replace(PasswordKey.from_bytes(kept), salt=chosen)
    elif exchange.state["interface.security_options"].scram_activated:
        key = credentials.scram_key(kept, chosen, exchange.state["scram.hash_iteration"])
    else:
        raise PeerError("SCRAM logins are not enabled, the password has no salt", ResultCode.RESOURCE_LOCKED)
    assert key is not None
    exchange.state.keep("group", exchange.instance, replace(group, password=bytes(key)))
