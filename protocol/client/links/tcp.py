"""``tcp://host:port``: raw APDUs over TCP."""

import socket
import time

from protocol.client.links.base import (
    READ_SIZE,
    check_length,
    is_complete,
    link_errors,
    lost_error,
    salvage,
    stray_error,
)
from protocol.urls import authority


class TcpLink:
    """Raw APDUs over TCP.

    Args:
        timeout: seconds for the connection to be made, and for each answer to be complete.

    Raises:
        LinkError: nobody listens there.
    """

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self.url = f"tcp://{authority(host, port)}"
        self._timeout = timeout
        self._request = b""
        with link_errors(self.url):
            self._socket = socket.create_connection((host, port), timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> None:
        """Sends one request, once it has seen that the line is silent: a stray answer must not become the next one."""
        with link_errors(self.url):
            self._socket.settimeout(0)
            try:
                stray = self._socket.recv(READ_SIZE)
            except BlockingIOError:
                self._socket.settimeout(self._timeout)
                self._socket.sendall(request)
                self._request = request
            else:
                raise stray_error(self.url, stray)

    def receive(self) -> bytes:
        """Reads until the answer is complete."""
        received = b""
        deadline = time.monotonic() + self._timeout
        with link_errors(self.url):
            while not is_complete(self._request, received):
                check_length(self.url, received)
                self._socket.settimeout(max(deadline - time.monotonic(), 1e-6))
                try:
                    piece = self._socket.recv(READ_SIZE)
                except TimeoutError:
                    return salvage(self.url, received, self._timeout)
                if not piece:
                    raise lost_error(self.url, received)
                received += piece
        return received

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()
