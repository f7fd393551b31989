"""What is written can be read: conversion to device.yaml, and `config show`."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.blueprint import ADMIN, ANONYMOUS, SUPERVISOR, Blueprint, Group, Quirk, Rules, demo
from emulator.config import Loaded, dump_yaml, load, show
from emulator.config.device_yaml import read
from emulator.config.forms import setting_forms
from emulator.config.source import Source
from protocol.bodies.interface import SecurityOptions
from protocol.codes import PowerSource
from protocol.firmware import Version

LoadText = Callable[[str], Loaded]

PRINTABLE = "".join(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x100)]))
versions = st.builds(Version, st.integers(0, 255), st.integers(0, 255), st.integers(0, 65535))
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    Version: versions,
    SecurityOptions: st.builds(SecurityOptions, *[st.booleans()] * 5),
    PowerSource: st.sampled_from(PowerSource),
    bool: st.booleans(),
}


def values(key: str) -> st.SearchStrategy[Any]:
    """All values that a setting can have; a new row of the table needs something here only if its type is new."""
    setting = setting_forms()[key].setting
    limit = setting.limit or range(1 << 16)
    size = {"min_size": limit[0], "max_size": min(limit[-1], 80)}
    if setting.body.type is str:
        return st.text(PRINTABLE, **size)
    if setting.body.type is bytes:
        return st.binary(**size)
    if setting.body.type is int:
        return st.integers(limit[0], min(limit[-1], 255))
    return BY_TYPE.get(setting.body.type, st.just(setting.default))


@st.composite
def groups(draw: st.DrawFn) -> dict[int, Group]:
    ids = [ANONYMOUS, SUPERVISOR, ADMIN, *draw(st.lists(st.integers(1, SUPERVISOR - 1), unique=True, max_size=4))]
    names = draw(
        st.lists(
            st.text(PRINTABLE, min_size=1, max_size=16) | st.sampled_from(["admin", "supervisor", "anonymous"]),
            unique=True,
            min_size=len(ids),
            max_size=len(ids),
        )
    )
    passwords = (
        st.none()
        | st.binary(min_size=16, max_size=16)
        | st.binary(min_size=36, max_size=36)
        | st.text(PRINTABLE[:95], min_size=1, max_size=15).map(str.encode)
    )
    lifetimes = st.integers(0, 65535)
    return {
        number: Group(name, draw(passwords), draw(st.sampled_from(ids)), draw(lifetimes))
        for number, name in zip(ids, names, strict=True)
    }


rules = st.builds(
    Rules,
    hosts=st.sampled_from(["many", "single"]),
    lockout_attempts=st.integers(1, 65535),
    lockout_time=st.floats(0, 1e9),
    partial_request_time=st.floats(0, 1e9, exclude_min=True),
    iv_after_clear_login=st.sampled_from(["either", "zero", "kept"]),
    quirks=st.frozensets(st.sampled_from(Quirk)),
)
blueprints = st.builds(
    Blueprint,
    firmware=versions,
    settings=st.fixed_dictionaries({}, optional={key: values(key) for key in setting_forms()}),
    groups=groups(),
    rules=rules,
    seed=st.none() | st.integers(-(2**63), 2**64 - 1),
)


@settings(max_examples=40)
@given(blueprints)
def test_what_is_written_is_loaded(blueprint: Blueprint) -> None:
    text = dump_yaml(blueprint, ["tcp://127.0.0.1:0"])
    loaded = read(Source("device.yaml", text)).build()
    assert loaded.blueprint == blueprint
    assert loaded.links == ("tcp://127.0.0.1:0",)
    assert isinstance(yaml.safe_load(text), dict)  # other readers of YAML understand it too


@settings(max_examples=40)
@given(blueprints)
def test_what_is_shown_with_secrets_is_loaded(blueprint: Blueprint) -> None:
    shown = read(Source("device.yaml", show(Loaded(blueprint), secrets=True))).build().blueprint
    defaults = {key: form.setting.default for key, form in setting_forms().items()}
    assert shown == replace(blueprint, settings={**defaults, **blueprint.settings})


def test_show_tells_the_origin_of_each_value(load_text: LoadText, tmp_path: Path) -> None:
    loaded = load_text("tap: 1\nfirmware: 1.86\nusers:\n  admin: {password: sixteen-letters!}\n  b: {alias: admin}\n")
    file = tmp_path / "tap.yaml"
    lines = [re.sub(" +", " ", line).strip() for line in show(loaded).splitlines()]
    for line in [
        f"firmware: 1.86.0 # {file}:2",
        "app_name: Virtual Tap # default",
        f"hash: <hidden> # {file}:4",
        f"alias: 65535 # {file}:5",
        "lockout_time: 60.0 # default",
    ]:
        assert line in lines


@pytest.mark.parametrize("secret", ["my-secret", "00112233445566778899AABB"])
def test_show_hides_secrets_unless_asked(load_text: LoadText, secret: str) -> None:
    loaded = load_text("tap: 1\nusers: {admin: {password: my-secret}}\n")
    assert secret not in show(loaded)
    assert secret in show(loaded, secrets=True)


def test_show_ends_with_what_had_no_effect(tmp_path: Path) -> None:
    path = tmp_path / "tap.json"
    path.write_text('{"config": {\n"version": "1.0.0",\n"jvm": {"profileId": 1}}}')
    assert show(load(path)).endswith("\n# Without effect:\n# line 3: config.jvm: profileId (unused)\n")


def test_a_dump_names_only_what_is_set() -> None:
    text = dump_yaml(demo())
    assert "app_name: Virtual Tap" in text
    assert "serial_number" not in text
    assert "rules" not in text
