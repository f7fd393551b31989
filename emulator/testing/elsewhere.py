"""The one Tap for all tests of a run that is not in their process: behind a URL, or in a container."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from emulator.testing.container import Container, find_engine
from emulator.testing.handle import load_scenario
from emulator.testing.remote import NO_CONTROL, RemoteTap
from protocol.errors import UsageError
from protocol.firmware import Version

if TYPE_CHECKING:
    from emulator.control.client import ControlClient

_ORIGIN: Final = "before all tests"
"""Name of the snapshot to which each test goes back."""
OWN_TAP: Final = "needs a Tap of its own"


class Elsewhere:
    """A Tap that is lent to one test after the other, each time as it was at first."""

    def __init__(self, url: str, control: "ControlClient | None") -> None:
        self._url = url
        self._control = control
        self._armed: set[str] = set()
        self._firmware: str | None = None
        if control is not None:
            self._armed = {each.name for each in (*control.scenarios(), *control.faults())}
            self._rate = control.clock().rate
            control.snapshot(_ORIGIN)

    def lend(self, options: dict[str, Any], *, first: bool) -> RemoteTap:
        """The Tap as a test wants it; a test that wants what this one cannot be is skipped.

        Args:
            first: the test has no other Tap.
        """
        for name in ("config", "links"):
            if options.get(name):
                pytest.skip(f"{OWN_TAP}: {name}")
        if not first:
            pytest.skip("needs more than one Tap")
        self._reset()
        tap = RemoteTap(self._url, self._control)
        self._change_firmware(tap, options.get("firmware"))
        if options.get("seed") is not None or options.get("clock") is not None:
            self._steer(tap, options.get("seed"), options.get("clock"))
        if options.get("scenario") is not None:
            self._arm(tap, options)
        return tap

    def _reset(self) -> None:
        control = self._control
        if control is None:
            return
        for names, disarm in ((control.faults, control.disarm_fault), (control.scenarios, control.disarm)):
            for each in names():
                if each.name not in self._armed:
                    disarm(each.name)
        control.restore(_ORIGIN)
        for kept in control.snapshots():
            if kept.name.startswith("snapshot "):
                control.delete_snapshot(kept.name)
        if control.clock().rate != self._rate:
            control.set_rate(self._rate)
        control.clear_journal()

    def _change_firmware(self, tap: RemoteTap, asked: str | None) -> None:
        if asked is None:
            return
        if self._control is not None:
            self._control.change_device(firmware=asked)
            return
        if self._firmware is None:
            self._firmware = tap.firmware
        if _version(self._firmware) != _version(asked):
            pytest.skip(f"needs firmware {asked}, this Tap has {self._firmware}")

    def _steer(self, tap: RemoteTap, seed: int | None, clock: str | float | None) -> None:
        from emulator.testing.rates import rate_of

        if self._control is None:
            pytest.skip(NO_CONTROL)
        if seed is not None:
            self._control.set_seed(seed)
            tap.seed = seed
        if clock is not None:
            self._control.set_rate(rate_of(clock))

    def _arm(self, tap: RemoteTap, options: dict[str, Any]) -> None:
        loaded = load_scenario(options["scenario"], options.get("inputs") or {})
        device = loaded.device
        if device.config is not None or device.quirks:
            pytest.skip(f"{OWN_TAP}: device of the scenario")
        if device.firmware is not None and options.get("firmware") is None:
            self._change_firmware(tap, str(device.firmware))
        tap.arm(options["scenario"], inputs=options.get("inputs"))


@contextmanager
def at_url(url: str, control_url: str | None, token: str | None) -> Iterator[Elsewhere]:
    """The Tap behind a URL."""
    with ExitStack() as stack:
        control = None
        if control_url:
            from emulator.control.client import ControlClient

            control = stack.enter_context(ControlClient(control_url, token or ""))
        yield Elsewhere(url, control)


@contextmanager
def in_container(image: str) -> Iterator[Elsewhere]:
    """The Tap in a container of an image, until the end of the run."""
    from emulator.control.client import ControlClient

    with Container(find_engine(), image) as container, ControlClient(container.control_url, container.token) as control:
        container.wait_until_ready()
        yield Elsewhere(container.url, control)


def _version(text: str) -> Version | str:
    try:
        return Version.parse(text)
    except UsageError:
        return text
