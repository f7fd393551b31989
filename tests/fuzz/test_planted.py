"""The planted client: each of its defects can be seen, and there is nothing to see without it."""

import asyncio
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from emulator.journal import Record
from scenarios.fuzz.campaign.campaign import Summary, run_campaign
from scenarios.fuzz.campaign.settings import CampaignSettings
from scenarios.fuzz.case import EVERY, Case, Fault
from scenarios.fuzz.clients import Limits
from scenarios.fuzz.mutation import Mutation, Mutator, Nature
from scenarios.fuzz.rig import ServedRig
from tests.fuzz.planted import client as planted

Actions = Mapping[str, Any]
SERIAL, NAME, BUNDLE = "device.get_serial_number", "interface.get_app_name", "bundle.get_values"
OPTIONS, LOGIN, PROOF = "interface.get_security_options", "scram.login", "scram.login_proof"
TYPE, META, VALUE = "variable.get_type", "variable.get_raw_meta", "variable.get_value"
REFRESH, MULTI = "scram.set_initialization_vector", "interface.execute_multi_request_frame"
MOVING = '{"read": "variable.get_value/1"'
HANGS = ("partial-hang", "close-unnoticed", "iterations-unlimited", "busy-endless", "tlv-empty-hang", "code-as-exit")
"""They do not end, or take their process with them."""
A_LITTLE = 1.0
PATIENCE = 4.0
"""For clients that only seem to hang, because the machine has much to do."""


class Trigger(NamedTuple):
    """A fault that shows a defect; early if it takes the place of the execution."""

    calls: str
    call: str
    then: tuple[Actions, ...]
    nth: int = 1
    iv_period: int = 0
    early: bool = False
    timeout: float = 5.0
    frames: int = 0
    """That were sent before."""


def body(hexed: str, code: int = 0) -> Actions:
    return {"answer": {"code": code, "body": f"hex:{hexed}"}}


def nested(depth: int) -> str:
    """A bundle in a bundle in a bundle."""
    inner = bytes.fromhex("c10107")
    for _ in range(depth):
        inner = bytes((0x88, 1, len(inner))) + inner
    return inner.hex()


FORGED = body(b"IoTize99990000009B".hex())
REFUSED = {"answer": "NOT_IMPLEMENTED"}
TRIGGERS = {
    "partial-hang": Trigger("serial", SERIAL, ({"cut": 20},)),
    "close-unnoticed": Trigger("serial", SERIAL, ({"close": "before"},)),
    "status-ignored": Trigger("serial", SERIAL, (FORGED, {"wrong": {"status": "6F00"}})),
    "frame-of-250": Trigger("name", OPTIONS, (body("00" * 249),)),
    "leftovers-taken": Trigger("serial,name", SERIAL, ({"duplicate": 2},)),
    "late-answer-taken": Trigger("variables", TYPE, ({"delay": "600ms"},), EVERY, timeout=0.4),
    "relogin-skipped": Trigger("serial,name", SERIAL, ({"close": "before"},)),
    "crc-ignored": Trigger("serial", SERIAL, (FORGED, {"wrong": "crc"})),
    "id-not-compared": Trigger("serial", SERIAL, (FORGED, {"wrong": {"id": 500}})),
    "length-trusted": Trigger("serial", SERIAL, (FORGED, {"wrong": {"length": 50000}})),
    "padding-ignored": Trigger("serial", SERIAL, (FORGED, {"wrong": {"length": 3}})),
    "clear-in-session": Trigger("serial", SERIAL, ({"send": "hex:004142439000"},)),
    "counter-wrap": Trigger("serial,name", SERIAL, (), frames=0xFFFF),
    "proof-not-compared": Trigger("serial", PROOF, (body("00" * 16),)),
    "proof-prefix": Trigger("serial", PROOF, (body(""),)),
    "iterations-unlimited": Trigger("serial", LOGIN, (body("050607080a0b0c0dffffffff"),)),
    "iterations-zero": Trigger("serial", LOGIN, (body("050607080a0b0c0d00000000"),)),
    "zero-salt": Trigger("serial", LOGIN, (body("050607080000000000000100"),)),
    "stale-iv": Trigger("group,serial,name", NAME, (FORGED, {"wrong": "stale-iv"}), iv_period=2),
    "refused-iv-used": Trigger("serial,name", REFRESH, (REFUSED,), iv_period=1, early=True),
    "code-ignored": Trigger("serial", SERIAL, (body("", 0x85),)),
    "unknown-code": Trigger("serial", SERIAL, (body("", 0xC8),)),
    "code-as-exit": Trigger("serial", SERIAL, (body("", 0xA0),)),
    "busy-endless": Trigger("serial", SERIAL, ({"answer": "BUSY"},), EVERY),
    "refusal-unchecked": Trigger("serial,name", NAME, (FORGED, {"wrong": "crc"})),
    "refused-twice": Trigger("group,serial,name", REFRESH, (REFUSED,), iv_period=1, early=True),
    "short-number": Trigger("group", "interface.get_current_group_id", (body("00"),)),
    "text-not-ascii": Trigger("name", NAME, (body("c3a9"),)),
    "text-without-end": Trigger("variables", VALUE, (body("41" * 16),), 3),
    "buffer-reused": Trigger("serial,name", NAME, (body(""),)),
    "unknown-enum": Trigger("variables", TYPE, (body("3f"),)),
    "meta-without-unit": Trigger("variables", META, (body("41"),)),
    "lifetime-zero": Trigger("lifetime", "group.get_session_lifetime", (body("0000"),)),
    "nan": Trigger("variables", VALUE, (body("ffffffff"),), 2),
    "multi-count": Trigger("multi", MULTI, (body("000200e0"),)),
    "tlv-length-trusted": Trigger("bundles", BUNDLE, (body("880108c4014153afeac102"),)),
    "tlv-recursion": Trigger("bundles", BUNDLE, (body(nested(20)),)),
    "tlv-empty-hang": Trigger("bundles", BUNDLE, (body("8805c001c10200"),)),
    "tlv-allocates": Trigger("bundles", BUNDLE, (body("9801ffffff"),)),
    "bundle-by-position": Trigger("bundles", BUNDLE, (body("880109c1022cc4014153afea"),)),
}
REFUSED_TOO = {"refusal-unchecked": SERIAL, "refused-twice": NAME}
"""Defects that take a second fault: the first answer to this call is a refusal."""


def test_each_defect_has_a_trigger() -> None:
    assert set(TRIGGERS) == set(planted.DEFECTS)


@pytest.fixture(scope="module")
def outcomes() -> dict[tuple[str, bool], list[str]]:
    """What the client says and asks at each trigger, with the defect and without it."""

    one_after_the_other = [(name, on) for name in TRIGGERS for on in (False, True) if not (on and name in HANGS)]

    async def of_all() -> dict[tuple[str, bool], list[str]]:
        alone = (outcomes_of([(name, True)]) for name in HANGS)
        found = await asyncio.gather(outcomes_of(one_after_the_other), *alone)
        return {key: lines for each in found for key, lines in each.items()}

    return asyncio.run(of_all())


async def outcomes_of(runs: list[tuple[str, bool]]) -> dict[tuple[str, bool], list[str]]:
    rig = ServedRig()
    await rig.start()
    try:
        return {(name, on): await outcome(rig, name, on=on) for name, on in runs}
    finally:
        await rig.stop()


async def outcome(rig: ServedRig, name: str, *, on: bool) -> list[str]:
    trigger = TRIGGERS[name]
    mutation = Mutation("as the test says", Nature.FORGED, trigger.then)
    faults = [fault(trigger.call, trigger.nth, mutation, early=trigger.early)]
    if name in REFUSED_TOO:
        faults.append(fault(REFUSED_TOO[name], 1, Mutation("refused", Nature.REFUSAL, (body("", 0x85),))))
    rig.begin(Case(tuple(faults)))
    run = in_a_process if on and name in HANGS else in_a_thread
    lines = await run(rig.urls[0], trigger, name if on else "")
    asked = [str(entry.call) for entry in rig.end().entries if isinstance(entry, Record)]
    return [*(line for line in lines if not line.startswith(MOVING)), *asked]


def fault(call: str, nth: int, mutation: Mutation, *, early: bool = False) -> Fault:
    return Fault(call, nth, Mutator(0, "test", "field", lambda _: [mutation], early), 0)


async def in_a_thread(url: str, trigger: Trigger, defect: str) -> list[str]:
    return await asyncio.to_thread(visit, url, trigger, defect)


def visit(url: str, trigger: Trigger, defect: str) -> list[str]:
    client = planted.Client(planted.Settings("admin", "admin", "login", trigger.iv_period, trigger.timeout))
    client.address, client._frame_id = planted.address_of(url), trigger.frames
    planted.ON.update({defect} - {""})
    try:
        lines = [planted.told(line) for line in planted.visit(client, trigger.calls.split(",")).lines]
    except Exception as error:  # noqa: BLE001 - it is what some of the defects are
        return [repr(error)]
    else:
        return [*lines, f"{sum(map(len, planted.ROOM.values()))} bytes kept"]
    finally:
        client.disconnect()
        planted.ROOM.clear()
        planted.ON.clear()


async def in_a_process(url: str, trigger: Trigger, defect: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, planted.__file__, url, "--calls", trigger.calls, "--defects", defect),
        stdout=asyncio.subprocess.DEVNULL,
    )
    with contextlib.suppress(TimeoutError):
        return [f"exit {await asyncio.wait_for(process.wait(), A_LITTLE)}"]
    process.kill()
    await process.wait()
    return ["no end"]


@pytest.mark.slow
@pytest.mark.parametrize("name", TRIGGERS)
def test_a_defect_shows(outcomes: dict[tuple[str, bool], list[str]], name: str) -> None:
    assert outcomes[name, True] != outcomes[name, False]


@pytest.mark.slow
@pytest.mark.parametrize("name", TRIGGERS)
def test_without_the_defect_nobody_is_surprised(outcomes: dict[tuple[str, bool], list[str]], name: str) -> None:
    assert outcomes[name, False][0].startswith('{"')


def fuzz(folder: Path, arguments: str, only: tuple[str, ...], cases: int) -> Summary:
    command = f"{sys.executable} {planted.__file__} --persistent --reconnect --iv-period 0 {arguments}"
    settings = CampaignSettings(
        client=command, output=folder, mode="persistent", cases=cases, only=only, limits=Limits(progress=PATIENCE)
    )
    return asyncio.run(run_campaign(settings))


@pytest.mark.parametrize(
    ("defect", "calls", "only", "cases"),
    [
        ("close-unnoticed", "name", "delivery.ended", 2),
        ("code-as-exit", "name", "code.known", 8),
        ("crc-ignored", "name", "frame.crc", 10),
        ("proof-not-compared", "name", "login.proof", 10),
        ("unknown-enum", "variables", "field.enum", 10),
        ("bundle-by-position", "bundles", "structure.permuted", 4),
        ("frame-of-250", "name", "structure.full", 5),
        ("zero-salt", "name", "login.no-salt", 2),
    ],
)
def test_the_fuzzer_finds_it(tmp_path: Path, defect: str, calls: str, only: str, cases: int) -> None:
    summary = fuzz(tmp_path, f"--calls {calls} --defects {defect}", (only,), cases)
    assert planted.DEFECTS[defect].verdict in {str(finding.verdict) for finding in summary.findings.values()}


def test_without_defects_there_is_nothing_to_find(tmp_path: Path) -> None:
    summary = fuzz(tmp_path, "--calls name,bundles --timeout 5", ("field", "structure", "code", "frame.*"), cases=80)
    assert not summary.findings
