"""Bodies of object 1031: the options of the data log."""

from dataclasses import dataclass
from typing import Final

from construct import BitStruct, Flag, Padding

from protocol.values import Body, Record


@dataclass(frozen=True, slots=True)
class DataLogOption:
    """How a Tap logs.

    Args:
        security: packets are encrypted.
        qos: no client gives it a meaning.
        log_on_change: bundles with a period are logged only when a value has changed.
        rolling_mode: a full log drops its oldest packet; else it stops.
        autorun: it runs from the start of the Tap.
    """

    security: bool = False
    qos: bool = False
    log_on_change: bool = False
    rolling_mode: bool = False
    autorun: bool = False


DATA_LOG_OPTION: Final = Body(
    "dataLogOption",
    Record(
        DataLogOption,
        BitStruct(
            Padding(6),
            "security" / Flag,
            "qos" / Flag,
            Padding(5),
            "log_on_change" / Flag,
            "rolling_mode" / Flag,
            "autorun" / Flag,
        ),
    ),
    DataLogOption,
)
