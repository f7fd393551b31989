"""How the bytes of a fuzzer say where a stream is cut."""

from itertools import pairwise

_MOST_CUTS = 8


def cut(data: bytes) -> tuple[bytes, list[bytes]]:
    """A stream, whole and in pieces: the first byte says how many of the next ones are lengths of pieces."""
    count = data[0] % _MOST_CUTS if data else 0
    sizes, stream = data[1 : 1 + count], data[1 + count :]
    edges = [0]
    for size in sizes:
        edges.append(min(edges[-1] + size, len(stream)))
    edges.append(len(stream))
    return stream, [stream[begin:end] for begin, end in pairwise(edges)]
