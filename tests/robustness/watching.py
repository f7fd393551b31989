"""Looks at a device from outside: what it remembers, and what it said about what it did."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from emulator.device import Device
from emulator.journal import Record
from emulator.state import REMOVED, Key
from protocol.codes import is_success
from protocol.firmware import Version
from protocol.resources.registry import SETTINGS


class RecordingStore:
    """A store in memory, and how often it was written."""

    def __init__(self) -> None:
        self.records: dict[Key, Any] = {}
        self.writes = 0

    def load(self) -> Mapping[Key, Any]:
        return dict(self.records)

    def write(self, changes: Mapping[Key, Any], erase: bool) -> None:
        self.writes += 1
        if erase:
            self.records.clear()
        self.records.update(changes)
        for key in [key for key, value in changes.items() if value is REMOVED]:
            del self.records[key]


class Memory(NamedTuple):
    """All that a device remembers beyond a connection."""

    settings: dict[str, Any]
    groups: dict[int, Any]
    bundles: dict[int, Any]
    variables: dict[int, Any]
    values: dict[int, bytes]
    posted_values: dict[int, bytes]
    packets: dict[int, bytes]
    factory: bool
    firmware: Version


def memory_of(device: Device) -> Memory:
    """A copy that later requests do not change."""
    state = device.state
    return Memory(
        {key: state[key] for key in SETTINGS},
        dict(state.groups),
        dict(state.bundles),
        dict(state.variables),
        dict(state.values),
        dict(state.posted_values),
        dict(state.packets),
        state.factory,
        device.firmware,
    )


def refused(record: Record) -> bool:
    """Whether the peer was told no."""
    return record.response is None or not is_success(record.response.code)


def assert_explained(record: Record) -> None:
    """A refusal has a reason, and nothing else has one."""
    assert refused(record) == bool(record.reason), record
