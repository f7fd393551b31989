"""Sweeps: every service call of a client, made once, by one user against one firmware."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.vendor.conftest import HERE, Clients, Taps, url_of

NEW: Final = "2.7.0"
OLD: Final = "alpha.105"
NEWEST: Final = "1.113"
OLDER: Final = "1.63"
TAP: Final = HERE / "sweep.yaml"
CASE: Final = "everyServiceCall"


@dataclass(frozen=True)
class Sweep:
    """Who makes the calls, with which client, to which firmware."""

    client: str
    firmware: str
    user: str | None

    def __str__(self) -> str:
        return f"{self.client}-fw{self.firmware}-{self.user or 'anonymous'}"


SWEEPS: Final = (
    Sweep(NEW, NEWEST, "admin"),
    Sweep(NEW, NEWEST, None),
    Sweep(NEW, OLDER, "admin"),
    Sweep(NEW, OLDER, None),
    Sweep(OLD, NEWEST, "admin"),
    Sweep(OLD, OLDER, "admin"),
)


@dataclass(frozen=True)
class Observed:
    """What became of a call.

    Args:
        call: as it was on the wire, for example ``GET /1024//7``; None if the client could not send it.
        code: result code of the answer.
        trouble: why the client could not send the call, or not read the answer.
        read_back: which call showed what was written, and whether it was the same; None if none did.
    """

    call: str | None
    code: int | None
    trouble: str | None
    read_back: Mapping[str, Any] | None

    @property
    def outcome(self) -> str:
        """The result code as the documentation shows it."""
        return "not sent" if self.code is None else f"{self.code:02X}"


Results = Mapping[str, Observed]
"""By name of the call: ``interface.getAppName``."""


def run(sweep: Sweep, clients: Clients, taps: Taps) -> Results:
    """Makes every call against a Tap that nobody has used before.

    Raises:
        AssertionError: the client failed otherwise than by a refusal.
    """
    with taps.borrow(TAP.read_text(encoding="utf-8"), sweep.firmware, keep=False) as server:
        answer = clients.ask(name=CASE, client=sweep.client, url=url_of(server), user=sweep.user)
        assert "error" not in answer, f"{answer['error']}\n\n{server.log.read_text(encoding='utf-8')}"
    return {one["id"]: _observed(one) for one in answer["observed"]}


def runner(clients: Clients, taps: Taps) -> Callable[[Sweep], Results]:
    """A function that makes each sweep only once."""
    return functools.cache(lambda sweep: run(sweep, clients, taps))


def _observed(one: Mapping[str, Any]) -> Observed:
    return Observed(one.get("call"), one.get("code"), one.get("unsent") or one.get("unread"), one.get("readBack"))
