"""What the bytes of a body mean: its fields by name, place and kind, as its construct schema says.

Bodies whose schema stops at bytes that are something more (the TLV of bundles, single packets, the answers of a
multi-request) have their layout in `scenarios.fuzz.grammar.trees`.
"""

from functools import lru_cache
from typing import Any

from construct import ConstructError, Container

from protocol.values import Body
from scenarios.fuzz.grammar.parts import Field, Item, Kind, Layout, MismatchError, Sequence, Walk
from scenarios.fuzz.grammar.schemas import go
from scenarios.fuzz.grammar.trees import BY_HAND, RAW_BODIES

__all__ = ["Field", "Item", "Kind", "Layout", "Sequence", "layout", "size_of"]


@lru_cache(maxsize=1024)
def layout(body: Body[Any] | None, data: bytes) -> Layout:
    """What the bytes of a body mean.

    Args:
        body: None if nobody knows.
        data: need not fit; what does not is the field ``rest``.
    """
    walk = Walk(data, 0, len(data), raw_kind=Kind.VALUE if body in RAW_BODIES else Kind.BYTES)
    repair = None
    fits = True
    try:
        if body is None:
            walk.take("value", Kind.BYTES, len(data))
        elif body in BY_HAND:
            repair = BY_HAND[body](walk)
        else:
            go(walk, body.schema.subcons[0].subcon, "", Container())
    except MismatchError:
        fits = False
    fits = fits and walk.at == len(data)
    walk.rest()
    return Layout(data, tuple(walk.fields), fits, tuple(walk.sequences), repair)


@lru_cache(maxsize=512)
def size_of(body: Body[Any]) -> int | None:
    """Bytes that each body of this schema has; None if that differs."""
    try:
        size: int = body.schema.subcons[0].sizeof()
    except ConstructError:
        return None
    return size
