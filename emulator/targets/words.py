"""Elements of an access by address: their number, their size, and their order on the wire and in the target."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from protocol.bodies.target import VariableFormat
from protocol.codes import ResultCode
from protocol.errors import PeerError

_SIZES: Final = {
    VariableFormat._1_BIT: 1,
    VariableFormat._8_BITS: 1,
    VariableFormat._16_BITS: 2,
    VariableFormat._32_BITS: 4,
}
_ADDRESSES: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class Words:
    """Elements of one size, one after the other.

    Args:
        address: of the first.
        unit: bytes of each.
        bits: each is a single bit, in a byte of its own (OQ56).
    """

    address: int
    count: int
    unit: int
    bits: bool = False

    @classmethod
    @lru_cache(maxsize=4096)
    def of(cls, address: int, count: int, format: int) -> "Words":
        """What a request names.

        Raises:
            PeerError: B3, there is no such format, no element, or no such address (OQ54).
        """
        unit = _SIZES.get(format)  # type: ignore[call-overload]
        if unit is None:
            raise PeerError(f"format {format:#x} is unknown", ResultCode.TARGET_PROTOCOL_WRONG_PARAM)
        if not count or address + count * unit > _ADDRESSES:
            raise PeerError(f"{count} elements at {address:#x}", ResultCode.TARGET_PROTOCOL_WRONG_PARAM)
        return cls(address, count, unit, format == VariableFormat._1_BIT)

    @property
    def size(self) -> int:
        """Bytes of all elements."""
        return self.count * self.unit

    @property
    def last(self) -> int:
        """Address of the last byte."""
        return self.address + self.size - 1

    def check_aligned(self) -> None:
        """Makes sure that the address is a multiple of the size of an element.

        Raises:
            PeerError: B8, it is not (OQ54).
        """
        if self.address % self.unit:
            raise PeerError(
                f"address {self.address:#x} is no multiple of {self.unit}", ResultCode.TARGET_PROTOCOL_PARAM
            )

    def check_data(self, data: bytes) -> None:
        """Makes sure that there is a value for each element.

        Raises:
            PeerError: 80, there are too few or too many bytes.
        """
        if len(data) != self.size:
            raise PeerError(f"{self.count} elements of {self.unit} bytes, and {len(data)} bytes of data")

    def numbers(self, data: bytes) -> list[int]:
        """Elements on the wire, unsigned; of a bit only bit 0 counts."""
        elements = [int.from_bytes(data[at : at + self.unit], "big") for at in range(0, self.size, self.unit)]
        return [element & 1 for element in elements] if self.bits else elements

    def wire(self, numbers: list[int]) -> bytes:
        """Elements as they go over the wire; of a number too large its low bits, of a bit whether it is not 0."""
        if self.bits:
            return bytes(number != 0 for number in numbers)
        mask = (1 << 8 * self.unit) - 1
        return b"".join((number & mask).to_bytes(self.unit, "big") for number in numbers)

    def turned(self, data: bytes) -> bytes:
        """Elements with their bytes the other way round: the wire is big-endian, a Cortex-M little-endian (OQ58)."""
        if self.unit == 1:
            return data
        if self.count == 1:
            return data[::-1]
        return b"".join(data[at : at + self.unit][::-1] for at in range(0, len(data), self.unit))
