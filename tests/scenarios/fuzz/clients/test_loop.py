"""A client that connects again and again by itself."""

import asyncio
import contextlib

import pytest

from scenarios.fuzz.clients import Limits, Result, Turn, make_client
from tests.scenarios.fuzz.clients.programs import BRIEF, MARK, PATIENT, SAY, SHORT, SLEEP, Bench, needs_proc

pytestmark = pytest.mark.slow

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
    first, second = play_loop(bench, f"connect().close(); {SLEEP}", 2, BRIEF)
    assert first.ending.kind == "done"
    assert second.ending.detail.endswith("it has not connected again")
