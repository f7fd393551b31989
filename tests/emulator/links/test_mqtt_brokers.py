"""How a Tap finds its broker, loses it and moves to another."""

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
from protocol.client.blocking import Tap
from protocol.firmware import CONFIGURATION_MODE, FACTORY_STATE, Version
from protocol.relay import topics_of
from tests.certificates import Authority
from tests.emulator.links.relay import (
    ANSWER,
    SERIAL_NUMBER,
    SERIAL_NUMBER_PLEASE,
    TOPICS,
    RelayedTap,
    envelope,
    peer,
    relayed,
    run,
    until,
)
from tests.lying_broker import lying, publish
from tests.mosquitto import Mosquitto, needed

pytestmark = needed
ROOT = "root:secret@"
FORGOTTEN = "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
"""What paho connects and cannot encrypt it forgets to close."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uplink, "_SHORTEST_DELAY", 0.05)


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mosquitto, Mosquitto]]:
    """Two that stay."""
    with (
        Mosquitto(tmp_path_factory.mktemp("here")) as here,
        Mosquitto(tmp_path_factory.mktemp("there"), users={"root": "secret", SERIAL_NUMBER: "0000000000"}) as there,
    ):
        yield here, there


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """One that a test may stop."""
    with Mosquitto(tmp_path) as broker:
        yield broker


def nobody() -> str:
    """A URL where no broker is."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"mqtt://127.0.0.1:{closed.getsockname()[1]}"


async def answers(tap: RelayedTap, url: str) -> None:
    """Waits until the Tap answers at this broker."""
    async with peer(url, tap.topics, username="root", password="secret") as host:
        while True:
            await host.say(SERIAL_NUMBER_PLEASE)
            try:
                async with asyncio.timeout(0.2):
                    assert await host.hear() == ANSWER
                    return
            except TimeoutError:
                continue


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


def with_secret(url: str) -> str:
    return url.replace("://", f"://{ROOT}")


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
    monkeypatch.setattr(uplink, "_ANSWER_TIME", 0.2)
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
                await until(lambda: len(connections) == 2)

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


# --- moving


def test_tap_moves_when_it_is_configured(brokers: tuple[Mosquitto, Mosquitto]) -> None:
    here, there = brokers

    def configure(tap: RelayedTap) -> None:
        with Tap(tap.link.url) as client:
            client.login("admin", "admin")
            service = client.service
            service.interface.put_config_version(CONFIGURATION_MODE)
            service.mqtt.put_broker_port(str(there.port))
            service.mqtt.put_username("root")
            assert service.device.get_serial_number() == SERIAL_NUMBER, "not before the configuration is finished"
            service.mqtt.put_password("secret")
            service.interface.put_config_version(Version(1, 2, 3))

    async def test() -> None:
        async with relayed(here.url) as tap:
            await asyncio.to_thread(configure, tap)
            await answers(tap, there.url)
            assert tap.link.url == f"{there.url}?serial={SERIAL_NUMBER}"
            assert not tap.logged("broker lost")
            assert tap.connections == 1, "sessions stay behind"

    run(test())


def test_tap_moves_with_its_host_name_in_one_call(brokers: tuple[Mosquitto, Mosquitto]) -> None:
    def move(tap: RelayedTap) -> None:
        with Tap(tap.link.url) as client:
            client.login("admin", "admin")
            client.service.mqtt.put_broker_hostname("localhost")

    async def test() -> None:
        async with relayed(brokers[0].url) as tap:
            await asyncio.to_thread(move, tap)
            await until(lambda: "//localhost:" in tap.link.url)
            await answers(tap, brokers[0].url)

    run(test())


MOVES = [
    # what is written, topics afterwards, and whether the log complains
    ({"mqtt.relay_net_key": "other"}, topics_of(SERIAL_NUMBER, "other"), False),
    ({"mqtt.topic_prefix": "my/tap"}, ("my/tap/COMMAND", "my/tap/ANSWER"), False),
    ({"mqtt.topic_prefix": "ask it", "mqtt.response_topic": "it/says"}, ("ask it", "it/says"), False),
    ({"mqtt.response_topic": "it/says"}, TOPICS, False),
    ({"mqtt.topic_prefix": "all/#"}, TOPICS, True),
    ({"mqtt.topic_prefix": "same", "mqtt.response_topic": "same"}, TOPICS, True),
]


@pytest.mark.parametrize(("settings", "topics", "complains"), MOVES)
def test_topics_move(
    brokers: tuple[Mosquitto, Mosquitto], settings: dict[str, str], topics: tuple[str, str], complains: bool
) -> None:
    url = brokers[0].url

    async def test() -> None:
        async with relayed(f"{url}?netkey=testnetkey") as tap, peer(url) as host:
            await host.get("/3//2")
            tap.change(settings)
            tap.change({"interface.app_name": "another change"})
            await until(lambda: tap.topics == topics)
            async with peer(url, tap.topics) as there:
                if topics != TOPICS:
                    await until(lambda: len(tap.logged("broker connected")) == 2)
                assert await there.get("/3//2", reference=2) == ANSWER
            assert tap.connections == 1
            assert len(tap.logged("configured topics cannot be used")) == complains
            assert len(tap.logged("broker connected")) == 1 + (topics != TOPICS)
            await asyncio.to_thread(read_serial_number, tap.link.url)

    run(test())


def read_serial_number(url: str) -> None:
    with Tap(url) as client:
        assert client.service.device.get_serial_number() == SERIAL_NUMBER


def test_last_words_of_whoever_moves_the_tap_are_answered(brokers: tuple[Mosquitto, Mosquitto]) -> None:
    def move(tap: RelayedTap) -> None:
        with Tap(tap.link.url) as client:
            client.login("admin", "admin")
            client.service.mqtt.put_relay_net_key("other")
            assert client.service.mqtt.get_relay_net_key() == "other"
            client.logout()

    async def test() -> None:
        async with relayed(f"{brokers[0].url}?netkey=one") as tap:
            await asyncio.to_thread(move, tap)
            await until(lambda: tap.link.url.endswith("&netkey=other"))
            await answers(tap, brokers[0].url)

    run(test())


def test_sessions_stay_where_only_the_user_changes(brokers: tuple[Mosquitto, Mosquitto]) -> None:
    async def test() -> None:
        async with (
            relayed(with_secret(brokers[1].url)) as tap,
            peer(brokers[1].url, username="root", password="secret") as host,
        ):
            await host.get("/3//2")
            (connection,) = tap.device.connections
            tap.change({"mqtt.username": "", "mqtt.password": "0000000000"})
            await until(lambda: len(tap.logged("broker connected")) == 2)
            await host.get("/3//2", reference=2)
            assert list(tap.device.connections) == [connection]

    run(test())


def test_factory_reset_leaves_the_tap_at_the_broker_of_the_url(brokers: tuple[Mosquitto, Mosquitto]) -> None:
    here, there = brokers

    def configure(tap: RelayedTap) -> None:
        with Tap(tap.link.url.replace("//", f"//{ROOT}")) as client:
            service = client.service
            service.interface.put_config_version(CONFIGURATION_MODE)
            assert service.mqtt.get_broker_hostname() == "user.cloud.iotize.com"
            service.mqtt.put_broker_hostname("127.0.0.1")
            service.mqtt.put_broker_port(str(here.port))
            service.mqtt.put_relay_net_key("final")
            service.device.reboot()

    def finish(tap: RelayedTap) -> None:
        with Tap(tap.link.url.replace("//", f"//{ROOT}")) as client:
            client.service.interface.put_config_version(Version(1, 0, 0))

    async def test() -> None:
        async with relayed(with_secret(f"{there.url}?netkey=mine")) as tap:
            url = tap.link.url
            client = Tap(url.replace("//", f"//{ROOT}"))
            await asyncio.to_thread(client.connect)
            await asyncio.to_thread(client.login, "admin", "admin")
            await asyncio.to_thread(client.service.device.factory_reset)
            await asyncio.to_thread(client.service.device.reboot)
            await asyncio.to_thread(client.close)
            await until(lambda: tap.logged("rebooted"))
            assert tap.link.url == url
            await asyncio.to_thread(configure, tap)
            await until(lambda: len(tap.logged("rebooted")) == 2)
            assert tap.link.url == url, "half a configuration does not move it"
            await asyncio.to_thread(finish, tap)
            await until(lambda: tap.link.url == f"{here.url}?serial={SERIAL_NUMBER}&netkey=final")
            await answers(tap, here.url)

    run(test())


def test_net_key_counts_although_the_tap_knows_the_vendors_broker_only(brokers: tuple[Mosquitto, Mosquitto]) -> None:
    async def test() -> None:
        async with relayed(f"{brokers[0].url}?netkey=mine") as tap:
            tap.device.state.factory_reset()
            tap.device.state.put_config_version(Version(1, 0, 0))
            tap.change({"mqtt.broker_port": "1", "mqtt.username": "nobody", "mqtt.relay_net_key": "given"})
            await until(lambda: tap.link.url == f"{brokers[0].url}?serial={SERIAL_NUMBER}&netkey=given")
            await answers(tap, brokers[0].url)

    run(test())


def test_tap_that_waits_for_a_broker_moves_at_once(
    brokers: tuple[Mosquitto, Mosquitto], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uplink, "_SHORTEST_DELAY", 1000.0)

    async def test() -> None:
        async with relayed(nobody()) as tap:
            tap.change({"mqtt.broker_port": str(brokers[0].port)})
            await until(lambda: tap.logged("broker connected"))

    run(test())


@pytest.mark.parametrize("version", [CONFIGURATION_MODE, FACTORY_STATE])
def test_broker_that_restarts_in_the_middle_of_a_configuration(broker: Mosquitto, version: Version) -> None:
    async def test() -> None:
        async with relayed(broker.url) as tap:
            tap.device.state.put_config_version(version)
            tap.change({"mqtt.broker_hostname": "host.invalid"})
            broker.restart()
            await until(lambda: len(tap.logged("broker connected")) == 2)
            await answers(tap, broker.url)
            tap.device.state.put_config_version(Version(1, 0, 0))
            tap.change({})
            await until(lambda: tap.logged("broker not reached"))

    run(test())


def test_reboot_leaves_the_broker_and_comes_back() -> None:
    async def test() -> None:
        with lying() as broker:
            async with relayed(broker.url) as tap:
                tap.change({"interface.config_version": Version(0, 0, 0)})
                tap.device.reboot_after_answer()
                broker.send(publish(TOPICS.command, envelope()))
                await until(lambda: tap.logged("rebooted"))
                assert broker.published == [(TOPICS.answer, envelope(1, ANSWER))]
                assert (len(broker.logins), broker.goodbyes) == (2, 1)
                broker.send(publish(TOPICS.command, envelope(2)))
                await until(lambda: len(broker.published) == 2)

    run(test())


def test_tap_that_says_itself_where_its_broker_is(brokers: tuple[Mosquitto, Mosquitto]) -> None:
    settings = {
        "mqtt.broker_hostname": "127.0.0.1",
        "mqtt.broker_port": str(brokers[0].port),
        "mqtt.relay_net_key": "own",
    }

    async def test() -> None:
        async with relayed("mqtt:", settings) as tap, peer(brokers[0].url, topics_of(SERIAL_NUMBER, "own")) as host:
            assert await host.get("/3//2") == ANSWER
            assert "own" not in tap.link.url, "a net key that the URL did not name is a secret"

    run(test())


@pytest.mark.parametrize("port", ["", "broker", "0", "65536", "-1", "1e3"])
def test_port_that_is_none(port: str) -> None:
    async def test() -> None:
        async with relayed("mqtt:", {"mqtt.broker_hostname": "127.0.0.1", "mqtt.broker_port": port}) as tap:
            (entry,) = tap.logs
            assert entry["reason"] == f"port '{port}', expected a number from 1 to 65535"

    run(test())


def test_host_name_that_is_none() -> None:
    async def test(name: str) -> None:
        async with relayed("mqtt:", {"mqtt.broker_hostname": name}) as tap:
            assert len(tap.logged("broker not reached")) == 1

    for name in ("", "a..b", "x" * 300, "no such host"):
        run(test(name))


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
