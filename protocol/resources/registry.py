"""Finds rows of the table: by address, by name, by firmware."""

from collections.abc import Collection, Iterable, Iterator
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

from protocol.codes import NO_INSTANCE, Method
from protocol.errors import UsageError
from protocol.firmware import Version
from protocol.paths import Path
from protocol.resources import (
    ble,
    bundle,
    cloud,
    data_log,
    device,
    firmware,
    group,
    interface,
    jvm,
    legacy,
    lora,
    mqtt,
    scram,
    single_packet,
    tapnpass,
    target,
    time,
    variable,
    wifi,
)
from protocol.resources.model import Call, Resource

RESOURCES: Final[tuple[Resource, ...]] = (
    *device.RESOURCES,
    *jvm.RESOURCES,
    *interface.RESOURCES,
    *scram.RESOURCES,
    *group.RESOURCES,
    *bundle.RESOURCES,
    *variable.RESOURCES,
    *data_log.RESOURCES,
    *single_packet.RESOURCES,
    *firmware.RESOURCES,
    *target.RESOURCES,
    *tapnpass.RESOURCES,
    *ble.RESOURCES,
    *wifi.RESOURCES,
    *mqtt.RESOURCES,
    *cloud.RESOURCES,
    *lora.RESOURCES,
    *time.RESOURCES,
    *legacy.RESOURCES,
)


class Entry(NamedTuple):
    """A call together with its resource."""

    resource: Resource
    call: Call
    id: str
    """Name of the call, unique in the table: ``device.get_serial_number``."""

    @classmethod
    def of(cls, resource: Resource, call: Call) -> "Entry":
        """The entry of one of the resource's calls."""
        return cls(resource, call, f"{resource.service}.{call.name}")


ENTRIES: Final = tuple(Entry.of(row, call) for row in RESOURCES for call in row.calls)


_Asked = tuple[int, int, bool, int]
"""What a request says: object, resource, whether it names an instance, method."""


class Missing(Enum):
    """Why a Tap has no entry for a request."""

    PATH = "no firmware has this path"
    METHOD = "the path has no such method"
    FIRMWARE = "not in this firmware"


class Catalogue:
    """The entries that one firmware has.

    Args:
        quirks: names of the quirks that are on; rows of other quirks do not exist.
    """

    def __init__(self, firmware: Version, quirks: Collection[str] = ()) -> None:
        self.firmware = firmware
        known = [entry for entry in ENTRIES if entry.resource.quirk is None or entry.resource.quirk in quirks]
        self._entries = tuple(entry for entry in known if entry.resource.exists_in(firmware, entry.call))
        self._present = _by_request(self._entries)
        self._known = _by_request(known)
        self._present_paths = {asked[:3] for asked in self._present}
        self._paths = {asked[:3] for asked in self._known}

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def find(self, method: int, path: Path) -> Entry | Missing:
        """The entry of a request, or why this firmware has none."""
        asked = _asked(method, path)
        entry = self._present.get(asked)
        return self._why_missing(asked) if entry is None else entry

    def _why_missing(self, asked: _Asked) -> Missing:
        if asked[:3] not in self._paths:
            return Missing.PATH
        if asked in self._known:
            return Missing.FIRMWARE
        return Missing.METHOD if asked[:3] in self._present_paths else Missing.FIRMWARE


@lru_cache(maxsize=32)
def catalogue_of(firmware: Version, quirks: frozenset[str] = frozenset()) -> Catalogue:
    """The catalogue of a firmware; all Taps that have the same one share it."""
    return Catalogue(firmware, quirks)


def _asked(method: int, path: Path) -> _Asked:
    return (path.object, path.resource, path.instance != NO_INSTANCE, method)


def _by_request(entries: Iterable[Entry]) -> dict[_Asked, Entry]:
    """Which entry answers which request.

    65535 is both no instance and an instance like others: rows without instance go first there. Rows of quirks stand
    back behind all others.
    """
    answering: dict[_Asked, Entry] = {}
    for entry in sorted(entries, key=lambda entry: (entry.resource.quirk is None, entry.resource.instance is None)):
        row, method = entry.resource, entry.call.method
        answering[row.object, row.resource, False, method] = entry
        if row.instance is not None:
            answering[row.object, row.resource, True, method] = entry
    return answering


_OF_ALL_FIRMWARE: Final = _by_request(ENTRIES)


def find_entry(method: int, path: Path) -> Entry | None:
    """The row of a request, whatever the firmware; rows of quirks stand back behind the others."""
    return _OF_ALL_FIRMWARE.get(_asked(method, path))


def parse_path(text: str) -> Path:
    """Reads a path in numbers (``/1024//47``) or in words (``/scram/initialize``, ``/group/65535/name``).

    Raises:
        UsageError: no resource has that name.
    """
    parts = text.strip("/").split("/")
    if parts[0].isdecimal():
        return Path.parse(text)
    for row in RESOURCES:
        words = row.alias.strip("/").split("/")
        if len(words) != len(parts):
            continue
        if row.instance is None and words == parts:
            return row.path()
        if row.instance is not None and words[0] == parts[0] and words[2:] == parts[2:] and parts[1].isdecimal():
            return Path.parse(f"/{row.object}/{parts[1]}/{row.resource}")
    raise UsageError(f"no resource is called {text!r}; `tap-emulator resources` lists them")


def parse_method(text: str) -> Method:
    """Reads GET, POST or PUT in any case.

    Raises:
        UsageError: it is none of them.
    """
    try:
        return Method[text.upper()]
    except KeyError:
        raise UsageError(f"{text!r} is not a method; expected GET, POST or PUT") from None


SETTINGS: Final = {row.key: row for row in RESOURCES if row.setting is not None}
"""The resources that hold a value, by key."""
