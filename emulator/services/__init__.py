"""What the calls of the table do, one module per service of the Tap.

A handler is bound to its row by name. A call without handler needs a setting, a handler needs a row; this package does
not import otherwise.
"""

from collections.abc import Callable
from typing import Final

from emulator.services import (
    bundle,
    data_log,
    device,
    features,
    firmware,
    group,
    interface,
    jvm,
    legacy,
    scram,
    settings,
    single_packet,
    tapnpass,
    target,
    time,
    variable,
    wifi,
)
from emulator.services.binding import HANDLERS, Handler
from protocol.codes import Method
from protocol.resources.registry import ENTRIES, Entry

_OF_A_SETTING: Final[dict[Method, Callable[[str], Handler]]] = {
    Method.GET: settings.reader,
    Method.PUT: settings.writer,
    Method.POST: settings.overrider,
}


def _handler(entry: Entry) -> Handler:
    if entry.id in HANDLERS:
        return HANDLERS[entry.id]
    if entry.resource.setting is None:
        raise LookupError(f"{entry.id} has neither a setting nor a handler")
    return _OF_A_SETTING[entry.call.method](entry.resource.key)


if _unknown := HANDLERS.keys() - {entry.id for entry in ENTRIES}:
    raise LookupError(f"handlers without a row in the resource table: {sorted(_unknown)}")

_BOUND: Final = {entry.id: _handler(entry) for entry in ENTRIES}


def handler_of(entry: Entry) -> Handler:
    """The function that answers a call."""
    return _BOUND[entry.id]


__all__ = [
    "bundle",
    "data_log",
    "device",
    "features",
    "firmware",
    "group",
    "handler_of",
    "interface",
    "jvm",
    "legacy",
    "scram",
    "single_packet",
    "tapnpass",
    "target",
    "time",
    "variable",
    "wifi",
]
