"""A Tap that is somewhere else: an emulator with its control API, or hardware."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

from emulator.testing.handle import ScenarioSource, TapHandle, text_of

if TYPE_CHECKING:
    from emulator.control.client import ControlClient
    from emulator.testing.steering import Steering
    from scenarios.model import Scenario

NO_CONTROL: Final = "needs an emulator with a control API"


class RemoteTap(TapHandle):
    """A Tap that runs already.

    Args:
        control: steers it. Without, as with a real Tap, a test that wants more than to talk to it is skipped.
    """

    def __init__(self, url: str, control: "ControlClient | None" = None) -> None:
        super().__init__()
        self.urls = (url,)
        self._remote = control

    def __repr__(self) -> str:
        return f"<RemoteTap {self.url}>"

    @property
    def _steering(self) -> "Steering":
        if self._remote is None:
            _skip(NO_CONTROL)
        return self._remote

    @property
    def firmware(self) -> str:
        """Version of its firmware, ``1.86.0``."""
        if self._remote is not None:
            return self._remote.device().firmware
        with self.client() as client:
            return str(client.service.device.get_firmware_version())

    @property
    def serial_number(self) -> str:
        """``IoTize00410000009B``."""
        if self._remote is not None:
            return self._remote.device().serial_number
        with self.client() as client:
            return client.service.device.get_serial_number()

    def report(self) -> list[tuple[str, str]]:
        """Title and text of what a report of a failed test says of this Tap; nothing of one that keeps no journal."""
        import httpx

        from emulator.control.errors import ControlError

        if self._remote is None:
            return []
        try:
            return super().report()
        except (ControlError, httpx.HTTPError) as error:
            return [(f"journal of {self!r}", f"it cannot be read: {error!r}")]

    def _arm(self, source: ScenarioSource, loaded: "Scenario", inputs: Mapping[str, Any], seed: int) -> str:
        if self._remote is None:
            _skip(NO_CONTROL)
        return self._remote.arm(text_of(source), inputs=dict(inputs), seed=seed).name

    def _misses(self, name: str, scenario: "Scenario") -> list[str]:
        from scenarios.model.common import plain_value

        verdicts = self._steering.verify([plain_value(item.written) for item in scenario.verify])
        return [each.message for each in verdicts.results if not each.passed]

    def close(self, *, check: bool = True) -> None:
        """Ends the use of the Tap: clients of the test are closed, the Tap goes on."""
        self._close_clients()


def _skip(reason: str) -> NoReturn:
    import pytest

    pytest.skip(reason)
