"""Object 3: the module itself."""

from typing import Final

from protocol.bodies.device import POWER_SOURCE
from protocol.codes import Method, PowerSource
from protocol.resources.model import Access, Call, Evidence, Kept, Resource, Setting, setting
from protocol.values import ASCII, UINT32

_OBJECT: Final = 3

RESOURCES: Final = (
    setting(
        "device",
        "manufacturer",
        (_OBJECT, 0),
        Setting(ASCII, "IOTIZE", Kept.HARDWARE),
        "the manufacturer",
        evidence=Evidence("sample", "answer of a real Tap in the integration tests of the Swift client"),
    ),
    setting(
        "device",
        "firmware-flavor",
        (_OBJECT, 1),
        Setting(ASCII, "TAP 1.10 L4 NFC BLE", Kept.HARDWARE),
        "the name of the hardware model",
        evidence=Evidence("sample", "model name shown by a real Tap"),
    ),
    setting(
        "device",
        "serial-number",
        (_OBJECT, 2),
        Setting(ASCII, "IoTize00410000009B", Kept.HARDWARE, limit=range(18, 19)),
        "the serial number, 18 characters",
    ),
    Resource(
        "device",
        "firmware-version",
        _OBJECT,
        3,
        (Call(Method.GET, "get_firmware_version", "Reads the firmware version as text.", response=ASCII),),
    ),
    Resource(
        "device",
        "reboot",
        _OBJECT,
        4,
        (Call(Method.POST, "reboot", "Restarts the module.", access=Access.ADMIN),),
    ),
    Resource(
        "device",
        "factory-reset",
        _OBJECT,
        5,
        (Call(Method.POST, "factory_reset", "Erases the configuration.", access=Access.ADMIN),),
    ),
    setting(
        "device",
        "available-power-source",
        (_OBJECT, 6),
        Setting(POWER_SOURCE, PowerSource.DC_POWER, Kept.HARDWARE),
        "the power source in use",
    ),
    setting(
        "device",
        "power-source-voltage",
        (_OBJECT, 7),
        Setting(UINT32, 3300, Kept.HARDWARE),
        "the supply voltage in millivolts",
    ),
    setting(
        "device",
        "memory-free",
        (_OBJECT, 10),
        Setting(UINT32, 16384, Kept.HARDWARE),
        "the free memory in bytes",
    ),
    Resource(
        "device",
        "last-error-code",
        _OBJECT,
        11,
        (
            Call(Method.GET, "get_last_error_code", "Reads the code of the most recent error.", response=UINT32),
            Call(
                Method.POST,
                "post_last_error_code",
                "Accepted without effect; the vendor does not state its purpose.",
                access=Access.ADMIN,
                evidence=Evidence("assumed", "OQ67"),
            ),
        ),
        setting=Setting(UINT32, 0, Kept.VOLATILE),
    ),
    Resource(
        "device",
        "reset-last-error-code",
        _OBJECT,
        12,
        (Call(Method.POST, "reset_last_error_code", "Clears the error code.", access=Access.ADMIN),),
    ),
    Resource(
        "device",
        "current-time",
        _OBJECT,
        13,
        (
            Call(
                Method.GET,
                "get_current_time",
                "Reads the clock as text: seconds since 1970, decimal.",
                response=ASCII,
                evidence=Evidence("assumed", "OQ65"),
            ),
            Call(Method.PUT, "put_current_time", "Sets the clock: seconds since 1970.", UINT32, access=Access.ADMIN),
        ),
    ),
)
