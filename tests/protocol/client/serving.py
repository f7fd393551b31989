"""Socket servers in a thread that treat their clients as they like."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Handler = Callable[[socket.socket], None]


@contextmanager
def serving(handle: Handler) -> Iterator[str]:
    """Accepts connections, one after the other, and hands each to the handler; gives the URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stopped = threading.Event()

        def accept() -> None:
            while not stopped.is_set():
                connection, _ = server.accept()
                with connection, suppress(ConnectionError):
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    if not stopped.is_set():
                        handle(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        port = server.getsockname()[1]
        try:
            yield f"tcp://127.0.0.1:{port}"
        finally:
            stopped.set()
            with suppress(ConnectionError):
                socket.create_connection(("127.0.0.1", port)).close()
            thread.join()


def requests(connection: socket.socket) -> Iterator[bytes]:
    """What the client sends, read by read, until it closes."""
    while data := connection.recv(4096):
        yield data


def wait_for_end(connection: socket.socket) -> None:
    """Returns when the client has gone."""
    for _ in requests(connection):
        pass
