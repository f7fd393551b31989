"""Object 1027: the target behind the Tap, its memory, its Modbus slaves and its serial line.

Rights: what reaches into the target belongs to a special feature; clients connect, and read what the target is,
before a login (D13).
"""

from typing import Any, Final

from protocol.bodies.tapnpass import TAPNPASS_CONFIGURATION
from protocol.bodies.target import (
    BYTE_COUNT,
    CORE_REGISTER,
    CORE_REGISTER_WRITE,
    MEMORY_INFO,
    MEMORY_WRITE_INFO,
    MODBUS_OPTIONS,
    MODBUS_WRITE_OPTIONS,
    REGISTER_WRITE,
    S3P_CONFIGURATION,
    SERIAL_MODBUS_CONFIGURATION,
    TARGET_COM_STATS,
    TARGET_CORE_TYPE,
    TARGET_PROTOCOL,
    TARGET_PROTOCOL_ARRAY,
    TargetCoreType,
    TargetProtocol,
    TargetProtocols,
)
from protocol.codes import Method
from protocol.firmware import Version
from protocol.resources.model import Access, Call, Evidence, Form, Kept, Resource, Setting, setting
from protocol.values import BOOLEAN, RAW, UINT16, UINT32, VERSION, Body

_OBJECT: Final = 1027
_OLD_OBJECT: Final = 1030

_OLDER: Final = Evidence("client", "@iotize/device-client.js alpha.57 and the Swift client")
_NO_BODY: Final = Evidence("assumed", "the client's call has no body, so its form is ours")

_ALL_PROTOCOLS: Final = TargetProtocols(0xFF)


def _target(name: str, resource: int, *calls: Call, since: Version | None = None) -> Resource:
    return Resource("target", name, _OBJECT, resource, calls, since=since)


_PROTOCOL_CALLS: Final = (
    Call(Method.GET, "get_protocol", "Reads the protocol of the target.", response=TARGET_PROTOCOL),
    Call(
        Method.POST,
        "set_protocol",
        "Changes the protocol of the target until the next reboot.",
        TARGET_PROTOCOL,
        access=Access.ADMIN,
    ),
    Call(
        Method.PUT,
        "put_protocol",
        "Stores the protocol of the target.",
        TARGET_PROTOCOL,
        access=Access.ADMIN,
        configures=True,
    ),
)


_SHAPES: Final[tuple[tuple[str, Body[Any]], ...]] = (
    ("serial_modbus_configuration", SERIAL_MODBUS_CONFIGURATION),
    ("s3p_configuration", S3P_CONFIGURATION),
    ("protocol_configuration", TAPNPASS_CONFIGURATION),
)
"""Shapes of the settings block by the names that clients give them; the last is that of TapNPass."""

_BLOCK: Final = Resource(
    "target",
    "protocol-configuration",
    _OBJECT,
    21,
    (
        Call(
            Method.GET,
            "get_raw_protocol_configuration",
            "Reads the settings block of the protocol.",
            response=RAW,
            access=Access.LOGGED_IN,
            forms=tuple(Form(f"get_{name}", response=body) for name, body in _SHAPES),
        ),
        Call(
            Method.POST,
            "set_raw_protocol_configuration",
            "Changes the settings block of the protocol until the next reboot.",
            RAW,
            access=Access.ADMIN,
            forms=tuple(Form(f"set_{name}", body) for name, body in _SHAPES),
        ),
        Call(
            Method.PUT,
            "put_raw_protocol_configuration",
            "Stores the settings block of the protocol; the first write after a factory reset fixes its size.",
            RAW,
            access=Access.ADMIN,
            configures=True,
            forms=tuple(Form(f"put_{name}", body) for name, body in _SHAPES),
        ),
    ),
    setting=Setting(RAW, b"", limit=range(225)),
)
"""8 bytes for Modbus and serial lines, more with TapNPass, 2 for S3P. Empty stands for the default of the protocol."""

_READ_ADDRESS: Final = Call(
    Method.GET,
    "read_address",
    "Reads elements by address: of memory, of a variable of the protocol, or pins.",
    MEMORY_INFO,
    RAW,
    access=Access.DEBUG,
)
_WRITE_ADDRESS: Final = Call(
    Method.POST, "write_address", "Writes elements by address.", MEMORY_WRITE_INFO, access=Access.DEBUG
)

RESOURCES: Final[tuple[Resource, ...]] = (
    Resource(
        "target",
        "protocol",
        _OBJECT,
        1,
        _PROTOCOL_CALLS,
        setting=Setting(TARGET_PROTOCOL, TargetProtocol.SWD),
    ),
    setting(
        "target",
        "core-type",
        (_OBJECT, 2),
        Setting(TARGET_CORE_TYPE, TargetCoreType.M0_CORTEX),
        "the core of the target",
        read=Access.LOGGED_IN,
        write=Access.ADMIN,
    ),
    _target(
        "connect",
        3,
        Call(
            Method.GET,
            "is_connected",
            "Tells whether the way to the target is open.",
            response=BOOLEAN,
            since=Version(1, 63),
        ),
        Call(Method.POST, "connect", "Opens the way to the target."),
    ),
    _target("disconnect", 4, Call(Method.POST, "disconnect", "Closes the way to the target.")),
    _target(
        "reset",
        5,
        Call(
            Method.POST,
            "reset",
            "Pulses the reset line of the target, which also ends a reset that is held.",
            access=Access.DEBUG,
        ),
    ),
    setting(
        "target",
        "firmware-version",
        (_OBJECT, 6),
        Setting(VERSION, Version(0)),
        "the version of the target's firmware",
        write=Access.ADMIN,
    ),
    _target(
        "vcc",
        7,
        Call(
            Method.GET,
            "get_vcc",
            "Reads the supply voltage of the target in millivolts.",
            response=UINT16,
            access=Access.LOGGED_IN,
        ),
    ),
    setting(
        "target",
        "min-voltage",
        (_OBJECT, 8),
        Setting(UINT16, 1800),
        "the lowest voltage that the target may have, in millivolts",
        read=Access.LOGGED_IN,
        write=Access.ADMIN,
    ),
    setting(
        "target",
        "max-voltage",
        (_OBJECT, 9),
        Setting(UINT16, 3500),
        "the highest voltage that the target may have, in millivolts",
        read=Access.LOGGED_IN,
        write=Access.ADMIN,
        evidence=Evidence("sample", "answer of a real Tap in the integration tests of the Swift client"),
    ),
    setting(
        "target",
        "page-size",
        (_OBJECT, 10),
        Setting(UINT32, 1024),
        "the size of a flash page of the target in bytes",
        read=Access.LOGGED_IN,
        write=Access.ADMIN,
    ),
    _target(
        "com-stats",
        11,
        Call(
            Method.GET,
            "get_com_stats",
            "Reads how many exchanges with the target failed and succeeded.",
            response=TARGET_COM_STATS,
        ),
        Call(Method.POST, "clear_com_stats", "Sets the counters to zero.", access=Access.ADMIN),
    ),
    setting(
        "target",
        "available-protocols",
        (_OBJECT, 20),
        Setting(TARGET_PROTOCOL_ARRAY, _ALL_PROTOCOLS, Kept.HARDWARE),
        "the protocols that the module has, bit n for protocol n",
        evidence=Evidence("client", "device-client.js alpha.105 and the Swift client; 2.7.0 reads it wrongly"),
    ),
    _BLOCK,
    _target(
        "reset-keep",
        30,
        Call(
            Method.POST,
            "post_reset_keep",
            "Asserts the reset line of the target and keeps it asserted.",
            access=Access.DEBUG,
        ),
    ),
    _target(
        "debug-access",
        31,
        Call(
            Method.GET,
            "read_debug",
            "Reads a register of the debug port: four bytes.",
            UINT32,
            RAW,
            access=Access.DEBUG,
        ),
        Call(
            Method.POST,
            "write_debug",
            "Writes a register of the debug port.",
            REGISTER_WRITE,
            access=Access.DEBUG,
            evidence=_NO_BODY,
        ),
    ),
    _target(
        "register-access",
        32,
        Call(
            Method.GET,
            "get_register_access",
            "Reads a register of the core, or without a number all of them: four bytes each.",
            CORE_REGISTER,
            RAW,
            access=Access.DEBUG,
            evidence=_NO_BODY,
        ),
        Call(
            Method.POST,
            "post_register_access",
            "Writes a register of the core.",
            CORE_REGISTER_WRITE,
            access=Access.DEBUG,
            evidence=_NO_BODY,
        ),
    ),
    _target("read-address", 33, _READ_ADDRESS, _WRITE_ADDRESS),
    _target(
        "transparent/send-receive",
        34,
        Call(
            Method.GET,
            "send_receive",
            "Sends bytes over the serial line and answers what comes back.",
            RAW,
            RAW,
            access=Access.SERIAL,
        ),
        Call(
            Method.POST,
            "send",
            "Sends bytes over the serial line; the answer is empty (OQ57).",
            RAW,
            RAW,
            access=Access.SERIAL,
        ),
    ),
    _target(
        "transparent/read-bytes",
        35,
        Call(
            Method.GET,
            "read_bytes",
            "Takes what came over the serial line, without waiting: all of it, or so many bytes.",
            BYTE_COUNT,
            RAW,
            access=Access.SERIAL,
        ),
    ),
    _target(
        "modbus/write",
        37,
        Call(
            Method.POST,
            "modbus_write",
            "Writes elements of a Modbus slave.",
            MODBUS_WRITE_OPTIONS,
            access=Access.MODBUS,
        ),
        Call(
            Method.GET,
            "modbus_write_with_get",
            "Writes elements of a Modbus slave, which takes the right to write.",
            MODBUS_WRITE_OPTIONS,
            access=Access.MODBUS,
            legacy=True,
            evidence=_OLDER,
        ),
    ),
    _target(
        "modbus/read",
        38,
        Call(Method.GET, "modbus_read", "Reads elements of a Modbus slave.", MODBUS_OPTIONS, RAW, access=Access.MODBUS),
    ),
    Resource(
        "target",
        "sub-protocol",
        _OBJECT,
        40,
        (
            Call(
                Method.GET,
                "get_sub_protocol",
                "Reads the protocol that is in use beside that of the target.",
                response=TARGET_PROTOCOL,
                access=Access.LOGGED_IN,
            ),
            Call(
                Method.POST,
                "set_sub_protocol",
                "Changes the protocol beside that of the target until the next reboot.",
                TARGET_PROTOCOL,
                access=Access.ADMIN,
                legacy=True,
                evidence=_OLDER,
            ),
        ),
        setting=Setting(TARGET_PROTOCOL, TargetProtocol.NONE, Kept.VOLATILE),
    ),
    _target(
        "received-count",
        43,
        Call(
            Method.GET,
            "get_received_count",
            "Reads how many bytes wait in the buffer of the serial line.",
            response=UINT16,
            access=Access.SERIAL,
        ),
        since=Version(1, 57),
    ),
    Resource(
        "target",
        "memaccess",
        _OLD_OBJECT,
        13,
        (
            Call(
                Method.GET,
                "read_memory",
                "Reads elements by address, at the object number of the oldest client.",
                MEMORY_INFO,
                RAW,
                access=Access.DEBUG,
                legacy=True,
                evidence=_OLDER,
            ),
            Call(
                Method.POST,
                "write_memory",
                "Writes elements by address, at the object number of the oldest client.",
                MEMORY_WRITE_INFO,
                access=Access.DEBUG,
                legacy=True,
                evidence=_OLDER,
            ),
        ),
    ),
)
