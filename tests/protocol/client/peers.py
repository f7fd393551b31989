"""Taps to test the client with: a recording that is played back, and a small honest Tap whose answers can be spoilt."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

from protocol import apdu
from protocol.bodies.scram import ENCRYPTED_IV_REQUEST, ENCRYPTED_IV_RESPONSE, IvFrame
from protocol.codes import ResultCode
from protocol.crypto import ZERO_IV, FrameCipher
from protocol.frames import EncryptedFrame, Request, Response

KEY = bytes(range(0xA0, 0xB0))
TAP_IV = bytes(range(0xB0, 0xC0))
SERIAL_NUMBER = "IoTize00410000009B"


def script(*tokens: str) -> Callable[[int], bytes]:
    """A source of randomness that draws these tokens, given in hex."""
    left = [bytes.fromhex(token) for token in tokens]

    def draw(size: int) -> bytes:
        token = left.pop(0)
        assert len(token) == size
        return token

    return draw


def count_up() -> Callable[[int], bytes]:
    """A source of tokens that are all different and always the same."""
    number = 0

    def draw(size: int) -> bytes:
        nonlocal number
        number += 1
        return number.to_bytes(size, "big")

    return draw


class Recording:
    """Expects the requests of a recorded conversation, to the byte, and gives its answers."""

    def __init__(self, steps: Sequence[dict[str, Any]]) -> None:
        self._steps = list(steps)
        self.done = 0

    def connect(self) -> None:
        """Nothing to prepare."""

    def receive(self, data: bytes) -> list[bytes]:
        step = self._steps[self.done]
        assert data.hex() == step["request"], f"step {self.done + 1}: {step.get('inner', '')}"
        self.done += 1
        return [bytes.fromhex(step["answer"])]

    def close(self) -> None:
        """Nothing to end."""

    @property
    def left(self) -> int:
        """Requests that did not come yet."""
        return len(self._steps) - self.done


class SmallTap:
    """Knows a serial number and encrypted frames, and answers 84 to all else.

    Args:
        no_ivs: what /1024//45 and /1024//44 answer if the Tap has no initialization vectors.
        refuse: result codes in place of an answer, by path.
    """

    def __init__(self, *, no_ivs: ResultCode | None = None, refuse: dict[str, ResultCode] | None = None) -> None:
        self.no_ivs = no_ivs
        self.refuse = refuse or {}
        self.requests: list[str] = []
        """What came, encrypted requests in brackets."""
        self.ids: list[int] = []
        """Frame ids, in order."""
        self.spoil: Callable[[bytes], bytes] = lambda answer: answer
        """Changes the bytes of an encrypted answer on its way out."""
        self.seal: Callable[[EncryptedFrame], bytes] = EncryptedFrame.plaintext
        """Makes the plaintext of an encrypted answer."""
        self._cipher: FrameCipher | None = None
        self._ivs = ZERO_IV, ZERO_IV

    def connect(self) -> None:
        """Always at home."""

    def close(self) -> None:
        """Nothing to end."""

    def receive(self, data: bytes) -> list[bytes]:
        return [self.answer(data)]

    def answer(self, data: bytes) -> bytes:
        """The answer to one APDU."""
        request = Request.from_bytes(data[apdu.HEADER_SIZE :])
        path = str(request.path)
        carriers = {"/1024//48"} if self.no_ivs is not None else {"/1024//48", "/1024//44"}
        if path in carriers - self.refuse.keys() and self._cipher is not None:
            return self.spoil(apdu.build_answer(bytes(self._carry(request))))
        self.requests.append(str(request))
        return apdu.build_answer(bytes(self._execute(request)))

    def _carry(self, request: Request) -> Response:
        assert self._cipher is not None
        own = ENCRYPTED_IV_REQUEST.decode(request.body) if request.path.resource == 44 else None
        if own is not None:
            self._ivs = own.iv, TAP_IV[::-1]
        cipher, (request_iv, answer_iv) = self._cipher, self._ivs
        frame = EncryptedFrame.from_plaintext(
            cipher.decrypt(request_iv, request.body if own is None else own.ciphertext)
        )
        inner = Request.from_bytes(frame.payload)
        self.ids.append(frame.id)
        self.requests.append(f"[{inner}]")
        answer = apdu.build_answer(bytes(self._execute(inner)))
        sealed = cipher.encrypt(answer_iv, self.seal(EncryptedFrame(frame.id, answer)))
        return Response(0, sealed if own is None else ENCRYPTED_IV_RESPONSE.encode(IvFrame(answer_iv, sealed)))

    def _execute(self, request: Request) -> Response:
        path = str(request.path)
        if path in self.refuse:
            return Response(self.refuse[path])
        match path:
            case "/3//2":
                return Response(0, SERIAL_NUMBER.encode())
            case "/1024//47":
                self._cipher, self._ivs = FrameCipher(KEY), (ZERO_IV, ZERO_IV)
                return Response(0, KEY)
            case "/1024//45" | "/1024//44" if self.no_ivs is not None:
                return Response(self.no_ivs)
            case "/1024//45":
                self._ivs = request.body, TAP_IV
                return Response(0, TAP_IV)
            case "/1024//1" | "/1024//0":
                return Response(0)
            case _:
                return Response(ResultCode.NOT_FOUND)


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The data in segments that end at these places."""
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(data)}), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]
