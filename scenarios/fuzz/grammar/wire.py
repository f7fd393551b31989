"""The APDU around an answer, and its delivery: cut, late, twice, among bytes that nobody expects, or not at all."""

from collections.abc import Iterator
from typing import Any, Final

from protocol.apdu import build_answer
from protocol.codes import ResultCode
from protocol.frames import Response
from scenarios.fuzz.grammar.forging import (
    Actions,
    answering,
    corrupting,
    forged,
    hexed,
    places,
    poison,
    wire_size,
)
from scenarios.fuzz.grammar.sealed import SESSION_CALLS
from scenarios.fuzz.mutation import Answer, Mutation, Mutator, Nature, with_body, with_response
from scenarios.fuzz.predicting import parse_clear, proper_answer

_STATUS_WORDS: Final = (
    *("6283", "6300", "63C0", "6400", "6581", "6700", "6881", "6982", "6985", "6A80", "6A82", "6A86", "6B00", "6C10"),
    *("6D00", "6E00", "6F00", "6100", "61FF", "9001", "90FF", "9100", "9080", "0090", "0000", "0100", "FFFF", "8000"),
)
_GARBAGE: Final = (
    ("a zero", bytes(1)),
    ("0xFF", b"\xff"),
    ("a line end", b"\r\n"),
    ("a status word 9000", bytes.fromhex("9000")),
    ("a status word 6F00", bytes.fromhex("6F00")),
    ("an empty answer", bytes.fromhex("009000")),
    ("the start of a request", bytes.fromhex("A2CA000007")),
    ("16 zeros", bytes(16)),
    ("64 times 0xAA", b"\xaa" * 64),
    ("text", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
)
_OLDER: Final = build_answer(bytes(Response(0, b"IoTize0041FFFFFF")))
"""An answer that some request before may have had."""
_OTHERS: Final = (
    ("one byte", bytes(1)),
    ("a number of two bytes", bytes.fromhex("0102")),
    ("a number of four bytes", bytes.fromhex("00010203")),
    ("a serial number", b"IoTize0041FFFFFF"),
    ("a version", b"1.86.0"),
    ("a key", bytes(range(16))),
    ("the challenge of a login", bytes.fromhex("000000070102030400001000")),
)
_DELAYS: Final = ("50ms", "600ms", "2s")
"""The vendor's clients wait for 500 ms."""
_ENDLESS: Final = (300, 1024, 4096)
_PIECE_GAP: Final = "5ms"


def _delivered(words: str, *then: Actions) -> Mutation:
    return Mutation(words, Nature.DELIVERY, then)


def _on_wire(answer: Answer, words: str, change: Actions, *delivery: Actions) -> Mutation:
    """Bytes of the answer are changed as they are sent; in clear that may be another proper answer by chance."""
    other = proper_answer(answer, [change])
    if other is not None:
        return Mutation(words, answer.judge(other), (answering(other), *delivery))
    return forged(answer, words, change, *delivery)


# --- APDU -------------------------------------------------------------------------------------------------------------


def _status(answer: Answer) -> Iterator[Mutation]:
    for word in _STATUS_WORDS:
        yield forged(answer, f"status word {word} instead of 9000", {"wrong": {"status": word}})
    yield forged(answer, "the last byte of the status word is missing", {"cut": -1})
    yield forged(answer, "no status word", {"cut": -2})


def _bare_status(_: Answer) -> Iterator[Mutation]:
    for word in (*_STATUS_WORDS, "9000", "90", "00"):
        data = bytes.fromhex(word)
        yield Mutation(f"only {word} instead of an answer", Nature.FORGED, ({"send": hexed(data)},))


def _cut(answer: Answer) -> Iterator[Mutation]:
    size = wire_size(answer)
    for place in places(size):
        yield _on_wire(answer, f"only the first {place} of {size} bytes are sent", {"cut": place})


def _garbage_before(answer: Answer) -> Iterator[Mutation]:
    for name, data in _GARBAGE:
        yield _on_wire(answer, f"{name} before the answer", corrupting("apdu", byte=0, insert=hexed(data)))


def _garbage_after(answer: Answer) -> Iterator[Mutation]:
    for name, data in _GARBAGE:
        yield _on_wire(answer, f"{name} after the answer", corrupting("apdu", append=hexed(data)))


def _interleaved(answer: Answer) -> Iterator[Mutation]:
    size = wire_size(answer)
    for place in places(size, 12):
        inserted = corrupting("apdu", byte=place, insert=hexed(_OLDER))
        yield _on_wire(answer, f"an older answer in the middle of this one, before byte {place}", inserted)
    other = poison(answer)
    if not answer.encrypted and other is not None:
        mixed = _mixed(build_answer(bytes(other.response)), _OLDER)
        words = f"bytes of this and of an older answer take turns, and {other.words}"
        proper = parse_clear(mixed)
        if proper is None:
            yield Mutation(words, Nature.FORGED, ({"send": hexed(mixed)},))
        else:
            yield with_response(answer, proper, words)


def _mixed(one: bytes, other: bytes) -> bytes:
    shared = min(len(one), len(other))
    pairs = bytes(byte for pair in zip(one, other, strict=False) for byte in pair)
    return pairs + one[shared:] + other[shared:]


def _endless(answer: Answer) -> Iterator[Mutation]:
    for size in _ENDLESS:
        more = bytes(size)
        yield _on_wire(answer, f"{size} zeros after the answer, and no end", corrupting("apdu", append=hexed(more)))
        before_status = corrupting("apdu", byte=-2, insert=hexed(more))
        yield _on_wire(answer, f"{size} zeros too many before the status word", before_status)


def _old_answer(answer: Answer) -> Iterator[Mutation]:
    """In clear a client cannot see it. Where nothing was sent before, the answer is the true one."""
    if answer.encrypted and answer.call not in SESSION_CALLS:
        for back in (1, 2, 3):
            words = f"answer number {back} before this one is sent again instead of it"
            yield Mutation(words, Nature.FORGED, ({"replay": back},))


def _other_answer(answer: Answer) -> Iterator[Mutation]:
    for name, body in _OTHERS:
        if body != answer.response.body:
            yield with_body(answer, body, f"the answer of another request: {name}")


# --- delivery ---------------------------------------------------------------------------------------------------------


def _split(answer: Answer) -> Iterator[Mutation]:
    size = wire_size(answer)
    for place in places(size):
        pieces = {"sizes": [place], "gap": _PIECE_GAP}
        yield _delivered(f"in two pieces, of {place} and {size - place} bytes", {"split": pieces})
    for gap in ("0s", "1ms"):
        yield _delivered(f"byte by byte, {gap} apart", {"split": {"sizes": [1] * (size - 1), "gap": gap}})
    for place in dict.fromkeys((1, size // 2, size - 1)):
        pieces = {"sizes": [place], "gap": "600ms"}
        yield _delivered(f"{place} of {size} bytes, the rest 600 ms later", {"split": pieces})


def _late(_: Answer) -> Iterator[Mutation]:
    for delay in _DELAYS:
        yield _delivered(f"{delay} late", {"delay": delay})


def _dropped(_: Answer) -> Iterator[Mutation]:
    yield _delivered("the answer is lost", {"drop": "answer"})


def _merged(_: Answer) -> Iterator[Mutation]:
    yield _delivered("the answer comes together with the next one", {"merge": True})
    yield _delivered("the answer comes too late: 10 ms before the next one", {"merge": "10ms"})


def _lost(_: Answer) -> Iterator[Mutation]:
    yield _delivered("the request is lost, and not executed", {"drop": "request"})


def _duplicated(_: Answer) -> Iterator[Mutation]:
    for copies in (2, 3, 20):
        yield _delivered(f"{copies} times", {"duplicate": copies})
    yield _delivered("twice, and late", {"duplicate": 2}, {"delay": "50ms"})


def _ended(answer: Answer) -> Iterator[Mutation]:
    size = wire_size(answer)
    inside = dict.fromkeys((1, 2, size // 2, size - 2, size - 1))
    for how, said in (("close", "closed"), ("reset", "reset")):
        yield _delivered(f"the connection is {said} before the answer", {how: "before"})
        yield _delivered(f"the connection is {said} after the answer", {how: True})
        for place in inside:
            if 0 < place < size:
                words = f"the connection is {said} after {place} of {size} bytes"
                yield _on_wire(answer, words, {"cut": place}, {how: True})


def _unsolicited(answer: Answer) -> Iterator[Mutation]:
    """What comes on its own after a right answer must not pass for the answer to the next request."""
    size = wire_size(answer)
    pieces: dict[str, Any] = {"split": {"sizes": [size], "gap": "10ms"}}
    other = poison(answer)
    sent = [
        ("one byte", b"\xff"),
        ("a status word", bytes.fromhex("9000")),
        ("an answer BUSY", bytes.fromhex("469000")),
    ]
    if other is not None:
        sent.append(("another answer", build_answer(bytes(other.response))))
    for name, data in sent:
        then = corrupting("apdu", append=hexed(data))
        yield _delivered(f"{name} comes 10 ms after the answer, though nobody has asked", then, pieces)


def _busy_first(answer: Answer) -> Iterator[Mutation]:
    """BUSY first, as if the request were still worked on, and the answer after it."""
    if answer.encrypted or answer.response.code == ResultCode.BUSY:
        return
    busy = build_answer(bytes(Response(ResultCode.BUSY)))
    for gap in ("0s", "10ms"):
        pieces = {"split": {"sizes": [len(busy)], "gap": gap}}
        inserted = corrupting("apdu", byte=0, insert=hexed(busy))
        yield _delivered(f"BUSY, and {gap} later the answer", inserted, pieces)


def _two_answers(answer: Answer) -> Iterator[Mutation]:
    """A wrong answer and the true one after it: whichever a client believes, it must not mix them up with the next."""
    other = poison(answer)
    if answer.encrypted or other is None:
        return
    wrong, true = build_answer(bytes(other.response)), build_answer(bytes(answer.response))
    words = f"two answers to one request: first with {other.words}, then the true one"
    pieces = {"split": {"sizes": [len(wrong)], "gap": "10ms"}}
    then = (answering(other.response), corrupting("apdu", append=hexed(true)), pieces)
    yield Mutation(words, Nature.SOUND, then)


MUTATORS: Final = (
    Mutator(50, "apdu.status", "apdu", _status),
    Mutator(51, "apdu.bare-status", "apdu", _bare_status),
    Mutator(52, "apdu.cut", "apdu", _cut),
    Mutator(53, "apdu.garbage-before", "apdu", _garbage_before),
    Mutator(54, "apdu.garbage-after", "apdu", _garbage_after),
    Mutator(55, "apdu.interleaved", "apdu", _interleaved),
    Mutator(56, "apdu.endless", "apdu", _endless),
    Mutator(57, "apdu.old-answer", "apdu", _old_answer),
    Mutator(58, "apdu.other-answer", "apdu", _other_answer),
    Mutator(60, "delivery.split", "delivery", _split),
    Mutator(61, "delivery.late", "delivery", _late),
    Mutator(62, "delivery.dropped", "delivery", _dropped),
    Mutator(63, "delivery.merged", "delivery", _merged),
    Mutator(64, "delivery.request-lost", "delivery", _lost, early=True),
    Mutator(65, "delivery.duplicated", "delivery", _duplicated),
    Mutator(66, "delivery.ended", "delivery", _ended),
    Mutator(67, "delivery.unsolicited", "delivery", _unsolicited),
    Mutator(68, "delivery.busy-first", "delivery", _busy_first),
    Mutator(69, "delivery.two-answers", "delivery", _two_answers),
)
