"""What a run asks of a Tap that it reaches over links, where somebody can steer that Tap beside them."""

from collections.abc import Iterable
from typing import Any, Protocol

from scenarios.model import Scenario
from scenarios.run.outcome import Result


class Controller(Protocol):
    """Steers a running emulator. Each method may raise a `NotHereError` for what it cannot do."""

    def begin(self, scenario: Scenario, seed: int) -> None:
        """Forgets what happened before, and lets the script of the scenario act."""
        ...

    def look(self, kind: str, name: str) -> Any:
        """Value of a ``setting`` or ``variable``, as JSON can hold it."""
        ...

    def snapshot(self, name: str) -> None:
        """Remembers the Tap under a name."""
        ...

    def restore(self, name: str) -> None:
        """Puts the Tap back to what it was under a name."""
        ...

    def verify(self, scenario: Scenario) -> Iterable[Result]:
        """Whether what had to happen has happened."""
        ...

    def end(self) -> None:
        """Ends the script."""
        ...
