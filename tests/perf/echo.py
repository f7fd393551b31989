"""The yardstick: a bare `asyncio.Protocol` which answers each request of a known size with the same bytes.

Run as ``python -m tests.perf.echo REQUEST_SIZE ANSWER_IN_HEX``; it says `ready` like a Tap.
"""

import asyncio
import sys


class Echo(asyncio.Protocol):
    """Knows nothing but sizes."""

    def __init__(self, request_size: int, answer: bytes) -> None:
        self._size = request_size
        self._answer = answer
        self._pending = 0
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pending += len(data)
        while self._pending >= self._size:
            self._pending -= self._size
            self._transport.write(self._answer)


async def main(request_size: int, answer: bytes) -> None:
    """Serves until it is killed."""
    server = await asyncio.get_running_loop().create_server(lambda: Echo(request_size, answer), "127.0.0.1", 0)
    print(f"ready tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}\nready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), bytes.fromhex(sys.argv[2])))
