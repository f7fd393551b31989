"""A server process with a link of every kind."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests import mosquitto
from tests.emulator.links.serial_taps import cable
from tests.serving import SERVE, Serving, serving

INTERFACES = {"tcp": 0x20, "rfc2217": 0x100, "pty": 0x100, "serial": 0x100, "ws": 0x400, "mqtt": 0x200}
"""What /1024//3 answers over each kind of link."""
ALL = tuple(INTERFACES)


def missing(link: str) -> str | None:
    """What this machine lacks to serve a kind of link; None if nothing."""
    if link == "serial" and shutil.which("socat") is None:
        return "socat is not installed: apt-get install socat"
    if link == "mqtt" and not mosquitto.installed():
        return "Mosquitto is not installed: apt-get install mosquitto"
    return None


def available() -> tuple[str, ...]:
    """The kinds that this machine can serve."""
    return tuple(link for link in ALL if missing(link) is None)


@contextmanager
def serving_on(links: Sequence[str], folder: Path, *arguments: str) -> Iterator[tuple[Serving, dict[str, str]]]:
    """A Tap that listens on links of these kinds, and where a client finds each: as the Tap has announced it, but for
    the serial port, where a client has the other end of the cable.
    """
    with ExitStack() as stack:
        addresses = {
            "tcp": "tcp://127.0.0.1:0",
            "rfc2217": "rfc2217://127.0.0.1:0",
            "pty": f"pty:{folder / 'tap0'}",
            "ws": "ws://127.0.0.1:0",
        }
        ends = {}
        if "mqtt" in links:
            addresses["mqtt"] = stack.enter_context(mosquitto.Mosquitto(folder)).url
        if "serial" in links:
            wire = stack.enter_context(cable(folder))
            addresses["serial"], ends["serial"] = f"serial:{wire.tap_end}", f"serial:{wire.host_end}"
        listening = [part for link in links for part in ("--listen", addresses[link])]
        server = stack.enter_context(serving((*SERVE[:2], *listening, *arguments), folder / "tap.log"))
        yield server, {**dict(zip(links, server.urls, strict=False)), **ends}
