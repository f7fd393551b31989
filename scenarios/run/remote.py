"""Clients that talk to a Tap over its links: each in a thread, in the time of the world."""

import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoResultError
from typing import Any, Final

from protocol.client.links import Link, LinkError, open_link
from protocol.errors import ProtocolError
from protocol.urls import LinkUrl
from scenarios.run.controller import Controller
from scenarios.run.wishes import (
    Actor,
    ClosedLinkError,
    Connect,
    Disconnect,
    Exchange,
    Fork,
    Inspect,
    NotHereError,
    Restore,
    Sleep,
    Snapshot,
    TimeoutLinkError,
    Wish,
)

_NO_ANSWER: Final = "no answer within"
_CLOSED: Final = ("is closed", "Connection reset", "Broken pipe")
"""Words of a link's error that tell of which kind it is."""


class RemoteWorld:
    """A Tap at a URL, and the clients that talk to it.

    Args:
        patience: seconds that links wait for an answer; a step that waits for less gives up earlier.
        controller: steers the Tap beside its links; None where it cannot be steered.
    """

    def __init__(self, url: str, patience: float, controller: Controller | None = None) -> None:
        self.url = url
        self.controller = controller
        self.patience = patience
        self._failures: list[BaseException] = []

    def run(self, actors: Iterable[Actor]) -> None:
        """Runs clients until all of them are done."""
        threads = [threading.Thread(target=self._play, args=(actor,), daemon=True) for actor in actors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def now(self) -> float:
        """Seconds of the world."""
        return time.monotonic()

    def _play(self, actor: Actor) -> None:
        line = _Line(self)
        outcome: Any = None
        try:
            while True:
                wish = actor.throw(outcome) if isinstance(outcome, BaseException) else actor.send(outcome)
                try:
                    outcome = self._fulfil(line, wish)
                except (ProtocolError, NotHereError) as error:
                    outcome = error
        except StopIteration:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised again where the threads are joined
            self._failures.append(error)
        finally:
            line.close()

    def _fulfil(self, line: "_Line", wish: Wish) -> Any:
        match wish:
            case Exchange(request, timeout):
                return line.exchange(request, timeout)
            case Connect(link, timeout):
                return line.connect(self._find_link(link), max(timeout, self.patience))
            case Disconnect():
                return line.close()
            case Sleep(seconds):
                return time.sleep(seconds)
            case Fork(actors):
                return self.run(actors)
            case Inspect(kind, name):
                return self._controller(f"the {kind} {name}").look(kind, name)
            case Snapshot(name):
                return self._controller(f"the snapshot {name}").snapshot(name)
            case Restore(name):
                return self._controller(f"the snapshot {name}").restore(name)

    def _controller(self, purpose: str) -> Controller:
        if self.controller is None:
            raise NotHereError(f"{purpose} is seen by the control API of an emulator only; see --control")
        return self.controller

    def _find_link(self, name: str | None) -> str:
        """The Tap's URL for a link without address; the scenario says ``mem`` where any will do."""
        scheme = self.url.partition(":")[0]
        if name is None or name.partition(":")[0] in (scheme, "mem"):
            return self.url
        if "//" in name and LinkUrl.parse(name, frozenset({name.partition(":")[0]})).name:
            return name
        raise NotHereError(f"the target {self.url} has no link {name!r}")


class _Line:
    """One connection of one client."""

    def __init__(self, world: RemoteWorld) -> None:
        self._world = world
        self._link: Link | None = None
        self._patience = world.patience
        self._helper: ThreadPoolExecutor | None = None

    def connect(self, url: str, patience: float) -> None:
        self.close()
        self._link = open_link(url, patience)
        self._patience = patience

    def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
        if self._helper is not None:
            self._helper.shutdown(wait=False)
            self._helper = None

    def exchange(self, request: bytes, timeout: float) -> bytes:
        if self._link is None:
            raise ClosedLinkError(f"{self._world.url}: not connected")
        try:
            self._link.send(request)
            return self._receive(self._link, timeout)
        except LinkError as error:
            self.close()
            raise _sorted(error) from error
        except ProtocolError:
            self.close()
            raise

    def _receive(self, link: Link, timeout: float) -> bytes:
        if timeout >= self._patience:
            return link.receive()
        # Links have one time-out for all answers, so somebody else waits for this one.
        if self._helper is None:
            self._helper = ThreadPoolExecutor(max_workers=1)
        try:
            return self._helper.submit(link.receive).result(timeout)
        except NoResultError:
            raise TimeoutLinkError(f"{self._world.url}: no answer within {timeout:g} s") from None


def _sorted(error: LinkError) -> LinkError:
    """The same error, of the kind that its words tell."""
    text = str(error)
    if type(error) is not LinkError:
        return error
    if _NO_ANSWER in text:
        return TimeoutLinkError(text)
    if any(words in text for words in _CLOSED):
        return ClosedLinkError(text)
    return error
