"""The time that a watch beside the Tap shows."""

import pytest

from emulator.services.time import local_time
from protocol.bodies.time import LOCAL_TIME, LocalTime
from tests.emulator.people import admin_host

LOCAL_TIMES = [
    # seconds since 1970, zone, what a watch on the wall shows
    (1612341219, "", (39, 33, 8, 3, 1, 121, 3, 33, 0)),
    (1612337619, "UTC-1", (39, 33, 8, 3, 1, 121, 3, 33, 0)),
    (1612344819, "UTC+1", (39, 33, 8, 3, 1, 121, 3, 33, 0)),
    (1612344819, "UTC1", (39, 33, 8, 3, 1, 121, 3, 33, 0)),
    (1612341219 - 5 * 3600 - 1800, "IST-5:30", (39, 33, 8, 3, 1, 121, 3, 33, 0)),
    (1612341219 - 5 * 3600 - 2700, "<+0545>-5:45", (39, 33, 8, 3, 1, 121, 3, 33, 0)),
    (1612341219, "Europe/Paris", (39, 33, 8, 3, 1, 121, 3, 33, 0)),
    (1612341219, "UTC", (39, 33, 8, 3, 1, 121, 3, 33, 0)),
    (0, "UTC+2", (0, 0, 22, 31, 11, 69, 3, 364, 0)),
    (1709164800, "", (0, 0, 0, 29, 1, 124, 4, 59, 0)),
    (1612656000, "", (0, 0, 0, 7, 1, 121, 0, 37, 0)),
]


@pytest.mark.parametrize(("seconds", "zone", "expected"), LOCAL_TIMES)
def test_local_time(seconds: int, zone: str, expected: tuple[int, ...]) -> None:
    assert local_time(seconds, zone) == LocalTime(*expected)


CENTRAL_EUROPE = "CET-1CEST,M3.5.0,M10.5.0/3"
NEW_ZEALAND = "NZST-12NZDT,M9.5.0,M4.1.0/3"
SUMMER_TIMES = [
    # seconds since 1970, zone, hour, daylight saving time; the seconds around each change
    (1616893199, CENTRAL_EUROPE, 1, 0),
    (1616893200, CENTRAL_EUROPE, 3, 1),
    (1635641999, CENTRAL_EUROPE, 2, 1),
    (1635642000, CENTRAL_EUROPE, 2, 0),
    (1617458399, NEW_ZEALAND, 2, 1),
    (1617458400, NEW_ZEALAND, 2, 0),
    (1632578399, NEW_ZEALAND, 1, 0),
    (1632578400, NEW_ZEALAND, 3, 1),
    (1609459200, NEW_ZEALAND, 13, 1),
    (1615705199, "EST5EDT", 1, 0),
    (1615705200, "EST5EDT", 3, 1),
    (1636264799, "EST5EDT", 1, 1),
    (1636264800, "EST5EDT", 1, 0),
    (1616893200, "CET-1CEST,J87,J304/3", 3, 1),
    (1616893199, "CET-1CEST,J87,J304/3", 1, 0),
    (1709251199, "XXX0YYY,J60/0,J300", 23, 0),
    (1709251200, "XXX0YYY,J60/0,J300", 1, 1),
    (1709078399, "XXX0YYY,J59/0,J300", 23, 0),
    (1709078400, "XXX0YYY,J59/0,J300", 1, 1),
    (1709164799, "XXX0YYY,59/0,300", 23, 0),
    (1709164800, "XXX0YYY,59/0,300", 1, 1),
    (1625097600, "LHST-10:30LHDT-11,M10.1.0,M4.1.0", 10, 0),
    (1638318600, "LHST-10:30LHDT-11,M10.1.0,M4.1.0", 11, 1),
]


@pytest.mark.parametrize(("seconds", "zone", "hour", "summer"), SUMMER_TIMES)
def test_daylight_saving_time(seconds: int, zone: str, hour: int, summer: int) -> None:
    shown = local_time(seconds, zone)
    assert (shown.hours, shown.isdst) == (hour, summer)


def test_local_time_of_the_tap_follows_clock_and_zone() -> None:
    host = admin_host(settings={"time.time_zone": "UTC-1"})
    assert host.secret("PUT", "/3//13", (1612337619).to_bytes(4, "big")).success
    sample = "00000027000000210000000800000003000000010000007900000003000000210000000"
    assert host.secret("GET", "/1024//79").body.hex() == sample + "0"
    assert host.secret("PUT", "/1024//78", b"UTC-2").success
    assert LOCAL_TIME.decode(host.secret("GET", "/1024//79").body).hours == 9


@pytest.mark.parametrize("zone", ["", "\xff" * 64, "A-1", "UTC-1,", "UTC-1:99", "UTC-" + "9" * 50, "X" * 60, "UTC-99"])
def test_any_text_is_a_time_zone(zone: str) -> None:
    assert 0 <= local_time(4294967295, zone).hours < 24
