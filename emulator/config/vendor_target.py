"""The target's protocol in the vendor's two kinds of file, as the words and the settings block of the Tap."""

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, Final

from emulator.config import kinds
from emulator.config.kinds import Kind, Plain, shown
from protocol.bodies.tapnpass import (
    TAPNPASS_CONFIGURATION,
    TapnpassProtocolConfiguration,
    TapnpassSerialSettings,
    TapnpassUsbSettings,
    UsbAlias,
)
from protocol.bodies.target import (
    S3P_CONFIGURATION,
    SERIAL_MODBUS_CONFIGURATION,
    BitParity,
    DataBits,
    HandshakeDelimiter,
    HardwareFlowControl,
    PhysicalPort,
    S3PMode,
    StopBits,
    TargetModbusSettings,
    TargetS3PProtocolConfiguration,
    TargetSerialModbusConfiguration,
    TargetSerialSettings,
)

TARGET_PROTOCOLS: Final = {
    "JTAG": "jtag",
    "MODBUS": "modbus",
    "NONE": "none",
    "S3P": "s3p",
    "SERIAL": "serial",
    "SERIAL_STANDARD": "serial",
    "SERIAL_VIA_TAPNPASS": "serial",
    "CUSTOM": "custom",
    "SWD": "swd",
    "GPIO": "direct_io",
    "DIRECT_IO": "direct_io",
    "DIRECTIO": "direct_io",
}
"""Target protocols by the vendor's words. Source: converter of @iotize/tap 2.7.0."""

_WORD_SIZE: Final = 4
_BYTE: Final = kinds.integer(0, 0xFF)
_BAUD: Final = kinds.integer(0, (1 << 20) - 1)
_USB_ID: Final = kinds.integer(0, 0xFFFF)


def protocol_block(protocol: str, config: Any) -> bytes:
    """The settings block of `config.target.protocol.config` in a tapconfig.json.

    Args:
        protocol: the vendor's word; empty for a TapNPass, whose files do not say it.

    Raises:
        ValueError: a value does not fit; goes on from the name of the block: ``.serial.timeout is 300, expected ...``.
    """
    if isinstance(config, str):
        block: bytes = _read(config, kinds.hexadecimal(range(1, 225)), "")
        return block
    make: Callable[[_Parts], bytes] = {"S3P": _s3p, "SERIAL": _serial}.get(protocol, _modbus)
    parts = _Parts(config, "")
    if make is not _s3p and parts.has("usb"):
        make = _tapnpass
    return make(parts)


def studio_block(digits: str) -> bytes:
    """The settings block of an .iotz, which shows both halves with their last byte first.

    Raises:
        ValueError: these are no hexadecimal digits of at least two words.
    """
    data = kinds.hexadecimal(range(2 * _WORD_SIZE, 225)).parse(Plain(digits))
    first, second, rest = data[:_WORD_SIZE], data[_WORD_SIZE : 2 * _WORD_SIZE], data[2 * _WORD_SIZE :]
    return first[::-1] + second[::-1] + rest


def s3p_block(delay: int, mode: int) -> bytes:
    """The settings block of S3P."""
    return S3P_CONFIGURATION.encode(TargetS3PProtocolConfiguration(delay, S3PMode(mode)))


class _Parts:
    """Reads the members of an object; each is taken for what it says when it is missing."""

    def __init__(self, value: Any, label: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{label} is {shown(value)}, expected an object or hexadecimal digits")
        self._value: Mapping[str, Any] = value
        self._label = label

    def has(self, name: str) -> bool:
        """Whether the object has this member."""
        return name in self._value

    def part(self, name: str) -> "_Parts":
        """An inner object; an empty one if there is none."""
        return _Parts(self._value.get(name) or {}, f"{self._label}.{name}")

    def read(self, name: str, kind: Kind[Any], missing: Any) -> Any:
        """A member."""
        value = self._value.get(name)
        return missing if value is None else _read(value, kind, f"{self._label}.{name}")

    def word(self, name: str, enumeration: type[IntEnum], missing: IntEnum) -> Any:
        """A member of an enumeration by its name."""
        return self.read(name, kinds.member(enumeration), missing)

    def items(self, name: str) -> list["_Parts"]:
        """The objects of a list."""
        values = self._value.get(name) or []
        if not isinstance(values, list):
            raise ValueError(f"{self._label}.{name} is {shown(values)}, expected a list")
        return [_Parts(value, f"{self._label}.{name}.{number}") for number, value in enumerate(values)]


def _read(value: Any, kind: Kind[Any], label: str) -> Any:
    try:
        return kind.parse(value)
    except ValueError as error:
        raise ValueError(f"{label} {error}") from error


def _s3p(parts: _Parts) -> bytes:
    return s3p_block(parts.read("delay", _BYTE, 1), parts.word("mode", S3PMode, S3PMode.EMULATION))


def _serial(parts: _Parts) -> bytes:
    """Only the serial line, or both in one object as for Modbus."""
    if parts.has("serial"):
        return _modbus(parts)
    line = TargetSerialSettings(**_line(parts))
    return SERIAL_MODBUS_CONFIGURATION.encode(TargetSerialModbusConfiguration(TargetModbusSettings(0, False), line))


def _modbus(parts: _Parts) -> bytes:
    line = TargetSerialSettings(**_line(parts.part("serial")))
    return SERIAL_MODBUS_CONFIGURATION.encode(TargetSerialModbusConfiguration(_slave(parts), line))


def _tapnpass(parts: _Parts) -> bytes:
    serial = parts.part("serial")
    line = TapnpassSerialSettings(
        **_line(serial),
        identification=serial.read("identification", kinds.BOOLEAN, False),
        led_status=serial.read("ledStatus", kinds.BOOLEAN, False),
    )
    aliases = [
        UsbAlias(one.read("pid", _USB_ID, 0), one.read("vid", _USB_ID, 0), one.read("equ", _BYTE, 0))
        for one in parts.part("usb").items("aliases")
    ]
    usb = TapnpassUsbSettings(aliases)
    return TAPNPASS_CONFIGURATION.encode(TapnpassProtocolConfiguration(_slave(parts), line, usb))


def _slave(parts: _Parts) -> TargetModbusSettings:
    modbus = parts.part("modbus")
    return TargetModbusSettings(
        modbus.read("slave", _BYTE, 0), modbus.read("offsetFirstRegister", kinds.BOOLEAN, False)
    )


def _line(serial: _Parts) -> dict[str, Any]:
    return {
        "baud_rate": serial.read("baudRate", _BAUD, 0),
        "physical_port": serial.word("physicalPort", PhysicalPort, PhysicalPort.NONE),
        "stop_bits": serial.word("stopBits", StopBits, StopBits.ONE),
        "bit_parity": serial.word("bitParity", BitParity, BitParity.NONE),
        "data_bits": serial.word("dataBits", DataBits, DataBits._7),
        "handshake_delimiter": serial.word("handshakeDelimiter", HandshakeDelimiter, HandshakeDelimiter.NONE),
        "hardware_flow_control": serial.word("hardwareFlowControl", HardwareFlowControl, HardwareFlowControl.NONE),
        "timeout": serial.read("timeout", _BYTE, 0),
    }
