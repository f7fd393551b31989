"""Actions on the answer in hand: its bytes at each level, its sealing, its delivery."""

from collections.abc import Callable
from typing import Any, Final, Literal

from emulator.tampering import Edit, Level, Tampering
from protocol.crypto import BLOCK, ZERO_IV, crc32_mpeg2
from scenarios.script.answers import LOST
from scenarios.script.stage import Act, Occasion

_SEALED_LEVELS: Final = ("frame", "ciphertext")
_STATUS: Final = bytes.fromhex("6F00")
"""ISO 7816: no precise diagnosis."""
_CRC_SIZE: Final = 4
_HEADER_SIZE: Final = 4
"""Id and length of an encrypted frame."""


def tampering_of(occasion: Occasion) -> Tampering:
    """What is wrong with the answer in hand; only where a request is the reason."""
    assert occasion.exchange is not None
    assert occasion.exchange.tampering is not None
    return occasion.exchange.tampering


# --- delivery ---------------------------------------------------------------------------------------------------------


def delay(low: float, high: float) -> Act:
    """The answer comes later; between two times, the dice decide."""

    def act(occasion: Occasion) -> None:
        tampering_of(occasion).delay += low if low == high else occasion.tally.random.uniform(low, high)

    return act


def drop(what: str) -> Act:
    """The request is lost before the Tap executes it, or its answer on the way back."""

    def act(occasion: Occasion) -> None:
        tampering_of(occasion).drop = True
        if what == "request":
            occasion.response = LOST

    return act


def duplicate(copies: int) -> Act:
    """The answer is sent several times."""

    def act(occasion: Occasion) -> None:
        tampering_of(occasion).copies = copies

    return act


def split(sizes: tuple[int, ...], gap: float) -> Act:
    """The answer is sent in pieces of these sizes, the rest in a last one."""

    def act(occasion: Occasion) -> None:
        tampering = tampering_of(occasion)
        tampering.pieces, tampering.gap = sizes, gap

    return act


def cut(size: int) -> Act:
    """Only the first bytes are sent; with a negative number all but the last."""
    return lambda occasion: tampering_of(occasion).edit("apdu", lambda data: data[:size])


def merge(gap: float) -> Act:
    """The answer is sent together with the next one, or so many seconds before it."""

    def act(occasion: Occasion) -> None:
        tampering_of(occasion).merge = gap

    return act


def send(data: bytes) -> Act:
    """Other bytes are sent in place of the answer."""

    def act(occasion: Occasion) -> None:
        tampering_of(occasion).instead = data

    return act


def replay(back: int) -> Act:
    """An answer that was sent before is sent again, in place of this one."""

    def act(occasion: Occasion) -> None:
        assert occasion.connection is not None
        sent = occasion.connection.sent
        if len(sent) < back:
            occasion.note(f"nothing to replay: {len(sent)} answers were sent on this connection")
        else:
            tampering_of(occasion).instead = sent[-back]

    return act


def end(how: Literal["close", "reset"], moment: Literal["before", "after"]) -> Act:
    """The connection is closed, or reset, after the answer or before it.

    Where no request is the reason, it is the connection of the event, else all of them.
    """

    def act(occasion: Occasion) -> None:
        if occasion.exchange is not None:
            tampering = tampering_of(occasion)
            tampering.drop = tampering.drop or moment == "before"
            tampering.ending = how
            return
        ended = list(occasion.device.connections) if occasion.connection is None else [occasion.connection]
        for connection in ended:
            occasion.device.close_after_answer(connection, f"as {occasion.rule!r} says", reset=how == "reset")

    return act


# --- bytes ------------------------------------------------------------------------------------------------------------


Change = Callable[[bytes, int], bytes]
"""Changes bytes at a place."""

CHANGES: Final[dict[str, Callable[[Any], Change]]] = {
    "xor": lambda mask: lambda data, at: _replaced(data, at, data[at] ^ mask),
    "set": lambda value: lambda data, at: _replaced(data, at, value),
    "replace": lambda other: lambda data, at: (data[:at] + other + data[at + len(other) :])[: len(data)],
    "insert": lambda more: lambda data, at: data[:at] + more + data[at:],
    "remove": lambda count: lambda data, at: data[:at] + data[at + count :],
    "repeat": lambda count: lambda data, at: data[: at + count] + data[at:],
    "swap": lambda count: lambda data, at: _swapped(data, at, count),
}
"""Ways to corrupt bytes at a place, by name."""


def append(level: Level, more: bytes) -> Act:
    """Bytes follow the answer at a level."""
    return _at_level(level, f"corrupt at level {level}", lambda _: lambda data: data + more)


def truncate(level: Level, count: int) -> Act:
    """The last bytes of the answer are missing at a level."""
    return _at_level(level, f"corrupt at level {level}", lambda _: lambda data: data[: max(len(data) - count, 0)])


ENDS: Final[dict[str, Callable[[Level, Any], Act]]] = {"append": append, "truncate": truncate}
"""Ways to corrupt the end, by name."""


def corrupt(level: Level, byte: int | None, change: Change) -> Act:
    """Changes bytes of the answer at a level.

    Args:
        byte: where, negative from the end; None lets the dice decide.
    """

    def edit(occasion: Occasion) -> Edit:
        def corrupted(data: bytes) -> bytes:
            size = len(data)
            at = occasion.tally.random.randrange(size or 1) if byte is None else byte + (size if byte < 0 else 0)
            if not 0 <= at < size:
                occasion.note(f"nothing to corrupt: {size} bytes at level {level} have no byte {byte or 0}")
                return data
            return change(data, at)

        return corrupted

    return _at_level(level, f"corrupt at level {level}", edit)


def _at_level(level: Level, name: str, edit: Callable[[Occasion], Edit]) -> Act:
    def act(occasion: Occasion) -> None:
        if level not in _SEALED_LEVELS or _is_sealed(occasion, name):
            tampering_of(occasion).edit(level, edit(occasion))

    return act


def _replaced(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes((value,)) + data[at + 1 :]


def _swapped(data: bytes, at: int, count: int) -> bytes:
    middle, end = at + count, at + 2 * count
    return data[:at] + data[middle:end] + data[at:middle] + data[end:]


# --- what is wrong, by name -------------------------------------------------------------------------------------------


def wrong_status(given: bytes | None) -> Act:
    """Another status word."""
    status = _STATUS if given is None else given
    return lambda occasion: tampering_of(occasion).edit("apdu", lambda data: data[:-2] + status)


def wrong_crc(given: int | None) -> Act:
    """The CRC of the encrypted frame is another one, by default inverted."""

    def change(plain: bytes) -> bytes:
        checked, crc = plain[:-_CRC_SIZE], plain[-_CRC_SIZE:]
        return checked + (_inverted(crc) if given is None else given.to_bytes(_CRC_SIZE, "big"))

    return _at_level("frame", "wrong crc", lambda _: change)


def wrong_id(given: int | None) -> Act:
    """The id of the encrypted frame is another one, by default the next; its CRC is right."""

    def change(plain: bytes) -> bytes:
        right = int.from_bytes(plain[:2], "big")
        frame_id = right + 1 if given in (None, right) else given
        return _repaired((frame_id & 0xFFFF).to_bytes(2, "big") + plain[2:])

    return _at_level("frame", "wrong id", lambda _: change)


def wrong_length(given: int | None) -> Act:
    """The length of the encrypted frame is another one, by default 16 more; its CRC is right."""

    def change(plain: bytes) -> bytes:
        length = int.from_bytes(plain[2:4], "big") + BLOCK if given is None else given
        return _repaired(plain[:2] + (length & 0xFFFF).to_bytes(2, "big") + plain[4:])

    return _at_level("frame", "wrong length", lambda _: change)


def wrong_padding(_: None) -> Act:
    """The first byte of the padding is not zero; the CRC is right."""

    def edit(occasion: Occasion) -> Edit:
        def change(plain: bytes) -> bytes:
            at = _HEADER_SIZE + int.from_bytes(plain[2:4], "big")
            if at >= len(plain) - _CRC_SIZE:
                occasion.note("nothing to do for wrong padding: the frame has none")
                return plain
            return _repaired(_replaced(plain, at, 0xFF))

        return change

    return _at_level("frame", "wrong padding", edit)


def wrong_inner_status(given: bytes | None) -> Act:
    """Another status word inside the encrypted frame; its CRC is right."""
    status = _STATUS if given is None else given

    def change(plain: bytes) -> bytes:
        end = _HEADER_SIZE + int.from_bytes(plain[2:4], "big")
        return _repaired(plain[: end - len(status)] + status + plain[end:])

    return _at_level("frame", "wrong inner-status", lambda _: change)


def wrong_iv(given: bytes | None) -> Act:
    """The answer is encrypted with an initialization vector that nobody agreed on."""

    def act(occasion: Occasion) -> None:
        if _is_sealed(occasion, "wrong iv"):
            assert occasion.session is not None
            tampering_of(occasion).iv = _other_than(occasion.session.ivs.answer, given, occasion)

    return act


def wrong_key(given: bytes | None) -> Act:
    """The answer is encrypted with another key."""

    def act(occasion: Occasion) -> None:
        if _is_sealed(occasion, "wrong key"):
            assert occasion.session is not None
            cipher = occasion.session.cipher
            right = None if cipher is None else cipher.key
            tampering_of(occasion).key = _other_than(right, given, occasion)

    return act


def _other_than(right: bytes | None, given: bytes | None, occasion: Occasion) -> bytes:
    """What was given, or what the dice say; inverted where it would be right."""
    chosen = occasion.tally.random.randbytes(BLOCK) if given is None else given
    return _inverted(chosen) if chosen == right else chosen


def _inverted(data: bytes) -> bytes:
    return bytes(0xFF ^ byte for byte in data)


def stale_iv(_: None) -> Act:
    """The answer is encrypted with the vector that was agreed before the present one."""

    def act(occasion: Occasion) -> None:
        if not _is_sealed(occasion, "wrong stale-iv"):
            return
        assert occasion.session is not None
        present = occasion.session.ivs.answer
        stale = occasion.stage.vectors.before(occasion.session)
        if stale in (None, present):
            stale = ZERO_IV
        if stale == present:
            occasion.note("nothing to do for wrong stale-iv: no other was ever agreed")
        else:
            tampering_of(occasion).iv = stale

    return act


WRONGS: Final[dict[str, Callable[[Any], Act]]] = {
    "id": wrong_id,
    "length": wrong_length,
    "padding": wrong_padding,
    "inner-status": wrong_inner_status,
    "crc": wrong_crc,
    "iv": wrong_iv,
    "stale-iv": stale_iv,
    "key": wrong_key,
    "status": wrong_status,
}
"""In the order in which they are done: the CRC is made wrong after those that put it right."""


def _is_sealed(occasion: Occasion, what: str) -> bool:
    """Whether the answer goes out encrypted; the journal says so where it does not."""
    assert occasion.exchange is not None
    if not occasion.exchange.encrypted:
        occasion.note(f"nothing to do for {what}: the request came in clear")
    return occasion.exchange.encrypted


def _repaired(plain: bytes) -> bytes:
    return plain[:-_CRC_SIZE] + crc32_mpeg2(plain[:-_CRC_SIZE]).to_bytes(_CRC_SIZE, "big")
