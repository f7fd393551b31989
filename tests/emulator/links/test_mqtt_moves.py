"""How a Tap moves to another broker, or to other topics."""

import asyncio

import pytest

from emulator.links import uplink
from protocol.client.blocking import Tap
from protocol.firmware import CONFIGURATION_MODE, FACTORY_STATE, Version
from protocol.relay import topics_of
from tests.emulator.links.relay import (
    ANSWER,
    SERIAL_NUMBER,
    TOPICS,
    RelayedTap,
    answers,
    envelope,
    peer,
    relayed,
    run,
    until,
)
from tests.lying_broker import lying, publish
from tests.mosquitto import Mosquitto, needed, nobody

pytestmark = [needed, pytest.mark.usefixtures("impatient")]
ROOT = "root:secret@"


def with_secret(url: str) -> str:
    return url.replace("://", f"://{ROOT}")


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
