"""Everything that is read from the wire without a session."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from construct import ConstructError

from protocol import apdu
from protocol.client.links import is_complete
from protocol.crypto import ZERO_IV, FrameCipher
from protocol.errors import BodyError, FrameError, IntegrityError, PeerError, UsageError
from protocol.firmware import Version
from protocol.frames import EncryptedFrame, Request, Response
from protocol.packets import (
    BLANK_KEY,
    announced_size,
    decode_packet,
    encode_packet,
    open_packet,
    packet_ends,
)
from protocol.relay import decode_envelope, encode_envelope
from protocol.resources.registry import ENTRIES, find_entry
from protocol.rfc2217 import Telnet
from protocol.tlv import BUNDLE_VALUES, decode_bundle, encode_bundle
from protocol.update import new_image, pack_update, unpack_update
from protocol.values import Body
from tests.fuzz.targets.cutting import cut
from tests.vectors import load

BODIES: Final = tuple(
    {
        body.name: body
        for entry in ENTRIES
        for body in (
            *(entry.call.request, entry.call.response),
            *(body for form in entry.call.forms for body in (form.request, form.response)),
        )
        if body is not None
    }.values()
)
"""Each schema once. A new one is appended where its call is, so old inputs may come to mean other schemas."""
KEY: Final = bytes(range(16))


def same(one: object, other: object) -> bool:
    """Equal, or not a number in both."""
    return one == other or repr(one) == repr(other)


# --- envelopes ----------------------------------------------------------------------------------------------------


def check_apdu(data: bytes) -> None:
    stream, pieces = cut(data)
    whole, parts = apdu.RequestReader(), apdu.RequestReader()
    items = whole.feed(stream)
    assert [item for piece in pieces for item in parts.feed(piece)] == items
    assert parts.pending == whole.pending < apdu.HEADER_SIZE + 0x100
    for item in items:
        if isinstance(item, apdu.Request):
            assert apdu.RequestReader().feed(apdu.build_request(item.frame)) == [item]


def seeds_apdu() -> list[bytes]:
    """Requests of the vendor's client, whole and cut."""
    requests = [bytes.fromhex(step["request"]) for flow in load("exchanges")["flows"] for step in flow["steps"]]
    pairing = apdu.NFC_SELECT + apdu.NFC_SELECT_TAIL
    return [b"\0" + pairing + requests[0], b"\2\3\7" + b"".join(requests[:3]), *(b"\1\5" + each for each in requests)]


def check_answer(data: bytes) -> None:
    request, _, received = data.partition(b"|")
    if received and is_complete(request, received):
        assert received.endswith(apdu.build_status(apdu.StatusWord.OK)) or len(received) == 2
    with suppress(IntegrityError, FrameError):
        frame = apdu.split_answer(received)
        assert apdu.build_answer(frame) == received
        assert bytes(Response.from_bytes(frame)) == frame
    assert apdu.split_answer(apdu.build_answer(data)) == data


def seeds_answer() -> list[bytes]:
    """Answers to the vendor's client."""
    return [
        bytes.fromhex(step["request"]) + b"|" + bytes.fromhex(step["answer"])
        for flow in load("exchanges")["flows"]
        for step in flow["steps"]
        if "|" not in bytes.fromhex(step["request"]).decode("latin-1")
    ]


# --- frames -------------------------------------------------------------------------------------------------------


def check_frame(data: bytes) -> None:
    if not data:
        return
    kind, rest = data[0] % 4, data[1:]
    with suppress(FrameError):
        match kind:
            case 0:
                request = Request.from_bytes(rest)
                assert bytes(request) == rest
                assert str(request)
                find_entry(request.method, request.path)
            case 1:
                response = Response.from_bytes(rest)
                assert bytes(response) == rest
                assert str(response)
            case 2:
                assert_frame(EncryptedFrame.from_plaintext(rest))
            case _ if rest and len(rest) % 16 == 0:
                cipher = FrameCipher(KEY)
                plain = cipher.decrypt(ZERO_IV, rest)
                assert cipher.encrypt(ZERO_IV, plain) == rest
                assert_frame(EncryptedFrame.from_plaintext(plain))


def assert_frame(frame: EncryptedFrame) -> None:
    assert EncryptedFrame.from_plaintext(frame.plaintext()) == frame


def seeds_frame() -> list[bytes]:
    """Frames of the vendor's client."""
    requests = [bytes.fromhex(each)[apdu.HEADER_SIZE :] for each in load("requests")["requests"]]
    plain = EncryptedFrame(7, bytes.fromhex("010003ffff0002")).plaintext()
    sealed = FrameCipher(KEY).encrypt(ZERO_IV, plain)
    return [b"\1\0hello", b"\2" + plain, b"\3" + sealed, b"\0" + plain[:7], *(b"\0" + each for each in requests)]


# --- bodies -------------------------------------------------------------------------------------------------------


def check_body(data: bytes) -> None:
    if data:
        agree(BODIES[data[0] % len(BODIES)], data[1:])


def agree(schema: Body[Any], data: bytes) -> None:
    """What is read can be written, and is then read again as the same; a shortcut does as the schema does."""
    try:
        expected = schema.parse(data)
    except (ConstructError, ValueError, BodyError):
        refuses(schema.decode, data)
        return
    value = schema.decode(data)
    assert same(value, expected), schema
    written = schema.encode(value)
    assert written == schema.build(value), schema
    assert same(schema.decode(written), value), schema
    assert schema.encode(schema.decode(written)) == written, schema


def refuses(read: Callable[[bytes], object], data: bytes) -> None:
    try:
        value = read(data)
    except BodyError:
        return
    raise AssertionError(f"the schema refuses what the shortcut reads as {value!r}")


def seeds_body() -> list[bytes]:
    """Bodies of the vendor's client, and the defaults of settings."""
    numbers = {schema.name: number for number, schema in enumerate(BODIES)}
    vendor = [
        bytes((numbers[name],)) + bytes.fromhex(each[1])
        for name, every in load("bodies")["bodies"].items()
        if name in numbers
        for each in every
    ]
    defaults = [
        bytes((numbers[setting.body.name],)) + setting.body.encode(setting.default)
        for setting in (entry.resource.setting for entry in ENTRIES)
        if setting is not None and setting.body.name in numbers
    ]
    return [*vendor, *defaults]


def check_tlv(data: bytes) -> None:
    with suppress(BodyError):
        bundle, values = decode_bundle(data)
        assert decode_bundle(encode_bundle(bundle, values)) == (bundle, values)
    agree(BUNDLE_VALUES, data)


def seeds_tlv() -> list[bytes]:
    """Bundles with short and long values, and ids of one byte and of two."""
    values = [(1, b"\0"), (0x101, bytes(7)), (3, bytes(8)), (0xFFFF, bytes(300))]
    return [encode_bundle(5, []), encode_bundle(0x1234, values[:3]), encode_bundle(1, values)]


# --- packets ------------------------------------------------------------------------------------------------------


def check_packet(data: bytes) -> None:
    with suppress(BodyError):
        announced_size(data)
        ends = list(packet_ends(data))
        assert all(end <= len(data) for end in ends)
    with suppress(BodyError):
        found = decode_packet(data)
        assert decode_packet(encode_packet(found)) == found
        open_packet(found, BLANK_KEY)
    with suppress(UsageError):
        image = unpack_update(data)
        assert unpack_update(pack_update(image)) == image


def seeds_packet() -> list[bytes]:
    """An update, and packets of the vendor's client."""
    vectors = load("bodies").get("sealed_packets", [])
    return [pack_update(new_image(Version(1, 113, 0), 64)), *_hex_in(vectors)]


def _hex_in(value: Any) -> Iterator[bytes]:
    if isinstance(value, str):
        with suppress(ValueError):
            yield bytes.fromhex(value)
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _hex_in(each)


def check_relay(data: bytes) -> None:
    with suppress(PeerError):
        envelope = decode_envelope(data)
        assert decode_envelope(encode_envelope(envelope)) == envelope
    stream, pieces = cut(data)
    whole, parts = Telnet(), Telnet()
    with suppress(IntegrityError):
        assert _joined(whole, [stream]) == _joined(parts, pieces)
        assert whole.take() == parts.take()


def _joined(telnet: Telnet, pieces: list[bytes]) -> list[object]:
    """What comes out, with data that follows data put together."""
    found: list[object] = []
    for item in (item for piece in pieces for item in telnet.receive(piece)):
        if isinstance(item, bytes) and found and isinstance(found[-1], bytes):
            found[-1] += item
        else:
            found.append(item)
    return found


def seeds_relay() -> list[bytes]:
    """A message in an envelope, and options of Telnet."""
    telnet = Telnet()
    telnet.offer()
    telnet.send_port(1, (115200).to_bytes(4, "big"))
    options = telnet.take()
    return [b"\0" + options, b"\3\1\2\3" + options + b"data\xff\xff", *_hex_in(load("links"))]
