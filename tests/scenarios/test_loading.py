"""Scenario files: what they mean, and what is said of mistakes."""

import pickle
from pathlib import Path
from typing import Any

import pytest

from emulator.blueprint import Quirk
from protocol.firmware import Version
from scenarios.checking import check_variables
from scenarios.explaining import explain, summarize
from scenarios.loading import ScenarioError, load, loads
from scenarios.model.scenario import Scenario
from scenarios.schema import json_schema

HEAD = "scenario: 1\n"


def problems(text: str, **arguments: Any) -> list[str]:
    with pytest.raises(ScenarioError) as error:
        loads(text, "s.yaml", **arguments)
    return error.value.problems


def rule(text: str) -> str:
    return f"{HEAD}script:\n  rules:\n  - {text}\n"


def step(text: str) -> str:
    return f"{HEAD}replay:\n- {text}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: x\n", "s.yaml:1:1: scenario is missing, expected scenario: 1"),
        ("", "s.yaml:1:1: the file is empty, expected a mapping"),
        ("- 1\n", "s.yaml:1:1: the file is a list, expected a mapping"),
        ("scenario: 2\n", "s.yaml:1:1: scenario is 2, expected one of 1"),
        ("scenario: 1\nscenario: 1\n", "s.yaml:2:1: scenario is there twice, expected it only on line 1"),
        (f"{HEAD}nmae: x\n", "s.yaml:2:1: nmae is an unknown key, expected name or another of"),
        (f"{HEAD}name: !!python/object:os.system x\n", "s.yaml:2:7: the tag 'tag:yaml.org,2002:python/object"),
        (f"{HEAD}name: [\n", "s.yaml:3:1: this is no YAML"),
        (f"{HEAD}device: 3\n", "s.yaml:2:1: device is 3, expected a mapping"),
        (f"{HEAD}device: {{firmware: new}}\n", "s.yaml:2:10: device.firmware is new, expected a version"),
        (f"{HEAD}device: {{clock: fast}}\n", "s.yaml:2:10: device.clock is fast, expected virtual, real, or"),
        (f"{HEAD}device: {{quirks: [odd]}}\n", "s.yaml:2:19: device.quirks.0 is odd, expected one of lenient_login"),
        (f"{HEAD}device: {{config: x.yaml}}\n", "s.yaml:2:10: device.config is x.yaml, expected its content"),
        (f"{HEAD}device:\n  config:\n    sed: 1\n", "s.yaml:4:5: device.config.sed is an unknown key, expected seed"),
        (f"{HEAD}include: [a.yaml]\n", "s.yaml:2:11: include a.yaml cannot be read"),
        (f"{HEAD}inputs: {{a: }}\n", "s.yaml:2:10: the input a is not given"),
        (f"{HEAD}name: ${{a}}\n", "s.yaml:2:1: nothing defines ${a}"),
        (
            rule("{when: {request: device.gt_serial_number}, then: {delay: 1}}"),
            "s.yaml:4:13: no call is named device.gt",
        ),
        (
            rule("{when: {request: /9//9}, then: {delay: 1}}"),
            "s.yaml:4:13: no call has the path /9//9, expected one of",
        ),
        (rule("{when: {request: group.*}}"), "s.yaml:4:5: script.rules.0.then is missing"),
        (
            rule("{when: {request: group.*}, then: {dealy: 1}}"),
            "then.dealy is an unknown key, expected delay or another",
        ),
        (
            rule("{when: {request: group.*}, then: {}}"),
            "s.yaml:4:32: script.rules.0.then does nothing, expected one of",
        ),
        (rule("{when: {request: group.*, at: 3}, then: {delay: 1}}"), "when has request and at, expected one trigger"),
        (rule("{when: {user: admin}, then: {delay: 1}}"), "when has no trigger, expected request, event, at or every"),
        (rule("{when: {request: group.*, nth: 1, first: 2}, then: {delay: 1}}"), "has nth and first, expected one way"),
        (rule("{when: {request: group.*, every: 10ms}, then: {delay: 1}}"), "has every: 0.01, expected a whole number"),
        (rule("{when: {event: flood}, then: {delay: 1}}"), "when.event is flood, expected one of connected"),
        (rule("{when: {request: group.*, in: {m: a}}, then: {delay: 1}}"), "s.yaml:4:31: no machine is called m"),
        (rule("{when: {every: 1s}, then: {enter: {m: a}}}"), "no machine is called m, expected one under machines"),
        (
            rule("{when: {every: 1s}, then: {answer: BUZY}}"),
            "then.answer is BUZY, expected a result code by name or number",
        ),
        (rule("{when: {every: 1s}, then: {delay: [2s, 1s]}}"), "delay is a list, expected a duration such as 2s, or"),
        (rule("{when: {every: 1s}, then: {wrong: sum}}"), "is sum, expected one of crc, id, length"),
        (
            rule("{when: {every: 1s}, then: {corrupt: {xor: 1, set: 2}}}"),
            "has xor and set, expected one kind of damage",
        ),
        (
            rule("{when: {every: 1s}, then: {settings: {interface.app_nam: x}}}"),
            "no setting is called interface.app_nam",
        ),
        (
            rule("{when: {every: 1s}, then: {settings: {interface.app_name: [x]}}}"),
            "interface.app_name is a list, expected",
        ),
        (
            rule("{when: {request: device.get_serial_number}, then: {answer: {value: {a: 1}}}}"),
            "s.yaml:4:56: the value fits no answer",
        ),
        (step("connect: true\n  wait: 1"), "s.yaml:3:3: replay.0 does connect and wait, expected one action"),
        (step("timeout: 3"), "s.yaml:3:3: replay.0 does nothing, expected one of connect"),
        (step("{wait: 3, expect: {status: ok}}"), "has expect, which wait does not have, expected no option"),
        (step("wait: 3y"), "s.yaml:3:3: replay.0.wait is 3y, expected a duration such as 200ms"),
        (step("wait:"), "s.yaml:3:3: replay.0.wait is empty, expected a duration"),
        (step("logn: {user: a}"), "s.yaml:3:3: replay.0.logn is an unknown key, expected login or another"),
        (step("login: {usr: a}"), "replay.0.login.usr is an unknown key, expected user or another of password"),
        (step("request: device.get_serial"), "s.yaml:3:3: no call is named 'device.get_serial', expected for example"),
        (step("request: READ /1//2"), "s.yaml:3:3: 'READ' is not a method; expected GET, POST or PUT"),
        (step("request: group.get_name"), "s.yaml:3:3: /1025/{group_id}/"),
        (step("request: interface.put_app_name\n  value: [1]"), "s.yaml:4:3: "),
        (step("request: device.get_serial_number\n  value: 3"), "s.yaml:4:3: device.get_serial_number takes no value"),
        (
            step("{request: device.get_serial_number, value: 1, body: 'hex:01'}"),
            "has value and body, expected one of them",
        ),
        (step("connect: gopher://x"), "s.yaml:3:3: gopher://x is no link, expected a URL or one of mem, mqtt"),
        (f"{HEAD}replay: {{clients: [{{link: ':::', steps: []}}]}}\n", ": ::: is no link, expected a URL"),
        (step("do: log in"), "s.yaml:3:3: no procedure is called log in, expected one"),
        (step("for_each: {table: users, do: []}"), "s.yaml:3:3: no table is called users"),
        (step("restore: x"), "s.yaml:3:3: no snapshot is called x"),
        (step("note: ${x}"), "s.yaml:3:3: ${x} is not defined, expected an input or a capture"),
        (step("check: {setting: a.b, equals: 1}"), "s.yaml:3:11: no setting is called a.b"),
        (step("check: {variable: lamp}"), "replay.0.check compares nothing, expected for example equals"),
        (
            step("{request: device.get_serial_number, expect: {value: {range: [2, 1]}}}"),
            "has the range [2, 1], expected",
        ),
        (step("{request: device.get_serial_number, expect: {value: {pattern: '('}}}"), "has a pattern that is none"),
        (
            step("{request: device.get_serial_number, expect: {value: {one_of: [{pattern: '('}]}}}"),
            "has a pattern that is none",
        ),
        (
            step("{request: device.get_serial_number, expect: {value: {pattern: '(.*)*x'}}}"),
            "has a pattern that repeats a repetition",
        ),
        (step("{connect: true, expect: {error: timeout, status: ok}}"), "has error beside an answer"),
        (f"{HEAD}procedures:\n  a: [do: b]\n  b: [do: a]\n", "s.yaml:4:7: the procedure a does itself in the end"),
        (f"{HEAD}verify:\n- count: 1\n", "s.yaml:3:3: verify.0 verifies nothing, expected one of request, never"),
        (f"{HEAD}verify:\n- {{event: locked, setting: x}}\n", "verify.0 verifies event and setting, expected one of"),
        (f"{HEAD}verify:\n- {{rule: x}}\n", "s.yaml:3:4: no rule is called x, expected one"),
        (f"{HEAD}verify:\n- never: /9//9\n", "s.yaml:3:3: no call has the path /9//9"),
        (f"{HEAD}verify:\n- {{setting: interface.app_name}}\n", "compares nothing, expected for example equals"),
        (f"{HEAD}verify:\n- {{event: locked, equals: 3}}\n", "has equals, which does not go with event"),
        ("a: &a [*a]\n", "s.yaml:1:8: the alias *a stands for nothing"),
    ],
)
def test_mistakes(text: str, expected: str) -> None:
    found = problems(text)
    assert any(expected in problem for problem in found), found
    assert all(problem.startswith("s.yaml:") and problem.split(":")[2].isdecimal() for problem in found)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    found = problems(f"{HEAD}replay:\n- request: device.x\n- do: x\nverify:\n- rule: y\n- rule: z\n")
    assert [problem.split(":")[1] for problem in found] == ["3", "4", "6", "7"]


def test_no_more_than_a_hundred_mistakes_are_shown() -> None:
    with pytest.raises(ScenarioError) as error:
        loads(HEAD + "replay:\n" + "- do: x\n" * 150)
    assert len(error.value.problems) == 150
    assert str(error.value).endswith("... and 50 more")


@pytest.mark.parametrize(
    "text",
    [
        "a: &a x\nb: [" + "*a," * (10 * 1024 * 1024 // 3) + "]",
        "a: &a x\nb: [" + "*a," * 1_300_000 + "]",
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "\n".join(f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]" for a, b in zip("abcdefg", "bcdefgh", strict=True)),
        "a: " + "[" * 10_000,
    ],
    ids=["10 MiB", "4 MiB", "nested", "deep"],
)
def test_bombs_are_refused(text: str) -> None:
    (problem,) = problems(text)
    assert "expected at most" in problem


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "inside"
    (inside / "parts").mkdir(parents=True)
    (tmp_path / "outside.yaml").write_text(HEAD)
    (tmp_path / "tap.yaml").write_text("tap: 1\n")
    (inside / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (inside / "self.yaml").write_text(f"{HEAD}include: self.yaml\n")
    (inside / "one.yaml").write_text(f"{HEAD}include: parts/two.yaml\n")
    (inside / "parts" / "two.yaml").write_text(f"{HEAD}include: ../one.yaml\n")
    (inside / "tap.yaml").write_text("tap: 1\nfirmware: 1.85\n")
    (inside / "bad.yaml").write_text("tap: 1\nfirmwar: 1.85\n")
    (inside / "wrong.yaml").write_text(f"{HEAD}procedures: {{x: [wait: soon]}}\n")
    return inside


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("include: ../outside.yaml", "include ../outside.yaml is outside the folder"),
        ("include: link.yaml", "include link.yaml is outside the folder"),
        ("include: /etc/passwd", "include /etc/passwd is outside the folder"),
        ("include: none.yaml", "include none.yaml is not there"),
        ("include: self.yaml", "self.yaml:2:1: include self.yaml includes itself in the end"),
        ("include: one.yaml", "include ../one.yaml includes itself in the end"),
        ("include: wrong.yaml", "wrong.yaml:2:18: procedures.x.0.wait is soon, expected a duration"),
        ("device: {config: ../tap.yaml}", "device.config is ../tap.yaml, which is outside the folder"),
        ("device: {config: none.yaml}", "device.config is none.yaml, expected a file that is there"),
        ("device: {config: bad.yaml}", "bad.yaml:2: firmwar is an unknown key"),
    ],
)
def test_files_stay_below_the_folder(folder: Path, line: str, expected: str) -> None:
    (folder / "s.yaml").write_text(f"{HEAD}{line}\n")
    with pytest.raises(ScenarioError) as error:
        load(folder / "s.yaml")
    assert expected in str(error.value)


def test_problems_pass_from_process_to_process() -> None:
    error = pickle.loads(pickle.dumps(ScenarioError(["a: b", "c: d"])))
    assert (error.problems, str(error)) == (["a: b", "c: d"], "a: b\nc: d")


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ScenarioError, match=r"cannot be read .*, expected a scenario"):
        load("nowhere.yaml")


def test_what_is_included_is_part_of_the_scenario(folder: Path) -> None:
    (folder / "parts" / "common.yaml").write_text(
        f"{HEAD}device: {{firmware: 1.85, seed: 3}}\nprocedures: {{a: [wait: 1]}}\n"
        "script: {machines: {m: {states: [x]}}, rules: [{name: first, when: {every: 1s}, then: {note: x}}]}\n"
    )
    (folder / "s.yaml").write_text(
        f"{HEAD}include: [parts/common.yaml]\ndevice: {{firmware: 1.110}}\nreplay: [do: a]\n"
        "script: {rules: [{when: {every: 1s}, then: {enter: {m: x}}}]}\n"
    )
    scenario = load(folder / "s.yaml")
    assert (scenario.device.firmware, scenario.device.seed) == (Version(1, 110), 3)
    assert [one.name for one in scenario.script.rules] == ["first", "rule 2"]
    assert scenario.name == "s"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("bogus: 3", "p.yaml:2:1: bogus is an unknown key, expected one of scenario"),
        ("devce: {seed: 3}", "p.yaml:2:1: devce is an unknown key, expected device or another"),
        ("replay: [connect: true]", "p.yaml:2:1: replay is not taken from a file that is included, expected one of"),
        ("verify: [event: locked]", "p.yaml:2:1: verify is not taken from a file that is included"),
        ("needs: emulator", "p.yaml:2:1: needs is not taken from a file that is included"),
        ("device: 1.86", "p.yaml:2:1: device is 1.86, expected a mapping"),
        ("script: {rules: {note: x}}", "p.yaml:2:10: rules is a mapping, expected a list"),
        ("include: {a: b}", "p.yaml:2:1: include is a mapping, expected names of files"),
    ],
)
def test_what_is_included_is_checked(folder: Path, line: str, expected: str) -> None:
    (folder / "p.yaml").write_text(f"{HEAD}{line}\n")
    (folder / "s.yaml").write_text(
        f"{HEAD}include: p.yaml\ndevice: {{seed: 1}}\nscript: {{rules: [{{when: {{at: 1s}}, then: {{note: x}}}}]}}\n"
    )
    with pytest.raises(ScenarioError) as error:
        load(folder / "s.yaml")
    assert expected in str(error.value)


def test_what_is_included_has_the_same_version(folder: Path) -> None:
    (folder / "p.yaml").write_text("scenario: 2\n")
    (folder / "s.yaml").write_text(f"{HEAD}include: p.yaml\n")
    with pytest.raises(ScenarioError, match=r"p.yaml:1:1: scenario is 2, expected 1"):
        load(folder / "s.yaml")


def test_a_configuration_from_a_file_with_changes(folder: Path) -> None:
    (folder / "s.yaml").write_text(f"{HEAD}device: {{config: tap.yaml, seed: 7, quirks: lenient_login}}\n")
    blueprint = load(folder / "s.yaml").blueprint()
    assert (blueprint.firmware, blueprint.seed) == (Version(1, 85), 7)
    assert blueprint.rules.quirks == {Quirk.LENIENT_LOGIN}


def test_a_configuration_in_the_scenario() -> None:
    scenario = loads(f"{HEAD}device: {{firmware: 1.86, config: {{users: {{joe: {{password: '1'}}}}}}}}\n")
    assert "joe" in {group.name for group in scenario.blueprint().groups.values()}


INPUTS = (
    f"{HEAD}inputs: {{password: {{default: admin, secret: true}}, fw: 1.86, n: 2}}\ndevice: {{firmware: '${{fw}}'}}\n"
)


def test_inputs_are_filled_in_with_their_type() -> None:
    text = f"{INPUTS}replay:\n- repeat: {{times: '${{n}}', do: [login: {{user: a, password: 'x${{password}}'}}]}}\n"
    scenario = loads(text, inputs={"fw": "1.110", "n": 5})
    (repeat,) = scenario.replay.clients[0].steps
    assert repeat.parameter.times == 5
    assert repeat.parameter.do[0].login.password == "xadmin"
    assert scenario.device.firmware == Version(1, 110)
    assert scenario.secrets == ("admin",)


def test_an_unknown_input_is_refused() -> None:
    assert "the input m is unknown, expected password, fw, n" in problems(INPUTS, inputs={"m": 1})[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- {request: device.get_serial_number, capture: {a: ''}}\n- note: ${a}", ""),
        ("- note: ${a}\n- {request: device.get_serial_number, capture: {a: ''}}", "is used before it is captured"),
        ("- for_each: {table: [1], as: r, do: [note: '${r}']}", ""),
        ("- for_each: {table: [1], as: r, do: []}\n- note: ${r}", "is not defined"),
        ("- repeat: {times: 2, do: [{request: device.get_serial_number, capture: {a: ''}}]}\n- note: ${a}", ""),
        ("- repeat: {times: 2, do: [note: '${round}']}", ""),
        ("- parallel: [[{request: device.get_serial_number, capture: {a: ''}}], [note: '${a}']]", "is used before"),
    ],
)
def test_names_are_followed_through_the_steps(text: str, problem: str) -> None:
    if problem:
        assert problem in problems(f"{HEAD}replay:\n{text}\n")[0]
    else:
        loads(f"{HEAD}replay:\n{text}\n")


def test_shorthands_become_one_form() -> None:
    scenario = loads(
        f"{HEAD}script:\n  rules:\n"
        "  - when: {request: group.*}\n    then: {delay: 2s, answer: busy, wrong: [crc, {id: 7}], close: true}\n"
        "  - when: {event: locked, every: 3}\n    then: [{busy: 2s}, {busy: 3}, {target_error: 'off'}]\n"
        "  - when: {every: 10s}\n    then: {reboot: 5s, split: [1, 3]}\n"
        "verify: [{event: locked, count: 2}, {order: [group.*, device.*]}, {never: device.*}]\n"
    )
    first, second, third = scenario.script.rules
    assert first.when.request == ("group.*",)
    assert [name for name, _ in first.then[0].ordered()] == ["delay", "answer", "wrong", "close"]
    assert first.then[0].delay == (2.0, 2.0)
    assert first.then[0].answer is not None
    assert first.then[0].answer.code == 0x46
    assert [(part.part, part.value) for part in first.then[0].wrong or ()] == [("crc", None), ("id", 7)]
    assert first.then[0].close == "after"
    assert (second.when.every_nth, second.when.period) == (3, None)
    assert [(one.busy.seconds, one.busy.requests) for one in second.then if one.busy] == [(2.0, None), (None, 3)]
    assert (third.when.every_nth, third.when.period) == (None, 10.0)
    assert (third.then[0].reboot, third.then[0].split and third.then[0].split.sizes) == (5.0, (1, 3))
    assert [one.kind for one in scenario.verify] == ["event", "order", "never"]
    assert (scenario.verify[0].times.min, scenario.verify[0].times.max) == (2, 2)
    assert [one.request for one in scenario.verify[1].order or ()] == [("group.*",), ("device.*",)]


def test_variables_are_checked_against_the_tap() -> None:
    scenario = loads(f"{HEAD}replay:\n- check: {{variable: lmap, equals: 1}}\n- check: {{variable: lamp, equals: 1}}\n")
    assert check_variables(scenario, scenario.blueprint()) == [
        "scenario:3:11: no variable is called lmap, expected for example lamp"
    ]


def test_parts_that_only_an_emulator_can_do() -> None:
    text = f"{HEAD}replay:\n- repeat: {{times: 2, do: [snapshot: a]}}\n- restore: a\n"
    assert loads(text).emulator_parts() == ["restore", "snapshot"]
    assert loads(f"{HEAD}replay: [connect: true]\n").emulator_parts() == []


LIBRARY = sorted((Path(__file__).parents[2] / "scenarios" / "library").glob("*.yaml"))


@pytest.mark.parametrize("file", LIBRARY, ids=lambda file: file.stem)
def test_the_library_is_explained(file: Path) -> None:
    scenario: Scenario = load(file)
    lines = explain(scenario)
    assert lines[0] == scenario.name
    assert summarize(scenario).startswith(scenario.name)
    assert not [line for line in lines if "None" in line or "object at" in line]


def test_explaining_hides_secrets() -> None:
    text = f"{HEAD}inputs: {{p: {{default: s3cret, secret: true}}}}\n"
    lines = explain(loads(f"{text}replay: [{{request: interface.put_app_name, value: '${{p}}'}}]\n"))
    assert "  asks interface.put_app_name with ***" in lines


def test_every_key_of_the_schema_is_described() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for name, model in {"": schema, **schema["$defs"]}.items():
        for key, one in model.get("properties", {}).items():
            assert one.get("description"), f"{name}.{key}"
            assert one.get("examples"), f"{name}.{key}"
