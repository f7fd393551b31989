"""What the device asks of the world; the server carries it out in this order."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.connection import Connection


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes in one go: some clients take what a single read returns for the whole answer."""

    connection: "Connection"
    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """End this connection, orderly or as if somebody had pulled the plug."""

    connection: "Connection"
    reason: str
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Reboot:
    """All connections are closed; refuse new ones for this many seconds."""

    seconds: float


Effect = Send | Close | Reboot
