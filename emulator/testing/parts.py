"""Parts of a Tap under test: its clock, its values, faults and scenarios that are armed, states to go back to."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.control.models import Armed as ArmedNow
    from emulator.control.models import Change
    from emulator.testing.steering import Steering


class ClockHandle:
    """Time of a Tap: `tap.clock.advance(3600)`."""

    def __init__(self, steering: "Steering") -> None:
        self._steering = steering

    def __repr__(self) -> str:
        return f"<clock at {self.now():.3f} s, rate {self.rate:g}>"

    def now(self) -> float:
        """Seconds since the Tap was made."""
        return self._steering.clock().now

    @property
    def rate(self) -> float:
        """Seconds of the Tap per second of the world: 1 is real time, 10 ten times as fast, 0 stands still."""
        return self._steering.clock().rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._steering.set_rate(rate)

    def freeze(self) -> None:
        """From now on time moves only by `advance`."""
        self._steering.set_rate(0.0)

    def advance(self, seconds: float) -> None:
        """Moves time forward: everything that is due on the way has happened afterwards."""
        self._steering.advance(seconds)


class Variables(MutableMapping[str, Any]):
    """Values of the Tap's variables by name, or by id as text. Setting one needs no rights: the world does it."""

    def __init__(self, steering: "Steering") -> None:
        self._steering = steering

    def __getitem__(self, name: str) -> Any:
        return self._steering.variable(name).value

    def __setitem__(self, name: str, value: Any) -> None:
        self._steering.set_variable(name, value)

    def __delitem__(self, name: str) -> None:
        raise TypeError("the variables of a Tap are those of its configuration")

    def __iter__(self) -> Iterator[str]:
        return (each.name or str(each.id) for each in self._steering.variables())

    def __len__(self) -> int:
        return len(self._steering.variables())


class Settings(MutableMapping[str, Any]):
    """Settings of the Tap by key, ``interface.app_name``; without passwords and keys. Setting one needs no rights."""

    def __init__(self, steering: "Steering") -> None:
        self._steering = steering

    def __getitem__(self, key: str) -> Any:
        settings = self._steering.device().settings
        if key not in settings:
            raise KeyError(f"no setting {key!r}, expected for example 'interface.app_name'")
        return settings[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._steering.change_device(settings={key: value})

    def __delitem__(self, key: str) -> None:
        raise TypeError("a setting of a Tap always has a value")

    def __iter__(self) -> Iterator[str]:
        return iter(self._steering.device().settings)

    def __len__(self) -> int:
        return len(self._steering.device().settings)


class Armed:
    """A fault or scenario that acts on whoever talks to the Tap; in a ``with`` block, until the end of the block."""

    def __init__(self, name: str, look: Callable[[], "list[ArmedNow]"], disarm: Callable[[str], None]) -> None:
        self.name = name
        self._look = look
        self._disarm = disarm
        self._last: ArmedNow | None = None
        """What it had done when it was removed."""

    def __repr__(self) -> str:
        return f"<{self.name}, {'armed' if self._last is None else 'removed'}>"

    def __enter__(self) -> "Armed":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.remove()

    def remove(self) -> None:
        """The Tap behaves again."""
        if self._last is None:
            self._last = self._now()
            self._disarm(self.name)

    @property
    def fired(self) -> int:
        """How often its rules have done something."""
        return sum(rule.acted for rule in self._now().rules)

    @property
    def states(self) -> Mapping[str, str | Mapping[str, str]]:
        """States of its machines by name; of one that goes by sessions, the states by connection."""
        return self._now().machines

    def _now(self) -> "ArmedNow":
        if self._last is not None:
            return self._last
        for each in self._look():
            if each.name == self.name:
                return each
        raise LookupError(f"{self.name!r} is not armed any more")


class Snapshot:
    """A state of a Tap; `TapHandle.restore` goes back to it, any number of times."""

    def __init__(self, name: str, time: float) -> None:
        self.name = name
        self.time = time
        """Seconds of the Tap's clock."""

    def __repr__(self) -> str:
        return f"<{self.name} at {self.time:.3f} s>"


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that differs between two states."""

    what: str
    before: Any
    after: Any

    @classmethod
    def of(cls, change: "Change") -> "Difference":
        """That of the control API."""
        return cls(change.what, change.before, change.after)

    def __str__(self) -> str:
        return f"{self.what}: {self.before!r} -> {self.after!r}"
