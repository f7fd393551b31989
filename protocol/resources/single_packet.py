"""The single packets of object 1024: whole, or in chunks through the store."""

from typing import Final

from protocol.bodies.single_packet import SINGLE_PACKET, SINGLE_PACKET_CHUNK, SINGLE_PACKET_STORE_INFO
from protocol.codes import Method
from protocol.firmware import Version
from protocol.resources.model import Access, Call, Evidence, Form, Resource
from protocol.values import RAW, UINT32

_OBJECT: Final = 1024
_FIRST: Final = Version(1, 13)
_OLDER: Final = Evidence("client", "device-client.js alpha.57")


def _packet(name: str, resource: int, *calls: Call) -> Resource:
    return Resource("single_packet", name, _OBJECT, resource, calls, since=_FIRST)


RESOURCES: Final = (
    _packet(
        "write-and-execute",
        80,
        Call(
            Method.POST,
            "write_and_execute_bytes",
            "Executes a packet that fits one request.",
            RAW,
            access=Access.CODE_EXECUTION,
            forms=(Form("write_and_execute", SINGLE_PACKET),),
        ),
        Call(
            Method.GET,
            "get_store_info",
            "Reads the state of the packet store, where older clients look for it.",
            response=SINGLE_PACKET_STORE_INFO,
            access=Access.LOGGED_IN,
            legacy=True,
            evidence=_OLDER,
        ),
    ),
    _packet(
        "info",
        81,
        Call(
            Method.GET,
            "get_info",
            "Reads the state of the packet store.",
            response=SINGLE_PACKET_STORE_INFO,
            access=Access.LOGGED_IN,
        ),
        Call(
            Method.POST,
            "write_small_single_packet",
            "Executes a packet that fits one request, where older clients send it.",
            RAW,
            access=Access.CODE_EXECUTION,
            legacy=True,
            evidence=_OLDER,
        ),
    ),
    _packet(
        "write-chunk",
        82,
        Call(
            Method.POST,
            "write_chunk",
            "Writes a chunk into the packet store, behind the one before; offset 0 erases the store first.",
            SINGLE_PACKET_CHUNK,
            access=Access.CODE_EXECUTION,
        ),
    ),
    _packet(
        "execute-single-packet-in-store",
        83,
        Call(
            Method.POST,
            "execute_single_packet_in_store",
            "Executes the packet in the store if its CRC-32/MPEG-2 is this; the store is erased in any case.",
            UINT32,
            access=Access.CODE_EXECUTION,
        ),
    ),
)
