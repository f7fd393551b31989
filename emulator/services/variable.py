"""Object 1029: what variables are, and their values."""

from dataclasses import replace
from typing import Final

from emulator.access import bundle_rights
from emulator.blueprint import Variable
from emulator.exchange import Exchange
from emulator.services import instances
from emulator.services.binding import handles
from emulator.services.bundle import read_values, values_of
from protocol.bodies.bundle import ReadWriteRights
from protocol.bodies.variable import Domain, VariableType
from protocol.codes import NO_INSTANCE, ResultCode
from protocol.errors import PeerError
from protocol.tlv import BundleValues

MAX_META: Final = 255
"""Bytes of a meta block; its size is announced in one byte."""
MAX_UNIT: Final = 30
"""Characters. Source: JSON schema of @iotize/tap 2.7.0."""
_NO_BUNDLE: Final = 0xFFFF
_MOST_TOLD: Final = 0xFF


def _variable(exchange: Exchange) -> Variable:
    return instances.existing(exchange, exchange.state.variables, "variable")


def _change(exchange: Exchange, variable: Variable) -> None:
    exchange.state.keep("variable", exchange.instance, variable)


@handles("variable.create")
def create(exchange: Exchange, meta_size: int | None) -> None:
    """Creating an existing variable is accepted and changes nothing (OQ31)."""
    if exchange.instance == NO_INSTANCE:
        raise PeerError("65535 stands for no variable", ResultCode.NOT_ACCEPTABLE)
    if exchange.instance not in exchange.state.variables:
        instances.check_room(exchange, exchange.state.variables)
        _change(exchange, Variable(meta_size=meta_size))


@handles("variable.get_variable_address")
def get_variable_address(exchange: Exchange, _: None) -> int:
    """A Modbus address has the same four bytes."""
    return _variable(exchange).address


@handles("variable.put_variable_address")
def put_variable_address(exchange: Exchange, address: int) -> None:
    """Whether the target has the address shows when the variable is read."""
    _change(exchange, replace(_variable(exchange), address=address))


@handles("variable.get_type")
def get_type(exchange: Exchange, _: None) -> VariableType:
    """Domain and data type."""
    return _variable(exchange).type


@handles("variable.put_type")
def put_type(exchange: Exchange, type: VariableType) -> None:
    """A value of another size is cut or filled up with zeros when it is read."""
    _change(exchange, replace(_variable(exchange), type=type))


@handles("variable.get_number_of_elements")
def get_number_of_elements(exchange: Exchange, _: None) -> int:
    """1 for a single value; of text its longest length. A configuration may have more than the byte can say."""
    return min(_variable(exchange).length, _MOST_TOLD)


@handles("variable.put_number_of_elements")
def put_number_of_elements(exchange: Exchange, length: int) -> None:
    """At least one."""
    if length == 0:
        raise PeerError("a variable has at least one element", ResultCode.NOT_ACCEPTABLE)
    _change(exchange, replace(_variable(exchange), length=length))


@handles("variable.get_current_access")
def get_current_access(exchange: Exchange, _: None) -> ReadWriteRights:
    """What the session may do, its profile and anonymous included."""
    group_id = exchange.session.group_id
    return ReadWriteRights.of(group_id, bundle_rights(exchange.state, group_id, _variable(exchange).bundle))


@handles("variable.get_bundle_id")
def get_bundle_id(exchange: Exchange, _: None) -> int:
    """65535 for none."""
    bundle = _variable(exchange).bundle
    return _NO_BUNDLE if bundle is None else bundle


@handles("variable.put_bundle_id")
def put_bundle_id(exchange: Exchange, bundle_id: int) -> None:
    """The bundle may be created later; 65535 takes the variable out of its bundle."""
    _change(exchange, replace(_variable(exchange), bundle=None if bundle_id == _NO_BUNDLE else bundle_id))


@handles("variable.get_raw_meta")
def get_raw_meta(exchange: Exchange, _: None) -> bytes:
    """As it was written."""
    return _variable(exchange).meta


@handles("variable.put_raw_meta")
def put_raw_meta(exchange: Exchange, meta: bytes) -> None:
    """Not longer than what the creation reserved (OQ30)."""
    variable = _variable(exchange)
    room = MAX_META if variable.meta_size is None else variable.meta_size
    if len(meta) > room:
        raise PeerError(f"a meta block of {len(meta)} bytes, {room} are reserved", ResultCode.NVM_FULL)
    _change(exchange, replace(variable, meta=meta))


@handles("variable.get_unit")
def get_unit(exchange: Exchange, _: None) -> str:
    """The unit that was written, else that of the meta block."""
    variable = _variable(exchange)
    return variable.unit or variable.meta_unit


@handles("variable.put_unit")
def put_unit(exchange: Exchange, unit: str) -> None:
    """Leaves the meta block as it is."""
    if len(unit) > MAX_UNIT:
        raise PeerError(f"a unit has at most {MAX_UNIT} characters, not {len(unit)}", ResultCode.NOT_ACCEPTABLE)
    _change(exchange, replace(_variable(exchange), unit=unit))


@handles("variable.get_value")
def get_value(exchange: Exchange, _: None) -> bytes:
    """From the target, or from the Tap."""
    return exchange.device.variables.read(exchange.instance, _variable(exchange))


@handles("variable.set_value")
def set_value(exchange: Exchange, value: bytes) -> None:
    """Exactly as many bytes as the variable has."""
    exchange.device.variables.write(exchange.instance, _variable(exchange), value)


@handles("variable.put_value")
def put_value(exchange: Exchange, value: bytes) -> None:
    """A volatile variable of the Tap then starts with this value."""
    variable = _variable(exchange)
    exchange.device.variables.write(exchange.instance, variable, value)
    if variable.type.domain is Domain.IN_TAP_VOLATILE:
        exchange.state.keep("value", exchange.instance, value)


@handles("variable.read_profile")
def read_profile(exchange: Exchange, _: None) -> BundleValues:
    """What the session may not read is left out (OQ27)."""
    return read_values(exchange, 0, exchange.device.variables.readable(exchange.session.group_id))


@handles("variable.get_bundle_values")
def get_bundle_values(exchange: Exchange, _: None) -> BundleValues:
    """As /1028/x/1 of the variable's bundle."""
    bundle_id = _variable(exchange).bundle
    if bundle_id is None:
        raise PeerError("the variable is in no bundle", ResultCode.NOT_FOUND)
    return values_of(exchange, bundle_id)
