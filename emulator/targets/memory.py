"""The address space of a simulated Cortex-M: regions with rights, or every address. Only what is written takes room."""

from collections.abc import Sequence
from typing import Final, Literal

from emulator import remembered
from emulator.remembered import Remembered
from emulator.targets.spec import MemoryRegion
from emulator.targets.words import Words
from protocol.codes import ResultCode
from protocol.errors import PeerError

PAGE: Final = 4096
MAX_PAGES: Final = 1024
"""4 MiB of written memory; beyond it a write answers B9, which is the simulation's own limit."""

Pages = dict[int, bytearray]
"""Written pages by their number."""


class Memory(Remembered):
    """Bytes by 32-bit address."""

    KEPT = remembered.kept(_pages=remembered.nested)
    FIXED = ("_regions",)

    def __init__(self, regions: Sequence[MemoryRegion]) -> None:
        self._regions = tuple(sorted(regions, key=lambda region: region.start))
        self._pages: Pages = {}

    def read(self, words: Words) -> bytes:
        """Elements in wire order.

        Raises:
            PeerError: B8 unaligned, B4 no right, B0 no such memory.
        """
        words.check_aligned()
        self._check(words.address, words.size, "r")
        data = self.peek(words.address, words.size)
        return bytes(byte != 0 for byte in data) if words.bits else words.turned(data)

    def write(self, words: Words, data: bytes) -> None:
        """Writes elements in wire order, all or none.

        Raises:
            PeerError: as `read`; B9, more memory is written than is simulated.
        """
        words.check_aligned()
        self._check(words.address, words.size, "w")
        if not self._store(words.address, bytes(byte & 1 for byte in data) if words.bits else words.turned(data)):
            raise PeerError(f"more than {MAX_PAGES * PAGE} bytes written", ResultCode.TARGET_PROTOCOL_INT)

    def poke(self, words: Words, data: bytes) -> None:
        """The world changes memory: rights do not matter, and what does not exist stays so."""
        if self._covers(words.address, words.size):
            self._store(words.address, bytes(byte & 1 for byte in data) if words.bits else words.turned(data))

    def play(self, words: Words, data: bytes) -> bool:
        """Changes aligned elements on a page that is written already, of a memory without regions: the short way.

        Returns:
            Whether it did; they can be read back then.
        """
        number, start = divmod(words.address, PAGE)
        end = start + len(data)
        page = self._pages.get(number)
        if page is None or end > PAGE or len(data) != words.count * words.unit:
            return False
        page[start:end] = words.turned(data)
        return True

    def peek(self, address: int, size: int) -> bytes:
        """Bytes as they lie in memory, whatever the rights."""
        return b"".join(self._page(number)[start:end] for number, start, end in _page_spans(address, size))

    def snapshot(self) -> Pages:
        """What `restore` takes back."""
        return {number: page.copy() for number, page in self._pages.items()}

    def restore(self, pages: Pages) -> None:
        """Undoes everything since the snapshot."""
        self._pages = pages

    def _store(self, address: int, data: bytes) -> bool:
        spans = _page_spans(address, len(data))
        if len(self._pages) + sum(number not in self._pages for number, _, _ in spans) > MAX_PAGES:
            return False
        taken = 0
        for number, start, end in spans:
            if number not in self._pages:
                self._pages[number] = bytearray(self._initial(number))
            self._pages[number][start:end] = data[taken : taken + end - start]
            taken += end - start
        return True

    def _page(self, number: int) -> bytes | bytearray:
        written = self._pages.get(number)
        return self._initial(number) if written is None else written

    def _initial(self, number: int) -> bytes:
        """A page as the regions describe it."""
        first = number * PAGE
        page = bytes(PAGE)
        for region in self._regions:
            start, end = max(region.start, first), min(region.start + len(region.content), first + PAGE)
            if start < end:
                content = region.content[start - region.start : end - region.start]
                page = page[: start - first] + content + page[end - first :]
        return page

    def _check(self, address: int, size: int, right: Literal["r", "w"]) -> None:
        if not self._covers(address, size):
            raise PeerError(f"no memory at {address:#x}, {size} bytes", ResultCode.TARGET_PROTOCOL_ERROR)
        for region in self._touched(address, size):
            if right not in region.rights:
                verb = "read" if right == "r" else "written"
                name = region.name or f"memory at {region.start:#x}"
                raise PeerError(f"{name} cannot be {verb}", ResultCode.TARGET_PROTOCOL_FORBIDDEN)

    def _covers(self, address: int, size: int) -> bool:
        if not self._regions:
            return True
        overlap = sum(
            min(region.start + region.size, address + size) - max(region.start, address)
            for region in self._touched(address, size)
        )
        return overlap == size

    def _touched(self, address: int, size: int) -> list[MemoryRegion]:
        return [
            region for region in self._regions if region.start < address + size and address < region.start + region.size
        ]


def _page_spans(address: int, size: int) -> list[tuple[int, int, int]]:
    """Numbers of the pages that are touched, each with its first and behind its last byte."""
    end = address + size
    first, start = divmod(address, PAGE)
    if start + size <= PAGE:
        return [(first, start, start + size)]
    return [
        (number, max(address - number * PAGE, 0), min(end - number * PAGE, PAGE))
        for number in range(first, (end - 1) // PAGE + 1)
    ]
