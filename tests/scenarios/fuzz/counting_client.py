"""A client that keeps its connection when it is asked to, and fails with a request whose number in it is too high.

``counting_client.py --persistent LIMIT``; its name is read in clear, once for each line.
"""

import json
import socket
import sys
from urllib.parse import urlsplit

REQUEST = bytes.fromhex("a2ca000007010003ffff0002")
"""GET /3//2"""


class Counting:
    def __init__(self, limit: int) -> None:
        self.link: socket.socket | None = None
        self.count = 0
        self.limit = limit

    def read(self, url: str) -> str:
        """Over a new connection if there is none, or the Tap has closed it."""
        kept, answer = self.link is not None, self.answer(url)
        body = answer if answer or not kept else self.answer(url)
        return body[1:-2].rstrip(b"\0").decode("latin-1")

    def answer(self, url: str) -> bytes:
        """Empty if the connection is closed."""
        if self.link is None:
            at = urlsplit(url)
            self.link, self.count = socket.create_connection((at.hostname, at.port), 2), 0
        try:
            self.link.sendall(REQUEST)
            data = self.link.recv(4096)
        except ConnectionError:
            data = b""
        self.count += 1
        assert self.count <= self.limit, f"{self.count} is too much"
        if not data:
            self.close()
        return data

    def close(self) -> None:
        if self.link is not None:
            self.link.close()
        self.link = None


def main(limit: int) -> None:
    client = Counting(limit)
    for line in sys.stdin:
        turn = json.loads(line)
        said: dict[str, object] = {"done": True}
        try:
            sys.stdout.write(json.dumps({"read": "device.get_serial_number", "value": client.read(turn["url"])}) + "\n")
        except AssertionError as error:
            said["unhandled"] = str(error)
        if not turn.get("keep"):
            client.close()
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[2]))
