"""The time service of object 1024."""

from typing import Final

from protocol.bodies.time import LOCAL_TIME
from protocol.codes import Method
from protocol.firmware import Version
from protocol.resources.model import Access, Call, Resource, Setting, setting
from protocol.values import ASCII

_OBJECT: Final = 1024
_FIRST_WITH_TIME: Final = Version(1, 107)

RESOURCES: Final[tuple[Resource, ...]] = (
    setting(
        "time",
        "ntp-server",
        (_OBJECT, 77),
        Setting(ASCII, "", limit=range(101)),
        "the NTP server; empty is none",
        read=Access.LOGGED_IN,
        write=Access.ADMIN,
        since=_FIRST_WITH_TIME,
    ),
    setting(
        "time",
        "time-zone",
        (_OBJECT, 78),
        Setting(ASCII, "", limit=range(65)),
        "the time zone as POSIX writes it: UTC-1 is an hour east of Greenwich; empty is UTC",
        read=Access.LOGGED_IN,
        write=Access.ADMIN,
        since=_FIRST_WITH_TIME,
    ),
    Resource(
        "time",
        "local-time",
        _OBJECT,
        79,
        (
            Call(
                Method.GET,
                "get_local_time",
                "Reads date and time of day in the time zone of the Tap.",
                response=LOCAL_TIME,
                access=Access.LOGGED_IN,
            ),
        ),
        since=_FIRST_WITH_TIME,
    ),
)
