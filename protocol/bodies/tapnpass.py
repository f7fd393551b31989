"""Bodies of the TapNPass adapter: its control words, its counters, and its form of the settings block.

The adapter sits between the Tap and a serial or USB device; older clients call it ADP. Byte arrays whose order
nobody states stay bytes. Source: codecs of @iotize/tap 2.7.0 (evidence ``client``).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from construct import (
    Adapter,
    BitsInteger,
    BitStruct,
    Bytes,
    ByteSwapped,
    Flag,
    GreedyRange,
    Int8ub,
    Int16ub,
    Padding,
    Struct,
)

from protocol.bodies.target import (
    LINE_FIELDS,
    MODBUS_FIELDS,
    BitParity,
    DataBits,
    HandshakeDelimiter,
    HardwareFlowControl,
    PhysicalPort,
    StopBits,
    TargetModbusSettings,
)
from protocol.values import Body, Record


class AdpCommand(IntEnum):
    """What a client asks of the adapter."""

    NONE = 0
    ZIP = 0x8001
    UNZIP = 0x8002
    SET_TRANSMISSION_BUFFER_SIZE = 0x8003
    TOTAL_BUFFER_SIZE = 0x8004
    GET_TRANSMISSION_BUFFER_SIZE = 0x8005
    SET_RESPONSE_DELIMITER_LOW = 0x8006
    SET_RESPONSE_DELIMITER_HIGH = 0x8007
    SET_COMMAND_DELIMITER_LOW = 0x8008
    EXEC_COMMANDS = 0x8009


class AdpResultCode(IntEnum):
    """What the adapter says to a command."""

    NONE = 0
    OK = 0x8000
    ZIP_TIMEOUT = 0x8001
    UNZIP_TIMEOUT = 0x8002
    ZIP_ERROR = 0x8003
    UNZIP_ERROR = 0x8004
    UNKNOWN_COMMAND = 0x8005
    INVALID_PARAM = 0x8006


@dataclass(frozen=True, slots=True)
class AdpControlIn:
    """A command, known or not, and its parameter."""

    command: int = AdpCommand.NONE
    param: int = 0


@dataclass(frozen=True, slots=True)
class AdpControlOut:
    """The result of a command, known or not, and its value."""

    result_code: int = AdpResultCode.NONE
    param: int = 0


@dataclass(frozen=True, slots=True)
class AdpVersion:
    """Version of the adapter's firmware."""

    major: int = 1
    minor: int = 0
    patch: int = 0


@dataclass(frozen=True, slots=True)
class AdpHeader:
    """First part of the status."""

    version: AdpVersion = AdpVersion()
    error_code: int = 0


@dataclass(frozen=True, slots=True)
class AdpState:
    """State of the USB side."""

    usb_disconnected: bool = False


@dataclass(frozen=True, slots=True)
class AdpUart:
    """Errors of the serial side, modulo 256."""

    nb_partity_error: int = 0
    nb_noise_error: int = 0
    nb_frame_error: int = 0
    nb_dma_error: int = 0
    nb_tx_error: int = 0
    nb_rx_error: int = 0
    nb_over_run: int = 0


@dataclass(frozen=True, slots=True)
class AdpUsb:
    """Errors of the USB side, modulo 256."""

    nb_fail: int = 0
    nb_timeout: int = 0
    nb_error: int = 0
    nb_unknown_class: int = 0
    nb_disconnect: int = 0
    nb_off: int = 0


@dataclass(frozen=True, slots=True)
class AdpCom:
    """Traffic between Tap and adapter."""

    tx_buffer_over_run: int = 0
    rx_buffer_over_run: int = 0
    nb_error_settings: int = 0
    nb_com_adp: bytes = bytes(4)


@dataclass(frozen=True, slots=True)
class AdpIntern:
    """The adapter's own counters."""

    time: bytes = bytes(4)
    nb_boots: bytes = bytes(4)
    nb_shutdown: bytes = bytes(2)
    nb_adp_fault: bytes = bytes(2)
    nb_adp_mem_fault: bytes = bytes(2)
    nb_adp_bus_fault: bytes = bytes(2)
    nb_adp_usage_fault: bytes = bytes(2)
    temperature: bytes = bytes(4)


@dataclass(frozen=True, slots=True)
class AdpStats:
    """Status of the adapter."""

    header: AdpHeader = AdpHeader()
    state: AdpState = AdpState()
    uart: AdpUart = AdpUart()
    usb: AdpUsb = AdpUsb()
    current: bytes = bytes(4)
    com: AdpCom = AdpCom()
    battery: bytes = bytes(4)
    intern: AdpIntern = AdpIntern()


@dataclass(frozen=True, slots=True)
class TapnpassSerialSettings:
    """The serial part of the settings block of an adapter: two switches more than that of a plain serial line."""

    baud_rate: int
    identification: bool
    led_status: bool
    physical_port: PhysicalPort
    stop_bits: StopBits
    bit_parity: BitParity
    data_bits: DataBits
    handshake_delimiter: HandshakeDelimiter
    hardware_flow_control: HardwareFlowControl
    timeout: int


@dataclass(frozen=True, slots=True)
class UsbAlias:
    """A USB device that the adapter treats like the device class `equ`."""

    pid: int
    vid: int
    equ: int


@dataclass(frozen=True, slots=True)
class TapnpassUsbSettings:
    """The USB part of the settings block of an adapter."""

    aliases: list[UsbAlias]


@dataclass(frozen=True, slots=True)
class TapnpassProtocolConfiguration:
    """Settings block of an adapter."""

    modbus: TargetModbusSettings
    serial: TapnpassSerialSettings
    usb: TapnpassUsbSettings


class _Configuration(Adapter):  # type: ignore[misc]
    """Takes the parts out of the reversed block."""

    def _decode(self, obj: Any, context: Any, path: str) -> TapnpassProtocolConfiguration:
        return TapnpassProtocolConfiguration(obj.block.modbus, obj.block.serial, obj.usb)

    def _encode(self, obj: TapnpassProtocolConfiguration, context: Any, path: str) -> dict[str, Any]:
        return {"block": {"modbus": obj.modbus, "serial": obj.serial}, "usb": obj.usb}


ADP_CONTROL_IN: Final = Body(
    "adpControlIn", Record(AdpControlIn, Struct("command" / Int16ub, "param" / Int16ub)), AdpControlIn
)
ADP_CONTROL_OUT: Final = Body(
    "adpControlOut", Record(AdpControlOut, Struct("result_code" / Int16ub, "param" / Int16ub)), AdpControlOut
)

_HEADER: Final = Struct(
    Padding(2),
    "version" / Record(AdpVersion, Struct("major" / Int8ub, "minor" / Int8ub, "patch" / Int8ub)),
    "error_code" / Int8ub,
    Padding(2),
)
_STATE: Final = BitStruct(Padding(7), "usb_disconnected" / Flag, Padding(24))
_UART: Final = Struct(
    "nb_partity_error" / Int8ub,
    "nb_noise_error" / Int8ub,
    "nb_frame_error" / Int8ub,
    "nb_dma_error" / Int8ub,
    "nb_tx_error" / Int8ub,
    "nb_rx_error" / Int8ub,
    "nb_over_run" / Int8ub,
    Padding(1),
)
_USB: Final = Struct(
    "nb_fail" / Int8ub,
    "nb_timeout" / Int8ub,
    "nb_error" / Int8ub,
    "nb_unknown_class" / Int8ub,
    "nb_disconnect" / Int8ub,
    "nb_off" / Int8ub,
    Padding(2),
)
_COM: Final = Struct(
    "tx_buffer_over_run" / Int8ub,
    "rx_buffer_over_run" / Int8ub,
    "nb_error_settings" / Int8ub,
    Padding(1),
    "nb_com_adp" / Bytes(4),
)
_INTERN: Final = Struct(
    "time" / Bytes(4),
    "nb_boots" / Bytes(4),
    "nb_shutdown" / Bytes(2),
    "nb_adp_fault" / Bytes(2),
    "nb_adp_mem_fault" / Bytes(2),
    "nb_adp_bus_fault" / Bytes(2),
    "nb_adp_usage_fault" / Bytes(2),
    Padding(2),
    "temperature" / Bytes(4),
)
ADP_STATS: Final = Body(
    "adpStats",
    Record(
        AdpStats,
        Struct(
            "header" / Record(AdpHeader, _HEADER),
            "state" / Record(AdpState, _STATE),
            "uart" / Record(AdpUart, _UART),
            "usb" / Record(AdpUsb, _USB),
            "current" / Bytes(4),
            "com" / Record(AdpCom, _COM),
            "battery" / Bytes(4),
            "intern" / Record(AdpIntern, _INTERN),
        ),
    ),
    AdpStats,
)
"""68 bytes."""

_SERIAL: Final = Struct(
    "baud_rate" / BitsInteger(20), "identification" / Flag, Padding(1), "led_status" / Flag, Padding(1), *LINE_FIELDS
)
_ALIAS: Final = Struct("pid" / Int16ub, "vid" / Int16ub, "equ" / Int8ub)
TAPNPASS_CONFIGURATION: Final = Body(
    "reversedTapnpassProtocolConfiguration",
    _Configuration(
        Struct(
            "block"
            / ByteSwapped(
                BitStruct(
                    "modbus" / Record(TargetModbusSettings, Struct(*MODBUS_FIELDS)),
                    "serial" / Record(TapnpassSerialSettings, _SERIAL),
                )
            ),
            "usb" / Record(TapnpassUsbSettings, Struct("aliases" / GreedyRange(Record(UsbAlias, _ALIAS)))),
        )
    ),
    TapnpassProtocolConfiguration,
)
"""The aliases follow the reversed block and are not reversed themselves."""
