"""Opens the link that a URL names. Transports are imported when they are used."""

from collections.abc import Callable
from typing import Final

from protocol.client.links.base import Link
from protocol.client.links.memory import MemoryLink, memory_peer
from protocol.client.links.tcp import TcpLink
from protocol.codes import TCP_PORT
from protocol.urls import LinkUrl


def _tcp(url: LinkUrl, timeout: float) -> Link:
    url.options({})
    return TcpLink(*url.address("127.0.0.1", TCP_PORT), timeout)


def _memory(url: LinkUrl, timeout: float) -> Link:
    url.options({})
    return MemoryLink(memory_peer(url.name), url.name)


def _websocket(url: LinkUrl, timeout: float) -> Link:
    from protocol.client.links.websocket import WebSocketLink

    url.options({})
    return WebSocketLink(url, timeout)


def _mqtt(url: LinkUrl, timeout: float) -> Link:
    from protocol.client.links.mqtt import MqttLink

    return MqttLink(url, timeout)


def _serial(url: LinkUrl, timeout: float) -> Link:
    from protocol.client.links.serial_port import SerialLink

    return SerialLink(url, timeout)


def _rfc2217(url: LinkUrl, timeout: float) -> Link:
    from protocol.client.links.rfc2217 import Rfc2217Link

    return Rfc2217Link(url, timeout)


_OPENERS: Final[dict[str, Callable[[LinkUrl, float], Link]]] = {
    "tcp": _tcp,
    "mem": _memory,
    "serial": _serial,
    "pty": _serial,
    "rfc2217": _rfc2217,
    "mqtt": _mqtt,
    "mqtts": _mqtt,
    "ws": _websocket,
    "wss": _websocket,
}
SCHEMES: Final = frozenset(_OPENERS)


def open_link(url: str, timeout: float) -> Link:
    """Opens the link that a URL names.

    Args:
        timeout: seconds for the connection to be made, and for each answer.

    Raises:
        UsageError: it is no URL of a known transport, or has an option that the transport does not have.
        LinkError: nobody is there.
    """
    parts = LinkUrl.parse(url, SCHEMES)
    return _OPENERS[parts.scheme](parts, timeout)
