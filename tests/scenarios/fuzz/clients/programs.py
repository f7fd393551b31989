"""Clients made out of short programs, and all that lives of them."""

import asyncio
import contextlib
import itertools
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scenarios.fuzz.clients import Client, Limits, Mode, Result, Turn, make_client

URL = "tcp://127.0.0.1:4242"
MARK = "CLIENT_OF_A_TEST"
PATIENT = Limits(progress=30)
SHORT = Limits(progress=0.3)
BRIEF = Limits(progress=3)
"""Enough for a client to start, on a busy machine too."""
MIB = 1 << 20
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc")


def nothing() -> int:
    return 0


def turn(case: str = "clean", progress: Callable[[], int] = nothing, **more: Any) -> Turn:
    return Turn(case, URL, None, progress, **more)


@dataclass
class Bench:
    """Makes clients out of short programs, and finds all that lives of them."""

    folder: Path
    mark: str
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def command(self, program: str) -> str:
        file = self.folder / f"client{next(self.numbers)}.py"
        file.write_text(f"import json, os, signal, sys, time\nMARK = {self.mark!r}\n{program}\n")
        return shlex.join([sys.executable, "-I", "-S", str(file)])

    def client(self, program: str, mode: Mode = "spawn", limits: Limits = PATIENT) -> Client:
        return make_client(self.command(program), mode, limits, env={**os.environ, MARK: self.mark})

    def living(self) -> list[str]:
        """All processes that have the mark in their arguments or their environment."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                said = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
                if self.mark.encode() in said:
                    found.append((folder / "stat").read_text())
        return found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


def play(client: Client, *turns: Turn) -> list[Result]:
    async def all_turns() -> list[Result]:
        try:
            return [await client.play(one) for one in turns or (turn(),)]
        finally:
            await client.close()

    return asyncio.run(all_turns())


SLEEP = "time.sleep(600)"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


SAY = """
def say(**message): print(json.dumps(message), flush=True)
def turns(): return map(json.loads, sys.stdin)
"""


def persistent(bench: Bench, program: str, limits: Limits = PATIENT) -> Client:
    return bench.client(SAY + program, "persistent", limits)


EACH = "for number, turn in enumerate(turns(), 1):\n    say(read='pid', value=os.getpid())\n    "
