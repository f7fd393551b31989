"""Who is let in to the control API, and what is too much for it; over raw sockets, as strangers would come."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from emulator.control.client import ControlClient
from emulator.control.errors import ControlError
from emulator.control.guard import MOST_BYTES
from emulator.control.serving import ControlStartError
from tests.emulator.control.steered import TOKEN, Steered, steered
from tests.serving import MEASURABLE

BEARER = {"Authorization": f"Bearer {TOKEN}"}
HUGE = 100 * 2**20
CHUNK = 2**16


@pytest.fixture(scope="module")
def running() -> Iterator[Steered]:
    with steered() as found:
        yield found


@pytest.fixture(scope="module")
def http(running: Steered) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.control_url, trust_env=False) as client:
        yield client


STRANGERS: list[tuple[str, dict[str, str], int]] = [
    ("/v1/device", {}, 401),
    ("/v1/device", {"Authorization": "Bearer wrong"}, 401),
    ("/v1/device", {"Authorization": f"Basic {TOKEN}"}, 401),
    ("/v1/device", {"Authorization": "Bearer"}, 401),
    (f"/v1/device?token={TOKEN}", {}, 401),
    ("/v1/journal/stream", {}, 401),
    ("/v1/journal/stream?token=wrong", {}, 401),
    ("/docs", {}, 401),
    ("/openapi.json", {}, 401),
    ("/nothing", {}, 401),
    ("/v1/device", {**BEARER, "Origin": "https://evil.example"}, 403),
    ("/v1/device", {**BEARER, "Origin": "null"}, 403),
    ("/v1/device", {**BEARER, "Origin": "http://127.0.0.1:1"}, 403),
    ("/health", {"Origin": "https://evil.example"}, 403),
    ("/v1/device", {**BEARER, "Host": "evil.example"}, 421),
    ("/v1/device", {**BEARER, "Host": "127.0.0.1.evil.example"}, 421),
    ("/health", {"Host": "evil.example:2100"}, 421),
    ("/v1/device", {**BEARER, "Host": "localhost"}, 200),
    ("/v1/device", {**BEARER, "Host": "tap:2100"}, 200),
    ("/v1/device", {**BEARER, "Host": "[::1]:2100"}, 200),
    ("/v1/device", {"Authorization": f"bearer {TOKEN}"}, 200),
    ("/nothing", BEARER, 404),
    ("/health", {}, 200),
    (f"/docs?token={TOKEN}", {}, 200),
    (f"/openapi.json?token={TOKEN}", {}, 200),
]


@pytest.mark.parametrize(("path", "headers", "status"), STRANGERS)
def test_who_is_let_in(http: httpx.Client, path: str, headers: dict[str, str], status: int) -> None:
    answer = http.get(path, headers=headers)
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers
    if status >= 400:
        assert answer.json()["message"]
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"


def test_the_page_with_the_documentation_may_ask(http: httpx.Client, running: Steered) -> None:
    assert http.get("/v1/clock", headers={**BEARER, "Origin": running.control_url}).status_code == 200


def test_no_other_page_is_told_that_it_may_ask(http: httpx.Client) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    assert http.options("/v1/device/reset", headers=asked).status_code == 403


def test_a_named_host_is_let_in() -> None:
    with steered(listen="http://127.0.0.1:0?host=tap.example") as running:
        for host, status in (("tap.example", 200), ("TAP.example:80", 200), ("evil.example", 421)):
            assert httpx.get(f"{running.control_url}/health", headers={"Host": host}).status_code == status


def test_a_token_is_made_where_none_is_given() -> None:
    with steered(token=None) as running:
        assert len(running.api.token) >= 32
        with ControlClient(running.control_url, running.api.token) as control:
            assert control.clock().rate == 1
        with ControlClient(running.control_url, TOKEN) as control, pytest.raises(ControlError, match="token"):
            control.clock()


def _memory() -> float:
    with open("/proc/self/statm") as file:  # noqa: PTH123 - a file of the system
        return int(file.read().split()[1]) * 4096 / 2**20


BODIES = {
    "honest length": (f"Content-Length: {HUGE}\r\n", HUGE, False),
    "no length": ("Transfer-Encoding: chunked\r\n", HUGE, True),
    "just too much": (f"Content-Length: {MOST_BYTES + 1}\r\n", MOST_BYTES + 1, False),
}


@pytest.mark.parametrize(("header", "size", "chunked"), BODIES.values(), ids=BODIES)
def test_a_huge_body_is_refused_and_not_kept(running: Steered, header: str, size: int, chunked: bool) -> None:
    before = _memory() if MEASURABLE else 0.0
    with closing(_connect(running)) as connection:
        head = f"POST /v1/scenarios HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n{header}\r\n"
        connection.sendall(head.encode())
        piece = b"x" * CHUNK
        framed = b"%x\r\n%s\r\n" % (CHUNK, piece) if chunked else piece
        try:
            for start in range(0, size, CHUNK):
                connection.sendall(framed if chunked else piece[: size - start])
            if chunked:
                connection.sendall(b"0\r\n\r\n")
        except OSError:
            pass  # it was told enough
        answer = connection.recv(CHUNK)
    assert b" 413 " in answer.splitlines()[0]
    assert not MEASURABLE or _memory() - before < 20


def test_a_length_that_lies_is_no_way_in(running: Steered) -> None:
    """What comes beyond the length is another request, and no good one."""
    with closing(_connect(running)) as connection:
        body = json.dumps({"text": "x" * 4096})
        head = f"POST /v1/scenarios HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        head += "Content-Length: 10\r\n\r\n"
        connection.sendall((head + body).encode())
        answer = connection.recv(CHUNK)
    assert answer.startswith(b"HTTP/1.1 4")
    with running.client() as control:
        assert control.scenarios() == []


BAD_BODIES: list[tuple[bytes, int]] = [
    (b"{", 422),
    (b"\xff\xfe", 422),
    (b"[" * 100_000, 400),
    (b'{"text": 1e400}', 422),
    (b'{"text": "scenario: 1", "more": 1}', 422),
    (b"9" * 10_000, 400),
    (b'{"text": "' + b"x" * (MOST_BYTES - 100) + b'"}', 422),
    (b'{"scenario": {"\\ud800": 1}}', 422),
    (b'{"text": "\\ud800"}', 422),
    (b'{"text": "a: &a [1]\\nb: [*a, *a, *a]"}', 422),
]


@pytest.mark.parametrize(("body", "status"), BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_a_body_that_makes_no_sense_is_refused(http: httpx.Client, body: bytes, status: int) -> None:
    answer = http.post("/v1/scenarios", content=body, headers={**BEARER, "Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.json()["message"]


BAD_ADDRESSES = [
    ("https://127.0.0.1:0", "unknown link 'https'"),
    ("http://127.0.0.1:0?hots=x", "unknown option hots"),
    ("http://192.0.2.1:0", "http://192.0.2.1:0"),
    ("http://127.0.0.1:99999", "Port out of range"),
    ("127.0.0.1:2100", "127.0.0.1"),
]


@pytest.mark.parametrize(("url", "message"), BAD_ADDRESSES)
def test_a_bad_address_is_explained(url: str, message: str) -> None:
    with pytest.raises(ControlStartError, match=message), steered(listen=url):
        pass


def _connect(running: Steered) -> socket.socket:
    url = httpx.URL(running.control_url)
    return socket.create_connection((url.host, url.port or 0), timeout=10)
