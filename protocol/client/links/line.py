"""What serial lines have in common, on a cable or over the network: how to see that an answer is complete."""

import time
from abc import ABC, abstractmethod
from typing import Final

from protocol.client.links.base import check_length, is_complete, salvage, stray_error
from protocol.codes import BITS_PER_BYTE

_SILENCE: Final = 0.005
"""Seconds of silence that end an answer, at least: longer than a system takes to wake a program for the next byte."""
_SILENT_BYTES: Final = 4
"""Silence that ends an answer, in bytes that would have fit in."""
_SILENT_GAPS: Final = 3
"""Silence that ends an answer, in gaps that were between its pieces."""


class LineLink(ABC):
    """Raw APDUs over a serial line.

    An answer comes byte by byte, and bytes in its middle may look like its end; so a short silence has to follow. It is
    not waited for where the answer came at least twice as fast as the baud rate allows: then there is no cable, but a
    pseudo terminal or a network, over which Taps send an answer in one piece.

    Args:
        timeout: seconds for each answer to be complete.
    """

    def __init__(self, url: str, baudrate: int, timeout: float) -> None:
        self.url = url
        self._byte_time = BITS_PER_BYTE / baudrate
        self._timeout = timeout
        self._request = b""
        self._sent = 0.0

    def send(self, request: bytes) -> None:
        """Sends one request, once it has seen that the line is silent: a stray answer must not become the next one."""
        if stray := self._read(0):
            raise stray_error(self.url, stray)
        self._write(request)
        self._request = request
        self._sent = time.monotonic()

    def receive(self) -> bytes:
        """Reads until the answer is complete."""
        received = b""
        now = last = time.monotonic()
        deadline = now + self._timeout
        longest_gap = 0.0
        while True:
            complete = is_complete(self._request, received)
            wait = self._silence(received, now, longest_gap) if complete else deadline - now
            piece = self._read(max(0.0, min(wait, deadline - now)))
            if not piece:
                return received if complete else salvage(self.url, received, self._timeout)
            now = time.monotonic()
            longest_gap = max(longest_gap, now - last) if received else 0.0
            last = now
            received += piece
            check_length(self.url, received)

    def _silence(self, received: bytes, now: float, longest_gap: float) -> float:
        """Seconds without a byte after which these bytes are the answer."""
        on_a_cable = (len(self._request) + len(received)) * self._byte_time
        if 2 * (now - self._sent) < on_a_cable:
            return 0.0
        return max(_SILENCE, _SILENT_BYTES * self._byte_time, _SILENT_GAPS * longest_gap)

    @abstractmethod
    def _read(self, seconds: float) -> bytes:
        """What is there, or comes first within this time; empty if nothing does.

        Raises:
            LinkError: the connection is lost.
        """

    @abstractmethod
    def _write(self, data: bytes) -> None:
        """Sends bytes.

        Raises:
            LinkError: the connection is lost, or nobody takes them in time.
        """

    @abstractmethod
    def close(self) -> None:
        """Ends the connection; closing again does nothing."""
