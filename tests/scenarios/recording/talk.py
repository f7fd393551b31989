"""What a client and a Tap say to each other, without a socket: the bytes of both sides, and who listens to them."""

from collections.abc import Mapping
from typing import Any

from emulator.links.memory import MemoryHost
from protocol.client.core import Conversation, Session
from scenarios.recording.eavesdropper import Eavesdropper, Heard
from scenarios.recording.keyring import Keyring
from scenarios.recording.pcap import Side
from tests.hosts import make_device

Said = tuple[Side, bytes]


class Talk:
    """A client that talks to a device; what is said is in `said`."""

    def __init__(self, **changes: Any) -> None:
        self.device, _ = make_device(**changes)
        self._host = MemoryHost(self.device)
        self._host.connect()
        self._tokens = 0
        self.session = Session(self._token)
        self.said: list[Said] = []

    def _token(self, size: int) -> bytes:
        self._tokens += 1
        return bytes([self._tokens]) * size

    def hold(self, conversation: Conversation[Any]) -> Any:
        try:
            request = next(conversation)
            while True:
                request = conversation.send(self.exchange(request))
        except StopIteration as end:
            return end.value

    def exchange(self, request: bytes) -> bytes:
        answer = b"".join(self._host.receive(request))
        self.said += [(Side.HOST, request), (Side.TAP, answer)]
        return answer

    def call(self, id: str, value: object = None, instance: int | None = None) -> Any:
        return self.hold(self.session.call(id, value, instance))


def listen(said: list[Said], passwords: Mapping[str, str] | None = None, keyring: Keyring | None = None) -> list[Heard]:
    """What an eavesdropper understands; the n-th thing is said in second n."""
    ear = Eavesdropper(keyring or Keyring(passwords or {}))
    heard: list[Heard] = []
    for number, (side, data) in enumerate(said):
        heard += ear.host(number, data) if side is Side.HOST else ear.tap(number, data)
    return [*heard, *ear.end(len(said))]


def calls(heard: list[Heard]) -> list[str]:
    """Each call with the code of its answer, or what could not be understood."""
    return [
        f"{each.call} {each.response.code:02X}" if each.call and each.response else f"? {each.note}" for each in heard
    ]
