"""One request on its way through the device."""

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from emulator.access import profile_of
from emulator.blueprint import Rules
from emulator.sessions import Session
from emulator.state import State
from protocol.frames import Request, Response

if TYPE_CHECKING:
    from emulator.device import Connection, Device


class Carrier(Enum):
    """What a request came in."""

    CLEAR = "clear"
    ENCRYPTED = "encrypted"
    ENCRYPTED_WITH_IV = "encrypted with its own IV"


@dataclass(slots=True)
class Exchange:
    """A request, and everything that a handler may need to answer it.

    Args:
        room: bytes that the response frame may have, so that it fits its carrier.
        in_multi_request: the request is an item of a multi-request.
    """

    device: "Device"
    connection: "Connection"
    request: Request
    room: int
    carrier: Carrier = Carrier.CLEAR
    in_multi_request: bool = False

    @property
    def session(self) -> Session:
        """Login and encryption of whoever asks."""
        return self.connection.session

    @property
    def state(self) -> State:
        """Settings and groups of the Tap."""
        return self.device.state

    @property
    def rules(self) -> Rules:
        """How this Tap behaves where it can be chosen."""
        return self.device.rules

    @property
    def encrypted(self) -> bool:
        """The request came inside an encrypted frame."""
        return self.carrier is not Carrier.CLEAR

    @property
    def instance(self) -> int:
        """Id of the group, bundle or variable that the path names."""
        return self.request.path.instance

    @property
    def profile_id(self) -> int:
        """The profile whose rights the session has: the alias of its group."""
        return profile_of(self.state, self.session.group_id)

    def execute(self, request: Request, room: int | None = None) -> Response:
        """Answers a request that this one brings, in the same carrier.

        Args:
            room: bytes that its response may have, where they are fewer.
        """
        room = self.room if room is None else room
        return self.device.execute(
            Exchange(self.device, self.connection, request, room, self.carrier, in_multi_request=True)
        )
