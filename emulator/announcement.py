"""``serve --announce``: the Tap is found by mDNS, as the hardware is on Wi-Fi.

The vendor's scanner looks for the service type and connects to the first IPv4 address. Which TXT records the hardware
has is unknown, so there are none.
"""

import asyncio
import ipaddress
import logging
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import ifaddr
import structlog
import zeroconf
from zeroconf.asyncio import AsyncZeroconf

from emulator.links import Host, Link, LinkError
from emulator.links.wrapper import Wrapper
from emulator.services.wifi import advertised_name
from protocol.urls import LinkUrl

log = structlog.get_logger("tap")

SERVICE_TYPE: Final = "_tapm2m._tcp.local."
"""Source: the scanner of the vendor's Wi-Fi library."""
_NO_TEXT: Final = b"\0"
"""A TXT record that says nothing (RFC 6763, 6.1)."""
_MOST_NAMESAKES: Final = 99
"""Taps of one name in a network. Chosen."""
_LONGEST_NAME: Final = 63 - len(f"-{_MOST_NAMESAKES}")
"""Bytes of a label in DNS, less what tells namesakes apart."""
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f.]")
"""Characters that RFC 6763 forbids in a name; and the dot, which the library takes for the end of a label."""
_ALL_ADDRESSES: Final = "0.0.0.0"


def announce(links: Sequence[Link]) -> list[Link]:
    """The same links, of which the first over TCP is announced while it is open: the hardware has one port.

    Raises:
        LinkError: there is none.
    """
    for number, link in enumerate(links):
        if link.url.startswith("tcp:"):
            _relay_warnings()
            return [*links[:number], AnnouncedLink(link), *links[number + 1 :]]
    raise LinkError("--announce: nothing to announce, expected a link tcp://host:port among those to listen on")


class AnnouncedLink(Wrapper):
    """A TCP link that is announced while it is open, under the name that the Tap has at the time.

    Where another Tap has this name already, a number behind it tells them apart. A network without multicast is worth
    a warning and no more.
    """

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._listens_on: list[str] = []
        self._host: Host | None = None
        self._open = False
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self, host: Host) -> None:
        """Opens the link, and begins to announce it.

        Raises:
            LinkError: the address is not available, or is no IPv4 address.
        """
        self._listens_on = await _ipv4_addresses(self.url)
        await self._link.open(host)
        if self._host is None:
            host.on_change(self._changed.set)
        self._host = host
        self._show(True)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._follow())

    async def pause(self) -> None:
        """The Tap reboots, and is not to be found meanwhile."""
        await self._link.pause()
        self._show(False)

    async def close(self) -> None:
        """Closes the link, and says goodbye."""
        await self._link.close()
        self._show(False)
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _show(self, open: bool) -> None:
        self._open = open
        self._changed.set()

    @property
    def _name(self) -> str | None:
        """What is to be announced now."""
        return advertised_name(self._host.setting) if self._open and self._host is not None else None

    async def _follow(self) -> None:
        """Announces the Tap under one name after the other, until cancelled."""
        while True:
            name = self._name
            if name is not None:
                try:
                    await self._announce(name)
                except (zeroconf.Error, OSError, RuntimeError) as error:
                    log.warning("not announced by mDNS", link=self.url, name=name, reason=str(error) or repr(error))
            await self._while_named(name)

    async def _announce(self, name: str) -> None:
        """Announces the Tap while it has this name, then says goodbye.

        Each name has an instance of its own: one that has just said goodbye takes its own name for that of another.
        """
        everywhere = _ALL_ADDRESSES in self._listens_on
        addresses = _addresses_of_this_host() if everywhere else self._listens_on
        interfaces = zeroconf.InterfaceChoice.All if everywhere else addresses
        async with AsyncZeroconf(interfaces, ip_version=zeroconf.IPVersion.V4Only) as network:
            await self._register(network, name, addresses)
            await self._while_named(name)

    async def _register(self, network: AsyncZeroconf, name: str, addresses: Sequence[str]) -> None:
        """Takes the first name that nobody has, and tells the network."""
        port = LinkUrl.parse(self.url, ("tcp",)).port
        own = _label(name)
        for label in (own, *(f"{own}-{number}" for number in range(2, _MOST_NAMESAKES + 1))):
            info = zeroconf.ServiceInfo(
                SERVICE_TYPE,
                f"{label}.{SERVICE_TYPE}",
                port=port,
                parsed_addresses=list(addresses),
                properties=_NO_TEXT,
                server=f"{_hostname(label)}.local.",
            )
            with suppress(zeroconf.NonUniqueNameException):
                telling = await network.async_register_service(info)
                log.info("announced by mDNS", link=self.url, name=label, addresses=addresses)
                # To the end, since a goodbye must not come before it.
                await telling
                return
        raise zeroconf.NonUniqueNameException(f"{_MOST_NAMESAKES} others have this name")

    async def _while_named(self, name: str | None) -> None:
        while self._name == name:
            self._changed.clear()
            await self._changed.wait()


def _label(name: str) -> str:
    """A name as a label in DNS."""
    return _UNFIT.sub("-", name).encode(errors="replace")[:_LONGEST_NAME].decode(errors="ignore")


def _hostname(label: str) -> str:
    """A name for the addresses, which every resolver understands."""
    return re.sub("[^A-Za-z0-9]+", "-", label).strip("-") or "tap"


async def _ipv4_addresses(url: str) -> list[str]:
    """Where a TCP link listens.

    Raises:
        LinkError: nowhere that the vendor's scanner would understand.
    """
    host = LinkUrl.parse(url, ("tcp",)).host
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError as error:
        raise LinkError(f"{url}: --announce: {host} is no IPv4 address, and only those are announced") from error
    return sorted({str(address[0]) for *_, address in found})


def _addresses_of_this_host() -> list[str]:
    """Its IPv4 addresses; loopback, of no use to others, only if it has no others."""
    addresses = [str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    return [text for text in addresses if not ipaddress.ip_address(text).is_loopback] or addresses


class _Relay(logging.Handler):
    """What the library warns of stands in the log of the Tap."""

    def emit(self, record: logging.LogRecord) -> None:
        log.warning("mDNS", reason=record.getMessage())


def _relay_warnings() -> None:
    logger = logging.getLogger("zeroconf")
    if not any(isinstance(handler, _Relay) for handler in logger.handlers):
        logger.addHandler(_Relay(logging.WARNING))
        logger.propagate = False
