"""Bodies of object 5: the older way of firmware update."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from construct import Int32ub, Struct

from protocol.values import Body, Record, enumeration


class FirmwareState(IntEnum):
    """State of an update. The vendor's configurator and factory reset need NORMAL."""

    NORMAL = 1
    UPDATING = 2
    UPDATED = 4


class FirmwareUpdateResult(IntEnum):
    """Outcome of the last update, as clients before @iotize/tap 2.7.0 read it."""

    DEFAULT = 0
    SUCCESS = 1
    NOT_ENOUGH_MEMORY = 2
    OUT_OF_MEMORY = 4
    CONNECTION_LOST = 8
    CRC_CHECK_FAILURE = 16
    UNSUPPORTED_PACKAGE_TYPE = 32
    INVALID_URI = 64


@dataclass(frozen=True, slots=True)
class CrcCheckBody:
    """A zone of the package, and the CRC-32/MPEG-2 that it should have."""

    address: int
    size: int
    crc: int


FIRMWARE_STATE: Final = enumeration("firmwareState", FirmwareState)
FIRMWARE_UPDATE_RESULT: Final = enumeration("FirmwareUpdateResult", FirmwareUpdateResult)
CRC_CHECK_BODY: Final = Body(
    "crcCheckBody",
    Record(CrcCheckBody, Struct("address" / Int32ub, "size" / Int32ub, "crc" / Int32ub)),
    CrcCheckBody,
)
