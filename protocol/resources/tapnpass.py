"""The TapNPass adapter of object 1027. Its form of the settings block is one of /1027//21, at the target service."""

from typing import Final

from protocol.bodies.tapnpass import ADP_CONTROL_IN, ADP_CONTROL_OUT, ADP_STATS
from protocol.codes import Method
from protocol.firmware import Version
from protocol.resources.model import Access, Call, Resource
from protocol.values import RAW

_OBJECT: Final = 1027
_FIRST_WITH_CONTROL: Final = Version(1, 51)

RESOURCES: Final[tuple[Resource, ...]] = (
    Resource(
        "tapnpass",
        "status",
        _OBJECT,
        36,
        (
            Call(
                Method.GET,
                "get_status",
                "Reads the counters of the adapter.",
                response=ADP_STATS,
                access=Access.LOGGED_IN,
            ),
        ),
    ),
    Resource(
        "tapnpass",
        "action",
        _OBJECT,
        39,
        (
            Call(
                Method.POST,
                "post_action",
                "Sends an action to the adapter; nobody states what the bytes mean.",
                RAW,
                access=Access.TAPNPASS,
            ),
        ),
    ),
    Resource(
        "tapnpass",
        "control-in",
        _OBJECT,
        41,
        (
            Call(
                Method.GET,
                "get_control_in",
                "Reads the last command of the adapter.",
                response=ADP_CONTROL_IN,
                access=Access.TAPNPASS,
            ),
            Call(
                Method.POST,
                "set_control_in",
                "Executes a command of the adapter; its result is the control-out word.",
                ADP_CONTROL_IN,
                access=Access.TAPNPASS,
            ),
        ),
        since=_FIRST_WITH_CONTROL,
    ),
    Resource(
        "tapnpass",
        "control-out",
        _OBJECT,
        42,
        (
            Call(
                Method.GET,
                "get_control_out",
                "Reads the result of the last command.",
                response=ADP_CONTROL_OUT,
                access=Access.TAPNPASS,
            ),
            Call(
                Method.POST,
                "set_adp_control_out",
                "Changes the result of the last command, and answers it.",
                ADP_CONTROL_OUT,
                ADP_CONTROL_OUT,
                access=Access.TAPNPASS,
            ),
        ),
        since=_FIRST_WITH_CONTROL,
    ),
)
