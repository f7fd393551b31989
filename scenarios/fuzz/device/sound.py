"""Good requests: for each call of the resource table some bodies that it takes."""

from functools import cache
from typing import Final, NamedTuple

from protocol.apdu import MAX_FRAME, SHORTEST_FRAME
from protocol.bodies.multi_request import MULTI_REQUEST, MultiRequestItem
from protocol.codes import NO_INSTANCE, Method
from protocol.crypto import crc32_mpeg2
from protocol.errors import PeerError, UsageError
from protocol.frames import Request
from protocol.packets import PacketType, encode_packet, new_packet
from protocol.paths import Path
from protocol.resources.registry import ENTRIES, SETTINGS, Entry
from protocol.values import Body

LONGEST_BODY: Final = MAX_FRAME - SHORTEST_FRAME
SERIAL_NUMBER: Final = Request(Method.GET, Path(3, NO_INSTANCE, 2))
"""The known good request: everybody may make it, and its answer never changes."""
INSTANCES: Final = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF)
"""Instances that there are in the Tap of `bench.rich`, those that are special, and boundaries."""

_USED_SIZES: Final = (0, 1, 2, 3, 4, 5, 8, 9, 10, 12, 13, 16, 17, 20, 32, 36, 48, LONGEST_BODY)
_ADDRESS: Final = bytes.fromhex("20000000")
_REQUESTS: Final = (SERIAL_NUMBER, Request(Method.GET, Path(1024, NO_INSTANCE, 4)), Request(1, Path(1028, 1, 1)))
_COMMAND: Final = encode_packet(new_packet(PacketType.COMMAND, b"\0\x07" + bytes(SERIAL_NUMBER) + b"\xff"))
_PLAIN_COMMAND: Final = encode_packet(new_packet(PacketType.COMMAND, bytes(SERIAL_NUMBER)))

_BY_BODY: Final[dict[str, tuple[bytes, ...]]] = {
    "multiRequestFrame": tuple(
        MULTI_REQUEST.encode([MultiRequestItem(request) for request in _REQUESTS[:count]]) for count in (1, 2, 3)
    ),
    "scramLoginParams": tuple(name.ljust(16, b"\0") + bytes(4) for name in (b"admin", b"tech", b"nobody")),
    "loginCredentialHashed": (b"admin".ljust(16, b"\0") + b"admin".ljust(16, b"\0"),),
    "memoryInfo": (_ADDRESS + bytes.fromhex("0000000403"), _ADDRESS + bytes.fromhex("0000000201")),
    "memoryWriteInfo": (_ADDRESS + bytes.fromhex("0000000403") + bytes(16), _ADDRESS + bytes.fromhex("0000000101aa")),
    "modbusOptions": (bytes.fromhex("03010000000000010f"), bytes.fromhex("04010010000000020f")),
    "modbusWriteOptions": (bytes.fromhex("03010000000000010f0102"),),
    "singlePacketChunk": (b"\0\2\0\0" + bytes(32), b"\0\1\0\2" + bytes(16), b"\x80\1\0\0\0\0" + bytes(16)),
    "crcCheckBody": (crc32_mpeg2(b"").to_bytes(4, "big") + bytes(8),),
    "readWriteRights": (b"\0\0\1", b"\0\5\3"),
    "stringVersion": (b"\1\0\0\0", b"\xff\xff\xff\xff", bytes(4)),
    "AclEntries": (b"", b"\0\1\0\1", bytes(8)),
}
_BY_CALL: Final[dict[str, tuple[bytes, ...]]] = {
    "single_packet.write_and_execute_bytes": (_COMMAND, _PLAIN_COMMAND),
    "single_packet.write_small_single_packet": (_COMMAND, _PLAIN_COMMAND),
    "group.change_password_key": (bytes(16), b"\1" * 36),
    "tapnpass.post_action": (b"\0", b"\1\0\0\0"),
    "variable.put_value": (b"\1", b"\1\2", b"A\xa8\0\0", b"text"),
    "variable.set_value": (b"\1", b"\1\2", b"A\xa8\0\0", b"text"),
}


class Sound(NamedTuple):
    """A good request to a call, but for its instance."""

    entry: Entry
    body: bytes

    def frame(self, instance: int) -> bytes:
        """The request frame.

        Args:
            instance: of the path, if the call has instances.
        """
        path = self.entry.resource.path(None if self.entry.resource.instance is None else instance)
        return bytes(Request(self.entry.call.method, path, self.body))


def bodies_of(entry: Entry) -> tuple[bytes, ...]:
    """Some bodies that a call takes, each with at most `LONGEST_BODY` bytes; one that is empty if it takes none."""
    return _bodies_of(entry.id)


@cache
def _bodies_of(call: str) -> tuple[bytes, ...]:
    entry = OF_CALL[call]
    found: list[bytes] = [*_BY_CALL.get(entry.id, ())]
    for body in (entry.call.request, *(form.request for form in entry.call.forms)):
        if body is None:
            found.append(b"")
            continue
        found += _BY_BODY.get(body.name, ())
        found += _defaults(body)
        found += [data for size in _USED_SIZES for data in (bytes(size), b"\1" * size) if takes(body, data)]
    return tuple(dict.fromkeys(data for data in found if len(data) <= LONGEST_BODY))


def takes(body: Body[object], data: bytes) -> bool:
    """Whether a body can be read."""
    try:
        body.decode(data)
    except PeerError:
        return False
    return True


def _defaults(body: Body[object]) -> list[bytes]:
    """What settings of this form are where nobody has written them."""
    found = []
    for row in SETTINGS.values():
        if row.setting is not None and row.setting.body.name == body.name:
            try:
                found.append(body.encode(row.setting.default))
            except UsageError:
                continue
    return found


OF_CALL: Final = {entry.id: entry for entry in ENTRIES}
"""Rows of the table by the id of their call."""
