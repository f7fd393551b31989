"""The process of a client, with all that it starts, held by a keeper."""

import asyncio
import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from protocol.errors import UsageError

_KEEPER: Final = Path(__file__).with_name("keeper.py")
_HELD: Final = 0.2
"""Seconds that a child may hold the output after the end of the client itself."""
_PIECE: Final = 1 << 16
"""Bytes read at once: as much as a pipe holds."""
_PATIENCE: Final = 10.0
"""Seconds in which a keeper ends what it holds, and itself; more than it takes at worst."""
_REASONS: Final = {
    errno.ENOEXEC: "it is no program of this machine; a script begins with '#!' and its interpreter",
    errno.ENOENT: "it, or the interpreter named in its first line, is not there",
    errno.EACCES: "it, or the interpreter named in its first line, may not be executed",
}


class Listener(Protocol):
    """Who is told what a process does."""

    def printed(self, data: bytes, *, error: bool) -> None:
        """It has printed something, on its standard error or output."""
        ...

    def grown(self, memory: int) -> None:
        """It has so many bytes of memory now, with its children."""
        ...

    def ended(self, code: int | None, *, memory: int, held: bool) -> None:
        """It has ended, and its output has been read.

        Args:
            code: None if nobody saw how it ended.
            memory: most bytes that it had.
            held: something that it had started still holds its output.
        """
        ...


class Process:
    """At most one process at a time, and a keeper that starts one after the other.

    The keeper is there because nobody else can promise that nothing is left behind: it gets back what a client has
    started and hidden, also when we are killed ourselves, and it waits for them all with `wait4`, which knows the peak
    of memory. The fuzzer that lives in somebody else's process could not wait for children that it did not start.

    Args:
        listener: is told.
        env: of the client; None for ours.
        cwd: folder that it runs in; None for ours.
    """

    def __init__(self, listener: Listener, *, env: Mapping[str, str] | None, cwd: str | Path | None) -> None:
        self._listener = listener
        self._env = None if env is None else dict(env)
        self._cwd = cwd
        self._keeper: subprocess.Popen[bytes] | None = None
        self._control: socket.socket
        self._received = b""
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._gone: asyncio.Future[None]
        self._input: int | None = None
        self._outputs: dict[int, bool] = {}
        """Descriptors that are read; whether it is standard error."""
        self._held: asyncio.TimerHandle | None = None
        self._code: int | None = None
        self._peak = 0
        self._pid = 0
        self.running = False
        """It has been started, and its end has not been told."""

    async def start(self, program: str, words: Sequence[str], *, with_input: bool) -> None:
        """Starts it.

        Args:
            with_input: it has a standard input that `write` writes to; else that is empty.

        Raises:
            UsageError: it cannot be started.
        """
        if self._keeper is not None and self._gone.done():
            await self.close()
        theirs: list[int] = []
        try:
            if self._keeper is None:
                self._open()
            self._make_pipes(theirs, with_input)
            answer = await self._ask({"start": [program, list(words), self._env]}, theirs)
        except OSError as failure:
            raise UsageError(f"client {program}: cannot be started: {failure.strerror}") from failure
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        if "started" not in answer:
            self._close_pipes()
            number = answer.get("failed", 0)
            reason = _REASONS.get(number, os.strerror(number) if number else "what starts it was killed")
            raise UsageError(f"client {program}: cannot be started: {reason}")

    def _open(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            command = (sys.executable, "-I", "-S", str(_KEEPER), str(number))
            try:
                self._keeper = subprocess.Popen(  # noqa: S603 - our own program
                    command, cwd=self._cwd, pass_fds=(number,), start_new_session=True,
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                )  # fmt: skip
            except OSError:
                ours.close()
                raise
        self._control = ours
        self._received = b""
        loop = asyncio.get_running_loop()
        self._gone = loop.create_future()
        loop.add_reader(ours.fileno(), self._hear)

    def _make_pipes(self, theirs: list[int], with_input: bool) -> None:
        for is_error in (False, True):
            ours, their_end = os.pipe()
            theirs.append(their_end)
            self._outputs[ours] = is_error
            os.set_blocking(ours, False)
        if with_input:
            their_end, self._input = os.pipe()
            theirs.append(their_end)
            os.set_blocking(self._input, False)

    async def _ask(self, message: dict[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        """What the keeper answers; nothing if it is gone."""
        data = json.dumps(message).encode() + b"\n"
        self._answer = asyncio.get_running_loop().create_future()
        try:
            sent = socket.send_fds(self._control, [data], list(descriptors))
            self._control.sendall(data[sent:])
        except OSError:
            return {}
        return await self._answer

    def _hear(self) -> None:
        try:
            data = self._control.recv(_PIECE)
        except OSError:
            data = b""
        if not data:
            self._lose_keeper()
            return
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "exited" in message:
                self._exited(message["exited"], message["memory"])
            elif "memory" in message:
                self._listener.grown(message["memory"])
            else:
                if "started" in message:
                    self._started(message["started"])
                self._reply(message)

    def _started(self, pid: int) -> None:
        # At once, not by who waits for the reply: the end of the process may be told in the same breath.
        self._pid = pid
        self.running = True
        loop = asyncio.get_running_loop()
        for descriptor, is_error in self._outputs.items():
            loop.add_reader(descriptor, self._read, descriptor, is_error)

    def _reply(self, message: dict[str, Any]) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(message)

    def _lose_keeper(self) -> None:
        asyncio.get_running_loop().remove_reader(self._control.fileno())
        if not self._gone.done():
            self._gone.set_result(None)
        self._reply({})
        if self.running:  # somebody has killed the keeper
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)
            self._exited(None, 0)

    def _exited(self, code: int | None, peak: int) -> None:
        if not self.running or self.dying:
            return
        self._code, self._peak = code, peak
        if self._outputs:
            self._held = asyncio.get_running_loop().call_later(_HELD, self._end, True)
        else:
            self._end(False)

    @property
    def dying(self) -> bool:
        """It has ended; its output is still being read."""
        return self._held is not None

    def _read(self, descriptor: int, error: bool) -> None:
        try:
            data = os.read(descriptor, _PIECE)
        except BlockingIOError:
            return
        if data:
            self._listener.printed(data, error=error)
            return
        self._close_output(descriptor)
        if self.dying and not self._outputs:
            self._end(False)

    def _end(self, held: bool) -> None:
        self._forget()
        self._listener.ended(self._code, memory=self._peak, held=held)

    def _forget(self) -> None:
        self.running = False
        if self._held is not None:
            self._held.cancel()
            self._held = None

    def read_now(self) -> None:
        """Reads what it has printed so far, at most what the pipes hold."""
        for descriptor, error in tuple(self._outputs.items()):
            self._read(descriptor, error)

    def write(self, data: bytes) -> None:
        """Writes to its standard input.

        Raises:
            BlockingIOError: it does not read it.
            BrokenPipeError: it has closed it.
        """
        if self._input is None or os.write(self._input, data) < len(data):
            raise BlockingIOError

    async def stop(self) -> None:
        """Ends it with all that it has started: SIGTERM, and SIGKILL after half a second. What it prints is read."""
        self._forget()
        if self._keeper is not None:
            await self._ask({"stop": True})
            self.read_now()
            if self._gone.done():
                await self.close()
        self._close_pipes()

    async def close(self) -> None:
        """Ends everything, the keeper too. Nothing is left behind even if the task is cancelled here once more."""
        if self._keeper is None:
            return
        self._forget()
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)  # the keeper ends what it holds, then itself
        try:
            await asyncio.wait((self._gone,), timeout=_PATIENCE)
        finally:
            self._bury()

    def _bury(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        try:
            keeper.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.wait()
        asyncio.get_running_loop().remove_reader(self._control.fileno())
        self._control.close()
        self._close_pipes()

    def _close_output(self, descriptor: int) -> None:
        del self._outputs[descriptor]
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)

    def _close_pipes(self) -> None:
        for descriptor in tuple(self._outputs):
            self._close_output(descriptor)
        if self._input is not None:
            os.close(self._input)
            self._input = None
