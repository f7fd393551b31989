"""What the relay does with messages: forms, hosts and their sessions, and what no host would send."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from emulator.links import open_link
from emulator.links.base import Link, Pipe
from protocol.client.blocking import Tap
from protocol.codes import HostProtocol
from protocol.firmware import Version
from protocol.relay import MAX_MESSAGE, topics_of
from tests.emulator.links.relay import (
    ANSWER,
    SERIAL_NUMBER,
    SERIAL_NUMBER_PLEASE,
    TOPICS,
    RelayedTap,
    apdu,
    envelope,
    peer,
    relayed,
    run,
    until,
)
from tests.lying_broker import lying, publish
from tests.mosquitto import Mosquitto, needed
from tests.vectors import load

pytestmark = needed


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


# --- messages


def test_exchange_in_the_envelope(shared: Mosquitto) -> None:
    async def test() -> None:
        async with relayed(shared.url) as tap, peer(shared.url) as host:
            for change in (bytes.upper, bytes.lower):
                question = change(load("links")["relay_packets"][0][3].encode())
                assert await host.ask(question) == envelope(1, ANSWER), "upper-case digits, sender and reference"
            assert await host.get("/1024//3", reference=65_535, sender=2**32 - 1) == b"\0\x02\0\x90\0"
            assert tap.device.host_protocols == HostProtocol.MQTT
            assert tap.link.url == f"{shared.url}?serial={SERIAL_NUMBER}"

    run(test())


def test_exchange_in_the_raw_form(shared: Mosquitto) -> None:
    async def test() -> None:
        async with relayed(shared.url) as tap, peer(shared.url) as host:
            assert await host.ask(SERIAL_NUMBER_PLEASE) == ANSWER
            assert await host.ask(bytes.fromhex("00a4040007f0024c774d324d9000")) == b"\x90\0"
            assert await host.ask(envelope()) == envelope(1, ANSWER), "each is answered in kind"
            assert await host.ask(b"\xa2\xca\0\0\x01\0") == b"\x67\0"
            assert tap.connections == 2

    run(test())


def test_net_key_of_the_url(shared: Mosquitto) -> None:
    async def test() -> None:
        async with relayed(f"{shared.url}?netkey=a+b%26c") as tap:
            assert tap.link.url == f"{shared.url}?serial={SERIAL_NUMBER}&netkey=a+b%26c"
            assert tap.topics == topics_of(SERIAL_NUMBER, "a b&c")
            async with peer(shared.url, tap.topics) as host:
                assert await host.get("/3//2") == ANSWER

    run(test())


def test_thousands_of_commands_are_answered_in_order(shared: Mosquitto) -> None:
    count = 2000

    async def test() -> None:
        async with relayed(shared.url) as tap, peer(shared.url) as host:
            for number in range(1, count + 1):
                await host.say(envelope(number, sender=number % 3))
            assert [await host.hear() for _ in range(count)] == [
                envelope(number, ANSWER, number % 3) for number in range(1, count + 1)
            ]
            assert tap.connections == 3

    run(test())


def test_an_answer_has_the_reference_of_its_request_although_it_is_late(shared: Mosquitto) -> None:
    async def test() -> None:
        async with relayed(f"{shared.url}?road_to_host=delay:200ms") as tap, peer(shared.url) as host:
            await host.say(envelope(1, SERIAL_NUMBER_PLEASE[:4]))
            await host.say(envelope(2, SERIAL_NUMBER_PLEASE[4:]))
            await host.say(envelope(3, apdu("/1024//3")))
            await host.say(envelope(4, SERIAL_NUMBER_PLEASE * 2))
            answers = [envelope(2, ANSWER), envelope(3, b"\0\x02\0\x90\0"), envelope(4, ANSWER), envelope(4, ANSWER)]
            assert [await host.hear() for _ in range(4)] == answers
            assert tap.connections == 1

    run(test())


class SlowTap:
    """Takes the place of the server, and answers when the test says so."""

    max_connections = 256

    def __init__(self, port: int) -> None:
        self.settings = {
            "device.serial_number": SERIAL_NUMBER,
            "interface.config_version": Version(1, 0, 0),
            "mqtt.broker_certificate": b"",
            "mqtt.broker_hostname": "127.0.0.1",
            "mqtt.broker_port": str(port),
        }
        self.pipes: list[Pipe] = []
        self.heard: list[bytes] = []
        self.lost_connections = 0
        self.listeners = 0

    def accept(self, link: Link, pipe: Pipe) -> "SlowTap":
        self.pipes.append(pipe)
        return self

    def setting(self, key: str) -> Any:
        return self.settings.get(key, "")

    def on_change(self, changed: Callable[[], None]) -> None:
        self.listeners += 1

    def received(self, data: bytes) -> None:
        self.heard.append(data)

    def lost(self) -> None:
        self.lost_connections += 1


def test_a_lost_answer_does_not_shift_references_for_ever(shared: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        tap = SlowTap(shared.port)
        link = open_link("mqtt:")
        await link.open(tap)
        async with peer(shared.url, topics_of(SERIAL_NUMBER, "")) as host:
            await host.say(envelope(1))
            await host.say(envelope(2))
            await until(lambda: len(tap.heard) == 2)
            tap.pipes[0].write(b"to 1")
            assert await host.hear() == envelope(1, b"to 1")
            await host.say(envelope(3))
            await until(lambda: len(tap.heard) == 3)
            monkeypatch.setattr("emulator.links.mqtt._LATE", 0)
            tap.pipes[0].write(b"to 3")
            assert await host.hear() == envelope(3, b"to 3"), "nobody waits for an answer to 2 any more"
            tap.pipes[0].write(b"unasked")
            assert await host.hear() == envelope(3, b"unasked")
            tap.pipes[0].close()
            await until(lambda: tap.lost_connections == 1)
            await host.say(envelope(4))
            await until(lambda: len(tap.pipes) == 2)
            await link.pause()
            await link.open(tap)
            await host.say(envelope(5))
            await until(lambda: len(tap.heard) == 5)
            assert tap.listeners == 1
        await link.close()

    run(test())


# --- hosts


def test_sessions_of_senders_do_not_mix_and_survive_the_broker(broker: Mosquitto) -> None:
    def first_visit(url: str) -> tuple[Tap, Tap]:
        admin, guest = Tap(f"{url}&sender=7"), Tap(f"{url}&sender=8")
        admin.connect()
        guest.connect()
        admin.login("admin", "admin")
        assert admin.service.interface.get_current_group_id() == 0xFFFF
        assert guest.service.interface.get_current_group_id() == 0
        return admin, guest

    def second_visit(admin: Tap, guest: Tap) -> None:
        for tap in (admin, guest):
            tap.close()
            tap.connect(keep_session=True)
        assert admin.service.interface.get_current_group_id() == 0xFFFF, "encrypted, under the same key"
        assert guest.service.interface.get_current_group_id() == 0
        admin.close()
        guest.close()

    async def test() -> None:
        async with relayed(broker.url) as tap:
            taps = await asyncio.to_thread(first_visit, tap.link.url)
            broker.stop()
            await until(lambda: tap.logged("broker lost"))
            broker.start()
            await until(lambda: len(tap.logged("broker connected")) == 2)
            await asyncio.to_thread(second_visit, *taps)
            assert tap.connections == 2
            told = [entry for entry in tap.logs if entry["log_level"] != "debug"]
            assert len(told) == 3, "one line when it came, one when it went, one when it came back"

    run(test())


def test_silent_host_starts_anew(shared: Mosquitto) -> None:
    period = {"interface.host_inactivity_period": 1}

    async def test() -> None:
        async with (
            relayed(shared.url, period, inactivity_grace=0) as tap,
            peer(shared.url) as host,
        ):
            await host.get("/3//2")
            (first,) = tap.device.connections
            await until(lambda: tap.connections == 0)
            assert await host.get("/3//2", reference=2) == ANSWER
            (second,) = tap.device.connections
            assert first.id != second.id

    run(test())


def test_rest_of_a_request_that_does_not_come(shared: Mosquitto) -> None:
    async def test() -> None:
        async with relayed(shared.url, partial_request_time=0.05) as tap, peer(shared.url) as host:
            await host.say(envelope(1, SERIAL_NUMBER_PLEASE[:-1]))
            await until(lambda: tap.logged("closed"))
            assert await host.get("/3//2", reference=2) == ANSWER

    run(test())


def test_host_that_is_silent_for_the_longest_time_makes_room_for_a_new_one(shared: Mosquitto) -> None:
    async def test() -> None:
        async with relayed(shared.url) as tap, peer(shared.url) as host:
            for sender in (*range(256), 0, *range(256, 300)):
                await host.say(envelope(1, sender=sender))
                assert await host.hear() == envelope(1, ANSWER, sender)
            assert tap.connections == 256
            kept = list(tap.device.connections)
            await host.get("/3//2", sender=0)
            assert list(tap.device.connections) == kept, "it was heard of again meanwhile"
            await host.get("/3//2", sender=1)
            assert list(tap.device.connections) != kept
            assert tap.connections == 256
            assert not tap.logged("connections are refused")

    run(test())


# --- what no host would send

GOOD = envelope(2)
LIES = [
    # the message, what the log says of it
    (b"", "0 characters"),
    (GOOD[:-1], "Odd-length"),
    (b"fine day", "Non-hexadecimal"),
    (GOOD[:-1] + (b"0" if GOOD[-1:] != b"0" else b"1"), "CRC"),
    (b"0000FFFF" + GOOD[8:], "expected 65529, found"),
    (b"00000001" + GOOD[8:], "non-negative"),
    (GOOD + b"00000000", "expected end of stream"),
    (b"0" * (MAX_MESSAGE + 1), "1025 bytes"),
    (b"\xa2" * 2**20, "1048576 bytes"),
]


@pytest.mark.parametrize(("lie", "reason"), LIES, ids=[reason for _, reason in LIES])
def test_lie_is_ignored_and_told_once(shared: Mosquitto, lie: bytes, reason: str) -> None:
    async def test() -> None:
        async with relayed(shared.url) as tap, peer(shared.url) as host:
            for number in range(3):
                await host.say(lie)
                assert await host.get("/3//2", reference=number) == ANSWER
            (entry,) = tap.logged("message ignored")
            assert reason in entry["reason"]
            assert tap.connections == 1

    run(test())


@pytest.mark.parametrize("form", [GOOD, SERIAL_NUMBER_PLEASE], ids=["envelope", "raw"])
def test_command_that_the_broker_kept_is_not_executed(broker: Mosquitto, form: bytes) -> None:
    async def test() -> None:
        async with peer(broker.url) as host:
            await host.say(form, retain=True)
            async with relayed(broker.url) as tap:
                assert await host.ask(envelope(3)) == envelope(3, ANSWER)
                assert len(list(tap.device.journal)) == 1
                (entry,) = tap.logged("message ignored")
                assert "kept by the broker" in entry["reason"]

    run(test())


@pytest.mark.parametrize("level", [1, 2])
def test_commands_and_answers_go_at_most_once(shared: Mosquitto, level: int) -> None:
    async def test() -> None:
        async with relayed(shared.url), peer(shared.url) as host:
            await host.say(envelope(1), qos=level)
            assert await host.hear() == envelope(1, ANSWER)

    run(test())


def executed(tap: RelayedTap) -> int:
    return len(list(tap.device.journal))


def test_a_lying_broker() -> None:
    command = TOPICS.command

    async def test() -> None:
        with lying(greeting=publish(command, envelope(1))) as broker:
            async with relayed(broker.url) as tap:
                await until(lambda: len(broker.published) == 1)
                broker.send(publish("elsewhere", envelope(2)) + publish(TOPICS.answer, envelope(3)))
                broker.send(publish(command, envelope(4), dup=True) * 2)
                broker.send(publish(command, envelope(5), qos=1, dup=True) + publish(command, envelope(6)))
                await until(lambda: len(broker.published) == 5)
                answers = [(TOPICS.answer, envelope(number, ANSWER)) for number in (1, 4, 4, 5, 6)]
                assert broker.published == answers, "what comes twice is executed twice, as it is at QoS 0"
                (entry,) = tap.logged("message ignored")
                assert "'elsewhere'" in entry["reason"]

    run(test())


@pytest.mark.parametrize(
    "nonsense",
    [
        publish(b"\xff\xfe", b""),
        publish("a/#", b""),
        publish("a\0b", b""),
        publish("", b"x"),
        b"\x30\x01\x00",
        b"\x30\x03\x00\x09a",
        b"\x36\x05\x00\x01a\x00\x01",
        b"\x90\x03\x77\x77\x00",
        b"\x40\x02\x00\x01",
        b"\x00\x00",
        b"\xf0\x00",
        b"\x30\xff\xff\xff\xff\xff",
        b"\x20\x02\x00\x05",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
    ids=bytes.hex,
)
def test_broker_that_does_not_speak_mqtt(nonsense: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.links.uplink._SHORTEST_DELAY", 0.02)
    command = TOPICS.command

    async def test() -> None:
        with lying() as broker:
            async with relayed(broker.url) as tap:
                broker.send(nonsense)
                await asyncio.sleep(0.05)
                broker.drop()
                await until(lambda: len(broker.subscriptions) >= 2)
                broker.send(publish(command, envelope(9)))
                await until(lambda: broker.published)
                assert broker.published == [(TOPICS.answer, envelope(9, ANSWER))]
                assert not tap.logged("internal error")

    run(test())
