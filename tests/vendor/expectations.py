"""What the emulator's own table says about a service call, and where its handler or the client says something else."""

from dataclasses import dataclass
from typing import Final

from emulator import gate
from emulator.blueprint import ADMIN, ANONYMOUS, Blueprint
from emulator.device import Device
from emulator.exchange import Exchange
from protocol.codes import HostProtocol, Method
from protocol.errors import PeerError
from protocol.frames import Request
from protocol.resources.registry import parse_path
from tests.vendor.sweeps import NEW, OLD, OLDER, Sweep

_DONE: Final = 0x00
_GROUPS: Final = {"admin": ADMIN, None: ANONYMOUS}


class Gate:
    """The outcome of calls by one user of one Tap, as far as the gate decides it: 84, 85 and A1 by firmware, 81 by
    rights, 00 otherwise."""

    def __init__(self, blueprint: Blueprint, user: str | None) -> None:
        self._device = Device(blueprint)
        self._connection = self._device.connect("mem:", HostProtocol.WIFI)
        self._connection.session.group_id = _GROUPS[user]

    def code(self, call: str) -> int:
        """Result code of a call such as ``GET /1024//7``."""
        method, path = call.split(" ")
        request = Request(Method[method], parse_path(path))
        try:
            gate.admit(Exchange(self._device, self._connection, request, self._device.rules.max_response))
        except PeerError as refusal:
            return refusal.code
        return _DONE


@dataclass(frozen=True)
class Refusal:
    """A call that the gate lets through, and its handler does not.

    Args:
        user, client: who makes it, with what; ``any`` is everybody.
    """

    code: int
    reason: str
    user: str | None = "any"
    client: str = "any"

    def concerns(self, sweep: Sweep) -> bool:
        """Whether it is met in this sweep."""
        return self.user in ("any", sweep.user) and self.client in ("any", sweep.client)


_SCRAM: Final = Refusal(0x87, "the Tap has SCRAM on (D6)")
_EMPTY: Final = Refusal(0x84, "nothing was logged (D14)")
_NO_BODY: Final = Refusal(0x80, "the client sends no address and no value")
_SIZE: Final = Refusal(0x86, "the first block that was stored has another size (OQ37)")
_FRAME: Final = (
    Refusal(0x80, "16 zeros are no frame of the session (D8)", "admin"),
    Refusal(0x81, "there is no key in clear (D8)", None),
)

REFUSALS: Final[dict[str, tuple[Refusal, ...]]] = {
    "device.putCurrentTime": (Refusal(0x80, "alpha.105 sends no time", client=OLD),),
    "interface.login": (_SCRAM,),
    "interface.loginWithHash": (_SCRAM,),
    "scram.loginProof": (Refusal(0x86, "16 zeros are no proof"),),
    "scram.send": _FRAME,
    "scram.sendWithIV": _FRAME,
    "group.changePassword": (Refusal(0x86, "with SCRAM on a password is a key of 36 bytes"),),
    "dataLog.dequeueOnePacket": (_EMPTY,),
    "datalog.dequeueOnePacket": (_EMPTY,),
    "target.writeDebug": (_NO_BODY,),
    "target.postRegisterAccess": (_NO_BODY,),
    "target.setS3PConfiguration": (_SIZE,),
    "target.putS3PConfiguration": (_SIZE,),
    "target.setUARTSettings": (_SIZE,),
    "target.writeUARTSettings": (_SIZE,),
    "tapnpass.setProtocolConfiguration": (_SIZE,),
    "tapnpass.putProtocolConfiguration": (_SIZE,),
    "singlePacket.bspe": (Refusal(0x86, "the sweep of alpha.105 comes to it before anything is in the store"),),
}
"""By name of the call."""

_NO_DOMAINS: Final = "alpha.105 knows no domains of variables, only types"

UNREAD: Final = {
    (OLD, "variable.getFormat"): _NO_DOMAINS,
    (OLD, "variable.getType"): _NO_DOMAINS,
}
"""Answers that a client cannot read."""

NOT_READ_BACK: Final = {
    (NEW, "device.putCurrentTime"): "written as a number, read as text (OQ65)",
    (OLD, "bundle.putAcl"): "read with the header that 2.7.0 writes",
    (OLD, "bundle.putName"): f"on firmware {OLDER} alpha.105 shows the NULs behind the name (D19)",
}
"""Writes that a client reads back otherwise, at least at one firmware."""


def expected(gate_code: int, name: str, sweep: Sweep) -> int:
    """Result code of a call, from what the gate says."""
    if gate_code != _DONE:
        return gate_code
    return next((one.code for one in REFUSALS.get(name, ()) if one.concerns(sweep)), _DONE)
