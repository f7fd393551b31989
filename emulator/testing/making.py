"""Makes the Taps of one test, and ends them."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from emulator.config import ConfigError
from emulator.control.errors import ControlError
from emulator.links import LinkError
from emulator.testing.handle import LeakError, TapHandle
from emulator.testing.options import merged, with_paths
from protocol.errors import ProtocolError
from scenarios.errors import ScenarioError

if TYPE_CHECKING:
    from emulator.testing.elsewhere import Elsewhere

MISTAKES: Final = (ConfigError, ScenarioError, LinkError, ProtocolError, ControlError, ValueError)
"""What is raised by options that cannot be understood, or fulfilled."""
_SEEDS: Final = 2**32


class Maker:
    """Makes Taps with the options of the test's marker.

    Args:
        folders: where files are that options name, the first that has one counts.
        seed: of all Taps that are not told otherwise; None draws one for each.
        elsewhere: the Tap that runs already, if there is one.
    """

    def __init__(
        self, marked: Mapping[str, Any], folders: list[Path], seed: int | None, elsewhere: "Elsewhere | None"
    ) -> None:
        self._marked = marked
        self._folders = folders
        self._seed = seed
        self._elsewhere = elsewhere
        self.taps: list[TapHandle] = []
        """In the order in which they were made."""

    def make(self, **options: Any) -> TapHandle:
        """Another Tap; see `VirtualTap` for the options."""
        asked = with_paths(merged([options, self._marked]), self._folders)
        if self._elsewhere is not None:
            tap: TapHandle = self._elsewhere.lend(asked, first=not self.taps)
        else:
            from emulator.testing.virtual import VirtualTap

            drawn = secrets.randbelow(_SEEDS) if self._seed is None else self._seed
            tap = VirtualTap(default_seed=drawn, **asked)
        self.taps.append(tap)
        return tap

    def close(self, *, check: bool) -> list[str]:
        """Ends all of them, and returns what they have left behind if that is asked for."""
        problems = []
        for tap in reversed(self.taps):
            try:
                tap.close(check=check)
            except LeakError as error:
                problems.append(str(error))
        return problems
