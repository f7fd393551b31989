"""A Tap that is found by mDNS, seen by another instance of the library over the loopback interface."""

import asyncio
import logging
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import ifaddr
import pytest
import structlog
import zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from emulator import announcement
from emulator.announcement import SERVICE_TYPE, AnnouncedLink, announce
from emulator.blueprint import demo
from emulator.device import Device
from emulator.links import Link, LinkError, open_link
from emulator.server import Server
from protocol.client.blocking import Tap
from tests.serving import SERVE, serving

pytestmark = pytest.mark.slow


def has_multicast() -> bool:
    membership = socket.inet_aton("224.0.0.251") + socket.inet_aton("127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        except OSError:
            return False
    return True


over_mdns = pytest.mark.skipif(not has_multicast(), reason="this system has no multicast on its loopback interface")


class Scanner:
    """Who looks for Taps.

    Attributes:
        found: names that are there.
    """

    def __init__(self) -> None:
        self.found: set[str] = set()
        self.network = AsyncZeroconf(["127.0.0.1"])
        self._browser = AsyncServiceBrowser(self.network.zeroconf, SERVICE_TYPE, handlers=[self._see])

    def _see(self, *, name: str, state_change: zeroconf.ServiceStateChange, **_: Any) -> None:
        label = name.removesuffix(f".{SERVICE_TYPE}")
        if state_change is zeroconf.ServiceStateChange.Removed:
            self.found.discard(label)
        else:
            self.found.add(label)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110 - what is waited for knows no events
                await asyncio.sleep(0.02)

    async def resolve(self, label: str) -> AsyncServiceInfo:
        info = AsyncServiceInfo(SERVICE_TYPE, f"{label}.{SERVICE_TYPE}")
        assert await info.async_request(self.network.zeroconf, 10_000)
        return info


@asynccontextmanager
async def scanning() -> AsyncIterator[Scanner]:
    scanner = Scanner()
    try:
        yield scanner
    finally:
        await scanner.network.async_close()


@asynccontextmanager
async def announced(name: str, listen: str = "tcp://127.0.0.1:0") -> AsyncIterator[Server]:
    """A Tap whose application has this name."""
    base = demo()
    blueprint = replace(base, settings={**base.settings, "interface.app_name": name})
    server = Server(Device(blueprint), announce([open_link(listen)]))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def unique() -> str:
    """A name that no other test uses at the same time."""
    return f"Tap {uuid.uuid4().hex[:8]}"


def rename(url: str, name: str) -> None:
    with Tap(url, timeout=10) as tap:
        tap.login("admin", "admin")
        tap.service.interface.put_app_name(name)


def reboot(url: str) -> None:
    with Tap(url, timeout=10) as tap:
        tap.login("admin", "admin")
        tap.service.device.reboot()


@over_mdns
def test_a_tap_is_found_renamed_rebooted_and_gone() -> None:
    async def test() -> None:
        first, second = unique(), unique()
        async with scanning() as scanner:
            async with announced(first) as server:
                url = server.links[0].url
                await scanner.until(lambda: f"{first}_0009B" in scanner.found)
                info = await scanner.resolve(f"{first}_0009B")
                assert info.parsed_addresses() == ["127.0.0.1"]
                assert f"tcp://127.0.0.1:{info.port}" == url
                assert info.server == f"{first.replace(' ', '-')}-0009B.local."
                assert info.text == b"\0"

                await asyncio.to_thread(rename, url, second)
                await scanner.until(lambda: f"{second}_0009B" in scanner.found)
                assert f"{first}_0009B" not in scanner.found
                assert (await scanner.resolve(f"{second}_0009B")).port == info.port

                await asyncio.to_thread(reboot, url)
                await scanner.until(lambda: f"{second}_0009B" not in scanner.found)
                await scanner.until(lambda: f"{second}_0009B" in scanner.found)
            await scanner.until(lambda: f"{second}_0009B" not in scanner.found)

    asyncio.run(test())


@over_mdns
def test_taps_of_one_name_are_all_found() -> None:
    async def test() -> None:
        name = unique()
        async with scanning() as scanner, announced(name) as first:
            await scanner.until(lambda: f"{name}_0009B" in scanner.found)
            async with announced(name) as second:
                await scanner.until(lambda: f"{name}_0009B-2" in scanner.found)
                infos = [await scanner.resolve(label) for label in (f"{name}_0009B", f"{name}_0009B-2")]
                urls = [f"tcp://127.0.0.1:{info.port}" for info in infos]
                assert urls == [first.links[0].url, second.links[0].url]
                assert infos[0].server != infos[1].server
            await scanner.until(lambda: f"{name}_0009B-2" not in scanner.found)
            assert f"{name}_0009B" in scanner.found

    asyncio.run(test())


@over_mdns
def test_serve_announces_and_says_goodbye(tmp_path: Path) -> None:
    name = unique()
    config = tmp_path / "device.yaml"
    config.write_text(f"tap: 1\nsettings:\n  interface:\n    app_name: {name}\n")

    async def test() -> None:
        async with scanning() as scanner:
            with serving([*SERVE, "--announce", str(config)], tmp_path / "log") as server:
                await scanner.until(lambda: f"{name}_0009B" in scanner.found)
                assert (await scanner.resolve(f"{name}_0009B")).port == server.address[1]
            await scanner.until(lambda: f"{name}_0009B" not in scanner.found)

    asyncio.run(test())
    log = (tmp_path / "log").read_text()
    assert "announced by mDNS" in log
    assert "Error" not in log
    assert "Warning" not in log


@pytest.mark.parametrize("error", [OSError(19, "No such device"), RuntimeError("No interfaces to listen on")], ids=str)
def test_a_network_without_multicast_is_worth_a_warning(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(announcement, "AsyncZeroconf", no_network)

    async def test() -> None:
        with structlog.testing.capture_logs() as logs:
            async with announced("Lamp") as server:
                url = server.links[0].url
                await asyncio.to_thread(rename, url, "Lamp")
                await asyncio.to_thread(rename, url, "Torch")
        warnings = [entry for entry in logs if entry["log_level"] == "warning"]
        assert [entry["name"] for entry in warnings] == ["Lamp_0009B", "Torch_0009B"]
        assert [entry["reason"] for entry in warnings] == [str(error)] * 2

    asyncio.run(test())


def test_the_warnings_of_the_library_stand_in_the_log() -> None:
    announce([open_link("tcp://127.0.0.1:0")])
    announce([open_link("tcp://127.0.0.1:0")])
    with structlog.testing.capture_logs() as logs:
        logging.getLogger("zeroconf").warning("Error with socket %d", 7)
    assert [(entry["log_level"], entry["reason"]) for entry in logs] == [("warning", "Error with socket 7")]


def test_the_first_tcp_link_is_announced() -> None:
    links: list[Link] = [open_link(url) for url in ("ws://127.0.0.1:0", "tcp://127.0.0.1:0", "tcp://127.0.0.2:0")]
    with_announcement = announce(links)
    assert [isinstance(link, AnnouncedLink) for link in with_announcement] == [False, True, False]
    assert [link.url for link in with_announcement] == [link.url for link in links]


def test_nothing_to_announce() -> None:
    with pytest.raises(LinkError, match="--announce: nothing to announce, expected a link tcp://"):
        announce([open_link("ws://127.0.0.1:0")])
    command = [SERVE[0], "serve", "--announce", "--listen", "ws://127.0.0.1:0"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("--announce: nothing to announce")


def test_only_ipv4_is_announced() -> None:
    async def test() -> None:
        async with announced("Lamp", "tcp://[::1]:0"):
            pass

    with pytest.raises(LinkError, match=r"^tcp://\[::1\]:0: --announce: ::1 is no IPv4 address"):
        asyncio.run(test())


NAMES = [
    ("Lamp_0009B", "Lamp_0009B", "Lamp-0009B"),
    ("Lampe à côté_0009B", "Lampe à côté_0009B", "Lampe-c-t-0009B"),
    ("v1.2_0009B", "v1-2_0009B", "v1-2-0009B"),
    ("a\nb\x00_0009B", "a-b-_0009B", "a-b-0009B"),
    ("_", "_", "tap"),
    ("x" * 70, "x" * 60, "x" * 60),
    ("é" * 31, "é" * 30, "tap"),
    ("é" * 29 + "xéx", "é" * 29 + "x", "x"),
    ("\ud800_0009B", "?_0009B", "0009B"),
]


@pytest.mark.parametrize(("name", "label", "hostname"), NAMES, ids=[ascii(name) for name, *_ in NAMES])
def test_a_name_that_a_client_may_write_fits_dns(name: str, label: str, hostname: str) -> None:
    assert announcement._label(name) == label
    assert announcement._hostname(label) == hostname
    info = zeroconf.ServiceInfo(SERVICE_TYPE, f"{label}-99.{SERVICE_TYPE}")
    assert len(info.name.removesuffix(f".{SERVICE_TYPE}").encode()) <= 63
    assert "." not in label


@pytest.mark.parametrize(
    ("listens_on", "others"),
    [(["127.0.0.1"], ["127.0.0.1"]), (["127.0.0.1", "192.0.2.7"], ["192.0.2.7"])],
)
def test_loopback_is_announced_only_if_there_is_nothing_else(
    listens_on: list[str], others: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    adapters = [ifaddr.Adapter(text, text, [ifaddr.IP(text, 8, text)]) for text in listens_on]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    assert announcement._addresses_of_this_host() == others


def test_the_library_is_imported_only_for_this() -> None:
    code = "import sys, emulator.cli, emulator.commands.serve; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"zeroconf", "ifaddr"} & set(modules)
