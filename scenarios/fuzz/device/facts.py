"""What a Tap remembers, and what of it a request that is refused may change all the same."""

from collections.abc import Iterator
from typing import Any, Final

from emulator.connection import Connection
from emulator.device import Device
from emulator.remembered import Remembered
from emulator.snapshots import DEVICE_PARTS
from protocol.resources.model import Access
from scenarios.fuzz.device.peer import Probe

_OVERLOOKED_PARTS: Final = ("entropy", "director", "_outbox")
_COUNTERS: Final = ("target.failed", "target.successful", "target.connected")
"""What a request may change that was refused: who reads a target connects it, and that is counted."""
_LOGIN_PARTS: Final = ("lockout.",)
_STORE_SERVICES: Final = ("single_packet", "firmware")
_STORE_PARTS: Final = ("packet_store.",)
"""A packet that cannot be executed is gone, and the store says so."""
_MADE_OF_REQUESTS: Final = ("single_packet",)
"""Services whose requests bring others, of which some may be done before one is refused."""


def facts(device: Device, connection: Connection) -> dict[str, Any]:
    """What a Tap remembers, by part and name, but for what no request asks for."""
    found = _of_device(device, connection)
    for name, part in _parts(device):
        found.update({f"{name}.{key}": value for key, value in part.remember().items()})
    return found


def differing(device: Device, connection: Connection, known: dict[str, Any]) -> list[str]:
    """Names of what is not any more as it was known; quicker than to look everything up again."""
    found = [name for name, value in _of_device(device, connection).items() if known[name] != value]
    for name, part in _parts(device):
        found += [f"{name}.{key}" for key in part.KEPT if getattr(part, key) != known[f"{name}.{key}"]]
        found += [f"{name}.{key}" for key in part.PARTS if not _same(getattr(part, key), known.get(f"{name}.{key}"))]
    return found


def _same(part: object, memory: Any) -> bool:
    if not isinstance(part, Remembered):
        return True
    return all(getattr(part, key) == memory[key] for key in part.KEPT) and all(
        _same(getattr(part, key), memory.get(key)) for key in part.PARTS
    )


def _parts(device: Device) -> Iterator[tuple[str, Remembered]]:
    for name in DEVICE_PARTS:
        part = getattr(device, name)
        if isinstance(part, Remembered) and name not in _OVERLOOKED_PARTS:
            yield name, part


def _of_device(device: Device, connection: Connection) -> dict[str, Any]:
    session = connection.session
    return {
        "firmware": device.firmware,
        "paired": device.paired,
        "time_offset": device.time_offset,
        "session.group": session.group_id,
        "session.lifetime": session.lifetime,
        "session.key": None if session.cipher is None else session.cipher.key,
    }


def may_change(probe: Probe, name: str) -> bool:
    """Whether a refused request may change this."""
    entry = probe.entry
    if name in _COUNTERS:
        return True
    if entry is None:
        return False
    service = entry.resource.service
    if name.startswith(_STORE_PARTS):
        return service in _STORE_SERVICES
    if name.startswith(_LOGIN_PARTS):
        return entry.call.access is Access.LOGIN or service in _MADE_OF_REQUESTS
    return False
