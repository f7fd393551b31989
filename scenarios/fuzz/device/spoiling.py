"""How a request goes wrong: its body by the fields of the call, its method and path, its envelope, its encryption."""

import struct
from random import Random
from typing import Final, NamedTuple

from emulator.exchange import Carrier
from protocol.apdu import CLASS, INS_GET, INS_WRITE, NFC_SELECT, NFC_SELECT_TAIL
from protocol.codes import EXPECT_ANYTHING, EXPECT_SUCCESS
from protocol.crypto import BLOCK
from protocol.resources.registry import ENTRIES, Entry
from scenarios.fuzz.device.peer import Header, Probe, Seal
from scenarios.fuzz.device.sound import INSTANCES, LONGEST_BODY, OF_CALL, Sound, bodies_of
from scenarios.fuzz.grammar.layout import Kind, Sequence, layout

_BYTES: Final = (0x00, 0x01, 0x02, 0x7F, 0x80, 0xFE, 0xFF)
_METHODS: Final = (0, 1, 2, 3, 4, 5, 0x41, 0x80, 0xFF)
_NUMBERS: Final = (0, 1, 2, 3, 5, 1024, 1025, 1027, 1028, 1029, 1031, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF)
_BLOCKS: Final = tuple(BLOCK * count for count in range(1, 16))
_CODES: Final = (EXPECT_ANYTHING, EXPECT_SUCCESS, 0x00, 0x84)
_ROOM: Final = {Carrier.CLEAR: 255, Carrier.ENCRYPTED: 232, Carrier.ENCRYPTED_WITH_IV: 216}
"""Bytes of the longest frame in each carrier."""
_FAITHFUL: Final = 0.7
_MULTI: Final = "interface.execute_multi_request_frame"


class Dice(Random):
    """Random choices of one case."""

    favourite: int | None = None
    """Instance that most of its requests name, so that they have to do with each other."""

    def instance(self) -> int:
        """Instance of a path."""
        if self.favourite is not None and self.random() < _FAITHFUL:
            return self.favourite
        return self.choice(INSTANCES)


class Spoiled(NamedTuple):
    """Bytes, and what is wrong with them."""

    data: bytes
    words: str


def _probe(frame: bytes, words: str, carrier: Carrier) -> Probe:
    """A frame that fits its carrier, so that what follows it is not taken for a part of it."""
    return Probe(frame[: _ROOM[carrier]], words, carrier)


def sound(random: Dice, entry: Entry, carrier: Carrier) -> Probe:
    """A good request; the Tap may refuse it all the same."""
    body = random.choice(bodies_of(entry))
    return _probe(Sound(entry, body).frame(random.instance()), "sound", carrier)


def spoiled_body(random: Dice, entry: Entry, carrier: Carrier) -> Probe:
    """The body is not what the call takes."""
    data, words = spoil(random, entry, random.choice(bodies_of(entry)))
    return _probe(Sound(entry, data[:LONGEST_BODY]).frame(random.instance()), words, carrier)


def spoil(random: Dice, entry: Entry, body: bytes) -> Spoiled:
    """One change of a body."""
    return random.choice(_BODY_CHANGES)(random, entry, body)


def _field(random: Dice, entry: Entry, body: bytes) -> Spoiled:
    """One field of the body, as its schema has it."""
    found = layout(entry.call.request, body)
    if found.sequences and random.random() < 0.3:
        return _repeated(random, random.choice(found.sequences))
    if not found.fields:
        return _byte(random, entry, body)
    field = random.choice(found.fields)
    if isinstance(field.value, bytes) and field.kind not in (Kind.CHECKSUM, Kind.LENGTH):
        content = random.choice((b"", field.value + b"\0", field.value[:-1], b"\0" * 16, b"\xff" * 40, b"A" * 200))
        data = field.with_bytes(body, content)
        words = f"{field.shown}: {len(content)} bytes in place of {field.size}"
    else:
        most = (1 << field.bits) - 1
        near = (field.number + 1, field.number - 1, field.follows + 1, field.follows + 200)
        number = random.choice((0, 1, most // 2, most // 2 + 1, most - 1, most, *near)) & most
        data, words = field.with_number(body, number), f"{field.shown} ({field.kind.value}): {number}"
    if found.repair is not None and random.random() < 0.5:
        return Spoiled(found.repair(data), f"{words}, the rest is put right")
    return Spoiled(data, words)


def _repeated(random: Dice, sequence: Sequence) -> Spoiled:
    contents = [item.content for item in sequence.items]
    at = random.randrange(len(contents) or 1)
    changed, words = random.choice(
        (
            (contents[:at] + contents[at + 1 :], f"{sequence.title} without item {at}"),
            (contents[: at + 1] + contents[at:], f"{sequence.title} with item {at} twice"),
            (contents[::-1], f"{sequence.title} backward"),
            (contents * 20, f"{sequence.title} twenty times over"),
            ([], f"{sequence.title} without items"),
        )
    )
    return Spoiled(sequence.wrap(b"".join(changed)), words)


def _cut(random: Dice, _: Entry, body: bytes) -> Spoiled:
    size = random.randrange(len(body) or 1)
    return Spoiled(body[:size], f"body cut to {size} of {len(body)} bytes")


def _longer(random: Dice, _: Entry, body: bytes) -> Spoiled:
    more = random.choice((1, 2, 4, 16, LONGEST_BODY))
    tail = bytes((random.choice(_BYTES),)) * min(more, max(LONGEST_BODY - len(body), 0))
    return Spoiled(body + tail, f"{len(tail)} bytes after the body")


def _byte(random: Dice, _: Entry, body: bytes) -> Spoiled:
    if not body:
        return Spoiled(bytes((random.choice(_BYTES),)), "a body of one byte")
    at, value = random.randrange(len(body)), random.choice(_BYTES)
    return Spoiled(body[:at] + bytes((value,)) + body[at + 1 :], f"byte {at} of the body is 0x{value:02X}")


def _bit(random: Dice, _: Entry, body: bytes) -> Spoiled:
    if not body:
        return Spoiled(body, "no body")
    at, mask = random.randrange(len(body)), 1 << random.randrange(8)
    return Spoiled(body[:at] + bytes((body[at] ^ mask,)) + body[at + 1 :], f"byte {at} of the body ^ 0x{mask:02X}")


def _number(random: Dice, _: Entry, body: bytes) -> Spoiled:
    width = random.choice((2, 4))
    if len(body) < width:
        return Spoiled(b"\xff" * width, f"a body of {width} bytes")
    at = random.randrange(len(body) - width + 1)
    most = (1 << 8 * width) - 1
    value = random.choice((0, 1, most // 2, most // 2 + 1, most - 1, most))
    data = body[:at] + value.to_bytes(width, "big") + body[at + width :]
    return Spoiled(data, f"bytes {at} to {at + width - 1} of the body are 0x{value:0{2 * width}X}")


def _noise(random: Dice, _: Entry, body: bytes) -> Spoiled:
    size = random.choice((len(body), random.randrange(LONGEST_BODY + 1)))
    return Spoiled(random.randbytes(size), f"a body of {size} bytes of noise")


def _filled(random: Dice, _: Entry, body: bytes) -> Spoiled:
    value = random.choice(_BYTES)
    size = random.choice((len(body), LONGEST_BODY))
    return Spoiled(bytes((value,)) * size, f"a body of {size} bytes 0x{value:02X}")


def _foreign(random: Dice, _: Entry, __: bytes) -> Spoiled:
    other = random.choice(ENTRIES)
    return Spoiled(random.choice(bodies_of(other)), f"the body of {other.id}")


def _moved(random: Dice, _: Entry, body: bytes) -> Spoiled:
    at = random.randrange(len(body) + 1)
    if body and random.random() < 0.5:
        return Spoiled(body[:at] + body[at + 1 :], f"byte {at} of the body is missing")
    return Spoiled(body[:at] + bytes((random.choice(_BYTES),)) + body[at:], f"a byte too many at {at} of the body")


_BODY_CHANGES: Final = (
    _field,
    _field,
    _field,
    _field,
    _field,
    _cut,
    _longer,
    _byte,
    _bit,
    _number,
    _noise,
    _filled,
    _foreign,
    _moved,
)


def spoiled_path(random: Dice, entry: Entry, carrier: Carrier) -> Probe:
    """Another method, or a neighbour of the path."""
    frame = bytearray(Sound(entry, random.choice(bodies_of(entry))).frame(random.instance()))
    what = random.choice(("method", "object", "instance", "resource"))
    if what == "method":
        frame[0] = random.choice((*_METHODS, random.randrange(256)))
        return _probe(bytes(frame), f"method {frame[0]} in place of {entry.call.method.name}", carrier)
    at = {"object": 1, "instance": 3, "resource": 5}[what]
    old = int.from_bytes(frame[at : at + 2], "big")
    new = random.choice((old + 1, old - 1, old ^ 0x100, random.choice(_NUMBERS), random.randrange(0x10000))) & 0xFFFF
    frame[at : at + 2] = new.to_bytes(2, "big")
    return _probe(bytes(frame), f"{what} {new} in place of {old}", carrier)


def spoiled_frame(random: Dice, entry: Entry, carrier: Carrier) -> Probe:
    """A frame that is no request, or a body of any length."""
    frame = Sound(entry, random.choice(bodies_of(entry))).frame(random.instance())
    if random.random() < 0.5:
        size = random.randrange(8)
        return Probe(frame[:size], f"frame cut to {size} bytes", carrier)
    size = random.choice((249, 250, 251, 255)) if carrier is Carrier.CLEAR else random.choice(_BLOCKS[:-1]) - 8
    frame = (frame + bytes(size))[:size]
    return Probe(frame, f"frame of {size} bytes", carrier)


def spoiled_header(random: Dice, entry: Entry, carrier: Carrier) -> Probe:
    """The envelope is wrong."""
    probe = sound(random, entry, carrier)
    byte = random.choice((0x00, 0x90, 0xA0, 0xA3, 0xFF, random.randrange(256)))
    size = random.choice((1, 1, 2, 3, 5, 7, 16, 250))
    header, words = random.choice(
        (
            (Header(cla=byte), f"class 0x{byte:02X} in place of 0x{CLASS:02X}"),
            (Header(ins=byte), f"instruction 0x{byte:02X}"),
            (Header(ins=INS_GET), "the instruction of a GET"),
            (Header(ins=INS_WRITE), "the instruction of a PUT"),
            (Header(p1=byte), f"P1 0x{byte:02X}"),
            (Header(p2=byte), f"P2 0x{byte:02X}"),
            (Header(lc=size), f"length says {size} more than there are"),
            (Header(lc=-size), f"length says {size} fewer than there are"),
            (Header(lc=-size, cut=size), f"the last {size} bytes are missing"),
            (Header(lc=size, tail=bytes(size)), f"{size} zeros at the end of the frame"),
            (Header(tail=b"\0"), "a byte Le after the frame"),
        )
    )
    return Probe(probe.frame, words, carrier, header)


def spoiled_seal(random: Dice, entry: Entry, carrier: Carrier) -> Probe:
    """The encryption is wrong; in clear nothing is."""
    probe = sound(random, entry, carrier)
    size = random.choice((1, 2, 8, 15, 16, 17, 255, 0x7FFF, 0x8000, 0xFFFF))
    part = random.choice((1, 15, 16, 32))
    bit = 1 << random.randrange(32)
    noise = random.randbytes(BLOCK)
    seal, words = random.choice(
        (
            (Seal(id=size), f"frame id {size} too high"),
            (Seal(length=size), f"length of the sealed frame {size} too large"),
            (Seal(length=-size), f"length of the sealed frame {size} too small"),
            (Seal(padding=bit & 0xFF or 1), "padding of the sealed frame is not zero"),
            (Seal(crc=bit), "CRC of the sealed frame is wrong"),
            (Seal(iv=noise), "sealed under another initialization vector"),
            (Seal(key=noise), "sealed under another key"),
            (Seal(cut=part), f"the last {part} bytes of the ciphertext are missing"),
            (Seal(tail=bytes(part)), f"{part} zeros after the ciphertext"),
        )
    )
    words = words if carrier is not Carrier.CLEAR else "sound"
    return Probe(probe.frame, words, carrier, seal=seal)


def bundled(random: Dice, entry: Entry, carrier: Carrier) -> Probe:
    """Several requests in one frame, some of them spoiled, or the frame around them."""
    items = b""
    told = []
    for _ in range(random.randrange(1, 5)):
        inner = random.choice((sound, sound, spoiled_body, spoiled_path, spoiled_frame))(random, entry, carrier)
        item = struct.pack(">H", len(inner.frame)) + inner.frame + bytes((random.choice(_CODES),))
        if len(items) + len(item) > _ROOM[carrier] - 7:
            break
        items += item
        told.append(f"{inner.call}: {inner.words}")
        entry = random.choice(ENTRIES)
    words = "; ".join(told) or "nothing"
    multi = OF_CALL[_MULTI]
    if random.random() < 0.25:
        items, wrong = spoil(random, multi, items)
        words = f"{wrong}, of {words}"
    return _probe(Sound(multi, items[:LONGEST_BODY]).frame(0), f"bundle of {words}", carrier)


def raw(random: Dice, entry: Entry, carrier: Carrier) -> Probe:
    """No envelope at all, or the pairing command."""
    frame = Sound(entry, random.choice(bodies_of(entry))).frame(random.instance())
    data, words = random.choice(
        (
            (NFC_SELECT + NFC_SELECT_TAIL, "the pairing command"),
            (NFC_SELECT, "the pairing command without its tail"),
            (frame, "a frame without its header"),
            (random.randbytes(random.randrange(1, 60)), "noise"),
            (bytes((CLASS,)) * random.randrange(1, 9), "nothing but class bytes"),
        )
    )
    return Probe(data, words, carrier, raw=True)


WEIGHTS: Final = {
    sound: 6,
    spoiled_body: 8,
    spoiled_path: 3,
    spoiled_frame: 1,
    spoiled_header: 2,
    spoiled_seal: 3,
    bundled: 2,
    raw: 1,
}
"""Ways to make a request, and how often each is chosen."""
