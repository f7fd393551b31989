"""``mqtt://broker:1883``: the relay, which hosts reach through an MQTT broker.

A message is an envelope of `protocol.relay`, or in the raw form an APDU; answers have the form of their command. Each
sender id is a host with a connection of its own, and all that comes raw is one more. A broker knows nothing of that:
such a connection begins with a message and lasts until the Tap ends it, whatever happens to the broker meanwhile.

Messages come and go at QoS 0, where nothing marks a message as a repetition: what comes twice is executed twice.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import aiomqtt
import structlog

from emulator.links.base import Host, Link, LinkError, Receiver
from emulator.links.uplink import Access, Uplink
from protocol.apdu import RequestReader
from protocol.client.links.tls import TLS_OPTIONS, TlsFiles
from protocol.codes import HostProtocol
from protocol.errors import BodyError, UsageError
from protocol.firmware import CONFIGURATION_MODE, FACTORY_STATE
from protocol.relay import (
    MAX_MESSAGE,
    PORTS,
    RelayPacket,
    Topics,
    configured_topics,
    decode_envelope,
    encode_envelope,
    is_raw,
    topics_of,
)
from protocol.resources.registry import SETTINGS
from protocol.urls import LinkUrl, Options, choice, text

log = structlog.get_logger("tap")

OPTIONS: Final[Options] = {
    "netkey": text(),
    "required": choice({"yes": True, "no": False}, False),
    **TLS_OPTIONS,
}

_BROKER, _PORT = "mqtt.broker_hostname", "mqtt.broker_port"
_USER, _PASSWORD, _NET_KEY = "mqtt.username", "mqtt.password", "mqtt.relay_net_key"
_RAW: Final = None
"""Stands for the sender id of messages that have none."""
_LAST_WORDS: Final = 0.3
"""Seconds of silence after a change before the Tap moves to another broker, so that a host can say goodbye."""
_LAST_WORDS_LIMIT: Final = 5.0
"""Seconds after which it moves, whoever still talks."""
_LATE: Final = 5.0
"""Seconds after which nobody waits for an answer. Source: the time limit of the vendor's relay client."""
_MOST_UNANSWERED: Final = 1024


class MqttLink(Link):
    """A Tap at the broker that its settings name.

    Args:
        name: the URL, without password.
        settings: what the URL says of broker and topics.
        required: a broker that is not there at the start is an error, not something to wait for.
    """

    protocol = HostProtocol.MQTT

    def __init__(
        self, name: str, settings: Mapping[str, str], tls: TlsFiles | None = None, *, required: bool = False
    ) -> None:
        self.settings = settings
        self._url = name
        self._tls = tls
        self._required = required
        self._host: Host | None = None
        self._uplink: Uplink | None = None
        self._access: Access | None = None
        self._hosts: dict[int | None, _RelayHost] = {}
        """By sender id, the most silent one first: nobody can hang up here, so a further one takes its place."""
        self._told: set[str] = set()
        """Kinds of messages whose fate the log has told since the Tap was connected."""
        self._topic_trouble: str | None = None
        self._leaving: asyncio.TimerHandle | None = None
        """Set while the Tap is about to move."""
        self._leave_by = 0.0

    @classmethod
    def from_url(cls, url: LinkUrl) -> "MqttLink":
        """The link of ``mqtt://user:password@broker:port?netkey=...``; the Tap's settings say what the URL does not.

        Raises:
            UsageError: an option, a file or a text is not what it should be.
        """
        options = url.options(OPTIONS)
        broker, port = url.address("", PORTS[url.scheme])
        if not broker and url.port is not None:
            raise UsageError(f"{url}: a port, but no broker")
        given = {_USER: url.user, _PASSWORD: url.password, _NET_KEY: options["netkey"]}
        given |= {_BROKER: broker, _PORT: str(port)} if broker else {}
        settings = {key: value for key, value in given.items() if value is not None}
        for key, value in settings.items():
            if not value.isascii():
                raise UsageError(f"{url}: {key} has characters that a setting has no room for, expected ASCII")
        return cls(str(url), settings, TlsFiles.of(url, options), required=options["required"])

    @property
    def url(self) -> str:
        """Where a client connects: the broker, and what it has to know to find the topics."""
        return self._url

    async def open(self, host: Host) -> None:
        """Goes to the broker; where it is not there, goes on trying.

        Raises:
            LinkError: it is not there, but required at the start.
        """
        if self._host is None:
            host.on_change(self._changed)
        self._host = host
        if host.setting("interface.config_version") != CONFIGURATION_MODE:
            self._access = None
        self._uplink = Uplink(self._find, self._received, self._tls)
        reason = await self._uplink.open()
        if reason is not None and self._required:
            await self._uplink.close()
            raise LinkError(f"{self.url}: {reason}")
        self._required = False

    async def close(self) -> None:
        """Leaves the broker."""
        self._cancel_move()
        if self._uplink is not None:
            await self._uplink.close()

    # --- where to go

    def _changed(self) -> None:
        """Moves, if the Tap has been told of another broker, or of other topics, once nobody talks to it any more."""
        if self._uplink is not None and self._leaving is None and self._read() != self._access:
            loop = asyncio.get_running_loop()
            self._leave_by = loop.time() + _LAST_WORDS_LIMIT
            self._leaving = loop.call_later(_LAST_WORDS, self._move)

    def _linger(self) -> None:
        """Somebody still talks: who has configured a Tap logs out after that."""
        loop = asyncio.get_running_loop()
        if self._leaving is not None and loop.time() + _LAST_WORDS < self._leave_by:
            self._leaving.cancel()
            self._leaving = loop.call_later(_LAST_WORDS, self._move)

    def _move(self) -> None:
        self._cancel_move()
        if self._uplink is not None and self._read() != self._access:
            self._uplink.move()

    def _cancel_move(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def _find(self) -> Access:
        """What the settings say; in the middle of a configuration, what they said before."""
        assert self._host is not None
        version = self._host.setting("interface.config_version")
        if self._access is None or version not in (CONFIGURATION_MODE, FACTORY_STATE):
            old, self._access = self._access, self._read()
            if old is not None and (old.broker, old.topics) != (self._access.broker, self._access.topics):
                for relayed in list(self._hosts.values()):
                    relayed.end()
            self._url = self._client_url(self._access)
        self._told.clear()
        return self._access

    def _read(self) -> Access:
        assert self._host is not None
        read = self._host.setting
        serial_number: str = read("device.serial_number")
        return Access(
            host=self._value(_BROKER),
            port=self._value(_PORT),
            client_id=read("mqtt.client_id") or serial_number,
            username=self._value(_USER) or serial_number,
            password=self._value(_PASSWORD),
            certificate=read("mqtt.broker_certificate").decode("latin-1"),
            topics=self._configured() or topics_of(serial_number, self._value(_NET_KEY)),
        )

    def _value(self, key: str) -> str:
        """What the Tap holds. As long as it knows the vendor's broker only (after a factory reset), the URL counts.

        So it stays reachable, and does not dial a public broker by accident. A net key that it was given counts.
        """
        assert self._host is not None
        held: str = self._host.setting(key)
        lost = self._host.setting(_BROKER) == _default(_BROKER) != self.settings.get(_BROKER, _default(_BROKER))
        if not lost or (key == _NET_KEY and held != _default(_NET_KEY)):
            return held
        given: str = self.settings.get(key, held)
        return given

    def _configured(self) -> Topics | None:
        """The topics of /1024//58 and //59, if they are some."""
        assert self._host is not None
        topics, trouble = None, None
        try:
            topics = configured_topics(
                self._host.setting("mqtt.topic_prefix"), self._host.setting("mqtt.response_topic")
            )
        except UsageError as error:
            trouble = str(error)
        if trouble not in (None, self._topic_trouble):
            log.warning("configured topics cannot be used, those of the net key are", reason=trouble)
        self._topic_trouble = trouble
        return topics

    def _client_url(self, access: Access) -> str:
        assert self._host is not None
        query = {"serial": self._host.setting("device.serial_number")}
        if _NET_KEY in self.settings:
            query["netkey"] = self._value(_NET_KEY)
        if self._configured() is not None:
            query |= {"request_topic": access.topics.command, "response_topic": access.topics.answer}
        if self._tls is not None and self._tls.ca:
            query["ca"] = self._tls.ca
        scheme = "mqtt" if self._tls is None else "mqtts"
        return f"{scheme}://{access.broker}?{urlencode(query, safe='/')}"

    # --- messages

    def _received(self, message: aiomqtt.Message) -> None:
        assert self._access is not None
        self._linger()
        payload = bytes(message.payload)
        if len(payload) > MAX_MESSAGE:
            self._ignore("too long", f"{len(payload)} bytes, no command has more than {MAX_MESSAGE}")
        elif message.topic.value != self._access.topics.command:
            self._ignore("other topic", f"came on {message.topic.value!r}, which nobody subscribed to")
        elif message.retain:
            self._ignore("retained", "kept by the broker from an earlier time, its sender does not wait any more")
        elif is_raw(payload):
            self._deliver(RelayPacket(0, 0, payload), _RAW)
        else:
            try:
                packet = decode_envelope(payload)
            except BodyError as error:
                self._ignore(type(error).__name__, error.reason)
            else:
                self._deliver(packet, packet.sender)

    def _ignore(self, kind: str, reason: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            log.warning("message ignored, and others of its kind", link=self.url, reason=reason)

    def _deliver(self, packet: RelayPacket, sender: int | None) -> None:
        assert self._host is not None
        relayed = self._hosts.pop(sender, None)
        if relayed is None:
            if len(self._hosts) >= self._host.max_connections:
                next(iter(self._hosts.values())).drop()
            relayed = _RelayHost(self, sender)
            relayed.receiver = self._host.accept(self, relayed)
            if relayed.receiver is None:
                return
        self._hosts[sender] = relayed
        relayed.received(packet)

    def send(self, message: bytes) -> None:
        """Publishes an answer."""
        if self._uplink is not None:
            self._uplink.send(message)

    def forget(self, sender: int | None) -> None:
        """The next message of this sender begins a new connection."""
        self._hosts.pop(sender, None)


class _RelayHost:
    """The connection of one sender id, or of all that comes without."""

    def __init__(self, link: MqttLink, sender: int | None) -> None:
        self.receiver: Receiver | None = None
        self._link = link
        self._sender = sender
        self._requests = RequestReader()
        """Finds the requests that the Tap will find, since each of them gets one answer."""
        self._unanswered: deque[tuple[float, int]] = deque(maxlen=_MOST_UNANSWERED)
        """When each request came, and its reference."""
        self._last = 0

    def received(self, packet: RelayPacket) -> None:
        """A message came."""
        assert self.receiver is not None
        self._last = packet.reference
        now = asyncio.get_running_loop().time()
        self._unanswered.extend((now, packet.reference) for _ in self._requests.feed(packet.payload))
        self.receiver.received(packet.payload)

    def write(self, data: bytes) -> None:
        """Answers the oldest request that still may be waited for: on a bad road, answers and requests get lost."""
        if self._sender is _RAW:
            self._link.send(data)
            return
        late = asyncio.get_running_loop().time() - _LATE
        while len(self._unanswered) > 1 and self._unanswered[0][0] < late:
            self._unanswered.popleft()
        reference = self._unanswered.popleft()[1] if self._unanswered else self._last
        self._link.send(encode_envelope(RelayPacket(self._sender, reference, data)))

    def close(self) -> None:
        """The Tap ends the connection; what comes next is a new one."""
        self.end()

    def reset(self) -> None:
        self.close()

    def drop(self) -> None:
        """Ends the connection at once, for a link that has no room for it."""
        self._link.forget(self._sender)
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            receiver.lost()

    def end(self) -> None:
        """Ends the connection. The Tap is told later, since it may be about to end it itself."""
        self._link.forget(self._sender)
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            asyncio.get_running_loop().call_soon(receiver.lost)


def _default(key: str) -> str:
    """What a Tap holds that nobody has configured."""
    setting = SETTINGS[key].setting
    assert setting is not None
    default: str = setting.default
    return default
