"""``mqtt://broker:1883?serial=...``: the relay of a Tap, through an MQTT broker."""

import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from protocol.client.links.base import LinkError, lost_error, stray_error
from protocol.client.links.tls import TLS_OPTIONS, TlsFiles
from protocol.errors import BodyError, IntegrityError, UsageError
from protocol.relay import (
    DEFAULT_NET_KEY,
    MAX_MESSAGE,
    MAX_REFERENCE,
    MAX_SENDER,
    PORTS,
    RelayPacket,
    Topics,
    WrongCrcError,
    configured_topics,
    decode_envelope,
    encode_envelope,
    is_raw,
    topics_of,
)
from protocol.urls import LinkUrl, Options, choice, integer, text

OPTIONS: Final[Options] = {
    "serial": text(),
    "netkey": text(DEFAULT_NET_KEY),
    "request_topic": text(),
    "response_topic": text(),
    "sender": integer(0, MAX_SENDER),
    "form": choice({"relay": "relay", "raw": "raw"}, "relay"),
    **TLS_OPTIONS,
}

_KEEP_ALIVE: Final = 60
"""Seconds of silence after which the broker is asked whether it is there."""
_GOODBYE_TIME: Final = 1.0
"""Seconds that a broker has to take our goodbye."""
_SENDER_BITS: Final = 31


class MqttLink:
    """One host of a Tap's relay. A thread of its own reads, and keeps the connection to the broker.

    Answers to other hosts come on the same topic. They are ignored, and so is what is no answer at all. In the raw form
    nothing tells answers apart, so whatever comes is taken for ours.

    Args:
        url: the broker, maybe with user and password, and the serial number of the Tap or both its topics.
        timeout: seconds for connection and subscription, and for each answer.

    Raises:
        UsageError: an option is missing, or is not what it should be.
        LinkError: there is no broker, or it refuses us. Whether the Tap is there shows with its first answer.
    """

    def __init__(self, url: LinkUrl, timeout: float) -> None:
        options = url.options(OPTIONS)
        self._topics = _topics(url, options)
        self.url = f"{url}?serial={options['serial']}" if options["serial"] else f"{url}/{self._topics.command}"
        self._timeout = timeout
        self._raw = options["form"] == "raw"
        self._sender = secrets.randbits(_SENDER_BITS) if options["sender"] is None else options["sender"]
        self._reference = 0
        self._news = threading.Condition()
        """Guards what the thread of the client changes."""
        self._subscribed = False
        self._answer: bytes | IntegrityError | None = None
        self._ignored = ""
        """What came in its place."""
        self._lost: str | None = None
        """Why there is no connection any more."""
        self._gone = threading.Event()
        self._client: Client | None = self._new_client(url, options)
        try:
            self._connect(self._client, *url.address("127.0.0.1", PORTS[url.scheme]))
        except BaseException:
            self.close()
            raise

    def _new_client(self, url: LinkUrl, options: dict[str, Any]) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{options['serial'] or 'host'}_{secrets.token_hex(4)}",
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.username_pw_set(url.user, url.password)
        tls = TlsFiles.of(url, options)
        if tls is not None:
            client.tls_set_context(tls.context())
        client.connect_timeout = self._timeout
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    def _connect(self, client: Client, host: str, port: int) -> None:
        deadline = time.monotonic() + self._timeout
        late = LinkError(f"{self.url}: no connection within {self._timeout:g} s")
        try:
            client.connect(host, port, _KEEP_ALIVE)
        except TimeoutError as error:
            raise late from error
        except (OSError, ValueError) as error:
            raise LinkError(f"{self.url}: {getattr(error, 'strerror', None) or error}") from error
        client.loop_start()
        with self._news:
            if not self._until(lambda: self._subscribed, deadline - time.monotonic()):
                raise late

    def send(self, request: bytes) -> None:
        """Sends one request; an answer to an earlier one will not be taken for its answer."""
        with self._news:
            client = self._client
            if self._lost is not None or client is None:
                raise lost_error(self.url)
            if self._raw and isinstance(self._answer, bytes):
                raise stray_error(self.url, self._answer)
            self._reference = self._reference % MAX_REFERENCE + 1
            self._answer, self._ignored = None, ""
            packet = RelayPacket(self._sender, self._reference, request)
        sent = client.publish(self._topics.command, request if self._raw else encode_envelope(packet))
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise lost_error(self.url)

    def receive(self) -> bytes:
        """The answer to the request sent last.

        Raises:
            LinkError: the broker is lost, or no answer came in time.
            IntegrityError: its CRC is wrong.
        """
        with self._news:
            if not self._until(lambda: self._answer is not None, self._timeout):
                raise LinkError(f"{self.url}: no answer within {self._timeout:g} s{self._ignored}")
            answer, self._answer = self._answer, None
        assert answer is not None
        if isinstance(answer, IntegrityError):
            raise answer
        return answer

    def close(self) -> None:
        """Leaves the broker; a `receive` that waits ends."""
        with self._news:
            client, self._client = self._client, None
            self._lose("the connection is closed")
        if client is None:
            return
        if client.disconnect() == MQTTErrorCode.MQTT_ERR_SUCCESS and not self._gone.wait(_GOODBYE_TIME):
            stuck: Any = client.socket()
            if stuck is not None:
                with suppress(OSError):
                    stuck.shutdown(socket.SHUT_RDWR)
        client.loop_stop()

    def _until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Whether it happens in time; under the lock."""
        self._news.wait_for(lambda: done() or self._lost is not None, max(seconds, 0.0))
        if not done() and self._lost is not None:
            raise LinkError(f"{self.url}: {self._lost}")
        return done()

    # --- in the thread of the client

    def _on_connect(
        self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._tell_lost(f"the broker refuses us: {reason}")
        else:
            client.subscribe(self._topics.answer)

    def _on_subscribe(
        self, client: Client, _: Any, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        refusals = [str(reason) for reason in reasons if reason.is_failure]
        if refusals:
            self._tell_lost(f"the broker refuses the subscription of {self._topics.answer}: {', '.join(refusals)}")
            return
        with self._news:
            self._subscribed = True
            self._news.notify_all()

    def _on_disconnect(
        self, client: Client, _: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._tell_lost("the connection is closed")
        self._gone.set()

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        with self._news:
            if not message.retain and self._answer is None:
                self._answer = self._answer_in(bytes(message.payload))
                self._news.notify_all()

    def _answer_in(self, message: bytes) -> bytes | IntegrityError | None:
        """Our answer in a message, if it is one."""
        if len(message) > MAX_MESSAGE:
            self._ignored = f"; a message came that is none: {len(message)} bytes"
            return None
        if self._raw:
            return message if is_raw(message) else None
        broken: WrongCrcError | None = None
        try:
            packet = decode_envelope(message)
        except WrongCrcError as error:
            packet, broken = error.packet, error
        except BodyError as error:
            self._ignored = f"; a message came that is none: {error.reason}"
            return None
        if (packet.sender, packet.reference) != (self._sender, self._reference):
            return None
        return packet.payload if broken is None else IntegrityError(f"{self.url}: {broken.reason}")

    def _tell_lost(self, reason: str) -> None:
        with self._news:
            self._lose(reason)

    def _lose(self, reason: str) -> None:
        self._lost = self._lost or reason
        self._news.notify_all()


def _topics(url: LinkUrl, options: dict[str, Any]) -> Topics:
    """The topics that the options name, or those of the serial number."""
    request, response = options["request_topic"], options["response_topic"]
    try:
        topics = configured_topics(request, response) if request and response else None
    except UsageError as error:
        raise UsageError(f"{url}: {error}") from error
    if topics is None and (request or response or not options["serial"]):
        raise UsageError(f"{url}: expected the serial number of a Tap (serial=), or request_topic= and response_topic=")
    return topics or topics_of(options["serial"], options["netkey"])
