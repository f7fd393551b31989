"""How a WebSocket connection comes about: URLs, handshakes, and the pages that may connect."""

import asyncio
import resource
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from emulator.links import LinkError, open_link, websocket
from emulator.links.origins import is_welcome
from emulator.links.websocket import WebSocketLink
from tests.emulator.links.raw_websocket import BINARY, CLOSE, PING, PONG, Frame, RawClient, frame, handshake
from tests.emulator.links.websocket_taps import ANSWER, LISTEN, REQUEST, Line, ask, pieces, running, spotless, unharmed
from tests.serving import Serving, serving

LIMIT = 256


@pytest.fixture(scope="module")
def tap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with spotless(tmp_path_factory.mktemp("tap")) as server:
        yield server


# --- handshakes

HANDSHAKES = {
    "no upgrade": (handshake(Upgrade=None, Connection=None), 426),
    "other upgrade": (handshake(Upgrade="h2c"), 426),
    "no key": (handshake(Sec_WebSocket_Key=None), 400),
    "bad key": (handshake(Sec_WebSocket_Key="short"), 400),
    "old version": (handshake(Sec_WebSocket_Version="8"), 400),
    "POST": (handshake("POST / HTTP/1.1"), 405),
    "HTTP/1.0": (handshake("GET / HTTP/1.0"), 505),
    "two origins": (handshake(Origin="http://localhost\r\nOrigin: http://localhost"), 400),
    "other page": (handshake(Origin="https://evil.example"), 403),
    "noise for an origin": (handshake(Origin="http://[\u00ff"), 403),
    "long path": (handshake(f"GET /{'x' * 9000} HTTP/1.1"), 414),
    "long header": (handshake(Cookie="x" * 9000), 431),
    "many headers": (handshake(**{f"X{number}": "y" for number in range(200)}), 431),
    "body": (handshake("PUT / HTTP/1.1", Content_Length="100"), None),
    "other version": (handshake("GET / HTTP/3"), None),
    "raw APDU": (REQUEST + b"\n", None),
    "TLS": (bytes.fromhex("160301020001000a01fc0303") + bytes(20) + b"\n", None),
    "empty lines": (b"\n" * 5000, None),
    "line feeds only": (handshake().replace(b"\r\n", b"\n"), None),
}


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
def test_handshakes_that_are_refused(tap: Serving, bytewise: bool) -> None:
    with unharmed(tap):
        for name, (data, status) in HANDSHAKES.items():
            with RawClient(tap.address, upgrade=False) as client:
                for piece in pieces(data, list(range(1, 300)) if bytewise else []):
                    client.send(piece)
                if status is None:
                    assert client.over(), name
                else:
                    assert client.status() == status, name
                    assert client.text(), name


def test_a_person_with_a_browser_is_told_what_this_is(tap: Serving) -> None:
    with RawClient(tap.address, upgrade=False) as client:
        client.send(handshake(Upgrade=None, Connection=None))
        assert client.status() == 426
        assert "You need a WebSocket client" in client.text()


def test_what_comes_with_the_handshake(tap: Serving) -> None:
    """No client has to do this; the answer to the handshake comes first anyhow."""
    for data, expected in (
        (frame(REQUEST), Frame(BINARY, ANSWER)),
        (frame(b"x", PING), Frame(PONG, b"x")),
        (frame(b"\x03\xe8", CLOSE), Frame(CLOSE, b"\x03\xe8")),
        (frame(rsv=1), Frame(CLOSE, b"\x03\xeareserved bits must be 0")),
    ):
        with RawClient(tap.address, upgrade=False) as client:
            client.send(handshake() + data)
            assert client.status() == 101
            assert client.frame() == expected


@pytest.mark.parametrize("data", [b"", REQUEST, handshake()[:-1]], ids=["nothing", "an APDU", "all but one byte"])
def test_half_a_handshake_and_silence(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "_HANDSHAKE_TIME", 0.2)
    with running(line := Line()) as server, RawClient(server.address, upgrade=False) as client:
        client.send(data)
        assert client.over()
        assert not line.pipes


def test_slow_handshakes_do_not_keep_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slowest are cut when there are too many."""
    monkeypatch.setattr(websocket, "_HANDSHAKE_TIME", 60.0)
    monkeypatch.setattr(websocket, "_MOST_IN_LIMBO", 10)
    with running(Line()) as server, ExitStack() as stack:
        slow = [stack.enter_context(RawClient(server.address, upgrade=False)) for _ in range(15)]
        with RawClient(server.address):
            assert all(client.over() for client in slow[:6])
        for client in slow[6:]:
            client.send(handshake())
            assert client.status() == 101


def test_1000_connections(tap: Serving) -> None:
    """256 are served, and the others are told that there are too many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2000:
        pytest.skip("this process may not open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with unharmed(tap), ExitStack() as stack:
        clients = []
        for _ in range(1000):
            clients.append(stack.enter_context(RawClient(tap.address, upgrade=False)))
            clients[-1].send(handshake())
        answered = [(client.status(), client) for client in clients]
        served = [client for status, client in answered if status == 101]
        assert len(served) == LIMIT
        assert {status for status, _ in answered} == {101, 503}
        for client in served:
            ask(client)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert tap.log.read_text().count("connections are refused") < 10


# --- origins

HERE = "tap.example:2080"
ORIGINS = [
    (None, (), True),
    ("http://localhost", (), True),
    ("https://localhost", (), True),
    ("http://localhost:8080", (), True),
    ("http://127.0.0.1:3000", (), True),
    ("http://[::1]:3000", (), True),
    ("http://tap.example", (), True),
    ("https://tap.example:8443", (), True),
    ("http://TAP.example", (), True),
    ("file://", (), True),
    ("capacitor://localhost", (), True),
    ("ionic://localhost", (), True),
    ("app://localhost", (), True),
    ("null", (), False),
    ("", (), False),
    ("https://evil.example", (), False),
    ("http://localhost.evil.example", (), False),
    ("http://evil.example/localhost", (), False),
    ("http://localhost@evil.example", (), False),
    ("http://tap.example.evil.example", (), False),
    ("http://127.0.0.1.evil.example", (), False),
    ("ftp://tap.example", (), False),
    ("chrome-extension://abcdefghijklmnop", (), False),
    ("http://[", (), False),
    ("https://evil.example", ("*",), True),
    ("null", ("*",), True),
    ("null", ("null",), True),
    ("https://app.example", ("https://app.example",), True),
    ("https://APP.example", ("https://other.example", "https://app.example"), True),
    ("https://app.example:8443", ("https://app.example",), False),
    ("http://app.example", ("https://app.example",), False),
    ("null", ("https://app.example",), False),
    ("chrome-extension://abcdefghijklmnop", ("chrome-extension://abcdefghijklmnop",), True),
]


@pytest.mark.parametrize(("origin", "allowed", "welcome"), ORIGINS)
def test_origins(origin: str | None, allowed: tuple[str, ...], welcome: bool) -> None:
    assert is_welcome(origin, HERE, allowed) is welcome


@pytest.mark.parametrize("host", ["", "[", "evil.example:2080,tap.example", "[::1", "@"])
def test_origins_and_strange_hosts(host: str) -> None:
    assert not is_welcome("http://tap.example", host)
    assert is_welcome("http://localhost", host)


def test_origin_over_the_wire(tap: Serving) -> None:
    evil = handshake(Origin="https://evil.example")
    for _ in range(3):
        with RawClient(tap.address, upgrade=False) as client:
            client.send(evil)
            assert client.status() == 403
            assert f"--listen '{tap.urls[0]}?origin=https://evil.example'" in client.text()
    assert tap.log.read_text().count("page refused") <= len(HANDSHAKES)
    with running(line := Line(), origins=["https://evil.example"]) as server:
        for request in (evil, handshake(Origin="http://localhost:8080"), handshake(Origin="http://127.0.0.1:1")):
            with RawClient(server.address, upgrade=False) as client:
                client.send(request)
                assert client.status() == 101
        assert len(line.pipes) == 3


def test_refused_pages_are_logged_once(tmp_path: Path) -> None:
    with serving(LISTEN, tmp_path / "log") as tap:
        for number in range(60):
            with RawClient(tap.address, upgrade=False) as client:
                client.send(handshake(Origin=f"https://\u009b{number // 2}.example"))
                assert client.status() == 403
        log = tap.log.read_text()
    assert "\u009b" not in log
    assert log.count("page refused") == 16


# --- URLs


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ws://127.0.0.1:0?origin=app.example", "origin=app.example: expected an origin such as"),
        ("ws://127.0.0.1:0?origin=https://app.example/path", "expected an origin such as"),
        ("ws://127.0.0.1:0?origin=", "expected an origin such as"),
        ("ws://127.0.0.1:0?ping=-1", "ping=-1: expected a whole number from 0 to 3600"),
        ("ws://127.0.0.1:0?ping=1&ping=2", "expected once"),
        ("ws://127.0.0.1:0?origins=*", "unknown option origins, expected origin, ping"),
    ],
)
def test_urls_that_are_none(url: str, message: str) -> None:
    with pytest.raises(LinkError, match=message) as caught:
        open_link(url)
    assert str(caught.value).startswith("ws://127.0.0.1:0: ")


def test_urls() -> None:
    link = open_link("ws://?origin=https://App.example&origin=null&ping=0")
    assert isinstance(link, WebSocketLink)
    assert (link.url, link.ping) == ("ws://127.0.0.1:2080", 0)
    assert link.origins == {"https://app.example", "null"}
    assert open_link("ws://[::1]:8080").url == "ws://[::1]:8080"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ws://nobody.invalid:2080", "ws://nobody.invalid:2080: "),
        ("ws://192.0.2.1:2080", "ws://192.0.2.1:2080: .*(assign|bind)"),
    ],
)
def test_addresses_that_are_not_ours(url: str, message: str) -> None:
    with pytest.raises(LinkError, match=message):
        asyncio.run(open_link(url).open(Line()))


def test_port_in_use() -> None:
    with running(Line()) as server, pytest.raises(LinkError, match=rf"{server.link.url}: .*in use"):
        asyncio.run(open_link(server.link.url).open(Line()))
