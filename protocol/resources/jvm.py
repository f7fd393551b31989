"""The JVM service; its last error is a resource of object 3. The Tap keeps the code and does not run it."""

from typing import Final

from protocol.codes import Method
from protocol.firmware import Version
from protocol.resources.model import Access, Call, Evidence, Kept, Resource, Setting, setting
from protocol.values import ASCII, RAW, UINT16, UINT32

_OBJECT: Final = 1024
_FIRST_WITH_CODE: Final = Version(1, 90)
_SERVICE_PAGE: Final = Evidence("doc", "vendor's service page")
_ERROR_CODE: Final = Evidence("doc", "vendor's service page; the width of the number is assumed")

_DEFAULT_CODE_SIZE: Final = 64 * 1024
LARGEST_CODE_SIZE: Final = 256 * 1024
"""Bytes. Both sizes are assumed: the vendor's samples reserve about 10 kB, and its client writes code without
reserving memory for it first, so a fresh Tap has to have some."""

LOG_SIZE: Final = 1024
"""Characters of the log that the Tap keeps, the newest ones; assumed."""

RESOURCES: Final = (
    Resource(
        "jvm",
        "error-code",
        3,
        14,
        (
            Call(Method.GET, "get_error_code", "Reads the last Java error.", response=UINT32, evidence=_ERROR_CODE),
            Call(
                Method.POST,
                "post_error_code",
                "Sets the last Java error.",
                UINT32,
                access=Access.ADMIN,
                evidence=_ERROR_CODE,
            ),
        ),
        setting=Setting(UINT32, 0, Kept.VOLATILE),
    ),
    setting(
        "jvm",
        "profile-id",
        (_OBJECT, 66),
        Setting(UINT16, 0),
        "the profile whose rights the Java code has",
        read=Access.LOGGED_IN,
        write=Access.ADMIN,
    ),
    setting(
        "jvm",
        "code-size",
        (_OBJECT, 73),
        Setting(UINT32, _DEFAULT_CODE_SIZE, limit=range(LARGEST_CODE_SIZE + 1)),
        "the bytes reserved for Java code",
        read=Access.LOGGED_IN,
        write=Access.ADMIN,
        since=_FIRST_WITH_CODE,
        evidence=_SERVICE_PAGE,
    ),
    Resource(
        "jvm",
        "code",
        _OBJECT,
        74,
        (
            Call(
                Method.PUT,
                "append_code",
                "Appends a chunk of Java code; an empty one erases the code.",
                RAW,
                access=Access.ADMIN,
                configures=True,
            ),
            Call(Method.POST, "clear_code", "Erases the Java code.", access=Access.ADMIN, configures=True),
        ),
        setting=Setting(RAW, b"", limit=range(LARGEST_CODE_SIZE + 1), appended=True),
        since=_FIRST_WITH_CODE,
    ),
    Resource(
        "jvm",
        "log-and-reset",
        _OBJECT,
        120,
        (
            Call(
                Method.GET,
                "get_log_and_reset",
                "Reads the oldest part of the Java log that fits an answer, and removes it from the log.",
                response=ASCII,
                access=Access.ADMIN,
                evidence=_SERVICE_PAGE,
            ),
            Call(
                Method.PUT,
                "put_log_and_reset",
                "Empties the Java log.",
                access=Access.ADMIN,
                evidence=_SERVICE_PAGE,
            ),
        ),
    ),
    Resource(
        "jvm",
        "log",
        _OBJECT,
        121,
        (
            Call(
                Method.GET,
                "get_log",
                "Reads the newest part of the Java log that fits an answer.",
                response=ASCII,
                access=Access.LOGGED_IN,
                evidence=_SERVICE_PAGE,
            ),
            Call(
                Method.PUT,
                "put_log",
                "Appends text to the Java log; the oldest text makes room for it.",
                ASCII,
                access=Access.ADMIN,
                evidence=_SERVICE_PAGE,
            ),
        ),
        setting=Setting(ASCII, "", Kept.VOLATILE, limit=range(LOG_SIZE + 1)),
    ),
)
