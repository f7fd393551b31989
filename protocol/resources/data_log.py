"""Object 1031: the data log, and its capacity."""

from typing import Final

from protocol.bodies.data_log import DATA_LOG_OPTION, DataLogOption
from protocol.bodies.single_packet import SINGLE_PACKET
from protocol.codes import Method
from protocol.resources.model import Access, Call, Evidence, Kept, Resource, Setting, setting
from protocol.values import BOOLEAN, RAW, UINT16

_OBJECT: Final = 1031
LONGEST_KEY: Final = 64
"""Bytes of the key; HMAC-SHA256 takes as many without a hash of its own. The length is assumed."""


def _log(name: str, resource: int, *calls: Call, value: Setting | None = None) -> Resource:
    return Resource("data_log", name, _OBJECT, resource, calls, setting=value)


RESOURCES: Final = (
    setting(
        "data_log",
        "max-packet-count",
        (1024, 23),
        Setting(UINT16, 700, Kept.HARDWARE),
        "how many packets the log holds",
        read=Access.LOGGED_IN,
        evidence=Evidence("doc", "vendor's glossary: an external EEPROM holds about 700 packets of the sensor demo"),
    ),
    _log(
        "run",
        0,
        Call(
            Method.GET,
            "is_running",
            "Reads whether the log samples variables.",
            response=BOOLEAN,
            access=Access.LOGGED_IN,
        ),
        Call(Method.POST, "run", "Starts the log, until it is stopped or the Tap restarts.", access=Access.LOGGED_IN),
    ),
    _log("stop", 1, Call(Method.POST, "stop", "Stops the log; its packets stay.", access=Access.LOGGED_IN)),
    _log(
        "options",
        2,
        Call(Method.GET, "get_options", "Reads how the Tap logs.", response=DATA_LOG_OPTION, access=Access.LOGGED_IN),
        Call(
            Method.PUT,
            "put_options",
            "Stores how the Tap logs.",
            DATA_LOG_OPTION,
            access=Access.ADMIN,
            configures=True,
        ),
        value=Setting(DATA_LOG_OPTION, DataLogOption()),
    ),
    _log(
        "crypto-key",
        3,
        Call(
            Method.PUT,
            "put_crypto_key",
            "Stores the key of encrypted log packets; an empty one is like zeros.",
            RAW,
            access=Access.ADMIN,
            configures=True,
        ),
        value=Setting(RAW, b"", limit=range(LONGEST_KEY + 1)),
    ),
    _log("flush", 4, Call(Method.POST, "flush", "Drops all packets of the log.", access=Access.LOGGED_IN)),
    _log(
        "packet-count",
        10,
        Call(
            Method.GET,
            "get_packet_count",
            "Reads how many packets are in the log.",
            response=UINT16,
            access=Access.LOGGED_IN,
        ),
    ),
    _log(
        "dequeue-packet",
        11,
        Call(
            Method.GET,
            "dequeue_one_packet",
            "Reads the oldest packet and removes it; an empty log answers 84.",
            response=SINGLE_PACKET,
            access=Access.LOGGED_IN,
        ),
    ),
)
