"""A host that talks to a device without I/O, byte for byte as a client would; and entropy that is known."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from emulator.blueprint import Blueprint, demo
from emulator.clock import VirtualClock
from emulator.connection import Connection
from emulator.device import Device
from emulator.effects import Close, Effect, Reboot, Send
from emulator.state import Store
from protocol import apdu
from protocol.bodies.scram import SCRAM_CHALLENGE, SCRAM_LOGIN, ScramLogin
from protocol.codes import HostProtocol, Method
from protocol.crypto import ZERO_IV, FrameCipher
from protocol.firmware import Version
from protocol.frames import EncryptedFrame, Request, Response
from protocol.resources.registry import parse_path
from protocol.scram import PasswordKey, password_hash

LINK = "tcp://127.0.0.1:2000"
HOST_INACTIVITY = "interface.host_inactivity_period"
_PARTS = ("bundles", "variables", "values", "simulations", "target")


class ScriptedEntropy:
    """Draws the given tokens in order, and insists on their sizes."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = [bytes.fromhex(token) for token in tokens]

    def token(self, size: int) -> bytes:
        token = self._tokens.pop(0)
        assert len(token) == size, f"{size} bytes drawn, the script has {len(token)}"
        return token


def make_device(
    *, firmware: str | None = None, store: Store | None = None, seed: int | None = 1, **changes: Any
) -> tuple[Device, VirtualClock]:
    """The demo Tap on a virtual clock, with settings, groups, other parts of the blueprint or rules of its own.

    Its hosts may be silent for as long as they like, because tests move the time.
    """
    base = demo()
    parts = {name: changes.pop(name) for name in _PARTS if name in changes}
    settings = {**base.settings, HOST_INACTIVITY: 0, **changes.pop("settings", {})}
    groups = {**base.groups, **changes.pop("groups", {})}
    rules = replace(base.rules, **changes)
    blueprint = Blueprint(
        firmware=base.firmware if firmware is None else Version.parse(firmware),
        settings=settings,
        groups=groups,
        rules=rules,
        seed=seed,
        **parts,
    )
    clock = VirtualClock()
    return Device(blueprint, clock=clock, store=store), clock


class Host:
    """One connection to a device.

    Attributes:
        effects: what the device asked for with the last bytes.
    """

    def __init__(self, device: Device, link: str = LINK, protocol: HostProtocol = HostProtocol.WIFI) -> None:
        self.device = device
        self.connection: Connection = device.connect(link, protocol)
        self.cipher: FrameCipher | None = None
        self.request_iv = self.answer_iv = ZERO_IV
        self.counter = 0
        self.effects: list[Effect] = []

    def exchange(self, data: bytes) -> bytes:
        """Sends bytes and returns all that was answered."""
        self.effects = self.device.receive(self.connection, data)
        return b"".join(effect.data for effect in self.effects if isinstance(effect, Send))

    def ask(self, method: str, path: str, body: bytes = b"") -> Response:
        """A request in clear."""
        request = Request(Method[method], parse_path(path), body)
        return Response.from_bytes(apdu.split_answer(self.exchange(apdu.build_request(bytes(request)))))

    def get(self, path: str, body: bytes = b"") -> Response:
        return self.ask("GET", path, body)

    def post(self, path: str, body: bytes = b"") -> Response:
        return self.ask("POST", path, body)

    def put(self, path: str, body: bytes = b"") -> Response:
        return self.ask("PUT", path, body)

    def seal(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Ciphertext of a request under the agreed key and IV."""
        assert self.cipher is not None
        request = Request(Method[method], parse_path(path), body)
        frame = EncryptedFrame(self.counter, bytes(request))
        self.counter += 1
        return self.cipher.encrypt(self.request_iv, frame.plaintext())

    def open(self, ciphertext: bytes, iv: bytes | None = None) -> Response:
        """The answer inside a ciphertext."""
        assert self.cipher is not None
        plain = self.cipher.decrypt(self.answer_iv if iv is None else iv, ciphertext)
        return Response.from_bytes(apdu.split_answer(EncryptedFrame.from_plaintext(plain).payload))

    def secret(self, method: str, path: str, body: bytes = b"") -> Response:
        """An encrypted request."""
        outer = self.get("/1024//48", self.seal(method, path, body))
        assert outer.success, outer
        return self.open(outer.body)

    def initialize(self) -> None:
        """A session key in clear."""
        self.cipher = FrameCipher(self.get("/1024//47").body)
        self.request_iv = self.answer_iv = ZERO_IV
        self.counter = 0

    def proof(self, user: str, password: str, encrypted: bool = False) -> tuple[Response, bytes]:
        """Both steps of a SCRAM login: the Tap's answer to the proof, and the key that follows from it."""
        ask = self.secret if encrypted else self.ask
        challenge = SCRAM_CHALLENGE.decode(ask("GET", "/1024//40", SCRAM_LOGIN.encode(ScramLogin(user, 7))).body)
        key = PasswordKey.derive(password_hash(password), challenge.salt, challenge.iterations)
        answer = ask("GET", "/1024//41", key.client_proof(7, challenge.server_nonce))
        if answer.success:
            assert answer.body == key.server_proof(7, challenge.server_nonce)
        return answer, key.session_key(7, challenge.server_nonce)

    def login(self, user: str = "admin", password: str | None = None, encrypted: bool = False) -> None:
        """A SCRAM login that has to succeed; encryption is on afterwards."""
        answer, key = self.proof(user, user if password is None else password, encrypted)
        assert answer.success, answer
        self.cipher = FrameCipher(key)
        self.counter = 0

    @property
    def closed(self) -> str | None:
        """Why the device closed this connection with the last bytes."""
        reasons = [effect.reason for effect in self.effects if isinstance(effect, Close)]
        return reasons[0] if reasons else None

    @property
    def rebooted(self) -> bool:
        """Whether the device reboots after the last bytes."""
        return any(isinstance(effect, Reboot) for effect in self.effects)

    @property
    def group_id(self) -> int:
        """Who is logged in, asked in clear."""
        return int.from_bytes(self.get("/1024//7").body, "big")
