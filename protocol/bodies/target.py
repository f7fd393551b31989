"""Bodies of object 1027: the target, its memory, Modbus, and the settings of its protocol.

Sources: codecs of @iotize/tap 2.7.0 (evidence ``client``); where a client sends no body, the body here is assumed.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final

from construct import (
    BitsInteger,
    BitStruct,
    ByteSwapped,
    Flag,
    GreedyBytes,
    Int8ub,
    Int16ub,
    Int32ub,
    Optional,
    Padding,
    Struct,
)

from protocol.values import Body, Member, Record, enumeration


class TargetProtocol(IntEnum):
    """How the Tap talks to its target."""

    SWD = 0
    S3P = 1
    JTAG = 2
    MODBUS = 3
    DIRECT_IO = 4
    SERIAL_STANDARD = 5
    """Known to @iotize/device-client.js only."""
    SERIAL = 6
    CUSTOM = 7
    CAN = 8
    """Named by the vendor for later modules, as is the next."""
    MODBUS_TCP = 9
    NONE = 255


class TargetProtocols(IntFlag):
    """Bit n stands for protocol n. @iotize/tap 2.7.0 takes the numbers themselves for masks, and is wrong."""

    SWD = 1 << TargetProtocol.SWD
    S3P = 1 << TargetProtocol.S3P
    JTAG = 1 << TargetProtocol.JTAG
    MODBUS = 1 << TargetProtocol.MODBUS
    DIRECT_IO = 1 << TargetProtocol.DIRECT_IO
    SERIAL_STANDARD = 1 << TargetProtocol.SERIAL_STANDARD
    SERIAL = 1 << TargetProtocol.SERIAL
    CUSTOM = 1 << TargetProtocol.CUSTOM


class TargetCoreType(IntEnum):
    """Core of the target."""

    M0_CORTEX = 0
    M1_CORTEX = 1


class VariableFormat(IntEnum):
    """Size of one element in an access by address."""

    _1_BIT = 0
    """One byte on the wire."""
    _8_BITS = 1
    _16_BITS = 2
    _32_BITS = 3


GPIO_FORMAT: Final = 0x41
"""Format of an access to pins: one byte each, and the address is the number of the first pin."""
GPIO_MODE_BIT: Final = 0x80000000
"""In the address of an access to pins: their modes, not their levels."""
LEAVE_ALONE: Final = 0xFF
"""Byte of a write to pins whose pin stays as it is."""


class ModbusObjectType(IntEnum):
    """Table of a Modbus slave. The numbers are the function codes that read; those that write name tables too."""

    DEFAULT = 0
    """Coils for single bits, else holding registers."""
    COIL = 1
    DISCRET_INPUT = 2
    HOLDING_REGISTER = 3
    INPUT_REGISTER = 4
    WRITE_COIL = 5
    """Function codes that the Swift client may send in this byte."""
    WRITE_REGISTER = 6
    WRITE_COILS = 15
    WRITE_REGISTERS = 16


class PhysicalPort(IntEnum):
    """Connector of the serial line."""

    NONE = 0
    RS232 = 1
    USB = 3
    AUTO = 6
    RS485 = 10


class StopBits(IntEnum):
    """Stop bits of the serial line."""

    ONE = 0
    ONE_AND_HALF = 1
    TWO = 2


class BitParity(IntEnum):
    """Parity of the serial line."""

    NONE = 0
    ODD = 1
    EVEN = 2


class DataBits(IntEnum):
    """Data bits of the serial line."""

    _7 = 0
    _8 = 1
    _9 = 2


class HandshakeDelimiter(IntEnum):
    """What ends a message on the serial line."""

    NONE = 0
    CR = 1
    LF = 2
    CR_LF = 3


class HardwareFlowControl(IntEnum):
    """Handshake lines of the serial line."""

    NONE = 0
    RTS = 1
    CTS = 2
    RTS_CTS = 3


class S3PMode(IntEnum):
    """What an address means over S3P: memory of the target, or the number of a variable."""

    EMULATION = 0
    INDEXED = 1


@dataclass(frozen=True, slots=True)
class TargetComStats:
    """Exchanges with the target since the counters were cleared."""

    nb_fail_com: int
    nb_successful_com: int


@dataclass(frozen=True, slots=True)
class MemoryInfo:
    """A place in the target: `length` elements of a `VariableFormat`, or pins with `GPIO_FORMAT`."""

    address: int
    length: int
    format: int


@dataclass(frozen=True, slots=True)
class MemoryWriteInfo:
    """A place in the target, and the elements to write, big-endian."""

    info: MemoryInfo
    data: bytes


@dataclass(frozen=True, slots=True)
class ModbusOptions:
    """Elements of a Modbus slave: `length` of them, in a `VariableFormat`."""

    object_type: ModbusObjectType
    slave: int
    address: int
    length: int
    format: int


@dataclass(frozen=True, slots=True)
class ModbusWriteOptions:
    """Elements of a Modbus slave, and what to write there, big-endian."""

    options: ModbusOptions
    data: bytes


@dataclass(frozen=True, slots=True)
class RegisterWrite:
    """A 32-bit register of the debug port, and its new value."""

    address: int
    value: int


@dataclass(frozen=True, slots=True)
class CoreRegisterWrite:
    """A register of the core by its number, and its new value."""

    register: int
    value: int


@dataclass(frozen=True, slots=True)
class TargetModbusSettings:
    """The Modbus part of the settings block.

    Args:
        slave: address of the slave that is meant where a variable names none.
        offset_first_register: the first register is called 1, not 0.
    """

    slave: int
    offset_first_register: bool


@dataclass(frozen=True, slots=True)
class TargetSerialSettings:
    """The serial part of the settings block; `baud_rate` in bits per second, up to 1048575."""

    baud_rate: int
    physical_port: PhysicalPort
    stop_bits: StopBits
    bit_parity: BitParity
    data_bits: DataBits
    handshake_delimiter: HandshakeDelimiter
    hardware_flow_control: HardwareFlowControl
    timeout: int


@dataclass(frozen=True, slots=True)
class TargetSerialModbusConfiguration:
    """Settings block of a serial line or of Modbus."""

    modbus: TargetModbusSettings
    serial: TargetSerialSettings


@dataclass(frozen=True, slots=True)
class TargetS3PProtocolConfiguration:
    """Settings block of S3P; `delay` in milliseconds."""

    delay: int
    mode: S3PMode


TARGET_PROTOCOL: Final = enumeration("targetProtocol", TargetProtocol)
TARGET_PROTOCOL_ARRAY: Final = enumeration("targetProtocolArray", TargetProtocols)
TARGET_CORE_TYPE: Final = enumeration("targetCoreType", TargetCoreType)
VARIABLE_FORMAT: Final = enumeration("variableFormat", VariableFormat)

TARGET_COM_STATS: Final = Body(
    "targetComStats",
    Record(TargetComStats, Struct("nb_fail_com" / Int32ub, "nb_successful_com" / Int32ub)),
    TargetComStats,
)

_MEMORY_INFO: Final = Record(MemoryInfo, Struct("address" / Int32ub, "length" / Int32ub, "format" / Int8ub))
MEMORY_INFO: Final = Body("memoryInfo", _MEMORY_INFO, MemoryInfo)
MEMORY_WRITE_INFO: Final = Body(
    "memoryWriteInfo", Record(MemoryWriteInfo, Struct("info" / _MEMORY_INFO, "data" / GreedyBytes)), MemoryWriteInfo
)

_MODBUS_OPTIONS: Final = Record(
    ModbusOptions,
    Struct(
        "object_type" / Member(ModbusObjectType, Int8ub),
        "slave" / Int8ub,
        "address" / Int16ub,
        "length" / Int32ub,
        "format" / Int8ub,
    ),
)
MODBUS_OPTIONS: Final = Body("modbusOptions", _MODBUS_OPTIONS, ModbusOptions)
"""The same bytes as a `MemoryInfo` whose address is that of a Modbus variable, which is what the Swift client sends."""
MODBUS_WRITE_OPTIONS: Final = Body(
    "modbusWriteOptions",
    Record(ModbusWriteOptions, Struct("options" / _MODBUS_OPTIONS, "data" / GreedyBytes)),
    ModbusWriteOptions,
)

REGISTER_WRITE: Final = Body(
    "debug register write", Record(RegisterWrite, Struct("address" / Int32ub, "value" / Int32ub)), RegisterWrite
)
CORE_REGISTER: Final = Body("number of a core register, or nothing for all of them", Optional(Int8ub), int)
CORE_REGISTER_WRITE: Final = Body(
    "core register write",
    Record(CoreRegisterWrite, Struct("register" / Int8ub, "value" / Int32ub)),
    CoreRegisterWrite,
)
BYTE_COUNT: Final = Body("number of bytes, or nothing for all of them", Optional(Int32ub), int)
"""The Swift client says how many bytes it wants, the others do not."""

MODBUS_FIELDS: Final = ("slave" / BitsInteger(8), Padding(3), "offset_first_register" / Flag)
LINE_FIELDS: Final = (
    "physical_port" / Member(PhysicalPort, BitsInteger(4)),
    "stop_bits" / Member(StopBits, BitsInteger(2)),
    "bit_parity" / Member(BitParity, BitsInteger(4)),
    "data_bits" / Member(DataBits, BitsInteger(2)),
    "handshake_delimiter" / Member(HandshakeDelimiter, BitsInteger(4)),
    "hardware_flow_control" / Member(HardwareFlowControl, BitsInteger(4)),
    "timeout" / BitsInteger(8),
)
"""Bits of the settings block, most significant first. The block goes over the wire in reverse, last byte first."""

SERIAL_MODBUS_CONFIGURATION: Final = Body(
    "reversedTargetSerialModbusConfiguration",
    Record(
        TargetSerialModbusConfiguration,
        ByteSwapped(
            BitStruct(
                "modbus" / Record(TargetModbusSettings, Struct(*MODBUS_FIELDS)),
                "serial"
                / Record(TargetSerialSettings, Struct("baud_rate" / BitsInteger(20), Padding(4), *LINE_FIELDS)),
            )
        ),
    ),
    TargetSerialModbusConfiguration,
)
MODBUS_SETTINGS: Final = Body(
    "Modbus part of the settings block",
    Record(TargetModbusSettings, ByteSwapped(BitStruct(*MODBUS_FIELDS, Padding(52)))),
    TargetModbusSettings,
)
"""Reads the first 8 bytes of any settings block of a serial line, whatever its other bits say."""

S3P_CONFIGURATION: Final = Body(
    "targetS3PProtocolConfiguration",
    Record(TargetS3PProtocolConfiguration, Struct("delay" / Int8ub, "mode" / Member(S3PMode, Int8ub))),
    TargetS3PProtocolConfiguration,
)
