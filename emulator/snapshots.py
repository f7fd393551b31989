"""Snapshots of a running Tap: everything that it remembers, and the way back.

What a class remembers it declares itself (`emulator.remembered`); of device and connections it is declared here, since
more than copies belongs to them. A snapshot belongs to its device and can be restored any number of times.

Time does not go back with a restore. What is stored as a time is moved by the seconds since the snapshot, so that
sessions, lock-outs, signals and the data log have as much time before them as they had then.

Not part of a snapshot: the journal, which tells what has happened; what is behind a real wire; randomness of the
operating system.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from emulator import remembered
from emulator.connection import Connection
from emulator.effects import Effect
from emulator.remembered import Memory, Remembered, kept
from emulator.sessions import Session

if TYPE_CHECKING:
    from emulator.device import Device

DEVICE_KEPT: Final = kept(
    rules=remembered.value,
    time_offset=remembered.value,
    paired=remembered.value,
    firmware=remembered.value,
    catalogue=remembered.value,
    entropy=remembered.value,
    _original_firmware=remembered.value,
    _session=remembered.value,
    _down_until=remembered.instant,
    _next_down_time=remembered.value,
)
DEVICE_PARTS: Final = (
    "state",
    "entropy",
    "target",
    "variables",
    "packet_store",
    "data_log",
    "lockout",
    "director",
    "_outbox",
)
"""The state is the first, because its store may fail, and nothing has changed then."""
DEVICE_LISTS: Final = ("_connections",)
"""Restored from the connections of the snapshot that are still open; numbers go on, so that none is given twice."""
DEVICE_FIXED: Final = ("clock", "journal", "host_protocols", "_effects", "_after_answer", "_reboots")
"""What a request brings about is over between two."""

CONNECTION_KEPT: Final = kept(
    authorized=remembered.value,
    frame_size=remembered.value,
    held=remembered.value,
    held_gap=remembered.value,
    last_heard=remembered.instant,
    sent=remembered.container,
    session=remembered.value,
)
CONNECTION_FIXED: Final = ("id", "link", "protocol", "open", "reader")
READER_KEPT: Final = kept(_buffer=remembered.value, max_frame=remembered.value)

_RESTORED: Final = "the Tap was restored to a time before this connection"


@dataclass(frozen=True, slots=True)
class SavedConnection:
    """An open connection.

    Args:
        reader: bytes of a request that is not complete.
    """

    connection: Connection
    memory: Memory
    reader: Memory


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a Tap remembered at one time.

    Args:
        time: of the device's clock, in seconds.
        memory: of the device itself.
        parts: the objects of the device that remember something by the name of their attribute, with their memories.
        sessions: all sessions; with ``hosts: single`` several connections share one.
        connections: the open ones by id; the one that was silent for the longest time first.
        waiting: since when a connection waits for the rest of a request; the oldest first.
    """

    device: "Device" = field(repr=False)
    time: float
    memory: Memory = field(repr=False)
    parts: dict[str, tuple[Remembered, Memory]] = field(repr=False)
    sessions: dict[Session, Memory] = field(repr=False)
    connections: dict[int, SavedConnection] = field(repr=False)
    waiting: dict[Connection, float] = field(repr=False)

    def part(self, name: str) -> Memory:
        """What a part of the device remembered; empty for one that does not, such as a real target."""
        return self.parts[name][1] if name in self.parts else {}

    def session(self, connection_id: int) -> Memory:
        """The session that a connection had.

        Raises:
            ValueError: it was not open.
        """
        if connection_id not in self.connections:
            known = ", ".join(map(str, sorted(self.connections))) or "none"
            raise ValueError(f"the snapshot has no connection {connection_id}, expected one of: {known}")
        return self.sessions[self.connections[connection_id].connection.session]


def take(device: "Device") -> Snapshot:
    """Remembers a device as it is between two requests."""
    parts: dict[str, tuple[Remembered, Memory]] = {}
    for name in DEVICE_PARTS:
        part = getattr(device, name)
        if isinstance(part, Remembered):
            parts[name] = part, part.remember()
    open_ones = device._connections
    connections = {
        each.id: SavedConnection(each, CONNECTION_KEPT.remember(each), READER_KEPT.remember(each.reader))
        for each in open_ones.heard
    }
    sessions = {each.session: each.session.remember() for each in open_ones.heard}
    sessions.setdefault(device._session, device._session.remember())
    memory = DEVICE_KEPT.remember(device)
    return Snapshot(device, device.clock.now(), memory, parts, sessions, connections, open_ones.waiting.copy())


def restore(device: "Device", snapshot: Snapshot, *, keep_hosts: bool = False) -> list[Effect]:
    """Makes a device what it was. Connections that came since are closed; those that ended since stay so.

    Args:
        keep_hosts: leave connections and their sessions as they are now; everything else is what it was.

    Raises:
        ValueError: the snapshot is of another device.
        StoreError: the state could not be stored; nothing has changed.
    """
    if snapshot.device is not device:
        raise ValueError("the snapshot is of another Tap; expected one that this Tap has made")
    shift = device.clock.now() - snapshot.time
    for part, memory in snapshot.parts.values():
        part.recall(memory, shift)
    present = device._session
    DEVICE_KEPT.give_back(device, snapshot.memory, shift)
    if keep_hosts:
        device._session = present
        return []
    newer = [each for each in device.connections if each.id not in snapshot.connections]
    effects: list[Effect] = [device._close(each, _RESTORED) for each in newer]
    for session, memory in snapshot.sessions.items():
        session.recall(memory, shift)
    still_open = [each for each in snapshot.connections.values() if each.connection.open]
    for saved in still_open:
        CONNECTION_KEPT.give_back(saved.connection, saved.memory, shift)
        READER_KEPT.give_back(saved.connection.reader, saved.reader, shift)
    device._connections.heard = {each.connection: None for each in still_open}
    device._connections.waiting = {each: since + shift for each, since in snapshot.waiting.items() if each.open}
    return effects


def adopt(connection: Connection, snapshot: Snapshot, connection_id: int) -> None:
    """Gives a connection the session that another one had: login, keys, vectors, frame id, remaining lifetime.

    So a login that takes long is made once, and its session is put on as many new connections as are needed. With
    ``hosts: single`` the session is that of the Tap.

    Raises:
        ValueError: the snapshot has no such connection.
    """
    memory = snapshot.session(connection_id)
    connection.session.recall(memory, snapshot.device.clock.now() - snapshot.time)
