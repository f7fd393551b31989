"""Bodies of the multi-request: several requests in one frame, and their answers."""

from dataclasses import dataclass
from typing import Any, Final

from construct import Adapter, Byte, GreedyBytes, GreedyRange, Int16ub, Prefixed, Struct

from protocol.codes import EXPECT_ANYTHING, EXPECT_SUCCESS
from protocol.frames import Request, Response
from protocol.values import Body


@dataclass(frozen=True, slots=True)
class MultiRequestItem:
    """One request, and the result that it has to have for the sequence to go on."""

    request: Request
    expected: int = EXPECT_ANYTHING
    """A result code, `EXPECT_SUCCESS` or `EXPECT_ANYTHING`."""

    def accepts(self, response: Response) -> bool:
        """Whether the sequence goes on after this answer."""
        if self.expected == EXPECT_ANYTHING:
            return True
        return response.success if self.expected == EXPECT_SUCCESS else response.code == self.expected


class _Item(Adapter):  # type: ignore[misc]
    def _decode(self, obj: Any, context: Any, path: str) -> MultiRequestItem:
        return MultiRequestItem(Request.from_bytes(obj.frame), obj.expected)

    def _encode(self, obj: MultiRequestItem, context: Any, path: str) -> dict[str, Any]:
        return {"frame": bytes(obj.request), "expected": obj.expected}


class _Answer(Adapter):  # type: ignore[misc]
    def _decode(self, obj: bytes, context: Any, path: str) -> Response:
        return Response.from_bytes(obj)

    def _encode(self, obj: Response, context: Any, path: str) -> bytes:
        return bytes(obj)


_FRAME: Final = Prefixed(Int16ub, GreedyBytes)

MULTI_REQUEST: Final = Body[list[MultiRequestItem]](
    "multiRequestFrame", GreedyRange(_Item(Struct("frame" / _FRAME, "expected" / Byte))), list
)
MULTI_RESPONSE: Final = Body[list[Response]]("multiResponseFrame", GreedyRange(_Answer(_FRAME)), list)
