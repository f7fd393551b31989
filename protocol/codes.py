"""Methods, result codes and status words: the small numbers of the protocol.

Source: the enumerations of @iotize/tap 2.7.0 (evidence ``client``), unless a member says otherwise.
"""

from enum import IntEnum, IntFlag
from typing import Final


class Method(IntEnum):
    """First byte of a request frame."""

    GET = 1
    """Reads, or calls a function when it carries a body."""
    POST = 2
    """Executes, or changes the current value until the next reboot."""
    PUT = 3
    """Writes the stored configuration."""


class ResultCode(IntEnum):
    """First byte of a response frame. Clients take every code with bit 7 clear as success."""

    OK = 0x00
    PENDING = 0x01
    CREATED = 0x41
    DELETED = 0x42
    CHANGED = 0x44
    CONTENT = 0x45
    BUSY = 0x46
    BAD_REQUEST = 0x80
    UNAUTHORIZED = 0x81
    NOT_FOUND = 0x84
    METHOD_NOT_ALLOWED = 0x85
    NOT_ACCEPTABLE = 0x86
    RESOURCE_LOCKED = 0x87
    INTERNAL_SERVER_ERROR = 0xA0
    NOT_IMPLEMENTED = 0xA1
    SERVICE_UNAVAILABLE = 0xA3
    NVM_ERROR = 0xA4
    UNABLE_TO_CONNECT_TO_TARGET = 0xA5
    TARGET_POWER_FAILURE = 0xA6
    NVM_FULL = 0xA7
    DEVICE_UNAVAILABLE = 0xA8
    RESPONSE_TOO_LARGE = 0xA9
    """Known to @iotize/tap 2.27.0 only; the emulator sends it under a quirk (decision D17)."""
    TARGET_PROTOCOL_ERROR = 0xB0
    TARGET_PROTOCOL_BUSY = 0xB1
    TARGET_PROTOCOL_REAL = 0xB2
    TARGET_PROTOCOL_WRONG_PARAM = 0xB3
    TARGET_PROTOCOL_FORBIDDEN = 0xB4
    TARGET_PROTOCOL_DATA = 0xB5
    TARGET_PROTOCOL_COM = 0xB6
    TARGET_PROTOCOL_LOST_COM = 0xB7
    TARGET_PROTOCOL_PARAM = 0xB8
    TARGET_PROTOCOL_INT = 0xB9
    TARGET_PROTOCOL_ABORT = 0xBA
    """A multi-request stopped: an earlier item did not give the expected result."""
    TARGET_PROTOCOL_NOT_IMPLEMENTED = 0xBB


def is_success(code: int) -> bool:
    """Whether a client takes this result code as success (bit 7 clear)."""
    return code < 0x80


def describe_code(code: int) -> str:
    """Name and number of a result code, known or not: ``UNAUTHORIZED (0x81)``."""
    try:
        return f"{ResultCode(code).name} (0x{code:02X})"
    except ValueError:
        return f"unknown result code 0x{code:02X}"


class HostProtocol(IntFlag):
    """The interface that carries an exchange; one bit each, two bytes on the wire."""

    NFC = 0x0001
    BLUETOOTH = 0x0002
    GSM = 0x0004
    USB_RLINK = 0x0008
    USB_CMISIS_DAP = 0x0010
    WIFI = 0x0020
    BLE = 0x0040
    UART = 0x0100
    MQTT = 0x0200
    WEBSOCKET = 0x0400


class Rights(IntFlag):
    """What a group may do with the variables of a bundle."""

    NONE = 0
    READ = 1
    WRITE = 2


class SpecialFeature(IntEnum):
    """Direct accesses whose right follows from a bundle; the number is the resource /1024//{number} that names it."""

    SWD_DIRECT_ACCESS = 100
    SERIAL_ACCESS = 101
    MODBUS_DIRECT_ACCESS = 102
    TAPNPASS_CONTROL_ACCESS = 103
    SP_CODEEXEC_ACCESS = 104
    MQTT_IDS_ACCESS = 105


class PowerSource(IntEnum):
    """Answer of /3//6; a mask makes the vendor's decoder throw, so exactly one value is sent."""

    DC_POWER = 1
    S3P = 16
    AC_EXTERNAL_POWER = 32


TCP_PORT: Final = 2000
"""Where a Tap listens on Wi-Fi. Source: the vendor's sample configurations."""
BITS_PER_BYTE: Final = 10
"""Of a byte on a serial line: start bit, eight data bits, stop bit."""

EXPECT_SUCCESS: Final = 0x7F
"""Expected status of a multi-request item: any success."""
EXPECT_ANYTHING: Final = 0xFF
"""Expected status of a multi-request item: any answer."""

NO_INSTANCE: Final = 0xFFFF
"""Instance of a path that names none; for object 1025 it is also the admin's group id."""
CREATE: Final = 0xFFFF
"""Resource number that stands for the creation of an object instance."""

DEBUG_BUNDLE: Final = 0xFFFE
"""Bundle whose rights decide about debug access to the target. Source: texts of @iotize/device-client.js."""
LOG_ON_CHANGE: Final = 0xFFFFFFFF
"""Data-log period of a bundle that is logged whenever a value changes."""
