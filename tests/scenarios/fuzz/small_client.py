"""A client of a few lines, without the reference client, so that it starts at once; an empty answer is too much for it.

Its name is read in clear. ``small_client.py URL`` reads it once, ``--loop`` again and again, ``--persistent`` for each
line. What is said after ``--`` is only there to find its process.
"""

import json
import socket
import sys
from urllib.parse import urlsplit

REQUEST = bytes.fromhex("a2ca000007010003ffff0002")
"""GET /3//2"""


class Refused(Exception):  # noqa: N818 - the name of a client's author
    pass


def read(url: str) -> str:
    at = urlsplit(url)
    with socket.create_connection((at.hostname, at.port), 2) as link:
        link.sendall(REQUEST)
        link.settimeout(2)
        data = b""
        while not data.endswith(b"\x90\x00"):
            piece = link.recv(4096)
            if not piece:
                raise Refused("closed")
            data += piece
    if data[0] & 0x80:
        raise Refused(f"code {data[0]}")
    body = data[1:-2]
    assert body, "nobody expects an empty name"
    return body.rstrip(b"\0").decode("latin-1")


def say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def visit(url: str) -> str:
    """What went wrong; empty if nothing did."""
    try:
        say(read="device.get_serial_number", value=read(url))
    except (Refused, OSError) as error:
        return str(error)
    return ""


def main(url: str, how: str) -> None:
    if how == "--persistent":
        for line in sys.stdin:
            error = visit(json.loads(line)["url"])
            say(done=True, **({"error": error} if error else {}))
    elif how == "--loop":
        while True:
            visit(url)
    elif error := visit(url):
        say(error=error)
        sys.exit(3)


if __name__ == "__main__":
    main(sys.argv[1], [*sys.argv, ""][2])
