"""The JVM service; its last error is a resource of object 3."""

from typing import Final

from protocol.codes import Method
from protocol.resources.model import Access, Call, Evidence, Kept, Resource, Setting
from protocol.values import UINT32

_EVIDENCE: Final = Evidence("doc", "vendor's service page; the width of the number is assumed")

RESOURCES: Final = (
    Resource(
        "jvm",
        "error-code",
        3,
        14,
        (
            Call(Method.GET, "get_error_code", "Reads the last Java error.", response=UINT32, evidence=_EVIDENCE),
            Call(
                Method.POST,
                "post_error_code",
                "Sets the last Java error.",
                UINT32,
                access=Access.ADMIN,
                evidence=_EVIDENCE,
            ),
        ),
        setting=Setting(UINT32, 0, Kept.VOLATILE),
    ),
)
