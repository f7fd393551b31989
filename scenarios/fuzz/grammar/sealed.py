"""The encryption around an answer: frame, ciphertext, key, vector, and the carrier of all that."""

from collections.abc import Iterator
from typing import Final

from protocol.codes import ResultCode, describe_code
from protocol.crypto import BLOCK
from protocol.frames import FRAME_OVERHEAD, Response
from scenarios.fuzz.grammar.forging import (
    cipher_size,
    corrupting,
    forged,
    hexed,
    payload_size,
    places,
    poison,
    poison_at,
)
from scenarios.fuzz.mutation import Answer, Mutation, Mutator, Nature

SESSION_CALLS: Final = ("scram.login", "scram.login_proof", "scram.initialize", "scram.set_initialization_vector")

_CODE_AT: Final = 4
"""Of the result code in a decrypted frame: id and length come before it, the body behind it."""
_BODY_AT: Final = _CODE_AT + 1
_MOST_PLACES: Final = 24
_BLOCKS: Final = (("zeros", bytes(BLOCK)), ("0xFF", b"\xff" * BLOCK), ("00 to 0F", bytes(range(BLOCK))))
_OUTER_CODES: Final = (
    *(ResultCode.PENDING, ResultCode.CHANGED, ResultCode.BUSY, ResultCode.BAD_REQUEST, ResultCode.UNAUTHORIZED),
    *(ResultCode.NOT_FOUND, ResultCode.NOT_ACCEPTABLE, ResultCode.RESOURCE_LOCKED, ResultCode.INTERNAL_SERVER_ERROR),
    *(ResultCode.NOT_IMPLEMENTED, ResultCode.SERVICE_UNAVAILABLE, ResultCode.DEVICE_UNAVAILABLE),
)


# --- frame ------------------------------------------------------------------------------------------------------------


def _crc(answer: Answer) -> Iterator[Mutation]:
    if not answer.encrypted:
        return
    body = answer.response.body
    for index in range(len(body)) if len(body) <= _MOST_PLACES else (0, *places(len(body), _MOST_PLACES)):
        for mask in (0xFF, 0x01):
            words = f"CRC of the encrypted frame is of other content: {poison_at(answer, index, mask).words}"
            damage = corrupting("frame", byte=_BODY_AT + index, xor=mask)
            yield Mutation(words, Nature.FORGED, (damage,))
    if not answer.response.success:
        words = "CRC of the encrypted frame is of other content: a refusal was changed into a success"
        yield Mutation(words, Nature.FORGED, (corrupting("frame", byte=_CODE_AT, set=0),))
    yield forged(answer, "every bit of the CRC of the encrypted frame is wrong", {"wrong": "crc"})
    for value in (0, 0xFFFFFFFF, 1):
        yield forged(answer, f"CRC of the encrypted frame is 0x{value:08X}", {"wrong": {"crc": value}})
    for byte in (-4, -3, -2, -1):
        damage = corrupting("frame", byte=byte, xor=0x01)
        yield forged(answer, f"one bit of byte {byte + 4} of the CRC of the encrypted frame is wrong", damage)


def _frame_id(answer: Answer) -> Iterator[Mutation]:
    if not answer.encrypted:
        return
    yield forged(answer, "the encrypted frame has the id of the next one", {"wrong": "id"})
    for value in (0, 1, 2, 0x7FFF, 0x8000, 0xFFFF):
        words = f"the encrypted frame has the id {value}, or another wrong one where that is right"
        yield forged(answer, words, {"wrong": {"id": value}})
    for byte, name in ((0, "high"), (1, "low")):
        damage = corrupting("frame", byte=byte, xor=0x01)
        yield forged(answer, f"one bit of the {name} byte of the frame's id is wrong, and so is the CRC", damage)


def _length(answer: Answer) -> Iterator[Mutation]:
    if not answer.encrypted:
        return
    size = payload_size(answer)
    most = cipher_size(answer) - FRAME_OVERHEAD
    wrong = (size - 1, size - 2, size - 3, size + 1, size + 2, size + BLOCK, size - BLOCK, 0, 1, 2, most, most + 1)
    for value in dict.fromkeys((*wrong, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF)):
        if value != size and value >= 0:
            words = f"length in the encrypted frame says {value}, the payload has {size} bytes"
            yield forged(answer, words, {"wrong": {"length": value}})


def _padding(answer: Answer) -> Iterator[Mutation]:
    if answer.encrypted and (payload_size(answer) + FRAME_OVERHEAD) % BLOCK:
        yield forged(answer, "padding of the encrypted frame is not zero, the CRC is right", {"wrong": "padding"})


def _inner_status(answer: Answer) -> Iterator[Mutation]:
    if answer.encrypted:
        for word in ("6700", "6982", "6A82", "6D00", "6F00", "9001", "9100", "0000", "FFFF"):
            words = f"status word inside the encryption is {word} instead of 9000"
            yield forged(answer, words, {"wrong": {"inner-status": word}})


# --- vector, key, ciphertext ------------------------------------------------------------------------------------------


def _vector(answer: Answer) -> Iterator[Mutation]:
    """What a wrong vector does to the first block shows by itself."""
    if not answer.encrypted:
        return
    for name, block in _BLOCKS:
        if answer.call in SESSION_CALLS and not any(block):
            continue  # where there was none before, nothing is wrong
        words = f"encrypted with a vector that nobody agreed on: {name}"
        yield Mutation(words, Nature.FORGED, ({"wrong": {"iv": hexed(block)}},))
    if answer.call not in SESSION_CALLS:
        words = "encrypted with the vector before the present one"
        # The first of the two holds where there was no vector before.
        yield forged(answer, words, {"wrong": {"iv": hexed(_BLOCKS[-1][1])}}, {"wrong": "stale-iv"})


def _key(answer: Answer) -> Iterator[Mutation]:
    if answer.encrypted:
        for name, block in _BLOCKS:
            words = f"encrypted with another key: {name}"
            yield Mutation(words, Nature.FORGED, ({"wrong": {"key": hexed(block)}},))


def _flips(answer: Answer) -> Iterator[Mutation]:
    """A flipped bit garbles its block, and flips the same bit of the next one."""
    if not answer.encrypted:
        return
    size = cipher_size(answer)
    for byte in range(size) if size <= 2 * BLOCK else (0, *places(size, 2 * BLOCK)):
        for mask in (0x01, 0x80):
            words = f"bit mask 0x{mask:02X} of byte {byte} of the ciphertext is flipped"
            yield forged(answer, words, corrupting("ciphertext", byte=byte, xor=mask))


def _ciphertext_size(answer: Answer) -> Iterator[Mutation]:
    if not answer.encrypted:
        return
    size = cipher_size(answer)
    for count in dict.fromkeys((1, 2, BLOCK - 1, BLOCK, BLOCK + 1, size - BLOCK, size - 1, size)):
        if 0 < count <= size:
            words = f"the last {count} of {size} bytes of the ciphertext are missing"
            yield forged(answer, words, corrupting("ciphertext", truncate=count))
    for count in (1, BLOCK):
        words = f"the first {count} of {size} bytes of the ciphertext are missing"
        yield forged(answer, words, corrupting("ciphertext", byte=0, remove=count))
    for count in (1, BLOCK - 1, BLOCK, 2 * BLOCK):
        words = f"{count} zeros more at the end of the ciphertext"
        yield forged(answer, words, corrupting("ciphertext", append=hexed(bytes(count))))
    yield forged(answer, "a zero more before the ciphertext", corrupting("ciphertext", byte=0, insert="hex:00"))


def _blocks(answer: Answer) -> Iterator[Mutation]:
    if not answer.encrypted:
        return
    count = cipher_size(answer) // BLOCK
    for block in dict.fromkeys((*range(min(count, 8)), count - 1)):
        doubled = corrupting("ciphertext", byte=block * BLOCK, repeat=BLOCK)
        yield forged(answer, f"block {block} of the ciphertext is there twice", doubled)
        if block + 1 < count:
            swapped = corrupting("ciphertext", byte=block * BLOCK, swap=BLOCK)
            yield forged(answer, f"blocks {block} and {block + 1} of the ciphertext have changed places", swapped)
        zeros = corrupting("ciphertext", byte=block * BLOCK, replace=hexed(bytes(BLOCK)))
        yield forged(answer, f"block {block} of the ciphertext is zeros", zeros)
        if count > 1:
            missing = corrupting("ciphertext", byte=block * BLOCK, remove=BLOCK)
            yield forged(answer, f"block {block} of the ciphertext is missing", missing)


# --- carrier ----------------------------------------------------------------------------------------------------------


def _outer_code(answer: Answer) -> Iterator[Mutation]:
    if answer.encrypted:
        for code in (*_OUTER_CODES, 0x7F, 0xFF):
            words = f"outer code {describe_code(code)} around an encrypted answer"
            damage = corrupting("apdu", byte=0, set=int(code))
            if Response(code).success:  # clients take every success for one, and have no reason not to
                yield Mutation(words, Nature.DELIVERY, (damage,))
            else:
                yield forged(answer, words, damage)


def _carrier_refused(answer: Answer) -> Iterator[Mutation]:
    if answer.encrypted:
        for code in _OUTER_CODES:
            sent = {"send": hexed(bytes((code, 0x90, 0)))}
            nature = Nature.FORGED if Response(code).success else Nature.REFUSAL
            yield Mutation(f"the encrypted frame as such is answered {describe_code(code)}, in clear", nature, (sent,))


def _answered_in_clear(answer: Answer) -> Iterator[Mutation]:
    if not answer.encrypted:
        return
    other = poison(answer)
    response, also = (answer.response, "") if other is None else (other.response, f", and {other.words}")
    for words, frame in (
        ("the answer to an encrypted request comes in clear", bytes(response)),
        ("the answer to an encrypted request comes in clear, with an outer code", bytes(1) + bytes(response)),
        ("the encrypted answer is not encrypted, though filled to a block", bytes(1) + _filled(bytes(response))),
    ):
        yield Mutation(words + also, Nature.FORGED, ({"send": hexed(frame + b"\x90\0")},))
    for name, block in _BLOCKS:
        words = f"the encrypted answer is one block that nobody encrypted: {name}"
        yield Mutation(words, Nature.FORGED, ({"send": hexed(bytes(1) + block + b"\x90\0")},))


def _filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def _encrypted_unasked(answer: Answer) -> Iterator[Mutation]:
    """The answer to a request in clear looks like a ciphertext."""
    if answer.encrypted:
        return
    for count in (1, 2, 3):
        for name, block in _BLOCKS:
            response = Response(answer.response.code, block * count)
            words = f"the answer to a request in clear is like an encrypted one: {count} blocks, {name}"
            sent = {"answer": {"code": response.code, "body": hexed(response.body)}}
            yield Mutation(words, answer.judge(response), (sent,))


MUTATORS: Final = (
    Mutator(80, "frame.crc", "session", _crc),
    Mutator(81, "frame.id", "session", _frame_id),
    Mutator(82, "frame.length", "session", _length),
    Mutator(83, "frame.padding", "session", _padding),
    Mutator(84, "frame.status", "session", _inner_status),
    Mutator(85, "cipher.vector", "session", _vector),
    Mutator(86, "cipher.key", "session", _key),
    Mutator(87, "cipher.flipped", "session", _flips),
    Mutator(88, "cipher.size", "session", _ciphertext_size),
    Mutator(89, "cipher.blocks", "session", _blocks),
    Mutator(90, "carrier.code", "session", _outer_code),
    Mutator(91, "carrier.refused", "session", _carrier_refused),
    Mutator(92, "carrier.clear", "session", _answered_in_clear),
    Mutator(93, "carrier.unasked", "session", _encrypted_unasked),
)
