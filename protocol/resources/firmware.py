"""Object 5: the older way of firmware update. Current clients use it to ask whether an update is going on."""

from typing import Final

from protocol.bodies.firmware import (
    CRC_CHECK_BODY,
    FIRMWARE_STATE,
    FIRMWARE_UPDATE_RESULT,
    FirmwareState,
    FirmwareUpdateResult,
)
from protocol.codes import Method
from protocol.resources.model import Access, Call, Evidence, Kept, Resource, Setting
from protocol.values import RAW

_OBJECT: Final = 5
_ASSUMED: Final = Evidence("assumed", "no client says in which order these calls are made")


def _firmware(name: str, resource: int, call: Call, value: Setting | None = None) -> Resource:
    return Resource("firmware", name, _OBJECT, resource, (call,), setting=value)


RESOURCES: Final = (
    _firmware(
        "package",
        0,
        Call(
            Method.POST,
            "post_package",
            "Appends a block to the update; in the state UPDATING only.",
            RAW,
            access=Access.ADMIN,
            evidence=_ASSUMED,
        ),
    ),
    _firmware(
        "update",
        2,
        Call(
            Method.POST,
            "post_update",
            "Asks for the state in the body; without one, for the next of NORMAL, UPDATING, UPDATED.",
            RAW,
            access=Access.ADMIN,
            evidence=_ASSUMED,
        ),
    ),
    _firmware(
        "state",
        3,
        Call(
            Method.GET,
            "get_state",
            "Reads the state of the update.",
            response=FIRMWARE_STATE,
            access=Access.LOGGED_IN,
        ),
        Setting(FIRMWARE_STATE, FirmwareState.NORMAL, Kept.VOLATILE),
    ),
    _firmware(
        "update-result",
        5,
        Call(
            Method.GET,
            "get_update_result",
            "Reads the outcome of the last CRC check or update.",
            response=FIRMWARE_UPDATE_RESULT,
            access=Access.LOGGED_IN,
            legacy=True,
            evidence=Evidence("client", "device-client.js alpha.90"),
        ),
        Setting(FIRMWARE_UPDATE_RESULT, FirmwareUpdateResult.DEFAULT, Kept.VOLATILE),
    ),
    _firmware(
        "crc-check",
        6,
        Call(
            Method.POST,
            "post_crc_check",
            "Compares the CRC of a zone of the update; /5//5 tells the outcome.",
            CRC_CHECK_BODY,
            access=Access.ADMIN,
            evidence=Evidence(
                "doc", "texts of device-client.js alpha.105; its outcome 5 is in no client's enumeration"
            ),
        ),
    ),
)
