"""The target service: connection, memory, registers, Modbus and the serial line."""

from typing import Final

from emulator import gate
from emulator.exchange import Exchange
from emulator.services.binding import handles
from emulator.services.settings import accepted
from emulator.targets.base import Surroundings
from emulator.targets.registers import CORE_REGISTERS
from protocol.bodies.target import (
    CoreRegisterWrite,
    MemoryInfo,
    MemoryWriteInfo,
    ModbusOptions,
    ModbusWriteOptions,
    RegisterWrite,
    TargetComStats,
    VariableFormat,
)
from protocol.codes import Method, ResultCode
from protocol.errors import PeerError
from protocol.resources.registry import find_entry

_BLOCK: Final = "target.protocol_configuration"


@handles("target.is_connected")
def is_connected(exchange: Exchange, _: None) -> bool:
    """Whether a client has connected the Tap to its target."""
    return exchange.device.target.connected


@handles("target.connect")
def connect(exchange: Exchange, _: None) -> None:
    """Connecting twice is no mistake."""
    exchange.device.target.connect()


@handles("target.disconnect")
def disconnect(exchange: Exchange, _: None) -> None:
    """Neither is disconnecting twice."""
    exchange.device.target.disconnect()


@handles("target.reset")
def reset(exchange: Exchange, _: None) -> None:
    """Ends a reset that is held, too."""
    exchange.device.target.reset(hold=False)


@handles("target.post_reset_keep")
def post_reset_keep(exchange: Exchange, _: None) -> None:
    """Until the next pulse."""
    exchange.device.target.reset(hold=True)


@handles("target.get_vcc")
def get_vcc(exchange: Exchange, _: None) -> int:
    """Millivolts (OQ66)."""
    return exchange.device.target.voltage


@handles("target.get_com_stats")
def get_com_stats(exchange: Exchange, _: None) -> TargetComStats:
    """Counters since the last reboot or the last clearing."""
    return TargetComStats(exchange.device.target.failed, exchange.device.target.successful)


@handles("target.clear_com_stats")
def clear_com_stats(exchange: Exchange, _: None) -> None:
    """Both to zero."""
    exchange.device.target.failed = exchange.device.target.successful = 0


@handles("target.get_raw_protocol_configuration")
def get_raw_protocol_configuration(exchange: Exchange, _: None) -> bytes:
    """What was written, else the default of the protocol in use."""
    return Surroundings(exchange.state, exchange.device.clock).block


@handles("target.put_raw_protocol_configuration")
def put_raw_protocol_configuration(exchange: Exchange, block: bytes) -> None:
    """The size stays that of the first write (OQ37)."""
    exchange.state.put(_BLOCK, _fitting(exchange, block))


@handles("target.set_raw_protocol_configuration")
def set_raw_protocol_configuration(exchange: Exchange, block: bytes) -> None:
    """Until the next reboot."""
    exchange.state.post(_BLOCK, _fitting(exchange, block))


def _fitting(exchange: Exchange, block: bytes) -> bytes:
    written: bytes = exchange.state[_BLOCK]
    if not block or (written and len(block) != len(written)):
        raise PeerError(
            f"a settings block of {len(block)} bytes, {len(written) or 'some'} are expected", ResultCode.NOT_ACCEPTABLE
        )
    checked: bytes = accepted(_BLOCK, block)
    return checked


@handles("target.read_debug")
def read_debug(exchange: Exchange, address: int) -> bytes:
    """Big-endian, as everything."""
    return exchange.device.target.read_debug(address).to_bytes(4, "big")


@handles("target.write_debug")
def write_debug(exchange: Exchange, written: RegisterWrite) -> None:
    """32 bits."""
    exchange.device.target.write_debug(written.address, written.value)


@handles("target.get_register_access")
def get_register_access(exchange: Exchange, register: int | None) -> bytes:
    """One register, or all of them in the order of their numbers."""
    numbers = range(CORE_REGISTERS) if register is None else (register,)
    return b"".join(exchange.device.target.read_core(number).to_bytes(4, "big") for number in numbers)


@handles("target.post_register_access")
def post_register_access(exchange: Exchange, written: CoreRegisterWrite) -> None:
    """32 bits."""
    exchange.device.target.write_core(written.register, written.value)


@handles("target.read_memory")
@handles("target.read_address")
def read_address(exchange: Exchange, place: MemoryInfo) -> bytes:
    """Memory, a Modbus slave, an S3P variable or pins, as protocol and format say."""
    _check_room(exchange, place.length, place.format)
    exchange.device.variables.refresh_target()
    return exchange.device.target.read(place.address, place.length, place.format)


@handles("target.write_memory")
@handles("target.write_address")
def write_address(exchange: Exchange, written: MemoryWriteInfo) -> None:
    """All or none."""
    place = written.info
    exchange.device.target.write(place.address, place.length, place.format, written.data)


@handles("target.modbus_read")
def modbus_read(exchange: Exchange, place: ModbusOptions) -> bytes:
    """Whatever the variables of the Tap are."""
    _check_room(exchange, place.length, place.format)
    exchange.device.variables.refresh_target()
    return exchange.device.target.read_modbus(_modbus_address(place), place.length, place.format)


@handles("target.modbus_write")
def modbus_write(exchange: Exchange, written: ModbusWriteOptions) -> None:
    """All or none."""
    place = written.options
    exchange.device.target.write_modbus(_modbus_address(place), place.length, place.format, written.data)


@handles("target.modbus_write_with_get")
def modbus_write_with_get(exchange: Exchange, written: ModbusWriteOptions) -> None:
    """A GET that writes."""
    _need_right_to_post(exchange)
    modbus_write(exchange, written)


@handles("target.send")
def send(exchange: Exchange, data: bytes) -> bytes:
    """Nothing comes back; who wants an answer asks for it (OQ57)."""
    exchange.device.target.send(data)
    return b""


@handles("target.send_receive")
def send_receive(exchange: Exchange, data: bytes) -> bytes:
    """A GET that sends. What does not fit the answer stays in the buffer."""
    _need_right_to_post(exchange)
    return exchange.device.target.ask(data, _room(exchange))


@handles("target.read_bytes")
def read_bytes(exchange: Exchange, count: int | None) -> bytes:
    """An empty answer says that nothing is there; what does not fit stays in the buffer."""
    room = _room(exchange)
    return exchange.device.target.receive(room if count is None else min(count, room))


@handles("target.get_received_count")
def get_received_count(exchange: Exchange, _: None) -> int:
    """Bytes."""
    return exchange.device.target.waiting()


def _need_right_to_post(exchange: Exchange) -> None:
    """The right to read is not enough for a GET that changes something."""
    entry = find_entry(Method.POST, exchange.request.path)
    assert entry is not None
    gate.access_right(exchange, entry)


def _room(exchange: Exchange) -> int:
    """Bytes that the body of the answer may have."""
    return max(exchange.room - 1, 0)


def _check_room(exchange: Exchange, length: int, format: int) -> None:
    """Refuses an answer that cannot fit before the target is asked for it."""
    unit = {VariableFormat._16_BITS: 2, VariableFormat._32_BITS: 4}.get(format, 1)  # type: ignore[call-overload]
    exchange.check_room(1 + length * unit)


def _modbus_address(place: ModbusOptions) -> int:
    """Table, slave and address in one number, as variables have it."""
    return place.object_type << 24 | place.slave << 16 | place.address
