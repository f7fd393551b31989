"""Both clients behind one face, so that each test of a shell is written once."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from protocol.client.aio import AsyncTap
from protocol.client.blocking import Tap

Shell = Literal["blocking", "aio"]
SHELLS: tuple[Shell, ...] = ("blocking", "aio")


class Awaited:
    """An object of the asyncio client whose coroutines are run to their end."""

    def __init__(self, target: Any, runner: asyncio.Runner) -> None:
        self._target = target
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if inspect.iscoroutinefunction(found):
            return lambda *args, **kwargs: self._runner.run(found(*args, **kwargs))
        return Awaited(found, self._runner) if type(found).__module__.endswith("_aio") else found


@contextmanager
def new_tap(shell: Shell, url: str, timeout: float = 5.0) -> Iterator[Any]:
    """A client of this kind, not connected yet, and closed at the end."""
    if shell == "blocking":
        tap = Tap(url, timeout=timeout)
        yield tap
        tap.close()
    else:
        with asyncio.Runner() as runner:
            async_tap = AsyncTap(url, timeout=timeout)
            yield Awaited(async_tap, runner)
            runner.run(async_tap.close())


@contextmanager
def connected(shell: Shell, url: str, timeout: float = 5.0) -> Iterator[Any]:
    """The same, connected."""
    with new_tap(shell, url, timeout) as tap:
        tap.connect()
        yield tap


OpenTap = Callable[..., Any]
