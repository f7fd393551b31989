"""However a turn or the fuzzer ends, nothing of a client lives on."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scenarios.fuzz.clients import Limits, Result, make_client
from scenarios.fuzz.clients.keeper import descendants
from tests.scenarios.fuzz.clients.programs import DEAF, EACH, MARK, SLEEP, Bench, needs_proc, persistent, turn, until

pytestmark = pytest.mark.slow

STUBBORN = f"{DEAF}\nos.fork()\nif not os.fork(): os.setsid()\nprint('up', flush=True)\n{SLEEP}"


async def cancel(task: asyncio.Task[Result], after: float, again: float | None) -> None:
    await asyncio.sleep(after)
    task.cancel()
    if again is not None:
        await asyncio.sleep(again)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


INSTANTS = [(0.0, None), (0.01, None), (0.03, 0.0), (0.2, None), (0.3, 0.0), (0.3, 0.1), (0.7, None), (0.7, 0.05)]


@needs_proc
@pytest.mark.parametrize(("after", "again"), INSTANTS)
def test_cancelled_at_any_instant(after: float, again: float | None, bench: Bench) -> None:
    client = bench.client(STUBBORN, limits=Limits(progress=0.3))

    async def scene() -> None:
        await cancel(asyncio.create_task(client.play(turn())), after, again)
        assert bench.living() == []

    asyncio.run(scene())


def test_closed_during_a_turn_and_more_than_once(bench: Bench) -> None:
    client = bench.client(SLEEP)

    async def scene() -> Result:
        await client.close()
        playing = asyncio.create_task(client.play(turn()))
        await asyncio.sleep(0.3)
        await asyncio.gather(client.close(), client.close())
        await client.close()
        return await playing

    assert asyncio.run(scene()).ending.detail == "closed during its turn"


FUZZER = """
import asyncio, sys
from scenarios.fuzz.clients import Turn, make_client
client = make_client(sys.argv[1], "spawn")
asyncio.run(client.play(Turn("c", "tcp://127.0.0.1:1", None, lambda: 0)))
"""


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_fuzzer_that_is_ended_leaves_nothing_behind(number: signal.Signals, bench: Bench) -> None:
    command = bench.command(f"open({str(bench.folder / 'up')!r}, 'w').close(); {STUBBORN}")
    root = Path(__file__).parents[4]
    arguments = [sys.executable, "-c", FUZZER, command]
    fuzzer = subprocess.Popen(arguments, cwd=root, env={**os.environ, MARK: bench.mark}, stderr=subprocess.DEVNULL)
    try:
        while not (bench.folder / "up").exists():
            assert fuzzer.poll() is None
            time.sleep(0.02)
        fuzzer.send_signal(number)
        fuzzer.wait(30)
    finally:
        fuzzer.kill()
        fuzzer.wait()
    deadline = time.monotonic() + 30
    while bench.living() and time.monotonic() < deadline:
        time.sleep(0.05)


@needs_proc
def test_a_keeper_that_is_killed_is_replaced(bench: Bench) -> None:
    up = bench.folder / "up"
    client = bench.client(f"if not os.path.exists({str(up)!r}): open({str(up)!r}, 'w').close(); {SLEEP}")
    before = set(descendants(os.getpid()))

    async def scene() -> list[Result]:
        playing = asyncio.create_task(client.play(turn()))
        await until(up.exists)
        keeper = min(set(descendants(os.getpid())) - before)
        os.kill(keeper, signal.SIGKILL)
        results = [await playing, await client.play(turn())]
        await client.close()
        return results

    first, second = asyncio.run(scene())
    assert (first.ending.kind, first.ending.code) == ("exited", None)
    assert (second.ending.kind, second.ending.code) == ("exited", 0)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@needs_proc
def test_no_descriptor_is_left_open(bench: Bench) -> None:
    spawned = make_client("true", "spawn")
    lazy = bench.client(SLEEP, limits=Limits(progress=0.05))
    kept = persistent(bench, f"{EACH}say(done=True); number % 20 == 0 and os._exit(0)")

    async def scene() -> tuple[int, int]:
        async def turns(count: int) -> int:
            for client in (spawned, kept):
                for _ in range(count):
                    await client.play(turn())
            await lazy.play(turn())
            for client in (spawned, kept, lazy):
                await client.close()
            return open_descriptors()

        return await turns(2), await turns(100)

    first, later = asyncio.run(scene())
    assert first == later
