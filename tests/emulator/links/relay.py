"""A Tap behind a broker, in the process of the test, and hosts whose messages are made by hand."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import aiomqtt
import structlog

from emulator.blueprint import demo
from emulator.device import Device
from emulator.links import Link, open_link
from emulator.server import Server
from emulator.state import Store
from protocol.apdu import build_request
from protocol.codes import Method
from protocol.frames import Request
from protocol.relay import DEFAULT_NET_KEY, RelayPacket, Topics, decode_envelope, encode_envelope, topics_of
from protocol.resources.registry import parse_path

T = TypeVar("T")
SERIAL_NUMBER = "IoTize00410000009B"
TOPICS = topics_of(SERIAL_NUMBER, DEFAULT_NET_KEY)
ANSWER = b"\x00" + SERIAL_NUMBER.encode() + b"\x90\x00"


def run(test: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(test, 60))


async def until(condition: Callable[[], object]) -> None:
    """Waits for something to become true; `run` ends a wait that is in vain."""
    while not condition():  # noqa: ASYNC110 - what is waited for knows no events
        await asyncio.sleep(0.005)


def apdu(path: str, method: str = "GET", body: bytes = b"") -> bytes:
    return build_request(bytes(Request(Method[method], parse_path(path), body)))


SERIAL_NUMBER_PLEASE = apdu("/3//2")


def envelope(reference: int = 1, payload: bytes = SERIAL_NUMBER_PLEASE, sender: int = 1) -> bytes:
    return encode_envelope(RelayPacket(sender, reference, payload))


class Nowhere:
    """A pipe whose other end nobody reads."""

    def write(self, data: bytes) -> None:
        pass

    def close(self) -> None:
        pass

    def reset(self) -> None:
        pass


@dataclass
class RelayedTap:
    """A Tap with one link.

    Attributes:
        logs: what it has logged.
    """

    server: Server
    link: Link
    logs: list[Any]

    @property
    def device(self) -> Device:
        return self.server.device

    @property
    def connections(self) -> int:
        return len(list(self.device.connections))

    def change(self, settings: Mapping[str, Any]) -> None:
        """Changes settings, as a host on another link would."""
        for key, value in settings.items():
            self.device.state.put(key, value)
        self.device.state.commit()
        receiver = self.server.accept(self.link, Nowhere())
        assert receiver is not None
        receiver.received(SERIAL_NUMBER_PLEASE)
        receiver.lost()

    def logged(self, event: str) -> list[Any]:
        """The entries that begin so."""
        return [entry for entry in self.logs if entry["event"].startswith(event)]

    @property
    def topics(self) -> Topics:
        """Those that its URL leads to."""
        query = parse_qs(urlsplit(self.link.url).query)
        if "request_topic" in query:
            return Topics(query["request_topic"][0], query["response_topic"][0])
        return topics_of(query["serial"][0], query.get("netkey", [DEFAULT_NET_KEY])[0])


@asynccontextmanager
async def relayed(
    url: str, settings: Mapping[str, Any] | None = None, *, store: Store | None = None, **rules: Any
) -> AsyncIterator[RelayedTap]:
    """The demo Tap behind a broker, which is ready as `serve` would say it is."""
    base, link = demo(), open_link(url)
    blueprint = replace(
        base,
        settings={**base.settings, **(settings or {}), **link.settings},
        rules=replace(base.rules, reboot_time=0.05, **rules),
        seed=1,
    )
    with structlog.testing.capture_logs() as logs:
        server = Server(Device(blueprint, store=store), [link])
        await server.start()
        try:
            yield RelayedTap(server, link, logs)
        finally:
            await server.stop()


class Peer:
    """A client of the broker that listens to the answers of a Tap."""

    def __init__(self, client: aiomqtt.Client, topics: Topics) -> None:
        self.client = client
        self.topics = topics

    async def say(self, message: bytes, **options: Any) -> None:
        """Publishes a command, as it is."""
        await self.client.publish(self.topics.command, message, **options)

    async def hear(self) -> bytes:
        """The next answer, as it is."""
        message = await anext(aiter(self.client.messages))
        assert not message.retain
        assert message.qos == 0
        return bytes(message.payload)

    async def ask(self, message: bytes) -> bytes:
        await self.say(message)
        return await self.hear()

    async def get(self, path: str, *, reference: int = 1, sender: int = 1) -> bytes:
        """One request in an envelope, whose answer has to be in one that fits."""
        packet = decode_envelope(await self.ask(envelope(reference, apdu(path), sender)))
        assert (packet.sender, packet.reference) == (sender, reference)
        return packet.payload


@asynccontextmanager
async def peer(url: str, topics: Topics = TOPICS, **options: Any) -> AsyncIterator[Peer]:
    """A client of the broker, as soon as it has subscribed."""
    parts = urlsplit(url)
    options["socket_options"] = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    async with aiomqtt.Client(parts.hostname or "", parts.port or 0, **options) as client:
        await client.subscribe(topics.answer)
        yield Peer(client, topics)


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
