"""A client that is told of each turn on its standard input."""

import asyncio
import time
from dataclasses import dataclass

import pytest

from scenarios.fuzz.clients import Limits, Result, Turn
from scenarios.fuzz.rig import SessionKeys
from tests.scenarios.fuzz.clients.programs import (
    BRIEF,
    EACH,
    MIB,
    PATIENT,
    SLEEP,
    URL,
    Bench,
    needs_proc,
    nothing,
    persistent,
    play,
    turn,
    until,
)

pytestmark = pytest.mark.slow


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
KEPT: dict[str, Kept] = {
    "dies": Kept(f"{EACH}number == 2 and os._exit(9); say(done=True)", [DONE, ("exited", 9), DONE]),
    "crashes": Kept(f"{EACH}number == 2 and os.abort(); say(done=True)", [DONE, ("exited", -6), DONE]),
    "dies and leaves a child": Kept(
        f"{EACH}number == 2 and os.fork() and os._exit(9); say(done=True)" f"; number == 2 and {SLEEP}",
        [DONE, DONE, ("exited", 9)], processes=1,
    ),
    "says nothing": Kept(
        f"{EACH}number == 2 and {SLEEP}; say(done=True)", [DONE, ("stalled", None), DONE],
        "it has never connected", BRIEF,
    ),
    "says that it is not done": Kept(
        f"{EACH}say(done=number != 2)", [DONE, ("stalled", None), DONE], limits=BRIEF
    ),
    "closes its output": Kept(
        f"{EACH}number == 2 and os.close(1); number == 2 and {SLEEP}; say(done=True)",
        [DONE, ("stalled", None), DONE], limits=BRIEF,
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
    twice = f"say(done=True); time.sleep(0.01); say(done=True); open({str(bench.folder)!r} + '/' + turn['case'], 'w')"
    client = persistent(bench, f"{EACH}say(read='case', value=turn['case'])\n    {twice}")

    async def scene() -> list[Result]:
        results = []
        for case in ("c1", "c2", "c3"):
            results.append(await client.play(turn(case)))
            while not (bench.folder / case).exists():
                time.sleep(0.01)  # noqa: ASYNC251 - nobody reads in the meantime
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
        bench, f"sys.stdin.readline(); os.close(0); say(done=True); {SLEEP}", BRIEF
    )  # fmt: skip
    first, second = play(client, turn(), turn())
    assert first.ending.kind == "done"
    assert second.ending.kind == "stalled"
    assert second.ending.detail.endswith("it has closed its standard input")
