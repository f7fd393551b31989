"""Explains the bytes of APDUs: what `tap-emulator decode` prints.

A request is told from an answer by its class byte; an answer's body is explained by the request on the line before.
"""

from pathlib import Path as FilePath
from typing import Any

from protocol import apdu
from protocol.codes import describe_code
from protocol.crypto import BLOCK, ZERO_IV, FrameCipher
from protocol.errors import IntegrityError, PeerError, ProtocolError, UsageError
from protocol.frames import EncryptedFrame, Request, Response
from protocol.resources.registry import Entry, find_entry


def dissect_text(data: str, key: str | None, iv: str | None) -> list[str]:
    """Lines that explain an APDU in hex, or each line of a file.

    Args:
        key: session key in hex; opens encrypted frames.
        iv: initialization vector in hex; zeros without it.

    Raises:
        UsageError: something is not hex; in a file, with its line.
    """
    dissector = Dissector(
        None if key is None else FrameCipher(_hex(key, "--key")), ZERO_IV if iv is None else _hex(iv, "--iv", BLOCK)
    )
    file = FilePath(data)
    if not file.is_file():
        return dissector.explain(_hex(data, "DATA"))
    lines: list[str] = []
    for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if text.strip() and not text.lstrip().startswith("#"):
            lines += [f"{file}:{number}:", *dissector.explain(_hex(text, f"{file}:{number}"))]
    return lines


class Dissector:
    """Explains APDUs one after the other, so that answers are read with their requests."""

    def __init__(self, cipher: FrameCipher | None = None, iv: bytes = ZERO_IV) -> None:
        self._cipher = cipher
        self._iv = iv
        self._asked: Entry | None = None

    def explain(self, data: bytes) -> list[str]:
        """Lines for the complete APDUs in these bytes."""
        if data[:1] == bytes((apdu.CLASS,)) or data[: len(apdu.NFC_SELECT)] == apdu.NFC_SELECT:
            return self._requests(data)
        return self._answer(data)

    def _requests(self, data: bytes) -> list[str]:
        reader, lines = apdu.RequestReader(0xFF), []
        for item in reader.feed(data):
            match item:
                case apdu.Request(frame):
                    lines += ["request APDU", *_indent(self._request(Request.from_bytes(frame)))]
                case apdu.Rejected(status, reason):
                    lines.append(f"not a request: {reason}; a Tap answers {status:04X}")
                case apdu.Pairing():
                    lines.append("NFC pairing command; a Tap answers 9000")
        if reader.pending:
            lines.append(f"{reader.pending} bytes of an incomplete APDU")
        return lines

    def _request(self, request: Request) -> list[str]:
        entry = find_entry(request.method, request.path)
        self._asked = entry
        if entry is None:
            return [f"{request}: not in the resource table", *_bytes("body", request.body)]
        lines = [f"{request}  {entry.id}: {entry.call.doc}"]
        if entry.call.carries:
            return lines + self._carried(request.body, entry)
        return lines + _value("body", entry.call.request, request.body)

    def _answer(self, data: bytes) -> list[str]:
        try:
            frame = apdu.split_answer(data)
        except IntegrityError as error:
            return [f"answer: {error}"]
        if not frame:
            return ["answer: bare status word 9000"]
        return ["answer APDU", *_indent(self._response(Response.from_bytes(frame)))]

    def _response(self, response: Response) -> list[str]:
        lines = [f"result {describe_code(response.code)}"]
        entry = self._asked
        if entry is None or not response.success:
            return lines + _bytes("body", response.body)
        if entry.call.carries:
            return lines + self._carried(response.body, entry, answer=True)
        return lines + _value("body", entry.call.response, response.body)

    def _carried(self, body: bytes, entry: Entry, answer: bool = False) -> list[str]:
        with_iv = entry.call.name == "send_with_iv"
        iv, ciphertext = (body[:BLOCK], body[BLOCK:]) if with_iv else (self._iv, body)
        lines = _bytes("initialization vector", iv) if with_iv else []
        lines += _bytes("ciphertext", ciphertext)
        if self._cipher is None:
            return lines
        try:
            frame = EncryptedFrame.from_plaintext(self._cipher.decrypt(iv, ciphertext))
            if answer:
                inner = self._response(Response.from_bytes(apdu.split_answer(frame.payload)))
            else:
                inner = self._request(Request.from_bytes(frame.payload))
        except (ProtocolError, ValueError) as error:
            return [*lines, f"cannot be opened with this key and vector: {error}"]
        return [*lines, f"frame id {frame.id}, {len(frame.payload)} bytes, CRC right", *_indent(inner)]


def _value(label: str, body: Any, data: bytes) -> list[str]:
    if body is None:
        return _bytes(f"unexpected {label}", data)
    try:
        return [f"{label} {body.name}: {body.decode(data)!r}"]
    except PeerError as error:
        return [f"{label} does not fit: {error}", *_bytes("raw", data)]


def _bytes(label: str, data: bytes) -> list[str]:
    return [f"{label}, {len(data)} bytes: {data.hex()}"] if data else []


def _indent(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _hex(text: str, where: str, size: int | None = None) -> bytes:
    try:
        data = bytes.fromhex(text.strip())
    except ValueError as error:
        raise UsageError(f"{where}: neither a file nor hex: {error}") from error
    if size is not None and len(data) != size:
        raise UsageError(f"{where}: {len(data)} bytes, expected {size}")
    return data
