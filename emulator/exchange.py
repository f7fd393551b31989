"""One request on its way through the device."""

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal

from emulator.access import profile_of
from emulator.blueprint import Quirk, Rules
from emulator.sessions import Session
from emulator.state import State
from emulator.tampering import Tampering
from protocol.codes import ResultCode
from protocol.errors import PeerError
from protocol.frames import Request, Response

if TYPE_CHECKING:
    from emulator.connection import Connection
    from emulator.device import Device


PowerFailure = Literal["lost", "kept", "torn"]
"""What is left of a write: nothing, all of it, or a part."""


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
        tampering: what shall be wrong with the answer to the APDU; None where nobody directs the Tap.
        applied_rules: names of the rules that had a part in the answer.
        power_failure: the Tap loses power while it stores what the request has changed.
    """

    device: "Device"
    connection: "Connection"
    request: Request
    room: int
    carrier: Carrier = Carrier.CLEAR
    in_multi_request: bool = False
    tampering: Tampering | None = None
    applied_rules: list[str] = field(default_factory=list)
    power_failure: "PowerFailure | None" = None

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

    def check_room(self, size: int) -> None:
        """Makes sure that an answer of this many bytes fits its carrier (decision D17).

        Raises:
            PeerError: A0, or A9 with the quirk.
        """
        if size > self.room:
            quirk = Quirk.RESPONSE_TOO_LARGE in self.rules.quirks
            code = ResultCode.RESPONSE_TOO_LARGE if quirk else ResultCode.INTERNAL_SERVER_ERROR
            raise PeerError(f"answer of {size} bytes, there is room for {self.room}", code)

    def execute(self, request: Request, room: int | None = None) -> Response:
        """Answers a request that this one brings, in the same carrier.

        Args:
            room: bytes that its response may have, where they are fewer.
        """
        room = self.room if room is None else room
        return self.device.execute(
            Exchange(
                self.device,
                self.connection,
                request,
                room,
                self.carrier,
                in_multi_request=True,
                tampering=self.tampering,
            )
        )
