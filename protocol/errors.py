"""The two error families.

`PeerError`: what the other side sent is at fault. It carries the result code with which a Tap answers; the device
converts it in exactly one place. Everything else that is raised here is our own side's mistake and is meant to be
loud: `UsageError` for a value that does not fit the wire, `RefusedError` and `IntegrityError` for what the
reference client tells its caller.
"""

from protocol.codes import ResultCode, describe_code


class ProtocolError(Exception):
    """Root of all errors of this package."""


class PeerError(ProtocolError):
    """The peer sent something that cannot be accepted; `code` is what a Tap answers to it."""

    code: ResultCode = ResultCode.BAD_REQUEST

    def __init__(self, reason: str, code: ResultCode | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        if code is not None:
            self.code = code


class BodyError(PeerError):
    """A body does not fit its schema. The message names the schema and, where known, the byte offset."""


class FrameError(PeerError):
    """A request, response or encrypted frame is malformed."""


class UsageError(ProtocolError, ValueError):
    """Our own side asked for something that has no form on the wire."""


class RefusedError(ProtocolError):
    """A Tap answered with a result code that is not a success."""

    def __init__(self, code: int, request: str) -> None:
        super().__init__(f"{request}: {describe_code(code)}")
        self.code = code
        """The result code as received, also when it is none that we know."""
        self.request = request


class IntegrityError(ProtocolError):
    """An answer is not what an honest Tap sends: wrong status word, length, padding, CRC, id or proof."""
