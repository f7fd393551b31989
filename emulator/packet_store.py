"""The store in which a large single packet is put together, chunk by chunk, before it is executed.

It belongs to the Tap, not to a session, and does not survive a restart.
"""

from typing import Final

from emulator import remembered
from emulator.remembered import Remembered
from protocol.bodies.single_packet import SinglePacketChunk, StoreState
from protocol.codes import ResultCode
from protocol.crypto import crc32_mpeg2
from protocol.errors import BodyError, PeerError
from protocol.packets import MAX_PACKET, OUTER_SIZE, announced_size

_WORD: Final = 4


class PacketStore(Remembered):
    """The single-packet store of one Tap, and the memory for the older way of firmware update."""

    KEPT = remembered.kept(
        _packet=remembered.container,
        _last_chunk=remembered.value,
        _failed=remembered.value,
        package=remembered.value,
    )

    def __init__(self) -> None:
        self._packet = bytearray()
        self._last_chunk = 0
        """Where the last chunk begins."""
        self._failed = False
        self.package = b""
        """What the older way of update has sent so far."""

    @property
    def state(self) -> StoreState:
        """What clients are told; FULL once there is as much as the header of the packet announces (OQ47)."""
        if self._failed:
            return StoreState.ERROR
        if not self._packet:
            return StoreState.EMPTY
        try:
            complete = len(self._packet) >= announced_size(bytes(self._packet[:OUTER_SIZE]))
        except BodyError:
            complete = False
        return StoreState.FULL if complete else StoreState.USED

    def write(self, chunk: SinglePacketChunk) -> None:
        """Appends a chunk; one at the start erases the store first.

        Raises:
            PeerError: 86, it does not begin where the one before ended; A7, the store is too small (OQ48).
        """
        end = chunk.start + len(chunk.data)
        if end > MAX_PACKET:
            raise PeerError(f"a packet of {end} bytes, the store has {MAX_PACKET}", ResultCode.NVM_FULL)
        if chunk.start not in (0, len(self._packet)):
            at = len(self._packet)
            raise PeerError(f"a chunk at {chunk.start}, expected it at {at} or 0", ResultCode.NOT_ACCEPTABLE)
        if chunk.start == 0:
            self._erase()
        self._last_chunk = len(self._packet)
        self._packet += chunk.data

    def take(self, crc: int) -> bytes:
        """The packet, with the zeros behind it that filled up its last chunk; the store is empty then.

        Clients compute the CRC with or without these zeros (OQ49), so any number of them may be left out.

        Raises:
            PeerError: 86, there is no packet, or the CRC is wrong, which erases it too.
        """
        if not self._packet:
            raise PeerError("the packet store is empty", ResultCode.NOT_ACCEPTABLE)
        packet, last_chunk = bytes(self._packet), self._last_chunk
        self._erase()
        shortest = len(packet.rstrip(b"\0"))
        end = max(last_chunk, shortest + -shortest % _WORD)
        computed = crc32_mpeg2(packet[:end])
        while computed != crc:
            if end >= len(packet):
                self.fail()
                raise PeerError(f"CRC {crc:08X} is not that of the stored packet", ResultCode.NOT_ACCEPTABLE)
            computed = crc32_mpeg2(packet[end : end + _WORD], computed)
            end += _WORD
        return packet

    def fail(self) -> None:
        """Execution failed: the store is erased, and says so until a new packet is begun."""
        self._erase()
        self._failed = True

    def clear(self) -> None:
        """The Tap starts."""
        self._erase()
        self.package = b""

    def _erase(self) -> None:
        self._packet = bytearray()
        self._last_chunk = 0
        self._failed = False
