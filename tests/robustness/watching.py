"""Looks at a device from outside: what it remembers, and what it said about what it did."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from emulator.device import Device
from emulator.journal import Record
from emulator.state import Key
from protocol.codes import is_success
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


class Memory(NamedTuple):
    """All that a device remembers beyond a connection."""

    settings: dict[str, Any]
    groups: dict[int, Any]
    factory: bool


def memory_of(device: Device) -> Memory:
    """A copy that later requests do not change."""
    state = device.state
    return Memory({key: state[key] for key in SETTINGS}, dict(state.groups), state.factory)


def refused(record: Record) -> bool:
    """Whether the peer was told no."""
    return record.response is None or not is_success(record.response.code)


def assert_explained(record: Record) -> None:
    """A refusal has a reason, and nothing else has one."""
    assert refused(record) == bool(record.reason), record
