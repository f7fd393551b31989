"""The time service: local time, from the Tap's clock and its time zone.

A time zone is written as POSIX does for ``TZ``: ``UTC-1`` is an hour east of Greenwich, and daylight saving time may
follow, as in ``CET-1CEST,M3.5.0,M10.5.0/3``. What cannot be read is UTC.
"""

import calendar
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from emulator.exchange import Exchange
from emulator.services.binding import handles
from protocol.bodies.time import LocalTime

_NAME: Final = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)"
_TIME: Final = r"[+-]?\d{1,2}(?::[0-5]\d){0,2}"
_DATE: Final = r"(?:M(?:1[0-2]|[1-9])\.[1-5]\.[0-6]|J?[0-3]?\d?\d)"
_ZONE: Final = re.compile(
    rf"{_NAME}(?P<offset>{_TIME})"
    rf"(?P<has_summer>{_NAME}(?P<summer>{_TIME})?"
    rf"(?:,(?P<start>{_DATE})(?:/(?P<start_at>{_TIME}))?,(?P<end>{_DATE})(?:/(?P<end_at>{_TIME}))?)?)?",
    re.ASCII,
)
_HOUR: Final = timedelta(hours=1)
_USUAL_START, _USUAL_END, _USUAL_TIME = "M3.2.0", "M11.1.0", "2"
"""Rule of a zone that names daylight saving time and no rule for it. Source: the C libraries newlib and glibc."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LEAP_DAY: Final = 60
"""Day of the year, counted from 1, from which rules with J skip the 29th of February."""


@handles("time.get_local_time")
def get_local_time(exchange: Exchange, _: None) -> LocalTime:
    """In the zone of /1024//78."""
    return local_time(exchange.device.wall_time(), exchange.state["time.time_zone"])


def local_time(seconds: int, zone: str) -> LocalTime:
    """Date and time of day.

    Args:
        seconds: since 1970, UTC.
        zone: as POSIX writes it.
    """
    rule = _ZONE.fullmatch(zone)
    utc = _EPOCH + timedelta(seconds=seconds)
    if rule is None:
        return _broken_down(utc, summer=False)
    standard = utc - _time(rule["offset"])
    if rule["has_summer"] is None:
        return _broken_down(standard, summer=False)
    gain = _HOUR if rule["summer"] is None else _time(rule["offset"]) - _time(rule["summer"])
    if _is_summer(rule, standard, gain):
        return _broken_down(standard + gain, summer=True)
    return _broken_down(standard, summer=False)


def _broken_down(moment: datetime, *, summer: bool) -> LocalTime:
    return LocalTime(
        seconds=moment.second,
        minutes=moment.minute,
        hours=moment.hour,
        day_of_month=moment.day,
        month=moment.month - 1,
        year=moment.year - 1900,
        day_of_week=moment.isoweekday() % 7,
        day_of_year=moment.timetuple().tm_yday - 1,
        isdst=int(summer),
    )


def _is_summer(rule: re.Match[str], standard: datetime, gain: timedelta) -> bool:
    """Whether daylight saving time holds. It ends at a time of day of its own, which `gain` makes standard time."""
    start = _day(rule["start"] or _USUAL_START, standard.year) + _time(rule["start_at"] or _USUAL_TIME)
    end = _day(rule["end"] or _USUAL_END, standard.year) + _time(rule["end_at"] or _USUAL_TIME) - gain
    if start <= end:
        return start <= standard < end
    return not end <= standard < start


def _day(rule: str, year: int) -> datetime:
    """Midnight of the day that a rule means: ``M3.5.0`` last Sunday of March, ``J60`` or ``59`` the 1st of March."""
    new_year = datetime(year, 1, 1, tzinfo=UTC)
    if rule.startswith("J"):
        number = int(rule[1:])
        return new_year + timedelta(days=number - 1 + (calendar.isleap(year) and number >= _LEAP_DAY))
    if not rule.startswith("M"):
        return new_year + timedelta(days=int(rule))
    month, week, weekday = map(int, rule[1:].split("."))
    of_first, days = calendar.monthrange(year, month)
    day = 1 + (weekday - of_first - 1) % 7 + 7 * (week - 1)
    return datetime(year, month, day if day <= days else day - 7, tzinfo=UTC)


def _time(text: str) -> timedelta:
    """Hours, minutes and seconds with one sign: ``-1:30``."""
    hours, minutes, seconds = ([int(part) for part in text.lstrip("+-").split(":")] + [0, 0])[:3]
    size = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return -size if text.startswith("-") else size
