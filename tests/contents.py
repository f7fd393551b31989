"""What a snapshot holds, so that it can be compared with another one."""

from typing import Any

from emulator.remembered import Kept, Memory, Remembered
from emulator.snapshots import CONNECTION_KEPT, DEVICE_KEPT, READER_KEPT, Snapshot


def contents(snapshot: Snapshot) -> Any:
    """All of it but what belongs to connections that have ended; times count from the snapshot on."""
    back = -snapshot.time
    open_ones = {number: each for number, each in snapshot.connections.items() if each.connection.open}
    sessions = {snapshot.memory["_session"], *(each.memory["session"] for each in open_ones.values())}
    return (
        _since(DEVICE_KEPT, snapshot.memory, back),
        {name: _of_part(part, memory, back) for name, (part, memory) in snapshot.parts.items()},
        {each: _of_part(each, memory, back) for each, memory in snapshot.sessions.items() if each in sessions},
        [
            (number, _since(CONNECTION_KEPT, each.memory, back), _since(READER_KEPT, each.reader, back))
            for number, each in open_ones.items()
        ],
        [(each.id, since + back) for each, since in snapshot.waiting.items() if each.open],
    )


def _of_part(part: Remembered, memory: Memory, back: float) -> Memory:
    found = memory | _since(part.KEPT, memory, back)
    found |= {name: _of_part(getattr(part, name), memory[name], back) for name in part.PARTS if name in memory}
    if "_records" in found:
        found["_records"] = {kind: list(named.items()) for kind, named in found["_records"].items()}
    return found


def _since(kept: Kept, memory: Memory, back: float) -> Memory:
    return {name: copy(memory[name], back) for name, copy in kept.copies.items()}
