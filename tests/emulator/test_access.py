"""Who may do what: the decisions, and the report of them that `tap-emulator access` prints."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from emulator import access
from emulator.access import Subject, decide
from emulator.blueprint import Blueprint, Bundle, Group, Quirk, Rules, Variable, demo, factory_groups
from emulator.commands.access import report_groups, report_user
from emulator.state import MemoryStore, State
from protocol.codes import NO_INSTANCE, Rights, SpecialFeature
from protocol.errors import UsageError
from protocol.firmware import Version
from protocol.resources.registry import ENTRIES, Catalogue
from tests import commandline
from tests.hosts import Host, make_device

READ, WRITE = Rights.READ, Rights.WRITE
ANYBODY, TECH, PAUL, BOSS, CHIEF = 0, 5, 6, 7, 8
SUPERVISOR, ADMIN = 65534, 65535
TAP = Blueprint(
    settings={"interface.config_version": Version(1), "interface.serial_access_bundle": 2},
    groups={
        **factory_groups(),
        TECH: Group("tech", b"tech", TECH),
        PAUL: Group("paul", b"paul", TECH),
        BOSS: Group("boss", b"boss", SUPERVISOR),
        CHIEF: Group("chief", b"chief", ADMIN),
    },
    bundles={
        1: Bundle("open", {ANYBODY: READ, TECH: READ | WRITE}),
        2: Bundle("paul's", {PAUL: WRITE}),
        3: Bundle("nobody's"),
        65534: Bundle("debug", {TECH: READ}),
    },
    variables={
        1: Variable(bundle=1, meta=b"temp:C"),
        2: Variable(bundle=1),
        3: Variable(bundle=2, meta=b"door:"),
        4: Variable(),
    },
)
FACTORY = replace(TAP, settings={})
BY_ID = {entry.id: entry for entry in ENTRIES}


def state_of(blueprint: Blueprint) -> State:
    return State(blueprint, MemoryStore())


RIGHTS = [
    # group, then its rights on the bundles 1, 2, 3, 65534 and 99, which is not there
    (ANYBODY, "r - - - -"),
    (TECH, "rw - - r -"),
    (PAUL, "rw w - r -"),  # its own, those of its profile, and those of everybody
    (BOSS, "r - - - -"),
    (SUPERVISOR, "r - - - -"),
    (CHIEF, "rw rw rw rw rw"),
    (ADMIN, "rw rw rw rw rw"),
    (99, "r - - - -"),
]


@pytest.mark.parametrize(("group_id", "expected"), RIGHTS)
def test_rights_on_bundles(group_id: int, expected: str) -> None:
    state = state_of(TAP)
    for bundle_id, letters in zip((1, 2, 3, 65534, 99), expected.split(), strict=True):
        rights = access.bundle_rights(state, group_id, bundle_id)
        assert rights == sum(right for letter, right in (("r", READ), ("w", WRITE)) if letter in letters), bundle_id
        assert access.bundle_rights(state_of(FACTORY), group_id, bundle_id) == READ | WRITE


DECISIONS = [
    # call, instance, groups that may make it
    ("device.get_serial_number", NO_INSTANCE, {ANYBODY, TECH, PAUL, BOSS, SUPERVISOR, CHIEF, ADMIN}),
    ("scram.login", NO_INSTANCE, {ANYBODY, TECH, PAUL, BOSS, SUPERVISOR, CHIEF, ADMIN}),
    ("interface.get_nfc_autolog_profile_id", NO_INSTANCE, {TECH, PAUL, BOSS, SUPERVISOR, CHIEF, ADMIN}),
    ("group.put_name", TECH, {BOSS, SUPERVISOR, CHIEF, ADMIN}),
    ("group.put_name", SUPERVISOR, {BOSS, SUPERVISOR, CHIEF, ADMIN}),
    ("group.put_name", ADMIN, {CHIEF, ADMIN}),
    ("device.reboot", NO_INSTANCE, {CHIEF, ADMIN}),
    ("bundle.get_values", 1, {ANYBODY, TECH, PAUL, BOSS, SUPERVISOR, CHIEF, ADMIN}),
    ("bundle.get_values", 2, {CHIEF, ADMIN}),
    ("bundle.get_values", 3, {CHIEF, ADMIN}),
    ("bundle.get_values", 99, {ANYBODY, TECH, PAUL, BOSS, SUPERVISOR, CHIEF, ADMIN}),  # whose answer is 84
    ("variable.get_value", 1, {ANYBODY, TECH, PAUL, BOSS, SUPERVISOR, CHIEF, ADMIN}),
    ("variable.set_value", 1, {TECH, PAUL, CHIEF, ADMIN}),
    ("variable.get_value", 3, {CHIEF, ADMIN}),
    ("variable.set_value", 3, {PAUL, CHIEF, ADMIN}),
    ("variable.get_value", 4, {CHIEF, ADMIN}),
    ("variable.set_value", 99, {ANYBODY, TECH, PAUL, BOSS, SUPERVISOR, CHIEF, ADMIN}),
    ("target.read_address", NO_INSTANCE, {TECH, PAUL, CHIEF, ADMIN}),  # bundle 65534
    ("target.write_address", NO_INSTANCE, {CHIEF, ADMIN}),
    ("target.send", NO_INSTANCE, {PAUL, CHIEF, ADMIN}),  # the bundle of the setting, which is 2
    ("target.send_receive", NO_INSTANCE, {CHIEF, ADMIN}),
    ("target.modbus_read", NO_INSTANCE, {CHIEF, ADMIN}),  # no bundle
    ("tapnpass.post_action", NO_INSTANCE, {CHIEF, ADMIN}),
]


@pytest.mark.parametrize(("call", "instance", "allowed"), DECISIONS)
def test_decision(call: str, instance: int, allowed: set[int]) -> None:
    state = state_of(TAP)
    decisions = {group_id: decide(Subject.of(state, group_id, instance), BY_ID[call]) for group_id in state.groups}
    assert {group_id for group_id, decision in decisions.items() if decision.allowed} == allowed
    assert all(decision.reason for decision in decisions.values())
    in_factory = {decide(Subject.of(state_of(FACTORY), group_id, instance), BY_ID[call]) for group_id in state.groups}
    assert {decision.allowed for decision in in_factory} == {True}


def test_bundle_of_a_feature() -> None:
    state = state_of(TAP)
    assert access.feature_bundle(state, SpecialFeature.SERIAL_ACCESS) == 2
    assert access.feature_bundle(state, SpecialFeature.MODBUS_DIRECT_ACCESS) is None
    assert access.feature_bundle(state, SpecialFeature.SWD_DIRECT_ACCESS) == 65534
    without = state_of(replace(TAP, bundles={1: Bundle()}, settings={"interface.swd_direct_access_bundle": 1}))
    assert access.feature_bundle(without, SpecialFeature.SWD_DIRECT_ACCESS) == 1


WITHOUT_BODY = [
    entry.id
    for entry in Catalogue(Version(1, 113))
    if entry.resource.instance is None and entry.call.request is None and not entry.call.carries
]


@pytest.mark.parametrize("user", ["anonymous", "tech", "supervisor"])
def test_the_gate_asks_the_same(user: str) -> None:
    """What the report says is what a request meets."""
    groups = {TECH: TAP.groups[TECH]}
    blueprint = demo()
    told = json.loads(report_user(replace(blueprint, groups={**blueprint.groups, **groups}), user, "json"))
    calls = {call["name"]: call for call in told["calls"]}
    for name in WITHOUT_BODY:
        host = Host(make_device(groups=groups, settings={"scram.hash_iteration": 1})[0])
        if user == "anonymous":
            host.initialize()
        else:
            host.login(user)
        answer = host.secret(calls[name]["method"], calls[name]["path"])
        assert (answer.code == 0x81) == (calls[name]["allowed"] == "no"), calls[name]


def report(user: str, **changes: Any) -> dict[str, Any]:
    found = json.loads(report_user(replace(TAP, **changes), user, "json"))
    return {**found, "calls": {call["name"]: call for call in found["calls"]}}


def test_report_of_a_user() -> None:
    found = report("paul")
    assert (found["id"], found["profile"], found["firmware"]) == (PAUL, TECH, "1.113.0")
    calls = found["calls"]
    assert calls.keys() == {entry.id for entry in Catalogue(Version(1, 113))}
    assert calls["device.reboot"]["reason"] == "admin only"
    assert (calls["variable.set_value"]["allowed"], calls["variable.set_value"]["reason"]) == (
        "partly",
        "all but variable 4: no bundle",
    )
    assert calls["bundle.get_values"]["reason"] == "only bundle 1, 65534: bundle 1 lets group 6 read"
    assert calls["target.send"]["reason"] == "bundle 2 lets group 6 write"
    assert sum(found["counts"].values()) == len(calls)
    open_, pauls, _, debug = found["bundles"]
    assert (open_["rights"], open_["variables"]) == ("rw", {"1": "temp", "2": ""})
    assert (pauls["rights"], pauls["decides about"]) == ("w", ["SERIAL_ACCESS"])
    assert (debug["rights"], debug["decides about"]) == ("r", ["SWD_DIRECT_ACCESS"])


def test_report_knows_the_firmware() -> None:
    assert "scram.send_with_iv" in report("paul", firmware=Version(1, 86))["calls"]
    assert "scram.send_with_iv" not in report("paul", firmware=Version(1, 85))["calls"]


def test_report_of_the_supervisor_tells_the_admin_apart() -> None:
    name = report("supervisor")["calls"]["group.put_name"]
    assert name["reason"] == "all but group 8, 65535: what is the admin's is for the admin only"


def test_report_names_configuration_mode_where_it_is_enforced() -> None:
    rules = Rules(quirks=frozenset({Quirk.STRICT_CONFIGURATION_MODE}))
    strict = report("admin", rules=rules)["calls"]
    assert strict["interface.put_app_name"]["reason"] == "the admin may do everything; in configuration mode only"
    assert strict["device.reboot"]["reason"] == "the admin may do everything"
    assert report("admin")["calls"]["interface.put_app_name"]["reason"] == "the admin may do everything"


def test_report_in_factory_state() -> None:
    found = report("anonymous", settings={})
    assert found["counts"]["no"] == found["counts"]["partly"] == 0
    assert {bundle["rights"] for bundle in found["bundles"]} == {"rw"}


@pytest.mark.parametrize(("allowed", "words"), [(True, {"yes", "partly"}), (False, {"no", "partly"})])
def test_report_of_some_calls(allowed: bool, words: set[str]) -> None:
    found = json.loads(report_user(TAP, "paul", "json", allowed))
    assert {call["allowed"] for call in found["calls"]} == words
    assert found["counts"] == report("paul")["counts"], "what is left out is counted"


def test_report_of_all_groups() -> None:
    found = json.loads(report_groups(TAP, "json"))
    assert [group["name"] for group in found["groups"]] == [
        *("anonymous", "tech", "paul", "boss", "chief", "supervisor", "admin")
    ]
    assert {group["name"]: group["bundles"]["2"] for group in found["groups"]}["paul"] == "w"
    table = report_groups(TAP, "table").splitlines()
    assert table[0].endswith("4 bundles")
    assert [line.split()[-4:] for line in table if " paul " in line] == [["rw", "w", "-", "r"]]
    markdown = report_groups(TAP, "markdown").splitlines()
    assert markdown[2].startswith("| group | name | profile | yes | partly | no | 1 open | 2 paul's | 3 nobody's |")


@pytest.mark.parametrize(
    ("user", "group_id"), [("paul", PAUL), ("6", PAUL), ("anonymous", 0), ("65535", ADMIN), ("admin", ADMIN)]
)
def test_user_by_name_or_number(user: str, group_id: int) -> None:
    assert json.loads(report_user(TAP, user, "json"))["id"] == group_id


@pytest.mark.parametrize("user", ["", "nobody", "99", "-1", "Paul"])
def test_unknown_user(user: str) -> None:
    with pytest.raises(UsageError, match="there are anonymous, tech, paul, boss, chief, supervisor, admin"):
        report_user(TAP, user, "table")


def test_user_without_a_name_has_a_number() -> None:
    unnamed = replace(TAP, groups={**factory_groups(), 9: Group("", None, 9)})
    assert report_user(unnamed, "9", "table").startswith("no name (group 9), ")
    with pytest.raises(UsageError, match="there are anonymous, 9, supervisor, admin"):
        report_user(unnamed, "", "table")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "device.yaml"
    file.write_text("tap: 1\nfirmware: 1.85\nusers:\n  tech: {password: tech}\n")
    return file


def run(*arguments: object) -> Result:
    return commandline.run("access", *arguments)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "firmware 1.85.0, "),
        (("--user", "tech"), "tech (group 1), firmware 1.85.0: yes "),
        (("--user", "tech"), "no       POST    /3//4 "),
        (("--user", "tech", "--firmware", "1.113"), "GET     /1024//44 "),
        (("--user", "tech", "--format", "markdown"), "| no | POST | /3//4 | device.reboot | admin only |"),
        (("--user", "tech", "--refused", "--format", "json"), '"name": "device.reboot"'),
        (("--format", "json"), '"profile": 65534'),
    ],
)
def test_command(file: Path, arguments: tuple[str, ...], expected: str) -> None:
    result = run(file, *arguments)
    assert result.exit_code == 0, result.output
    assert expected in result.stdout


def test_command_shows_the_calls_that_were_asked_for(file: Path) -> None:
    allowed, refused = (run(file, "--user", "tech", option).stdout for option in ("--allowed", "--refused"))
    assert "device.reboot" not in allowed
    assert "device.get_serial_number" in allowed
    assert "device.reboot" in refused
    assert "device.get_serial_number" not in refused


def test_command_without_a_file_shows_the_demo_tap() -> None:
    assert "supervisor" in run().stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--user", "nobody"), "there is no user 'nobody'; there are anonymous, tech, supervisor, admin"),
        (("--allowed",), "need --user"),
        (("--firmware", "new"), "is not a version"),
        (("--format", "csv"), "csv"),
    ],
)
def test_command_complains(file: Path, arguments: tuple[str, ...], complaint: str) -> None:
    result = run(file, *arguments)
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.output


def test_command_complains_about_the_file(tmp_path: Path) -> None:
    broken = tmp_path / "device.yaml"
    broken.write_text("tap: 1\ncolour: red\n")
    assert run(broken).exit_code == 2
    assert f"{broken}:2:" in run(broken).stderr
    assert run(tmp_path / "none.yaml").exit_code == 2
