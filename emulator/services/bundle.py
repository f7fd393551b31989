"""Object 1028: names, rights, log periods and values of bundles."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from emulator.access import bundle_rights
from emulator.blueprint import Bundle, Variable
from emulator.exchange import Exchange
from emulator.services import instances
from emulator.services.binding import handles
from protocol.bodies.bundle import ReadWriteRights
from protocol.codes import NO_INSTANCE, ResultCode, Rights
from protocol.errors import PeerError
from protocol.firmware import Version
from protocol.tlv import BundleValues

MAX_NAME: Final = 64
"""Characters of a name; assumed."""

_FIRST_WITH_BARE_NAMES: Final = Version(1, 107)
_OLD_NAME_SIZE: Final = 16


def _bundle(exchange: Exchange) -> Bundle:
    return instances.existing(exchange, exchange.state.bundles, "bundle")


def _change(exchange: Exchange, bundle: Bundle) -> None:
    exchange.state.keep("bundle", exchange.instance, bundle)


@handles("bundle.create")
def create(exchange: Exchange, _: None) -> None:
    """Creating an existing bundle is accepted and changes nothing (OQ31)."""
    if exchange.instance == NO_INSTANCE:
        raise PeerError("65535 stands for no bundle", ResultCode.NOT_ACCEPTABLE)
    if exchange.instance not in exchange.state.bundles:
        instances.check_room(exchange, exchange.state.bundles)
        _change(exchange, Bundle())


@handles("bundle.get_name")
def get_name(exchange: Exchange, _: None) -> str:
    """Up to firmware 1.106 a field of 16 bytes, filled up with NUL (D19)."""
    name = _bundle(exchange).name
    if exchange.device.firmware < _FIRST_WITH_BARE_NAMES:
        return name[:_OLD_NAME_SIZE].ljust(_OLD_NAME_SIZE, "\0")
    return name


@handles("bundle.put_name")
def put_name(exchange: Exchange, name: str) -> None:
    """Names need not differ."""
    if len(name) > MAX_NAME:
        raise PeerError(f"a name has at most {MAX_NAME} characters, not {len(name)}", ResultCode.NOT_ACCEPTABLE)
    _change(exchange, replace(_bundle(exchange), name=name))


@handles("bundle.get_acl")
def get_acl(exchange: Exchange, group_id: int) -> ReadWriteRights:
    """What is written for the group, without what it has from others."""
    return ReadWriteRights.of(group_id, _bundle(exchange).rights.get(group_id, Rights.NONE))


@handles("bundle.put_acl")
def put_acl(exchange: Exchange, entry: ReadWriteRights) -> None:
    """Replaces the entry of that group and keeps the others (OQ26). The group may be created later."""
    bundle = _bundle(exchange)
    if entry.group_id not in bundle.rights:
        instances.check_room(exchange, bundle.rights)
    _change(exchange, replace(bundle, rights={**bundle.rights, entry.group_id: entry.rights}))


@handles("bundle.get_data_log_period")
def get_data_log_period(exchange: Exchange, _: None) -> int:
    """Seconds (D14)."""
    return _bundle(exchange).log_period


@handles("bundle.put_data_log_period")
def put_data_log_period(exchange: Exchange, seconds: int) -> None:
    """Holds from the next sample."""
    _change(exchange, replace(_bundle(exchange), log_period=seconds))


@handles("bundle.get_data_log_crypto_group_id")
def get_data_log_crypto_group_id(exchange: Exchange, _: None) -> int:
    """0 for none."""
    return _bundle(exchange).log_key_group


@handles("bundle.put_data_log_crypto_group_id")
def put_data_log_crypto_group_id(exchange: Exchange, group_id: int) -> None:
    """The group may be created later."""
    _change(exchange, replace(_bundle(exchange), log_key_group=group_id))


@handles("bundle.get_values")
def get_values(exchange: Exchange, _: None) -> BundleValues:
    """The variables of the bundle by id."""
    _bundle(exchange)
    return values_of(exchange, exchange.instance)


def values_of(exchange: Exchange, bundle_id: int) -> BundleValues:
    """Values of a bundle; nothing, where the session may not read it.

    Raises:
        PeerError: the target refuses, or they do not fit a frame.
    """
    if Rights.READ not in bundle_rights(exchange.state, exchange.session.group_id, bundle_id):
        return BundleValues(bundle_id, ())
    return read_values(exchange, bundle_id, exchange.device.variables.of_bundle(bundle_id))


def read_values(exchange: Exchange, record_id: int, variables: Iterable[tuple[int, Variable]]) -> BundleValues:
    """Values of these variables under one record.

    Raises:
        PeerError: the target refuses, or they do not fit a frame.
    """
    values: list[tuple[int, bytes]] = []
    size = 0
    for variable_id, variable in variables:
        size += variable.size
        exchange.check_room(size)
        values.append((variable_id, exchange.device.variables.read(variable_id, variable)))
    return BundleValues(record_id, tuple(values))
