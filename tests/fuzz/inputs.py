"""Inputs of the targets: the corpus that is kept, and what hypothesis makes of it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

CORPUS: Final = Path(__file__).parent / "corpus"
_INTERESTING: Final = (
    b"",
    b"\0",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff\xff",
    b"\0\0\0\0",
    b"-1",
    b"70000",
    b'"',
    b"{",
    b"}",
)


def corpus(name: str) -> list[Path]:
    """Files of a target, in an order that does not change."""
    return sorted(file for file in (CORPUS / name).glob("*") if file.is_file())


@st.composite
def inputs(draw: Callable[[st.SearchStrategy[Any]], Any], kept: Sequence[bytes]) -> bytes:
    """Any bytes, or an input that is kept with some places changed."""
    if not kept or draw(st.integers(0, 5)) == 0:
        return bytes(draw(st.binary(max_size=200)))
    data: bytes = draw(st.sampled_from(kept))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 8)))
        other: bytes = draw(st.sampled_from(kept))
        place = draw(st.integers(0, len(other)))
        piece = draw(
            st.one_of(
                st.sampled_from(_INTERESTING),
                st.binary(max_size=4),
                st.just(other[place : place + draw(st.integers(0, 64))]),
            )
        )
        data = data[:start] + piece + data[end:]
    return data
