"""How a Tap is steered, wherever it is: the methods of the client of the control API that fixtures need."""

from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

from emulator.control import models
from emulator.control.operations import Control
from emulator.testing.background import Background

P = ParamSpec("P")
T = TypeVar("T")


class Steering(Protocol):
    """Methods of `ControlClient`, which says what they do."""

    def device(self) -> models.Device: ...
    def change_device(
        self, *, settings: dict[str, Any] | None = None, firmware: str | None = None
    ) -> models.Device: ...
    def reboot(self, seconds: float | None = None) -> None: ...
    def snapshot(self, name: str) -> models.SnapshotInfo: ...
    def restore(self, name: str) -> None: ...
    def delete_snapshot(self, name: str) -> None: ...
    def diff(self, before: str, after: str | None = None) -> list[models.Change]: ...
    def variables(self) -> list[models.Variable]: ...
    def variable(self, name: str) -> models.Variable: ...
    def set_variable(self, name: str, value: Any) -> models.Variable: ...
    def clock(self) -> models.Clock: ...
    def set_rate(self, rate: float) -> models.Clock: ...
    def advance(self, seconds: float) -> models.Clock: ...
    def set_seed(self, seed: int | None) -> models.Seed: ...
    def faults(self) -> list[models.Armed]: ...
    def arm_fault(self, rule: dict[str, Any]) -> models.Armed: ...
    def disarm_fault(self, name: str) -> None: ...
    def scenarios(self) -> list[models.Armed]: ...
    def disarm(self, name: str) -> None: ...
    def journal(self, limit: int = 1000, **query: Any) -> list[models.Entry]: ...
    def wait(self, *, count: int = 1, timeout: float = 5.0, **query: Any) -> list[models.Entry]: ...
    def verify(self, items: list[dict[str, Any]]) -> models.Verdicts: ...
    def sessions(self) -> list[models.Session]: ...
    def health(self) -> models.Health: ...


class LocalSteering:
    """Steers a Tap of this process; every call is made in its event loop."""

    def __init__(self, control: Control, background: Background) -> None:
        self._control = control
        self._background = background

    def _do(self, operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return self._background.call(operation, *args, **kwargs)

    def device(self) -> models.Device:
        return self._do(self._control.device)

    def change_device(self, *, settings: dict[str, Any] | None = None, firmware: str | None = None) -> models.Device:
        change = models.DeviceChange(settings=settings or {}, firmware=firmware)
        return self._do(self._control.change_device, change)

    def reboot(self, seconds: float | None = None) -> None:
        self._do(self._control.reboot, seconds)

    def snapshot(self, name: str) -> models.SnapshotInfo:
        return self._do(self._control.snapshot, name)

    def restore(self, name: str) -> None:
        self._do(self._control.restore, name)

    def delete_snapshot(self, name: str) -> None:
        self._do(self._control.delete_snapshot, name)

    def diff(self, before: str, after: str | None = None) -> list[models.Change]:
        return self._do(self._control.diff, before, after)

    def variables(self) -> list[models.Variable]:
        return self._do(self._control.variables)

    def variable(self, name: str) -> models.Variable:
        return self._do(self._control.variable, name)

    def set_variable(self, name: str, value: Any) -> models.Variable:
        return self._do(self._control.set_variable, name, value)

    def clock(self) -> models.Clock:
        return self._do(self._control.clock)

    def set_rate(self, rate: float) -> models.Clock:
        return self._do(self._control.set_rate, rate)

    def advance(self, seconds: float) -> models.Clock:
        return self._background.run(self._control.advance(seconds))

    def set_seed(self, seed: int | None) -> models.Seed:
        return self._do(self._control.set_seed, seed)

    def faults(self) -> list[models.Armed]:
        return self._do(self._control.faults)

    def arm_fault(self, rule: dict[str, Any]) -> models.Armed:
        return self._do(self._control.arm_fault, rule)

    def disarm_fault(self, name: str) -> None:
        self._do(self._control.disarm_fault, name)

    def scenarios(self) -> list[models.Armed]:
        return self._do(self._control.scenarios)

    def disarm(self, name: str) -> None:
        self._do(self._control.disarm, name)

    def journal(self, limit: int = 1000, **query: Any) -> list[models.Entry]:
        return self._do(self._control.journal, models.Query(**query), limit)

    def wait(self, *, count: int = 1, timeout: float = 5.0, **query: Any) -> list[models.Entry]:
        waited = self._background.run(self._control.wait(models.Wait(count=count, timeout=timeout, **query)))
        if not waited.complete:
            raise TimeoutError(f"{len(waited.entries)} of {count} entries came in {timeout} s: {query or 'any'}")
        return waited.entries

    def verify(self, items: list[dict[str, Any]]) -> models.Verdicts:
        return self._do(self._control.verify, items)

    def sessions(self) -> list[models.Session]:
        return self._do(self._control.sessions)

    def health(self) -> models.Health:
        return self._do(self._control.health)
