"""Clients do what they want; each turn comes to an end that says so, and nothing of them lives on."""

import asyncio
import contextlib
import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from protocol.errors import UsageError
from scenarios.fuzz.clients import Client, Limits, Mode, Result, Turn, make_client
from scenarios.fuzz.clients.keeper import descendants
from scenarios.fuzz.clients.lines import LineSplitter, Said
from scenarios.fuzz.observation import Reading
from scenarios.fuzz.rig import SessionKeys

URL = "tcp://127.0.0.1:4242"
MARK = "CLIENT_OF_A_TEST"
PATIENT = Limits(progress=30)
SHORT = Limits(progress=0.3)
MIB = 1 << 20
pytestmark = pytest.mark.slow
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


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    before = descendants(os.getpid())
    bench = Bench(tmp_path, f"mark-{tmp_path}")
    yield bench
    assert bench.living() == []
    assert [pid for pid in descendants(os.getpid()) if pid not in before] == [], "a keeper, or a zombie"


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


@dataclass(frozen=True)
class Bad:
    program: str
    kind: str
    code: int | None = None
    detail: str = ""
    output: str = ""
    limits: Limits = PATIENT


SLEEP = "time.sleep(600)"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
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
        "stalled", detail="still busy after 1 s", output=".\n.\n", limits=Limits(progress=30, turn=1),
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
def test_a_broken_pipe_ends_it_as_usual() -> None:
    (result,) = play(make_client("grep SigIgn /proc/self/status", "spawn"))
    assert not int(result.output.split()[1], 16) >> signal.SIGPIPE - 1 & 1


LINES: list[tuple[bytes, list[Reading]]] = [
    (b'{"read": "device.get_name", "value": "Tap"}\n', [Reading("device.get_name", "Tap")]),
    (b'  {"read": "a", "value": [1, {"b": null}]} \r\n', [Reading("a", [1, {"b": None}])]),
    (b'{"read": "no end", "value": 1}', [Reading("no end", 1)]),
    (b'{"read": "undefined"}\n', [Reading("undefined", None)]),
    (b'{"read": "nan", "value": NaN}\n', [Reading("nan", "NaN")]),
    (b'{"read": "half", "value": "\\ud83d"}\n', [Reading("half", "?")]),
    (b'{"read": "whole", "value": "\\uD83D\\uDE00"}\n', [Reading("whole", "\N{GRINNING FACE}")]),
    (b'{"read": 5, "value": 1}\n{"read": null}\n{}\n', []),
    (b'["read", "a"]\n"read"\n5\nnull\n', []),
    (b'{"read": "cut", "value": \n{"read": "good", "value": 2}\n', [Reading("good", 2)]),
    (b'\0{"read": "nul", "value": 1}\n\0\0\n{"read": "n\0", "value": 1}\n', []),
    (b'{"read": "latin", "value": "\xe9"}\n\xff\xfe\n', []),
    (b'{"read": ' + b"[" * 60_000 + b"\n", []),
    (b'{"read": "digits", "value": ' + b"9" * 60_000 + b"}\n", []),
    (b'{"read": "long", "value": "' + b"x" * 70_000 + b'"}\n{"read": "good", "value": 3}\n', [Reading("good", 3)]),
    (b"x" * 200_000 + b'{"read": "no", "value": 1}\n{"read": "good", "value": 4}\n', [Reading("good", 4)]),
]


@pytest.mark.parametrize("piece", [1 << 20, 1000, 7])
@pytest.mark.parametrize(("printed", "readings"), LINES, ids=lambda value: repr(value)[:40])
def test_lines_are_read_or_are_just_output(printed: bytes, readings: list[Reading], piece: int) -> None:
    lines, said = LineSplitter(), Said("case")
    for start in range(0, len(printed), piece):
        data = printed[start : start + piece]
        said.print(data)
        for line in lines.feed(data):
            said.take(line)
    for line in lines.finish():
        said.take(line)
    assert said.readings == readings
    assert said.output == printed[-(64 << 10) :].decode(errors="replace")
    json.dumps(said.readings, ensure_ascii=False).encode()


def test_lines_that_are_printed_are_read(bench: Bench) -> None:
    file = bench.folder / "printed"
    file.write_bytes(b"".join(printed + b"\n" for printed, _ in LINES))
    (result,) = play(make_client(shlex.join(["cat", str(file)]), "spawn"))
    assert (result.ending.kind, result.ending.code) == ("exited", 0)
    assert result.readings == [reading for _, readings in LINES for reading in readings]


def test_only_standard_output_is_read(bench: Bench) -> None:
    (result,) = play(bench.client("""sys.stderr.write('{"read": "a", "value": 1}\\n')"""))
    assert result.readings == []
    assert "read" in result.output


ERRORS = [
    (['{"error": "refused"}'], "refused", False),
    (['{"unhandled": "TypeError"}', '{"error": "later"}'], "TypeError", True),
    (['{"error": "first"}', '{"unhandled": {"a": 1}}'], '{"a": 1}', True),
    (["{}", "error"], "", False),
]


@pytest.mark.parametrize(("lines", "error", "unhandled"), ERRORS)
def test_errors_that_it_speaks_of(lines: list[str], error: str, unhandled: bool, bench: Bench) -> None:
    (result,) = play(bench.client(f"print({chr(10).join(lines)!r})"))
    assert (result.ending.error, result.ending.unhandled) == (error, unhandled)


SAY = """
def say(**message): print(json.dumps(message), flush=True)
def turns(): return map(json.loads, sys.stdin)
"""


def persistent(bench: Bench, program: str, limits: Limits = PATIENT) -> Client:
    return bench.client(SAY + program, "persistent", limits)


def test_a_persistent_client_is_one_process_that_is_told_of_each_turn(bench: Bench) -> None:
    client = persistent(
        bench,
        "for turn in turns():\n    say(read='turn', value=turn); say(read='pid', value=os.getpid()); say(done=True)",
    )
    keys = SessionKeys(bytes(16), bytes([1] * 16), bytes([2] * 16))
    first, second = play(client, turn("c1"), Turn("c2", URL, keys, nothing))
    assert first.ending.kind == second.ending.kind == "done"
    assert first.ending.code is None
    assert first.readings[0].value == {"case": "c1", "url": URL, "session": None}
    assert second.readings[0].value == {
        "case": "c2",
        "url": URL,
        "session": {"key": "00" * 16, "request_iv": "01" * 16, "answer_iv": "02" * 16},
    }
    assert first.readings[1] == second.readings[1]


def test_a_persistent_client_says_what_went_wrong(bench: Bench) -> None:
    client = persistent(
        bench, "for turn, word in zip(turns(), ('error', 'unhandled', 'ok')): say(done=True, **{word: 'text'})"
    )
    endings = [result.ending for result in play(client, *[turn()] * 3)]
    assert [(ending.error, ending.unhandled) for ending in endings] == [("text", False), ("text", True), ("", False)]


@dataclass(frozen=True)
class Kept:
    """A persistent client that misbehaves in its second turn of three, and what its turns are."""

    program: str
    endings: list[tuple[str, int | None]]
    detail: str = ""
    limits: Limits = PATIENT
    processes: int = 2


DONE = ("done", None)
EACH = "for number, turn in enumerate(turns(), 1):\n    say(read='pid', value=os.getpid())\n    "
KEPT: dict[str, Kept] = {
    "dies": Kept(f"{EACH}number == 2 and os._exit(9); say(done=True)", [DONE, ("exited", 9), DONE]),
    "crashes": Kept(f"{EACH}number == 2 and os.abort(); say(done=True)", [DONE, ("exited", -6), DONE]),
    "dies and leaves a child": Kept(
        f"{EACH}number == 2 and os.fork() and os._exit(9); say(done=True)" f"; number == 2 and {SLEEP}",
        [DONE, DONE, ("exited", 9)], processes=1,
    ),
    "says nothing": Kept(
        f"{EACH}number == 2 and {SLEEP}; say(done=True)", [DONE, ("stalled", None), DONE],
        "it has never connected", Limits(progress=1),
    ),
    "says that it is not done": Kept(
        f"{EACH}say(done=number != 2)", [DONE, ("stalled", None), DONE], limits=Limits(progress=1)
    ),
    "closes its output": Kept(
        f"{EACH}number == 2 and os.close(1); number == 2 and {SLEEP}; say(done=True)",
        [DONE, ("stalled", None), DONE], limits=Limits(progress=1),
    ),
    "floods": Kept(
        f"{EACH}\n    while number == 2: print('{{' * 9999)\n    say(done=True)",
        [DONE, ("flooded", None), DONE], "printed",
    ),
    "floods between turns": Kept(
        f"{EACH}say(done=True)\n    while number == 1: print('flood' * 9999)",
        [DONE, ("flooded", None), DONE], "printed",
    ),
    "swells": Kept(
        f"big = []\n{EACH}number == 2 and (big.append(b'm' * {96 * MIB}), {SLEEP}); time.sleep(0.2); say(done=True)",
        [DONE, ("swollen", None), DONE], "in its first turn", Limits(memory=64 * MIB),
    ),
    "prints between turns": Kept(f"{EACH}say(done=True); print('and', b'\\0\\xff', 'more')", [DONE] * 3, processes=1),
    "prints no JSON": Kept(
        f"{EACH}os.write(1, b'{{\\n{{\"done\\n\\0\\n\\xff\\n[]\\n'); say(done=True)", [DONE] * 3, processes=1
    ),
    "is done twice, and says with what": Kept(
        f"{EACH}say(done=True, case=turn['case']); time.sleep(0.05); say(done=True, case=turn['case'])",
        [DONE] * 3, processes=1,
    ),
    "speaks first": Kept(f"say(done=True, case='?')\n{EACH}say(done=True, case=turn['case'])", [DONE] * 3, processes=1),
}  # fmt: skip


@needs_proc
@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT.keys())
def test_a_persistent_client(kept: Kept, bench: Bench) -> None:
    results = play(persistent(bench, kept.program, kept.limits), turn("c1"), turn("c2"), turn("c3"))
    assert [(result.ending.kind, result.ending.code) for result in results] == kept.endings
    assert any(kept.detail in result.ending.detail for result in results)
    done = [result for result in results if result.ending.kind == "done"]
    assert not any(result.late for result in done)
    assert all(len(result.readings) == 1 for result in done), "what it has read in another turn"
    pids = {reading.value for result in results for reading in result.readings if reading.name == "pid"}
    assert len(pids) == kept.processes


def test_a_second_done_that_comes_before_the_next_turn_does_not_count(bench: Bench) -> None:
    client = persistent(
        bench, f"{EACH}say(read='case', value=turn['case'])\n    say(done=True); time.sleep(0.01); say(done=True)"
    )

    async def scene() -> list[Result]:
        results = []
        for case in ("c1", "c2", "c3"):
            results.append(await client.play(turn(case)))
            time.sleep(0.2)  # noqa: ASYNC251 - nobody reads in the meantime
        await client.close()
        return results

    assert [result.readings[1].value for result in asyncio.run(scene())] == ["c1", "c2", "c3"]


def test_a_death_between_turns_is_told_in_the_next_one(bench: Bench) -> None:
    client = persistent(bench, f"{EACH}say(done=True); print('last words', flush=True); number == 1 and os._exit(3)")

    async def scene() -> list[Result]:
        first = await client.play(turn())
        await until(lambda: not bench.living())
        results = [first, await client.play(turn()), await client.play(turn())]
        await client.close()
        return results

    first, second, third = asyncio.run(scene())
    assert (first.ending.kind, second.ending.kind, third.ending.kind) == ("done", "exited", "done")
    assert (second.ending.code, second.late, third.late) == (3, True, False)
    assert "last words" in first.output + second.output


def test_a_persistent_client_that_does_not_read(bench: Bench) -> None:
    client = persistent(bench, "while True: say(done=True); time.sleep(0.0001)")

    async def scene() -> Result:
        while (result := await client.play(turn("c" * 200))).ending.kind == "done":
            pass
        await client.close()
        return result

    result = asyncio.run(scene())
    assert (result.ending.kind, result.ending.detail) == ("stalled", "it does not read its standard input")


def test_a_persistent_client_that_closes_its_input(bench: Bench) -> None:
    client = persistent(
        bench, f"sys.stdin.readline(); os.close(0); say(done=True); {SLEEP}", Limits(progress=1)
    )  # fmt: skip
    first, second = play(client, turn(), turn())
    assert first.ending.kind == "done"
    assert second.ending.kind == "stalled"
    assert second.ending.detail.endswith("it has closed its standard input")


CONNECT = """
import socket
def connect():
    host, port = sys.argv[1:]
    link = socket.create_connection((host, int(port))); link.recv(5); return link
"""


def play_loop(bench: Bench, program: str, turns: int, limits: Limits = PATIENT) -> list[Result]:
    """Plays turns against a server that greets, and sets the event when a connection has ended."""
    entries = 0
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal entries
        entries += 1
        writer.write(b"hello")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        ended.set()
        writer.close()

    async def scene() -> list[Result]:
        nonlocal ended
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = make_client(
            bench.command(SAY + CONNECT + program) + " {host} {port}", "loop", limits, env={MARK: bench.mark}
        )
        results = []
        try:
            for _ in range(turns):
                ended = asyncio.Event()
                one = Turn("c", f"tcp://127.0.0.1:{port}", None, lambda: entries, ended)
                results.append(await client.play(one))
        finally:
            await client.close()
            server.close()
        return results

    return asyncio.run(scene())


def test_a_client_with_a_loop_of_its_own(bench: Bench) -> None:
    results = play_loop(
        bench,
        "while True:\n    link = connect(); say(read='pid', value=os.getpid()); link.close(); time.sleep(0.2)",
        3,
    )
    assert [result.ending.kind for result in results] == ["done"] * 3
    assert len({reading for result in results for reading in result.readings}) == 1


LOOPS = [
    (f"{SLEEP}", "stalled", None, "no progress for 0.3 s: it has never connected", SHORT),
    ("link = connect(); os._exit(8)", "exited", 8, "", PATIENT),
    ("link = connect(); raise LookupError", "exited", 1, "", PATIENT),
    (f"link = connect(); {SLEEP}", "stalled", None, "no progress for 0.3 s", SHORT),
    ("", "exited", 0, "", PATIENT),
]


@needs_proc
@pytest.mark.parametrize(("program", "kind", "code", "detail", "limits"), LOOPS, ids=[loop[0][:30] for loop in LOOPS])
def test_a_loop_that_ends(
    program: str, kind: str, code: int | None, detail: str, limits: Limits, bench: Bench
) -> None:  # fmt: skip
    first, second = play_loop(bench, program, 2, limits)
    for result in (first, second):
        assert (result.ending.kind, result.ending.code) == (kind, code)
        assert detail in result.ending.detail


def test_a_loop_that_connects_only_once(bench: Bench) -> None:
    first, second = play_loop(bench, f"connect().close(); {SLEEP}", 2, Limits(progress=1))
    assert first.ending.kind == "done"
    assert second.ending.detail.endswith("it has not connected again")


USELESS: dict[str, tuple[str, str]] = {
    "empty": ("", "the command is empty"),
    "blank": ("  \n", "the command is empty"),
    "no program": ("'' a", "the command is empty"),
    "open quote": ("app 'a", "No closing quotation"),
    "not found": ("no-such-program-anywhere {url}", "not found in PATH"),
    "not there": ("./no-such-file", "no-such-file: not found"),
    "folder": ("./folder", "folder: is a folder"),
    "not executable": ("./plain", "plain: not executable"),
    "NUL": ("sh 'a\0b'", "NUL"),
}


@pytest.mark.parametrize(("command", "message"), USELESS.values(), ids=USELESS.keys())
def test_commands_that_cannot_run_are_refused_before_anything_runs(
    command: str, message: str, tmp_path: Path
) -> None:  # fmt: skip
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    with pytest.raises(UsageError, match=message):
        make_client(command, "spawn", cwd=tmp_path)


@pytest.mark.parametrize("cwd", ["missing", "file"])
def test_the_folder_has_to_be_there(cwd: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=f"not there: .*{cwd}"):
        make_client("sh", "spawn", cwd=tmp_path / cwd)


@pytest.mark.parametrize(
    ("text", "message"),
    [("no program\n", "no program of this machine"), ("#!/no/such/shell\n", "interpreter named in its first line")],
)
def test_what_only_the_system_can_tell(text: str, message: str, tmp_path: Path, bench: Bench) -> None:
    program = tmp_path / "app"
    program.write_text(text)
    program.chmod(0o755)
    with pytest.raises(UsageError, match=f"app: cannot be started: .*{message}"):
        play(make_client("./app {url}", "spawn", cwd=tmp_path))


def test_it_runs_in_its_folder_with_its_environment(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    client = make_client("sh -c 'pwd; echo $WORD-$HOME'", "spawn", cwd=tmp_path / "here", env={"WORD": "w"})
    (result,) = play(client)
    assert result.output == f"{tmp_path / 'here'}\nw-\n"


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
    root = Path(__file__).parents[3]
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
    client = bench.client("time.sleep(0.3)")
    before = set(descendants(os.getpid()))

    async def scene() -> list[Result]:
        playing = asyncio.create_task(client.play(turn()))
        await until(lambda: bool(bench.living()))
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
