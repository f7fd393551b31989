"""Who plays many cases: this process itself, or workers that are forked from it.

Both are given case after case, and say what came of them in the same order. So it makes no difference to a plan who
plays, or how many.
"""

import faulthandler
import multiprocessing
import pickle
import signal
import sys
import tempfile
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from mmap import mmap
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import IO, Final, NamedTuple, Protocol, Self

from protocol.errors import UsageError
from scenarios.fuzz.case import Case
from scenarios.fuzz.findings import Finding
from scenarios.fuzz.mutation import Answer

AHEAD: Final = 128
"""Cases that are given before it is asked what came of the first of them: work that lies ready for workers."""
_BATCHES: Final = 4
"""That lie ready for each worker."""
_LOOK_AGAIN: Final = 0.5
"""Seconds after which it is looked whether a worker still lives that says nothing."""
_GRACE: Final = 1.0
"""Seconds that idle workers have to end by themselves."""


class Outcome(NamedTuple):
    """What came of a case.

    Args:
        answers: of the Tap; none if the same requests were made in a case before, by the same player.
        came_true: a fault of it did.
        findings: of kinds that the player had not met before.
    """

    answers: Sequence[Answer]
    came_true: bool
    findings: Sequence[Finding]


Play = Callable[[Case], Outcome]
Died = Callable[[Case, int, str], Outcome]
"""Says what came of a case in which the process has died: with its exit code, negative for a signal, and last words."""


class Crew(Protocol):
    """Plays cases, until its context is left; no process outlives that."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None: ...

    def give(self, case: Case) -> None:
        """One more case to play."""
        ...

    def outcome(self) -> Outcome:
        """What came of the next case, in the order in which they were given.

        Raises:
            Exception: what playing it has raised.
        """
        ...


def make_crew(play: Play, died: Died, workers: int) -> Crew:
    """Who plays: this process for one worker, else so many others.

    Raises:
        UsageError: there cannot be so many.
    """
    if workers < 1:
        raise UsageError(f"{workers} workers; expected one or more")
    return Alone(play) if workers == 1 else Forked(play, died, workers)


class Alone:
    """This process plays, whenever it is asked what came of a case."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._cases: deque[Case] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """There is nothing to end."""

    def give(self, case: Case) -> None:
        """See `Crew`."""
        self._cases.append(case)

    def outcome(self) -> Outcome:
        """See `Crew`."""
        return self._play(self._cases.popleft())


class Forked:
    """Workers that are forked from this process play, in turns of a batch each.

    A worker that dies is replaced. The case that it was at has its outcome from that; others of which it had not told
    anything yet are played again.

    Raises:
        UsageError: the platform cannot fork.
    """

    def __init__(self, play: Play, died: Died, workers: int) -> None:
        if "fork" not in multiprocessing.get_all_start_methods():
            raise UsageError(f"workers are forked, which {sys.platform} cannot; expected workers=1")
        self._size = max(AHEAD // (_BATCHES * workers), 1)
        self._batch: list[Case] = []
        """Given, and with nobody yet."""
        self._workers: deque[_Worker] = deque()
        """The one whose turn is next comes first."""
        self._busy: deque[_Worker] = deque()
        """Who has the batches that are played, in their order."""
        self._outcomes: deque[Outcome] = deque()
        try:
            for _ in range(workers):
                self._workers.append(_Worker(play, died, self._workers))
        except BaseException:
            self._end(at_once=True)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end(at_once=kind is not None)

    def give(self, case: Case) -> None:
        """See `Crew`."""
        self._batch.append(case)
        if len(self._batch) >= self._size:
            self._hand_out()

    def outcome(self) -> Outcome:
        """See `Crew`."""
        if not self._outcomes:
            if not self._busy:
                self._hand_out()
            self._outcomes.extend(self._busy.popleft().outcomes())
        return self._outcomes.popleft()

    def _end(self, *, at_once: bool) -> None:
        for worker in self._workers:
            worker.dismiss(at_once=at_once)
        for worker in self._workers:
            worker.bury(0 if at_once else _GRACE)

    def _hand_out(self) -> None:
        worker = self._workers[0]
        self._workers.rotate(-1)
        self._busy.append(worker)
        worker.give(self._batch)
        self._batch = []


class _Worker:
    """A process that plays batches of cases.

    Args:
        crew: all workers that there are.
    """

    _process: BaseProcess
    _line: Connection

    def __init__(self, play: Play, died: Died, crew: Sequence["_Worker"]) -> None:
        self._play = play
        self._died = died
        self._crew = crew
        self._batches: deque[list[Case]] = deque()
        self._deadly: dict[Case, Outcome] = {}
        """What came of cases of the first batch in which the process has died."""
        self._at = mmap(-1, 1)
        """Which case of its batch it is at, from 1; 0 if at none."""
        self._last_words = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._start()

    def _start(self) -> None:
        fork = multiprocessing.get_context("fork")
        self._line, far_end = fork.Pipe()
        lines = [self._line, *(each._line for each in self._crew if each is not self)]
        self._at[0] = 0
        self._process = fork.Process(target=_work, args=(self._play, far_end, lines, self._at, self._last_words))
        self._process.start()
        far_end.close()

    def give(self, batch: list[Case]) -> None:
        """One more batch to play."""
        self._batches.append(batch)
        self._send(batch)

    def _send(self, batch: list[Case]) -> None:
        with suppress(OSError):  # it has died, which is noticed where its outcomes are missed
            self._line.send([case for case in batch if case not in self._deadly])

    def outcomes(self) -> list[Outcome]:
        """What came of the first batch.

        Raises:
            Exception: what playing it has raised.
        """
        while (told := self._told()) is None:
            self._replace()
        if isinstance(told, BaseException):
            raise told
        outcomes, batch = iter(told), self._batches.popleft()
        return [self._deadly.pop(case) if case in self._deadly else next(outcomes) for case in batch]

    def _told(self) -> list[Outcome] | BaseException | None:
        """What it has told; None if it has died instead."""
        try:
            while not self._line.poll(_LOOK_AGAIN):
                if not self._process.is_alive() and not self._line.poll():
                    return None  # whose end of the line is held open by a child of its own
            told: list[Outcome] | BaseException = self._line.recv()
        except (EOFError, OSError):
            return None
        return told

    def _replace(self) -> None:
        self._process.join()
        code, at = self._process.exitcode, self._at[0]
        assert code is not None
        if not at:
            raise UsageError(f"a worker ended although it had nothing to play, exit code {code}")
        case = [each for each in self._batches[0] if each not in self._deadly][at - 1]
        self._deadly[case] = self._died(case, code, self._words())
        self._line.close()
        self._start()
        for batch in self._batches:
            self._send(batch)

    def _words(self) -> str:
        """What it said when it died."""
        self._last_words.seek(0)
        words = self._last_words.read()
        self._last_words.seek(0)
        self._last_words.truncate()
        return words

    def dismiss(self, *, at_once: bool) -> None:
        """Has it end, at once or when it has played its batches."""
        self._line.close()
        if at_once:
            self._process.kill()

    def bury(self, grace: float) -> None:
        """Waits for its end, so many seconds at most if it does not end by itself."""
        self._process.join(grace)
        self._process.kill()
        self._process.join()
        self._process.close()
        self._at.close()
        self._last_words.close()


def _work(play: Play, line: Connection, others: Sequence[Connection], at: mmap, last_words: IO[str]) -> None:
    """What a worker does, until nobody is at the other end of its line any more.

    Args:
        others: lines of this process's parent, which are open here too as long as nobody closes them.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    faulthandler.enable(last_words, all_threads=False)
    for each in others:
        each.close()
    try:
        while True:
            line.send(_play_all(play, line.recv(), at))
    except (EOFError, OSError):
        return


def _play_all(play: Play, batch: Sequence[Case], at: mmap) -> list[Outcome] | BaseException:
    outcomes = []
    try:
        for number, case in enumerate(batch, start=1):
            at[0] = number
            outcomes.append(play(case))
    except BaseException as error:  # noqa: BLE001 - it belongs to who waits at the other end
        return _as_sent(error)
    finally:
        at[0] = 0
    return outcomes


def _as_sent(error: BaseException) -> BaseException:
    """An error that can be sent, and tells where it was raised."""
    error.add_note("in a worker:\n" + "".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever its class does
        return RuntimeError("".join(traceback.format_exception(error)))
    return error
