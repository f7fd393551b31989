"""Bodies of the time service."""

from dataclasses import dataclass, fields
from typing import Final

from construct import Int32ub, Struct

from protocol.values import Body, Record


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A date and time of day, as the ``struct tm`` of C has it."""

    seconds: int
    minutes: int
    hours: int
    day_of_month: int
    month: int
    """0 is January."""
    year: int
    """Years since 1900."""
    day_of_week: int
    """0 is Sunday."""
    day_of_year: int
    """0 is the first of January."""
    isdst: int
    """1 while daylight saving time holds."""


LOCAL_TIME: Final = Body(
    "localTime", Record(LocalTime, Struct(*(field.name / Int32ub for field in fields(LocalTime)))), LocalTime
)
