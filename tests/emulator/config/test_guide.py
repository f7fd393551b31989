"""The guide's examples load, and the long one shows all there is."""

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from emulator.blueprint import ADMIN, Rules, factory_groups
from emulator.config import Loaded
from emulator.config.model import CompleteFile

LoadText = Callable[[str], Loaded]
Problems = Callable[[str | bytes], list[tuple[int, str]]]

GUIDE = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
SHORT, LONG = re.findall(r"^```yaml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_short_example(load_text: LoadText) -> None:
    assert load_text(SHORT).blueprint.groups[ADMIN].password == b"secret"


def test_the_long_example_has_every_section_and_every_rule(load_text: LoadText) -> None:
    loaded = load_text(LONG)
    assert {path[0] for path in loaded.origins} == set(CompleteFile.model_fields)
    assert {path[1] for path in loaded.origins if path[0] == "rules" and len(path) == 2} == {
        rule.name for rule in fields(Rules)
    }
    assert loaded.blueprint.rules == Rules()
    assert loaded.links == ("tcp://127.0.0.1:2000",)


def test_the_users_of_the_long_example(load_text: LoadText) -> None:
    groups = load_text(LONG).blueprint.groups
    names = {group.name: number for number, group in groups.items()}
    assert (names["technician"], names["paul"], names["ann"]) == (1, 12, 2)
    assert groups[names["paul"]].alias == groups[names["ann"]].alias == names["technician"]
    assert [len(groups[names[name]].password or b"") for name in ("paul", "ann", "supervisor")] == [16, 36, 0]
    assert set(factory_groups()) <= set(groups)


def test_the_messages_are_true(problems: Problems) -> None:
    text = "tap: 1\n\nfirmwre: 1.86\n\n\n\nsettings:\n  scram:\n    hash_iteration: 70000\n"
    for line, reason in problems(text):
        assert f"device.yaml:{line}: {reason}\n" in GUIDE
