"""Sessions: any bytes to a Tap, any requests in a session that is valid, any answers to the reference client."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import pairwise
from typing import Any, Final, NamedTuple

from emulator.device import Device
from emulator.effects import Close, Send
from emulator.journal import Record
from emulator.snapshots import Snapshot
from protocol import apdu
from protocol.client.blocking import Tap
from protocol.client.links import is_complete
from protocol.client.links.base import check_length, lost_error
from protocol.codes import is_success
from protocol.crypto import ZERO_IV, FrameCipher
from protocol.errors import ProtocolError
from protocol.frames import EncryptedFrame, Request, Response
from protocol.resources.registry import ENTRIES
from tests.fuzz.targets.cutting import cut
from tests.hosts import Host, make_device
from tests.robustness.test_any_bytes import DEADLY, GOOD, KEY, envelopes, play
from tests.robustness.watching import assert_explained, memory_of, refused

# --- a Tap --------------------------------------------------------------------------------------------------------


def check_stream(data: bytes) -> None:
    if not data:
        return
    hosts: Any = "single" if data[0] & 0x80 else "many"
    stream, pieces = cut(bytes((data[0] & 0x7F,)) + data[1:])
    whole = play([stream], hosts)
    assert play([piece for piece in pieces if piece], hosts) == whole
    sent = [effect for effect, _ in whole.effects].count("send")
    closed = "close" in [effect for effect, _ in whole.effects]
    assert sent == len(envelopes(stream)) or (closed and sent < len(envelopes(stream)))
    for record in whole.journal:
        assert_explained(record)


def seeds_stream() -> list[bytes]:
    """Conversations with a login, with a key, and with one that ends badly."""
    return [
        b"\0" + b"".join(GOOD),
        b"\2\3\x20" + b"".join(GOOD[1:4]),
        b"\x80" + DEADLY,
        *(b"\1\6" + KEY_FIRST + each for each in GOOD),
    ]


KEY_FIRST: Final = GOOD[1]


class _Keyed(NamedTuple):
    """A Tap with a host that is logged in and encrypts."""

    device: Device
    host: Host
    snapshot: Snapshot


@cache
def _keyed() -> _Keyed:
    device, _ = make_device(settings={"scram.hash_iteration": 1})
    host = Host(device)
    host.login()
    return _Keyed(device, host, device.snapshot())


def check_secret(data: bytes) -> None:
    """Frames behind a byte for their length, as the admin sends them."""
    device, host, snapshot = _keyed()
    if not host.connection.open:
        _keyed.cache_clear()
        device, host, snapshot = _keyed()
    device.restore(snapshot)
    device.journal.clear()
    session = host.connection.session
    for frame in _frames(data):
        before = memory_of(device)
        noted = len(device.journal.entries)
        cipher, ivs = session.cipher, session.ivs
        assert cipher is not None
        sealed = cipher.encrypt(ivs.request, EncryptedFrame(1, frame).plaintext())
        effects = device.receive(host.connection, apdu.build_request(_CARRIER + sealed))
        answers = [effect.data for effect in effects if isinstance(effect, Send)]
        assert len(answers) == 1 or any(isinstance(effect, Close) for effect in effects), effects
        records = [entry for entry in list(device.journal.entries)[noted:] if isinstance(entry, Record)]
        for record in records:
            assert_explained(record)
        if records and all(map(refused, records)):
            assert memory_of(device) == before, records
        if not host.connection.open or session.cipher is not cipher or session.ivs != ivs:
            return  # it has ended, or changed its key: what follows would be noise
        outer = Response.from_bytes(apdu.split_answer(answers[0]))
        if is_success(outer.code):
            opened = EncryptedFrame.from_plaintext(cipher.decrypt(ivs.answer, outer.body))
            assert opened.id == 1
            Response.from_bytes(apdu.split_answer(opened.payload))


_CARRIER: Final = bytes.fromhex("010400ffff0030")
_MOST_FRAMES: Final = 8
_MOST_SEALED: Final = 200


def _frames(data: bytes) -> Iterator[bytes]:
    for _ in range(_MOST_FRAMES):
        if not data:
            return
        size = min(data[0], _MOST_SEALED)
        yield data[1 : 1 + size]
        data = data[1 + size :]


def seeds_secret() -> list[bytes]:
    """A request for each row of the table, with the default of its setting, and a few in a row."""
    requests = []
    for entry in ENTRIES:
        setting, call = entry.resource.setting, entry.call
        path = entry.resource.path(0 if entry.resource.instance is not None else None)
        body = b"" if setting is None or call.request is None else call.request.encode(setting.default)
        requests.append(bytes(Request(call.method, path, body))[:_MOST_SEALED])
    told = [bytes((len(each),)) + each for each in requests]
    return [*told, *(b"".join(several) for several in pairwise(told[::16]))]


# --- a client -----------------------------------------------------------------------------------------------------


class _AnyAnswers:
    """A link over which the bytes of a fuzzer come: a byte for the length of each piece."""

    def __init__(self, data: bytes) -> None:
        self._rest = data
        self._request = b""

    def send(self, request: bytes) -> None:
        self._request = request

    def receive(self) -> bytes:
        received = b""
        while self._rest:
            size = self._rest[0]
            received += self._rest[1 : 1 + size]
            self._rest = self._rest[1 + size :]
            if received and is_complete(self._request, received):
                return received
            check_length("any", received)
        raise lost_error("any", received)

    def close(self) -> None:
        """Nothing to end."""


_ACTIONS: Final = (
    lambda tap: tap.service.device.get_serial_number(),
    lambda tap: tap.login("admin", "admin"),
    lambda tap: tap.encryption(True),
    lambda tap: tap.bundles(),
    lambda tap: tap.read_bundle(1),
    lambda tap: tap.download_log(),
    lambda tap: tap.multi_request([Request.from_bytes(bytes.fromhex("010003ffff0002"))] * 2),
    lambda tap: tap.refresh_encryption_initialization_vector(),
    lambda tap: tap.nfc_pairing(),
    lambda tap: tap.service.interface.get_security_options(),
    lambda tap: tap.service.wifi.get_ssid(),
    lambda tap: tap.logout(),
)
_RESUMED: Final = 0x80


def check_client(data: bytes) -> None:
    """The first byte says what the client does, and whether in a session with a key that is known."""
    if not data:
        return
    tap = Tap(link=_AnyAnswers(data[1:]), token=bytes)
    if data[0] & _RESUMED:
        tap.session.resume(KEY)
    with suppress(ProtocolError):
        _ACTIONS[(data[0] & 0x7F) % len(_ACTIONS)](tap)


def seeds_client() -> list[bytes]:
    """Right answers to all that it does, in clear and encrypted."""
    return [
        bytes((number | sealed,)) + _right_answers(number, sealed) for number in range(12) for sealed in (0, _RESUMED)
    ]


def _right_answers(number: int, sealed: int) -> bytes:
    """What the demo Tap says; its key is the one that inputs are made for."""
    device, _ = make_device(settings={"scram.hash_iteration": 1})
    host = Host(device)
    if sealed:
        host.login()
        host.connection.session.cipher = FrameCipher(KEY)
        host.connection.session.ivs = type(host.connection.session.ivs)(ZERO_IV, ZERO_IV)
    told: list[bytes] = []

    class Link:
        answer = b""

        def send(self, request: bytes) -> None:
            self.answer = host.exchange(request)

        def receive(self) -> bytes:
            told.append(self.answer)
            return self.answer

        def close(self) -> None:
            """Nothing to end."""

    tap = Tap(link=Link(), token=bytes)
    if sealed:
        tap.session.resume(KEY)
    with suppress(ProtocolError):
        _ACTIONS[number](tap)
    return b"".join(bytes((len(each),)) + each for each in told)
