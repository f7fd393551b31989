"""Makes a link from its URL."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from emulator.links.base import Link, LinkError
from emulator.roads import ROAD_FORM, Road, parse_road
from protocol.apdu import MAX_FRAME
from protocol.codes import TCP_PORT, HostProtocol
from protocol.errors import UsageError
from protocol.urls import LinkUrl, Option, Options, choice, integer

DEFAULT_LINK: Final = f"tcp://127.0.0.1:{TCP_PORT}"
"""Where a Tap listens that was told nothing else."""

_MIN_FRAME: Final = 16
"""Bytes of a frame below which hardly any call can be made."""

COMMON_OPTIONS: Final[Options] = {
    "interface": choice({protocol.name.lower(): protocol for protocol in HostProtocol if protocol.name}),
    "max_request": integer(_MIN_FRAME, MAX_FRAME),
    "max_response": integer(_MIN_FRAME, MAX_FRAME),
    "road": Option(parse_road, ROAD_FORM),
    "road_to_tap": Option(parse_road, ROAD_FORM),
    "road_to_host": Option(parse_road, ROAD_FORM),
    "road_seed": integer(0, 2**32 - 1),
}
"""What every link understands."""


def _tcp(url: LinkUrl) -> Link:
    from emulator.links.tcp import TcpLink

    return TcpLink.from_url(url)


def _websocket(url: LinkUrl) -> Link:
    from emulator.links.websocket import WebSocketLink

    return WebSocketLink.from_url(url)


def _mqtt(url: LinkUrl) -> Link:
    from emulator.links.mqtt import MqttLink

    return MqttLink.from_url(url)


def _pty(url: LinkUrl) -> Link:
    from emulator.links.pty import PtyLink

    return PtyLink.from_url(url)


def _serial(url: LinkUrl) -> Link:
    from emulator.links.serial_port import SerialPortLink

    return SerialPortLink.from_url(url)


def _rfc2217(url: LinkUrl) -> Link:
    from emulator.links.rfc2217 import Rfc2217Link

    return Rfc2217Link.from_url(url)


_SCHEMES: Final[dict[str, Callable[[LinkUrl], Link]]] = {
    "tcp": _tcp,
    "pty": _pty,
    "serial": _serial,
    "rfc2217": _rfc2217,
    "mqtt": _mqtt,
    "mqtts": _mqtt,
    "ws": _websocket,
}
"""Transports are imported when they are used, so that one of them does not slow the start of another."""


def open_link(text: str) -> Link:
    """The link of a URL, not open yet.

    Raises:
        LinkError: the URL names no transport that we know, or is malformed.
    """
    try:
        common, url = LinkUrl.parse(text, _SCHEMES).split(COMMON_OPTIONS)
        link = _SCHEMES[url.scheme](url)
        options = common.options(COMMON_OPTIONS)
        _apply(link, options)
        link = _on_road(link, url.scheme, options)
    except UsageError as error:
        raise LinkError(str(error)) from error
    return link


def open_links(urls: Sequence[str]) -> list[Link]:
    """All links of a Tap, not open yet.

    Raises:
        LinkError: a URL is wrong, or there is one too many.
    """
    links = [open_link(url) for url in urls]
    for link in [link for link in links if link.url.startswith("mqtt")][1:]:
        raise LinkError(f"{link.url}: a Tap has one broker (/1024//50 to 59), expected one link over MQTT")
    return links


def address_of(text: str) -> str:
    """Where a client on this machine finds the link of a URL: without options, and with an address for all interfaces.

    Raises:
        UsageError: the URL is malformed.
    """
    url = str(LinkUrl.parse(text, _SCHEMES))
    return url.replace("//0.0.0.0", "//127.0.0.1").replace("//[::]", "//[::1]")


_MESSAGES: Final = frozenset({"ws", "mqtt", "mqtts"})
"""Links that carry messages: no road cuts them."""


def _on_road(link: Link, scheme: str, options: dict[str, Any]) -> Link:
    """The link, behind the roads of its URL if there are some."""
    to_tap = options["road_to_tap"] or options["road"]
    to_host = options["road_to_host"] or options["road"]
    seed = options["road_seed"]
    if to_tap is None and to_host is None:
        if seed is not None:
            raise UsageError(f"{link.url}: road_seed without a road, expected road, road_to_tap or road_to_host too")
        return link
    from emulator.links.bumpy import BumpyLink

    return BumpyLink.with_roads(link, scheme, to_tap or Road(), to_host or Road(), seed=seed, whole=scheme in _MESSAGES)


def _apply(link: Link, options: dict[str, Any]) -> None:
    """The options that every link understands."""
    link.protocol = options["interface"] or link.protocol
    link.max_request, link.max_response = options["max_request"], options["max_response"]
