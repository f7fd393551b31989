"""Whatever is changed in an encrypted answer, the client notices; the vendor's clients do not look."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.client.blocking import Tap
from protocol.client.links import MemoryLink
from protocol.crypto import crc32_mpeg2
from protocol.errors import IntegrityError, RefusedError
from protocol.frames import EncryptedFrame
from tests.protocol.client.peers import SERIAL_NUMBER, SmallTap, count_up

PERIODS = {"/1024//48": 0, "/1024//44": 1}
CARRIERS = pytest.mark.parametrize("carrier", PERIODS)
Spoil = Callable[[bytes], bytes]


def ask(carrier: str, spoil: Spoil | None = None, seal: Callable[[EncryptedFrame], bytes] | None = None) -> str:
    """Reads the serial number over an encrypted session whose answers are spoilt."""
    peer = SmallTap()
    tap = Tap(link=MemoryLink(peer), token=count_up())
    tap.set_initialization_vector_refresh_period(PERIODS[carrier])
    tap.encryption(True)
    tap.service.device.get_serial_number()
    peer.spoil = spoil or peer.spoil
    peer.seal = seal or peer.seal
    return tap.service.device.get_serial_number()


def honest_answer(carrier: str) -> bytes:
    answers: list[bytes] = []

    def keep(answer: bytes) -> bytes:
        answers.append(answer)
        return answer

    assert ask(carrier, keep) == SERIAL_NUMBER
    return answers[0]


def flip(answer: bytes, bit: int) -> bytes:
    changed = bytearray(answer)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


@CARRIERS
def test_each_flipped_bit_is_noticed(carrier: str) -> None:
    for bit in range(8 * len(honest_answer(carrier))):
        with pytest.raises(IntegrityError):
            ask(carrier, lambda answer, bit=bit: flip(answer, bit))  # type: ignore[misc]


@CARRIERS
def test_each_cut_is_noticed(carrier: str) -> None:
    for size in range(len(honest_answer(carrier))):
        with pytest.raises(IntegrityError):
            ask(carrier, lambda answer, size=size: answer[:size])  # type: ignore[misc]


@CARRIERS
@settings(deadline=None)
@given(position=st.integers(0, 60), inserted=st.binary(min_size=1, max_size=64))
def test_insertions_are_noticed(carrier: str, position: int, inserted: bytes) -> None:
    def insert(answer: bytes) -> bytes:
        return answer[:position] + inserted + answer[position:]

    with pytest.raises(IntegrityError):
        ask(carrier, insert)


@CARRIERS
@settings(deadline=None)
@given(blocks=st.binary(min_size=16, max_size=64))
def test_whole_blocks_added_are_noticed(carrier: str, blocks: bytes) -> None:
    whole = blocks[: len(blocks) - len(blocks) % 16]
    with pytest.raises(IntegrityError):
        ask(carrier, lambda answer: answer[:-2] + whole + answer[-2:])


@CARRIERS
@settings(deadline=None)
@given(start=st.integers(0, 40), new=st.binary(min_size=1, max_size=40))
def test_replaced_bytes_are_noticed(carrier: str, start: int, new: bytes) -> None:
    honest = honest_answer(carrier)
    spoilt = honest[:start] + new + honest[start + len(new) :]
    if spoilt == honest:
        return
    if spoilt == b"\x45" + honest[1:]:
        return  # CONTENT in place of OK: the outer code says the same twice
    bare_refusal = len(spoilt) == 3 and spoilt[0] >= 0x80  # cannot be told from one that the Tap made
    with pytest.raises(RefusedError if bare_refusal and spoilt[1:] == b"\x90\x00" else IntegrityError):
        ask(carrier, lambda _: spoilt)


@CARRIERS
@settings(deadline=None)
@given(answer=st.binary(max_size=80))
def test_made_up_answers_are_noticed(carrier: str, answer: bytes) -> None:
    with pytest.raises((IntegrityError, RefusedError)):
        ask(carrier, lambda _: answer)


def with_crc(plain: bytes) -> bytes:
    return plain + crc32_mpeg2(plain).to_bytes(4, "big")


def other_id(frame: EncryptedFrame) -> bytes:
    return EncryptedFrame(frame.id - 1, frame.payload).plaintext()


def dirty_padding(frame: EncryptedFrame) -> bytes:
    return with_crc(frame.plaintext()[:-5] + b"\x01")


def wrong_length(step: int) -> Callable[[EncryptedFrame], bytes]:
    def seal(frame: EncryptedFrame) -> bytes:
        plain = frame.plaintext()
        length = int.from_bytes(plain[2:4], "big") + step
        return with_crc(plain[:2] + (length & 0xFFFF).to_bytes(2, "big") + plain[4:-4])

    return seal


def payload(change: Callable[[bytes], bytes]) -> Callable[[EncryptedFrame], bytes]:
    return lambda frame: EncryptedFrame(frame.id, change(frame.payload)).plaintext()


LIES = {
    "id of the last answer": (other_id, "answer to frame 0, sent was 1"),
    "padding that is not zero": (dirty_padding, "padding"),
    "length one more": (wrong_length(1), "status word 0000|padding"),
    "length one less": (wrong_length(-1), "status word|padding"),
    "length of two blocks more": (wrong_length(32), "says that its payload has"),
    "length below zero": (wrong_length(-0x8000), "says that its payload has"),
    "CRC of zeros": (lambda frame: frame.plaintext()[:-4] + bytes(4), "CRC"),
    "no inner status word": (payload(lambda inner: inner[:-2]), "status word"),
    "another inner status word": (payload(lambda inner: inner[:-2] + b"\x6e\x00"), "6E00"),
    "no inner answer": (payload(lambda _: b"\x90\x00"), "empty response frame"),
    "nothing inside": (payload(lambda _: b""), "too short"),
}


@CARRIERS
@pytest.mark.parametrize("lie", LIES)
def test_a_peer_with_the_key_cannot_lie_about_the_frame(carrier: str, lie: str) -> None:
    seal, message = LIES[lie]
    with pytest.raises(IntegrityError, match=message):
        ask(carrier, seal=seal)


def test_a_replayed_answer_is_noticed() -> None:
    answers: list[bytes] = []

    def replay(answer: bytes) -> bytes:
        answers.append(answer)
        return answers[0]

    peer = SmallTap()
    tap = Tap(link=MemoryLink(peer), token=count_up())
    tap.encryption(True)
    peer.spoil = replay
    tap.service.device.get_serial_number()
    with pytest.raises(IntegrityError, match="answer to frame 0, sent was 1"):
        tap.service.device.get_serial_number()


def test_ivs_of_a_spoilt_answer_are_not_taken() -> None:
    peer = SmallTap()
    tap = Tap(link=MemoryLink(peer), token=count_up())
    tap.set_initialization_vector_refresh_period(1)
    tap.encryption(True)
    before = tap.session.initialization_vectors
    peer.spoil = lambda answer: flip(answer, 100)
    with pytest.raises(IntegrityError):
        tap.service.device.get_serial_number()
    assert tap.session.initialization_vectors == before
