"""Bodies of the single-packet service: packets, the chunks of large ones, and the state of their store."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from construct import (
    Adapter,
    BitsInteger,
    BitStruct,
    Bytes,
    GreedyBytes,
    IfThenElse,
    Int8ub,
    Int16ub,
    Int32ub,
    Padding,
    Struct,
    this,
)

from protocol.packets import CHUNK_UNIT, MAX_CHUNK, SinglePacket, decode_packet, encode_packet
from protocol.values import Body, Member, Record


class StoreState(IntEnum):
    """State of the packet store. The vendor's updater starts when it is EMPTY."""

    UNAVAILABLE = 0
    EMPTY = 1
    USED = 2
    FULL = 3
    ERROR = 4


class ChunkFormat(IntEnum):
    """How the offset of a chunk is written."""

    OFFSET_ON_2_BYTES = 0
    OFFSET_ON_4_BYTES = 8


@dataclass(frozen=True, slots=True)
class SinglePacketStoreInfo:
    """What is known about the packet store."""

    state: StoreState


@dataclass(frozen=True, slots=True)
class SinglePacketChunk:
    """A part of a packet.

    Args:
        offset: where it begins, in units of 16 bytes.
        data: whole units.
    """

    offset: int
    data: bytes
    format: ChunkFormat = ChunkFormat.OFFSET_ON_2_BYTES

    @property
    def length(self) -> int:
        """Units of `data`."""
        return len(self.data) // CHUNK_UNIT

    @property
    def start(self) -> int:
        """Bytes of the packet before it."""
        return self.offset * CHUNK_UNIT


class _Packet(Adapter):  # type: ignore[misc]
    def _decode(self, obj: bytes, context: Any, path: str) -> SinglePacket:
        return decode_packet(obj)

    def _encode(self, obj: SinglePacket, context: Any, path: str) -> bytes:
        return encode_packet(obj)


SINGLE_PACKET: Final = Body("singlePacket", _Packet(GreedyBytes), SinglePacket)
SINGLE_PACKET_STORE_INFO: Final = Body(
    "singlePacketStoreInfo",
    Record(SinglePacketStoreInfo, Struct(Padding(3), "state" / Member(StoreState, Int8ub))),
    SinglePacketStoreInfo,
)


class _Chunk(Adapter):  # type: ignore[misc]
    def _decode(self, obj: Any, context: Any, path: str) -> SinglePacketChunk:
        return SinglePacketChunk(obj.offset, obj.data, obj.head.format)

    def _encode(self, obj: SinglePacketChunk, context: Any, path: str) -> dict[str, Any]:
        return {"head": {"format": obj.format, "length": obj.length}, "offset": obj.offset, "data": obj.data}


SINGLE_PACKET_CHUNK: Final = Body(
    "singlePacketChunk",
    _Chunk(
        Struct(
            "head" / BitStruct("format" / Member(ChunkFormat, BitsInteger(4)), "length" / BitsInteger(12)),
            "offset" / IfThenElse(this.head.format == ChunkFormat.OFFSET_ON_4_BYTES, Int32ub, Int16ub),
            "data" / Bytes(this.head.length * CHUNK_UNIT),
        )
    ),
    SinglePacketChunk,
)


def chunks_of(packet: bytes, size: int = MAX_CHUNK) -> list[SinglePacketChunk]:
    """The chunks of an encoded packet in their order, the last one filled up with zeros.

    Args:
        size: bytes of each chunk, a multiple of `CHUNK_UNIT`.
    """
    padded = packet + bytes(-len(packet) % CHUNK_UNIT)
    wide = len(padded) // CHUNK_UNIT > 1 << 16
    form = ChunkFormat.OFFSET_ON_4_BYTES if wide else ChunkFormat.OFFSET_ON_2_BYTES
    return [
        SinglePacketChunk(start // CHUNK_UNIT, padded[start : start + size], form)
        for start in range(0, len(padded), size)
    ]
