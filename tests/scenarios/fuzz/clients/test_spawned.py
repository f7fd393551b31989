"""A client that is started for each turn does what it wants; the turn comes to an end that says so."""

import asyncio
import itertools
import signal
import time
from dataclasses import dataclass

import pytest

from scenarios.fuzz.clients import Limits, Result, Turn, make_client
from tests.scenarios.fuzz.clients.programs import (
    DEAF,
    MIB,
    PATIENT,
    SHORT,
    SLEEP,
    Bench,
    needs_proc,
    nothing,
    play,
    turn,
)

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Bad:
    program: str
    kind: str
    code: int | None = None
    detail: str = ""
    output: str = ""
    limits: Limits = PATIENT


BAD: dict[str, Bad] = {
    "exits without connecting": Bad("", "exited", 0),
    "exits with a code": Bad("print('sorry'); sys.exit(7)", "exited", 7, output="sorry"),
    "traceback": Bad("raise LookupError('lost')", "exited", 1, output="LookupError: lost"),
    "killed by a signal": Bad("os.abort()", "exited", -signal.SIGABRT),
    "reads its standard input": Bad("sys.exit(len(sys.stdin.read()) + 3)", "exited", 3),
    "never connects": Bad(SLEEP, "stalled", detail="no progress for 0.3 s: it has never connected", limits=SHORT),
    "ignores SIGTERM": Bad(f"{DEAF}; {SLEEP}", "stalled", limits=SHORT),
    "stops itself": Bad("os.kill(os.getpid(), signal.SIGSTOP)", "stalled", limits=SHORT),
    "closes its output and lives on": Bad(f"os.close(1); os.close(2); {SLEEP}", "stalled", limits=SHORT),
    "prints a little for ever": Bad(
        "while True: print('.', flush=True); time.sleep(0.05)",
        "stalled", detail="still busy after 3 s", output=".\n.\n", limits=Limits(progress=30, turn=3),
    ),
    "prints gigabytes": Bad("while True: os.write(1, b'gigabyte\\n' * 4096)", "flooded", detail="more than 1 MiB"),
    "prints gigabytes without a line": Bad("while True: os.write(1, b'{' * 65536)", "flooded", output="{{{{{"),
    "prints gigabytes of errors": Bad("while True: os.write(2, b'error' * 4096)", "flooded", output="error"),
    "prints gigabytes, deaf": Bad(f"{DEAF}\nwhile True: os.write(1, b'x' * 4096)", "flooded"),
    "a child prints gigabytes": Bad(
        f"if os.fork(): {SLEEP}\nos.setsid()\nwhile True: os.write(1, b'x' * 4096)", "flooded"
    ),
    "takes memory": Bad(
        f"big = b'm' * {96 * MIB}; {SLEEP}", "swollen", detail="in its first turn", limits=Limits(memory=64 * MIB)
    ),
    "its child takes memory": Bad(
        f"if os.fork(): {SLEEP}\nos.setsid(); big = b'm' * {96 * MIB}; {SLEEP}", "swollen",
        limits=Limits(memory=64 * MIB),
    ),
    "forks": Bad(f"{DEAF}\nfor _ in range(4): os.fork()\n{SLEEP}", "stalled", limits=SHORT),
    "leaves a child that holds its output": Bad(
        f"if os.fork(): os._exit(4)\n{SLEEP}", "exited", 4, detail="it has left a process behind"
    ),
    "leaves a quiet child": Bad(
        f"if os.fork(): os._exit(5)\n{DEAF}; os.close(1); os.close(2); {SLEEP}", "exited", 5
    ),
    "leaves a daemon without environment": Bad(
        f"if os.fork(): os._exit(6)\nos.setsid()\nif os.fork(): os._exit(0)\n{DEAF}\n"
        "os.execve('/bin/sh', ['sh', '-c', 'trap \"\" TERM; sleep 600; : ' + MARK], {})",
        "exited", 6,
    ),
    "never is the same process for long": Bad(
        "if os.fork(): os._exit(0)\nwhile True:\n time.sleep(0.0005)\n if os.fork(): os._exit(0)\n os.setsid()",
        "exited", 0,
    ),
    "kills its group": Bad("os.killpg(0, signal.SIGKILL)", "exited", -signal.SIGKILL),
}  # fmt: skip


@needs_proc
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_client_that_is_started_for_each_turn(bad: Bad, bench: Bench) -> None:
    client = bench.client(bad.program, limits=bad.limits)

    async def scene() -> tuple[Result, list[str]]:
        try:
            return await client.play(turn()), bench.living()
        finally:
            await client.close()

    result, left = asyncio.run(scene())
    assert (result.ending.kind, result.ending.code) == (bad.kind, bad.code), result
    assert bad.detail in result.ending.detail
    assert bad.output in result.output
    assert len(result.output) <= 64 << 10
    assert left == [], "lives longer than its turn"


def test_sends_without_end(bench: Bench) -> None:
    sent = itertools.count(step=4000)
    (result,) = play(bench.client(SLEEP), turn(progress=lambda: next(sent)))
    assert (result.ending.kind, result.ending.detail) == ("flooded", "more than 10,000 entries in the journal")


def test_progress_at_the_tap_keeps_a_quiet_client_alive(bench: Bench) -> None:
    (result,) = play(
        bench.client("time.sleep(0.6)", limits=SHORT), turn(progress=lambda: int(time.monotonic() * 20))
    )  # fmt: skip
    assert result.ending.code == 0


def test_memory_is_known_of_the_shortest_life(bench: Bench) -> None:
    (result,) = play(bench.client(f"big = b'm' * {64 * MIB}"))
    assert 64 * MIB < result.memory < 256 * MIB


def test_places_in_the_command_are_filled_in(bench: Bench) -> None:
    command = bench.command("print(sys.argv[1:])") + " --tap={url} {host} {port} '{case} {what}'"
    tcp, serial = play(make_client(command, "spawn"), turn("c1"), Turn("c2", "serial:///dev/tap", None, nothing))
    assert tcp.output == "['--tap=tcp://127.0.0.1:4242', '127.0.0.1', '4242', 'c1 {what}']\n"
    assert serial.output == "['--tap=serial:///dev/tap', '', '', 'c2 {what}']\n"


@needs_proc
def test_it_has_no_descriptor_of_ours(bench: Bench) -> None:
    (result,) = play(bench.client("print([n for n in range(3, 1000) if os.path.exists(f'/proc/self/fd/{n}')])"))
    assert result.output == "[]\n"


@needs_proc
def test_a_broken_pipe_ends_it_as_usual() -> None:
    (result,) = play(make_client("grep SigIgn /proc/self/status", "spawn"))
    assert not int(result.output.split()[1], 16) >> signal.SIGPIPE - 1 & 1
