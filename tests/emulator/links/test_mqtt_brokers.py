"""How a Tap finds its broker and loses it."""

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from emulator.blueprint import demo
from emulator.links import LinkError, open_link, uplink
from tests.certificates import Authority
from tests.emulator.links.relay import SERIAL_NUMBER, TOPICS, answers, envelope, relayed, run, until
from tests.lying_broker import lying, publish
from tests.mosquitto import Mosquitto, needed, nobody

pytestmark = [needed, pytest.mark.usefixtures("impatient")]
FORGOTTEN = "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
"""What paho connects and cannot encrypt it forgets to close."""


@contextmanager
def deaf() -> Iterator[tuple[str, list[socket.socket]]]:
    """A broker that lets everybody in and then reads nothing."""
    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connection.recv(4096)
                    connection.sendall(bytes([0x20, 2, 0, 0]))
                    connection.recv(4096)
                    connection.sendall(bytes([0x90, 3, 0, 1, 0]))
                    connections.append(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"mqtt://127.0.0.1:{server.getsockname()[1]}", connections
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in connections:
            connection.close()


def pour(connection: socket.socket, data: bytes) -> None:
    """Sends without end, until the other side has enough."""
    with suppress(OSError):
        while True:
            connection.sendall(data)


# --- there or not


def test_broker_that_comes_later(broker: Mosquitto) -> None:
    async def test() -> None:
        broker.stop()
        async with relayed(broker.url) as tap:
            assert tap.link.url == f"{broker.url}?serial={SERIAL_NUMBER}"
            (entry,) = tap.logs
            assert entry["event"] == "broker not reached, trying again"
            assert (entry["log_level"], entry["reason"]) == ("warning", "Connection refused")
            assert entry["broker"] == broker.url.removeprefix("mqtt://")
            await asyncio.sleep(0.3)
            assert len(tap.logs) == 1, "told once, tried often"
            broker.start()
            await answers(tap, broker.url)
            assert len(tap.logged("broker")) == 2

    run(test())


def test_broker_that_is_required(brokers: tuple[Mosquitto, Mosquitto]) -> None:
    async def test(url: str, reason: str) -> None:
        named = re.escape(re.sub("//.*@", "//", url.partition("?")[0]))
        with pytest.raises(LinkError, match=rf"^{named}\S*\?serial={SERIAL_NUMBER}: .*{reason}"):
            async with relayed(url):
                pass

    run(test(f"{nobody()}?required=yes", "Connection refused"))
    run(test(f"{brokers[1].url.replace('//', '//root:wrong@')}?required=yes", "refused: Not authorized"))
    run(test("mqtt://host.invalid?required=yes", "[Nn]ame|resolution"))


def test_required_broker_may_restart(broker: Mosquitto) -> None:
    async def test() -> None:
        async with relayed(f"{broker.url}?required=yes") as tap:
            await answers(tap, broker.url)
            broker.restart()
            await answers(tap, broker.url)
            broker.stop()
            tap.device.reboot_after_answer()
            tap.change({})
            await until(lambda: tap.logged("rebooted"))
            assert not tap.logged("link not back yet")

    run(test())


def test_password_that_is_wrong_until_it_is_right(brokers: tuple[Mosquitto, Mosquitto]) -> None:
    async def test() -> None:
        async with relayed(brokers[1].url, {"mqtt.password": "wrong"}) as tap:
            (entry,) = tap.logs
            assert (entry["log_level"], entry["reason"]) == ("warning", "refused: Not authorized")
            tap.change({"mqtt.password": "0000000000"})
            await answers(tap, brokers[1].url)

    run(test())


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ({"connack": 5}, "refused: Not authorized"),
        ({"connack": 4}, "refused: Bad user name or password"),
        ({"connack": 3}, "refused: Server unavailable"),
        ({"suback": 0x80}, "no subscription to IOTIZE_DEV/.*/COMMAND: Unspecified error"),
        ({"connack": None}, "no answer within 0.2 s"),
        ({"suback": None}, "no answer within 0.2 s"),
    ],
)
def test_broker_that_does_not_want_us(behaviour: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if None in behaviour.values():
        monkeypatch.setattr(uplink, "_ANSWER_TIME", 0.2)

    async def test() -> None:
        with lying(**behaviour) as broker:
            async with relayed(broker.url) as tap:
                await until(lambda: len(broker.logins) > 1)
                (entry,) = tap.logs
                assert entry["event"] == "broker not reached, trying again"
                assert re.fullmatch(reason, entry["reason"])
                broker.connack = broker.suback = 0
                await until(lambda: tap.logged("broker connected"))
                broker.send(publish(TOPICS.command, envelope()))
                await until(lambda: broker.published)

    run(test())


def test_broker_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uplink, "FIRST_ATTEMPT", 0.1)
    monkeypatch.setattr(uplink, "_LEAVE_TIME", 0.1)
    monkeypatch.setattr(uplink, "_ANSWER_TIME", 100.0)

    async def test() -> None:
        with lying(connack=None) as broker:
            async with relayed(broker.url) as tap:
                await until(lambda: broker.logins)
            assert not tap.logged("internal error")
            with pytest.raises(LinkError, match="no answer within"):
                async with relayed(f"{broker.url}?required=yes"):
                    pass

    run(test())


def test_broker_that_takes_no_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uplink, "_ANSWER_TIME", 1.0)
    monkeypatch.setattr(uplink, "_MOST_ANSWERS", 100)
    monkeypatch.setattr(uplink, "_SOCKET_OPTIONS", [(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)])

    async def test() -> None:
        with deaf() as (url, connections):
            async with relayed(url) as tap:
                await until(lambda: connections)
                flood = publish(TOPICS.command, envelope()) * 100
                pouring = asyncio.create_task(asyncio.to_thread(pour, connections[0], flood))
                waiting: list[int] = []
                while not tap.logged("broker lost"):
                    waiting.append(len(tap.link._uplink._outbox))  # type: ignore[attr-defined]
                    await asyncio.sleep(0.01)
                assert max(waiting) == 100
                await pouring
                await until(lambda: len(connections) > 1)

    run(test())


def test_broker_that_throws_us_out_gets_a_delay_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[float] = []
    rest = uplink.Uplink._rest

    async def noted(self: uplink.Uplink, seconds: float) -> None:
        delays.append(seconds)
        await rest(self, 0)

    monkeypatch.setattr(uplink.Uplink, "_rest", noted)
    monkeypatch.setattr(uplink, "_SHORTEST_DELAY", 1.0)

    async def test() -> None:
        with lying() as broker:
            async with relayed(broker.url):
                while len(delays) < 8:
                    count = len(delays)
                    await until(lambda count=count: len(broker.subscriptions) == count + 1)  # type: ignore[misc]
                    broker.drop()
                    await until(lambda count=count: len(delays) > count)  # type: ignore[misc]

    run(test())
    for delay, most in zip(delays, (1, 2, 4, 8, 16, 30, 30, 30), strict=False):
        assert most / 2 <= delay <= most


# --- what it says of itself


@pytest.mark.parametrize(
    ("user", "settings", "login"),
    [
        ("", {}, (SERIAL_NUMBER, SERIAL_NUMBER, "0000000000")),
        ("anna:pw@", {}, (SERIAL_NUMBER, "anna", "pw")),
        ("anna@", {"mqtt.password": "kept"}, (SERIAL_NUMBER, "anna", "kept")),
        ("a%3Ab:%40%2F@", {"mqtt.client_id": "me"}, ("me", "a:b", "@/")),
        ("", {"mqtt.username": "bob"}, (SERIAL_NUMBER, "bob", "0000000000")),
    ],
)
def test_login_at_the_broker(user: str, settings: dict[str, str], login: tuple[str, str, str]) -> None:
    async def test() -> None:
        with lying() as broker:
            async with relayed(broker.url.replace("//", f"//{user}"), settings):
                (said,) = broker.logins
                assert (said.client_id, said.username, said.password) == login
                assert (said.keep_alive, said.clean, said.will) == (60, True, False)
                assert broker.subscriptions == [TOPICS.command]
            await until(lambda: broker.goodbyes == 1)

    run(test())


# --- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Mosquitto]:
    """A broker that wants to see a certificate."""
    certificate, key = authority.issue("broker")
    files = f"cafile {authority.file}\ncertfile {certificate}\nkeyfile {key}\nrequire_certificate true"
    with Mosquitto(tmp_path_factory.mktemp("secure"), lines=files) as broker:
        yield broker


def tls(broker: Mosquitto, **files: Path) -> str:
    query = "&".join(f"{name}={file}" for name, file in files.items())
    return f"mqtts{broker.url.removeprefix('mqtt')}?{query}"


def test_tls(secure: Mosquitto, authority: Authority) -> None:
    certificate, key = authority.issue("tap")

    async def test(url: str, settings: dict[str, Any]) -> None:
        async with relayed(url, settings) as tap:
            assert tap.logged("broker connected"), tap.logs
            ca = f"&ca={authority.file}" if "ca=" in url else ""
            assert tap.link.url == f"mqtts://127.0.0.1:{secure.port}?serial={SERIAL_NUMBER}{ca}"

    run(test(tls(secure, ca=authority.file, cert=certificate, key=key), {}))
    run(test(tls(secure, cert=certificate, key=key), {"mqtt.broker_certificate": authority.file.read_bytes()}))


@pytest.mark.filterwarnings(FORGOTTEN)
def test_tls_that_fails(secure: Mosquitto, authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("tap")
    stranger = Authority(tmp_path, "stranger")

    async def test(url: str, settings: dict[str, Any], reason: str) -> None:
        async with relayed(url, settings) as tap:
            (entry,) = tap.logs
            assert re.search(reason, entry["reason"])

    run(test(tls(secure, ca=stranger.file, cert=certificate, key=key), {}, "certificate verify failed"))
    run(test(tls(secure, cert=certificate, key=key), {}, "certificate verify failed"))
    run(
        test(tls(secure, cert=certificate, key=key), {"mqtt.broker_certificate": b"garbage"}, "[Cc]ertificate|PEM|data")
    )
    run(test(tls(secure, cert=certificate, key=key), {"mqtt.broker_certificate": b"\xff"}, "ASCII"))


@pytest.mark.filterwarnings(FORGOTTEN)
def test_tls_at_a_broker_without(brokers: tuple[Mosquitto, Mosquitto], authority: Authority) -> None:
    async def test() -> None:
        async with relayed(tls(brokers[0], ca=authority.file)) as tap:
            assert len(tap.logged("broker not reached")) == 1

    run(test())


# --- URLs


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("mqtt:", {}),
        ("mqtt://host", {"mqtt.broker_hostname": "host", "mqtt.broker_port": "1883"}),
        ("mqtts://host", {"mqtt.broker_hostname": "host", "mqtt.broker_port": "8883"}),
        ("mqtt://[::1]:1884/", {"mqtt.broker_hostname": "::1", "mqtt.broker_port": "1884"}),
        (
            "mqtt://u:p@host?netkey=n&required=no",
            {"mqtt.username": "u", "mqtt.password": "p", "mqtt.relay_net_key": "n"},
        ),
    ],
)
def test_settings_of_a_url(url: str, settings: dict[str, str]) -> None:
    link = open_link(url)
    assert link.settings.items() >= settings.items()
    assert "p@" not in link.url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mqtt://host:port", "[Pp]ort"),
        ("mqtt://host/topic", "expected mqtt://host:port"),
        ("mqtt://:1884", "mqtt://:1884: a port, but no broker"),
        ("mqtt://host?topic=a", "unknown option topic, expected ca, cert, key, netkey, required"),
        ("mqtt://host?netkey=", "netkey=: expected a text"),
        ("mqtt://host?required=maybe", "required=maybe: expected one of yes, no"),
        ("mqtt://host?ca=x.pem", "mqtt://host: ca, cert, key need mqtts"),
        ("mqtts://host?ca=missing.pem", r"mqtts://host: ca=missing\.pem: no such file"),
        ("mqtts://host?key={file}", "is of no use without cert=FILE"),
        ("mqtts://host?ca={file}", r"mqtts://host: ca=.*\.py: .*expected PEM files that fit"),
        ("mqtts://host?cert={file}", r"mqtts://host: cert=.*\.py: .*expected PEM files that fit"),
        ("mqtt://u:%C3%A9%E2%82%AC@host", r"mqtt://host: mqtt\.password has characters"),
    ],
)
def test_urls_that_are_none(url: str, message: str) -> None:
    with pytest.raises(LinkError, match=message) as raised:
        open_link(url.format(file=__file__))
    assert "€" not in str(raised.value), "no password in a message"


def test_factory_settings_are_those_of_the_vendor() -> None:
    assert not any(key.startswith("mqtt.") for key in demo().settings)
