"""Bodies of resources that only clients older than @iotize/tap 2.7.0 know."""

from dataclasses import dataclass
from typing import Final

from construct import BitStruct, Flag, GreedyRange, Padding

from protocol.values import Body, Record


@dataclass(frozen=True, slots=True)
class AvailableFunction:
    """What the firmware offers beyond reading and writing variables."""

    debug: bool = False
    data_log: bool = False


@dataclass(frozen=True, slots=True)
class AclEntry:
    """What somebody may do with an object."""

    create: bool = False
    delete: bool = False
    execute: bool = False
    write: bool = False
    read: bool = False


AVAILABLE_FUNCTION: Final = Body(
    "AvailableFunction",
    Record(AvailableFunction, BitStruct(Padding(6), "debug" / Flag, "data_log" / Flag)),
    AvailableFunction,
)
ACL_ENTRIES: Final = Body[list[AclEntry]](
    "AclEntries",
    GreedyRange(
        Record(
            AclEntry,
            BitStruct(Padding(3), "create" / Flag, "delete" / Flag, "execute" / Flag, "write" / Flag, "read" / Flag),
        )
    ),
    list,
)
