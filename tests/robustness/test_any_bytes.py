"""Any bytes, cut anywhere: one answer for each complete envelope, the same however the stream is cut."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.effects import Close, Effect, Send
from emulator.journal import Record
from protocol.apdu import NFC_SELECT, NFC_SELECT_TAIL
from tests.hosts import Host, make_device
from tests.robustness.bad_inputs import (
    ANYWHERE,
    SERIAL_NUMBER,
    WITH_KEY,
    WITHOUT_KEY,
    WITHOUT_LOGIN,
    envelope,
    plaintext,
    request,
    send,
    send_with_iv,
)
from tests.robustness.effort import effort
from tests.robustness.watching import Memory, RecordingStore, assert_explained, memory_of, refused

KEY_REQUEST = request(1, "/1024//47")


def key_of_the_seed() -> bytes:
    """With the same seed the first key is the same on every Tap, so that whole streams can be written beforehand."""
    host = Host(make_device()[0])
    host.initialize()
    assert host.cipher is not None
    return host.cipher.key


KEY = key_of_the_seed()

CHALLENGE = request(1, "/1024//40", b"admin".ljust(16, b"\0") + bytes(4))
GOOD = (
    envelope(SERIAL_NUMBER),
    KEY_REQUEST,
    CHALLENGE,
    request(1, "/1024//45", bytes(range(16))),
    request(1, "/1024//46"),
    request(2, "/1024//1"),
    request(1, "/1024//89", b"\0\x07" + SERIAL_NUMBER + b"\xff"),
    NFC_SELECT + NFC_SELECT_TAIL,
    send(KEY, plaintext(SERIAL_NUMBER)),
    send_with_iv(KEY, plaintext(SERIAL_NUMBER)),
)
DEADLY = (CHALLENGE + request(1, "/1024//41", bytes(16))) * 3
"""Ends with a closed link."""

ingredients = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(GOOD),
    st.sampled_from([case.data(KEY) for case in (*ANYWHERE, *WITHOUT_LOGIN, *WITHOUT_KEY, *WITH_KEY)]),
    st.tuples(st.sampled_from(GOOD), st.integers(0, 40)).map(lambda pair: pair[0][: pair[1]]),
    st.binary(max_size=255).map(envelope),
    st.builds(
        lambda method, path, body: envelope(bytes((method, *path)) + body),
        st.integers(0, 4),
        st.sampled_from([bytes.fromhex(f"{o:04x}ffff{r:04x}") for o in (3, 1024, 1025) for r in (*range(50), 88, 89)]),
        st.binary(max_size=40),
    ),
    st.just(DEADLY),
    st.just(NFC_SELECT),
)
streams = st.lists(ingredients, max_size=12).map(b"".join)


class Outcome(NamedTuple):
    """All that can be seen of a stream, from both sides."""

    effects: list[tuple[str, object]]
    journal: list[Record]
    memory: Memory
    pending: int


def envelopes(stream: bytes) -> list[bytes]:
    """What a Tap has to answer, cut by the book: five bytes and as many as the fifth says, or the pairing command."""
    found = []
    while len(stream) >= 5 and len(stream) >= 5 + stream[4]:
        size = 5 + stream[4]
        if stream[:size] == NFC_SELECT:
            tail = stream[size : size + 2]
            if len(tail) < 2 and NFC_SELECT_TAIL.startswith(tail):
                break
            size += 2 * (tail == NFC_SELECT_TAIL)
        found.append(stream[:size])
        stream = stream[size:]
    return found


def pieces(stream: bytes, cuts: Sequence[int]) -> list[bytes]:
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    return [stream[begin:end] for begin, end in pairwise(edges)]


def told(effect: Effect) -> tuple[str, object]:
    if isinstance(effect, Send):
        return "send", effect.data
    return "close", effect.reason if isinstance(effect, Close) else effect


def play(chunks: Sequence[bytes], hosts: Literal["many", "single"] = "many") -> Outcome:
    device, _ = make_device(store=RecordingStore(), hosts=hosts)
    host = Host(device)
    effects: list[tuple[str, object]] = []
    for chunk in chunks:
        if not host.connection.open:
            break
        effects += map(told, device.receive(host.connection, chunk))
    pending = host.connection.reader.pending if host.connection.open else 0
    return Outcome(effects, list(device.journal), memory_of(device), pending)


@effort(200)
@given(stream=streams, cuts=st.lists(st.integers(1, 600), max_size=12), hosts=st.sampled_from(["many", "single"]))
@example(stream=NFC_SELECT + b"\x90" + NFC_SELECT + NFC_SELECT_TAIL, cuts=[12, 13], hosts="many")
@example(stream=KEY_REQUEST + DEADLY + KEY_REQUEST, cuts=[], hosts="single")
def test_how_a_stream_is_cut_makes_no_difference(
    stream: bytes, cuts: list[int], hosts: Literal["many", "single"]
) -> None:
    whole = play([stream], hosts)
    assert play([bytes((byte,)) for byte in stream], hosts) == whole
    assert play(pieces(stream, cuts), hosts) == whole


@effort(300)
@given(stream=streams)
def test_every_complete_envelope_has_exactly_one_answer(stream: bytes) -> None:
    effects, journal, _, pending = play([KEY_REQUEST + stream])
    answers = [data for kind, data in effects if kind == "send"]
    expected = envelopes(KEY_REQUEST + stream)
    if any(kind == "close" for kind, _ in effects):
        assert effects[-1][0] == "close"
        assert len(answers) <= len(expected)
    else:
        assert len(answers) == len(expected)
        assert pending == len(KEY_REQUEST + stream) - sum(map(len, expected))
    for answer in answers:
        assert isinstance(answer, bytes)
        assert 2 <= len(answer) <= 252
    for record in journal:
        assert_explained(record)


@effort(200)
@given(stream=streams)
def test_nobody_changes_what_the_tap_remembers_without_a_login(stream: bytes) -> None:
    """There is no valid login among the ingredients, so whatever the bytes are, nothing is written."""
    store = RecordingStore()
    device, _ = make_device(store=store)
    before = memory_of(device)
    host = Host(device)
    host.exchange(KEY_REQUEST + stream)
    assert memory_of(device) == before
    assert store.writes == 0
    assert Host(device).get("/3//2").success


@pytest.mark.parametrize("chunk", [b"\0", b"\xff", b"\xa2", b"\xa2\xca\0\0\xff", bytes(range(256))], ids=bytes.hex)
def test_an_endless_stream_is_held_nowhere(chunk: bytes) -> None:
    """Whatever comes, at most one envelope waits for its rest."""
    device, _ = make_device()
    host = Host(device)
    for _ in range(2000):
        host.exchange(chunk * 8)
        assert host.connection.reader.pending < 5 + 255
    for record in device.journal:
        assert refused(record)


def test_requests_in_halves_are_no_silence() -> None:
    """In this stream a request is always open, but never the same one for long: the link stays."""
    device, clock = make_device()
    host = Host(device)
    half = len(envelope(SERIAL_NUMBER)) // 2
    host.exchange(envelope(SERIAL_NUMBER)[:half])
    for _ in range(1000):
        clock.advance(0.1)
        assert device.tick() == []
        assert host.exchange(envelope(SERIAL_NUMBER)[half:] + envelope(SERIAL_NUMBER)[:half])
        assert device.next_deadline() == clock.now() + 5
    clock.advance(5)
    assert [type(effect) for effect in device.tick()] == [Close]
    assert device.next_deadline() is None
