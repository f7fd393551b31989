"""Fuzzing with a grammar's knowledge: a Tap that is right up to one point, and wrong there.

``case`` says what goes wrong and where, ``mutation`` and ``grammar`` how an answer can go wrong, ``saboteur`` is the
director that does it (``acting`` and ``predicting`` know what a mutation does), ``rig`` the Tap around it.
``observation`` is what was seen of a client.

``clients`` are programs, ``judging`` says who is wrong, ``campaign`` plays case after case, ``findings`` keeps what
came of it, ``handover`` makes scenarios of it. ``live`` misbehaves for a client that somebody else drives, ``device``
is the other direction: a client that misbehaves towards a Tap.

For Python clients there is `target`, which fuzzes them in the same process (``inprocess``), and `cases` and `faults`,
which are strategies of hypothesis for it. They are loaded when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from scenarios.fuzz.inprocess.strategies import cases, faults
    from scenarios.fuzz.inprocess.target import Target, target

__all__ = ["Target", "cases", "faults", "target"]

_TARGET, _STRATEGIES = "inprocess.target", "inprocess.strategies"
_HOMES: Final = {"Target": _TARGET, "target": _TARGET, "cases": _STRATEGIES, "faults": _STRATEGIES}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
