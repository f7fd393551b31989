"""The WebSocket link of the reference client: with the emulator, and with peers that do as they like."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.sync.server import Server, ServerConnection, serve

from protocol.client.blocking import Tap
from protocol.client.links import LinkError, open_link
from protocol.errors import IntegrityError, UsageError
from tests.protocol.client import serving as tcp
from tests.protocol.client.peers import SERIAL_NUMBER, SmallTap
from tests.protocol.client.shells import SHELLS, Shell, connected, new_tap
from tests.serving import SERVE
from tests.serving import serving as serving_process

ANSWER = b"\x00" + SERIAL_NUMBER.encode() + b"\x90\x00"
GET_SERIAL_NUMBER = bytes.fromhex("a2ca000007010003ffff0002")
IN_BOTH_SHELLS = pytest.mark.parametrize("shell", SHELLS)
Handler = Callable[[ServerConnection], None]


@contextmanager
def serving(handle: Handler, **options: object) -> Iterator[str]:
    """Hands each connection to the handler, in a thread of its own; gives the URL."""

    def quietly(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            handle(connection)

    with serve(quietly, "127.0.0.1", 0, ping_interval=None, **options) as server:  # type: ignore[arg-type]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{_port(server)}"
        finally:
            server.shutdown()
            thread.join()


def _port(server: Server) -> int:
    port: int = server.socket.getsockname()[1]
    return port


def small_tap(connection: ServerConnection) -> None:
    peer = SmallTap()
    for request in connection:
        assert isinstance(request, bytes)
        connection.send(peer.answer(request))


# --- with the emulator


@IN_BOTH_SHELLS
def test_emulator(shell: Shell, tmp_path: Path) -> None:
    with serving_process((*SERVE[:2], "--listen", "ws://127.0.0.1:0"), tmp_path / "log") as server:
        for period in (1, 3, 100):
            with connected(shell, f"{server.urls[0]}/any/path") as tap:
                tap.set_initialization_vector_refresh_period(period)
                tap.login("admin", "admin")
                for _ in range(7):
                    assert tap.service.device.get_serial_number() == SERIAL_NUMBER
                assert tap.service.interface.get_current_group_id() == 65535
        with connected(shell, server.urls[0]) as tap:
            server.process.terminate()
            server.process.wait(10)
            with pytest.raises(LinkError, match=rf"{server.urls[0]}: the connection is closed$"):
                tap.service.device.get_serial_number()
            assert not tap.is_connected


def test_emulator_that_takes_nobody(tmp_path: Path) -> None:
    config = tmp_path / "device.yaml"
    config.write_text("tap: 1\nrules: {max_connections: 1}\n", encoding="utf-8")
    command = (*SERVE[:2], "--listen", "ws://127.0.0.1:0", str(config))
    with serving_process(command, tmp_path / "log") as server:
        url = server.urls[0]
        with Tap(url), pytest.raises(LinkError, match=rf"{url}: HTTP status 503. The Tap takes no further connection"):
            Tap(url).connect()


# --- with others


@IN_BOTH_SHELLS
def test_an_encrypted_session(shell: Shell) -> None:
    with serving(small_tap) as url, connected(shell, url) as tap:
        tap.set_initialization_vector_refresh_period(2)
        tap.encryption(True)
        for _ in range(5):
            assert tap.service.device.get_serial_number() == SERIAL_NUMBER
        tap.close()
        tap.connect()
        assert tap.service.device.get_serial_number() == SERIAL_NUMBER


def answers(*messages: bytes | str | list[bytes] | float) -> Handler:
    """Sends these messages after each request, lists in fragments, and waits such seconds; goes on until the end."""

    def handle(connection: ServerConnection) -> None:
        for _ in connection:
            for message in messages:
                if isinstance(message, float):
                    time.sleep(message)
                else:
                    connection.send(message)

    return handle


@IN_BOTH_SHELLS
@pytest.mark.parametrize(
    "messages",
    [
        (ANSWER,),
        (ANSWER.decode("latin-1"),),
        ([ANSWER[:1], ANSWER[1:7], b"", ANSWER[7:]],),
        (ANSWER[:5], b"", ANSWER[5:]),
        tuple(ANSWER[at : at + 1] for at in range(len(ANSWER))),
        (ANSWER[:5], ANSWER[5:].decode("latin-1")),
    ],
    ids=["binary", "text", "fragments", "messages", "bytes", "mixed"],
)
def test_answers_in_any_form(shell: Shell, messages: tuple[bytes | str | list[bytes], ...]) -> None:
    with serving(answers(*messages)) as url, connected(shell, url) as tap:
        for _ in range(3):
            assert tap.service.device.get_serial_number() == SERIAL_NUMBER


@IN_BOTH_SHELLS
@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ((), r"no answer within 0\.3 s$"),
        ((ANSWER[:5],), r"no answer within 0\.3 s; 5 bytes of one came"),
        (tuple(part for byte in ANSWER for part in (bytes((byte,)), 0.05)), r"no answer within 0\.3 s; \d+ bytes of"),
    ],
    ids=["nothing", "half", "slow"],
)
def test_no_answer(shell: Shell, messages: tuple[bytes, ...], message: str) -> None:
    with serving(answers(*messages)) as url, connected(shell, url, timeout=0.3) as tap:
        with pytest.raises(LinkError, match=rf"{url}: {message}"):
            tap.service.device.get_serial_number()
        assert not tap.is_connected


@IN_BOTH_SHELLS
def test_endless_empty_messages_do_not_extend_the_time(shell: Shell) -> None:
    def handle(connection: ServerConnection) -> None:
        connection.recv()
        while True:
            connection.send(b"")

    with serving(handle) as url, connected(shell, url, timeout=0.3) as tap:
        with pytest.raises(LinkError, match=r"no answer within 0\.3 s$"):
            tap.service.device.get_serial_number()
        assert not tap.is_connected


@IN_BOTH_SHELLS
@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ((bytes(1025),), "a message of over 1024 bytes"),
        ((bytes(100),) * 100, "1100 bytes came and no end of the answer"),
        (("\u0100",), "a character above U\\+00FF"),
    ],
    ids=["one", "many", "no byte"],
)
def test_what_is_no_answer(shell: Shell, messages: tuple[bytes | str, ...], message: str) -> None:
    with serving(answers(*messages)) as url, connected(shell, url) as tap:
        with pytest.raises(IntegrityError, match=message):
            tap.service.device.get_serial_number()
        assert not tap.is_connected


@IN_BOTH_SHELLS
def test_messages_that_nobody_asked_for(shell: Shell) -> None:
    def handle(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(ANSWER)
        connection.send(ANSWER)
        asked.set()
        connection.recv()

    asked = threading.Event()
    with serving(handle) as url, connected(shell, url) as tap:
        assert tap.service.device.get_serial_number() == SERIAL_NUMBER
        asked.wait(10)
        time.sleep(0.1)
        with pytest.raises(LinkError, match=f"{len(ANSWER)} bytes came that nobody asked for"):
            tap.service.device.get_serial_number()


@IN_BOTH_SHELLS
@pytest.mark.parametrize(
    "end", [lambda connection: connection.close(), lambda connection: connection.socket.shutdown(2)]
)
def test_the_end_instead_of_an_answer(shell: Shell, end: Callable[[ServerConnection], None]) -> None:
    def handle(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(ANSWER[:5])
        end(connection)

    with serving(handle) as url, connected(shell, url) as tap:
        with pytest.raises(LinkError, match=rf"{url}: the connection is closed"):
            tap.service.device.get_serial_number()
        assert not tap.is_connected


def test_a_silent_client_answers_pings() -> None:
    def handle(connection: ServerConnection) -> None:
        answered.append(connection.ping().wait(10))
        small_tap(connection)

    answered: list[bool] = []
    with serving(handle) as url:
        link = open_link(url, 5)
        end = time.monotonic() + 10
        while not answered and time.monotonic() < end:
            time.sleep(0.01)
        assert answered == [True]
        link.send(GET_SERIAL_NUMBER)
        assert link.receive() == ANSWER
        link.close()


def test_close_ends_a_receive_that_waits() -> None:
    with serving(answers()) as url:
        link = open_link(url, 30)
        link.send(GET_SERIAL_NUMBER)
        timer = threading.Timer(0.1, link.close)
        timer.start()
        with pytest.raises(LinkError, match="the connection is closed"):
            link.receive()
        timer.join()
        link.close()
        with pytest.raises(LinkError, match="the connection is closed"):
            link.send(GET_SERIAL_NUMBER)


@pytest.mark.parametrize("noise", [b"", b"\x82\x02\x90\x00" * 100_000], ids=["silent", "noisy"])
def test_close_does_not_wait_for_a_peer_that_takes_no_part(noise: bytes) -> None:
    def handle(connection: socket.socket) -> None:
        accept_handshake(connection)
        connection.settimeout(0.1)
        with suppress(TimeoutError):
            connection.sendall(noise)
        closed.wait(10)

    closed = threading.Event()
    with tcp.serving(handle) as url:
        link = open_link(url.replace("tcp", "ws"), 30)
        before = time.monotonic()
        link.close()
        assert time.monotonic() - before < 10
        closed.set()


def accept_handshake(connection: socket.socket) -> None:
    protocol = ServerProtocol()
    protocol.receive_data(connection.recv(4096))
    (request,) = protocol.events_received()
    assert isinstance(request, Request)
    protocol.send_response(protocol.accept(request))
    connection.sendall(b"".join(protocol.data_to_send()))


# --- no connection


@pytest.mark.parametrize(
    ("kind", "message"), [("text/plain; charset=utf-8", "HTTP status 403. not you$"), ("text/html", "HTTP status 403$")]
)
def test_refused(kind: str, message: str) -> None:
    def refuse(connection: ServerConnection, _: Request) -> Response:
        response = connection.respond(403, "not\nyou\n")
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = kind
        return response

    with serving(small_tap, process_request=refuse) as url, pytest.raises(LinkError, match=f"{url}: {message}"):
        open_link(url, 5)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (b"\x00tap\x90\x00\r\n\r\n", "expected a WebSocket"),
        (b"", "expected a WebSocket"),
        (None, "no connection within 0.3 s"),
    ],
    ids=["noise", "end", "silence"],
)
def test_no_websocket(reply: bytes | None, message: str) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(4096)
        if reply is None:
            tcp.wait_for_end(connection)
        else:
            connection.sendall(reply)

    with tcp.serving(handle) as url:
        address = url.removeprefix("tcp:")
        with pytest.raises(LinkError, match=rf"ws:{address}: .*{message}"):
            open_link(f"ws:{address}", 0.3)


@IN_BOTH_SHELLS
def test_nobody_listens(shell: Shell) -> None:
    with serving(small_tap) as url:
        pass
    for each in (url, url.replace("ws:", "wss:")):
        with new_tap(shell, each) as tap, pytest.raises(LinkError, match=rf"{each}: .*refused"):
            tap.connect()


@IN_BOTH_SHELLS
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ws://127.0.0.1:70000", "[Pp]ort"),
        ("ws://127.0.0.1:2080?origin=*", "ws://127.0.0.1:2080: unknown option origin"),
    ],
)
def test_urls_that_are_none(shell: Shell, url: str, message: str) -> None:
    with new_tap(shell, url) as tap, pytest.raises(UsageError, match=message):
        tap.connect()


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tap")])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    file = tmp_path_factory.mktemp("tls") / "tap.pem"
    key_bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM) + key_bytes)
    return file


def test_tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(small_tap, ssl=context) as url:
        secure = url.replace("ws:", "wss:")
        with pytest.raises(LinkError, match=rf"{secure}: .*certificate verify failed"):
            open_link(secure, 5)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with connected("blocking", secure) as tap:
            assert tap.service.device.get_serial_number() == SERIAL_NUMBER
