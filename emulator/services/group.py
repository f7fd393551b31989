"""Object 1025: profiles and users."""

from dataclasses import replace

from emulator import credentials
from emulator.blueprint import ANONYMOUS, Group
from emulator.exchange import Exchange
from emulator.services import instances
from emulator.services.binding import handles
from protocol.bodies.interface import NAME_SIZE
from protocol.codes import ResultCode
from protocol.errors import PeerError


def _group(exchange: Exchange) -> Group:
    return instances.existing(exchange, exchange.state.groups, "group")


def _change(exchange: Exchange, group: Group) -> None:
    exchange.state.keep("group", exchange.instance, group)


@handles("group.get_name")
def get_name(exchange: Exchange, _: None) -> str:
    """Also the user name of its login."""
    return _group(exchange).name


@handles("group.put_name")
def put_name(exchange: Exchange, name: str) -> None:
    """1 to 16 characters that no other group has."""
    if not 1 <= len(name) <= NAME_SIZE:
        raise PeerError(f"a name has 1 to {NAME_SIZE} characters, not {len(name)}", ResultCode.NOT_ACCEPTABLE)
    if any(group.name == name and other != exchange.instance for other, group in exchange.state.groups.items()):
        raise PeerError(f"another group is called {name!r}", ResultCode.NOT_ACCEPTABLE)
    _change(exchange, replace(_group(exchange), name=name))


@handles("group.change_password_key")
def change_password_key(exchange: Exchange, written: bytes) -> None:
    """The form has to go with the security options; it is told by its length."""
    group = _group(exchange)
    kept = credentials.accepted_form(written, exchange.state["interface.security_options"])
    if kept is None or exchange.instance == ANONYMOUS:
        why = "anonymous has no password" if kept else f"{len(written)} bytes do not go with the security options"
        raise PeerError(f"password refused: {why}", ResultCode.NOT_ACCEPTABLE)
    _change(exchange, replace(group, password=kept))


@handles("group.get_session_lifetime")
def get_session_lifetime(exchange: Exchange, _: None) -> int:
    """Seconds; holds for logins from now on."""
    return _group(exchange).lifetime


@handles("group.put_session_lifetime")
def put_session_lifetime(exchange: Exchange, seconds: int) -> None:
    """Open sessions keep the lifetime that they began with."""
    _change(exchange, replace(_group(exchange), lifetime=seconds))


@handles("group.get_alias")
def get_alias(exchange: Exchange, _: None) -> int:
    """Its own id, if it is a profile."""
    return _group(exchange).alias


@handles("group.put_alias")
def put_alias(exchange: Exchange, alias: int) -> None:
    """The alias may name a group that is created later, as the configurator does."""
    _change(exchange, replace(_group(exchange), alias=alias))


@handles("group.create")
def create(exchange: Exchange, _: None) -> None:
    """Creating an existing group is accepted and changes nothing: a second configuration repeats it (OQ31)."""
    if exchange.instance not in exchange.state.groups:
        instances.check_room(exchange, exchange.state.groups)
        _change(exchange, Group(name="", password=None, alias=exchange.instance))
