"""Plays the turns of a client, and says how each of them came to its end."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from scenarios.fuzz.clients.command import Command
from scenarios.fuzz.clients.lines import LineSplitter, Said
from scenarios.fuzz.clients.process import Process
from scenarios.fuzz.clients.turns import Client, Limits, Mode, Result, Turn
from scenarios.fuzz.observation import Ending

_WATCHING: Final = 0.05
"""Seconds between two looks at a turn. One timer for all turns: to make one for each would cost more than the turn."""
_SETTLING: Final = 0.1
"""Seconds after the end of a connection, and after whatever it prints then, in which a client with a loop of its own
may still die of it. Python 3.13 says why bit by bit, and on a busy machine takes that long for the first."""
_SETTLING_AT_MOST: Final = 1.0
"""Seconds, however much it prints."""
_SETTLING_STEP: Final = 0.005
EndingKind = Literal["exited", "done", "stalled", "flooded", "swollen"]
_MIB: Final = 1 << 20


def make_client(
    command: str,
    mode: Mode,
    limits: Limits | None = None,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
) -> Client:
    """A client whose processes are started by its turns.

    Args:
        command: program and arguments as a shell takes them, but without a shell; ``{url}``, ``{host}``, ``{port}`` and
            ``{case}`` are filled in.
        env: its environment; None for ours.
        cwd: folder that it runs in; None for ours.

    Raises:
        UsageError: there is no such program, or it may not be executed, or there is no such folder.
    """
    found = Command.parse(command, env=env, cwd=cwd)
    return ProcessClient(found, mode, limits or Limits(), env=env, cwd=cwd)


class ProcessClient:
    """See `make_client`."""

    def __init__(
        self,
        command: Command,
        mode: Mode,
        limits: Limits,
        *,
        env: Mapping[str, str] | None,
        cwd: str | Path | None,
    ) -> None:
        self._command = command
        self._mode = mode
        self._limits = limits
        self._process = Process(self, env=env, cwd=cwd)
        self._lines = LineSplitter()
        self._watch: asyncio.TimerHandle | None = None
        self._url = ""
        """That the process was started with."""
        self._died: Ending | None = None
        """Between two turns."""
        self._memory = 0
        """Bytes now."""
        self._first_memory = 0
        """Bytes at the end of the first turn that lasted long enough to see it; 0 before."""
        self._ever_seen = False
        """At the Tap."""
        self._turn: Turn
        self._over: asyncio.Future[Ending] | None = None
        self._said = Said("")
        self._deaf = self._late = False
        self._peak = 0
        self._began = self._progressed = 0.0
        self._entries_before = self._entries = self._printed = 0

    async def play(self, turn: Turn) -> Result:
        """See `Client`."""
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        try:
            self._process.read_now()  # what it has printed between the turns, which may be `done` once more
            if self._died is None:
                ending = await self._play(turn)
            else:
                ending, self._died, self._late = self._died, None, True
            seconds = loop.time() - self._began
            if ending.kind != "done":
                await self._process.stop()
        except BaseException:
            await self.close()
            raise
        said, self._said, self._over = self._said, Said(""), None
        self._first_memory = self._first_memory or self._peak
        return Result(ending, said.readings, said.output, self._peak, seconds, self._late)

    async def close(self) -> None:
        """See `Client`."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._finish("exited", detail="closed during its turn")
        self._died = None
        await self._process.close()

    async def _play(self, turn: Turn) -> Ending:
        self._over = asyncio.get_running_loop().create_future()
        self._turn = turn
        between, self._said = self._said, Said(turn.case)
        self._deaf = self._late = False
        if self._mode == "loop" and turn.url != self._url:
            await self._process.stop()
        fresh = not self._process.running
        if fresh:
            await self._start(turn)
        self._begin(turn)
        if self._mode == "persistent":
            self._ask(turn)
            if self._deaf and not fresh:
                self._late = True
                self._said.follow(between)
        elif self._mode == "loop":
            return await self._end_with_connection(turn, self._over)
        return await self._over

    async def _start(self, turn: Turn) -> None:
        self._lines = LineSplitter()
        self._memory = 0
        self._url = turn.url
        words = self._command.filled(turn)
        await self._process.start(self._command.program, words, with_input=self._mode == "persistent")

    def _begin(self, turn: Turn) -> None:
        loop = asyncio.get_running_loop()
        self._peak = self._memory
        self._began = self._progressed = loop.time()
        self._entries_before = self._entries = turn.progress()
        self._printed = 0
        if self._watch is None:
            self._watch = loop.call_later(_WATCHING, self._look)

    def _ask(self, turn: Turn) -> None:
        session = turn.session and {
            "key": turn.session.key.hex(),
            "request_iv": turn.session.request_iv.hex(),
            "answer_iv": turn.session.answer_iv.hex(),
        }
        message = {"case": turn.case, "url": turn.url, "session": session} | ({"keep": True} if turn.keep else {})
        try:
            self._process.write(json.dumps(message).encode() + b"\n")
        except BlockingIOError:
            self._finish("stalled", detail="it does not read its standard input")
        except BrokenPipeError:  # most likely it has died, and its end will be told
            self._deaf = True

    async def _end_with_connection(self, turn: Turn, over: asyncio.Future[Ending]) -> Ending:
        assert turn.ended is not None, "the campaign has to say when a connection has ended"
        ended = asyncio.ensure_future(turn.ended.wait())
        try:
            await asyncio.wait((ended, over), return_when=asyncio.FIRST_COMPLETED)
            await self._settle(turn, over)
        finally:
            ended.cancel()
        self._process.read_now()
        if not self._process.dying:
            self._finish("done")
        return await over

    async def _settle(self, turn: Turn, over: asyncio.Future[Ending]) -> None:
        """Waits until it has connected again, has ended, or has said nothing for a while: an error takes its time."""
        loop = asyncio.get_running_loop()
        entries, printed = turn.progress(), self._said.total
        quiet = began = loop.time()
        while not over.done() and turn.progress() == entries:
            now = loop.time()
            if self._said.total != printed:
                quiet, printed = now, self._said.total
            if now - quiet >= _SETTLING or now - began >= _SETTLING_AT_MOST:
                return
            await asyncio.sleep(_SETTLING_STEP)

    def _finish(self, kind: EndingKind, code: int | None = None, detail: str = "") -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(Ending(kind, code, self._said.error, self._said.unhandled, detail))

    def printed(self, data: bytes, *, error: bool) -> None:
        """See `Listener`."""
        said = self._said
        said.print(data)
        lines = () if error else self._lines.feed(data)
        if self._over is None or self._over.done():
            return
        for line in lines:
            said.take(line)
            if said.done and self._mode == "persistent":
                self._finish("done")
                return
        if said.total > self._limits.output:
            self._finish("flooded", detail=f"it has printed more than {_in_mib(self._limits.output)}")

    def grown(self, memory: int) -> None:
        """See `Listener`."""
        self._memory = memory
        self._peak = max(self._peak, memory)

    def ended(self, code: int | None, *, memory: int, held: bool) -> None:
        """See `Listener`."""
        self._peak = max(self._peak, memory)
        self._memory = 0
        detail = "it has left a process behind that held its output" if held else ""
        if code is None:
            detail = "somebody has killed the process that started it"
        if self._over is None:
            self._died = Ending("exited", code, detail=detail)
            return
        if not self._over.done():
            for line in self._lines.finish():
                self._said.take(line)
        self._finish("exited", code, detail)

    def _look(self) -> None:
        """Watches the turn, if one is on."""
        self._watch = None
        if self._over is None or self._over.done():
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        entries, printed = self._turn.progress(), self._said.total
        if (entries, printed) != (self._entries, self._printed):
            self._ever_seen = self._ever_seen or entries != self._entries
            self._entries, self._printed, self._progressed = entries, printed, now
        limits = self._limits
        if entries - self._entries_before > limits.requests:
            self._finish("flooded", detail=f"more than {limits.requests:,} entries in the journal")
        elif self._memory - self._first_memory > limits.memory:
            self._finish(
                "swollen", detail=f"{_in_mib(self._memory)}, after {_in_mib(self._first_memory)} in its first turn"
            )
        elif now - self._progressed > limits.progress:
            self._finish("stalled", detail=f"no progress for {limits.progress:g} s{self._silence()}")
        elif now - self._began > limits.turn:
            self._finish("stalled", detail=f"still busy after {limits.turn:g} s")
        else:
            self._watch = loop.call_later(_WATCHING, self._look)

    def _silence(self) -> str:
        if self._deaf:
            return ": it has closed its standard input"
        if self._entries != self._entries_before:
            return ""
        if not self._ever_seen:
            return ": it has never connected"
        return ": it has not connected again" if self._mode == "loop" else ": nothing from it at the Tap"


def _in_mib(size: int) -> str:
    return f"{size / _MIB:.3g} MiB"
