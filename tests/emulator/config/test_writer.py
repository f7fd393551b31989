"""What is written can be read: conversion to device.yaml, and `config show`."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings

from emulator.blueprint import Blueprint, demo
from emulator.config import Loaded, dump_yaml, load, show
from emulator.config.device_yaml import read
from emulator.config.forms import setting_forms
from emulator.config.source import Source
from tests.emulator.config.blueprints import blueprints

LoadText = Callable[[str], Loaded]


@settings(max_examples=40)
@given(blueprints())
def test_what_is_written_is_loaded(blueprint: Blueprint) -> None:
    text = dump_yaml(blueprint, ["tcp://127.0.0.1:0"])
    loaded = read(Source("device.yaml", text)).build()
    assert loaded.blueprint == blueprint
    assert loaded.links == ("tcp://127.0.0.1:0",)
    assert isinstance(yaml.safe_load(text), dict)  # other readers of YAML understand it too


@settings(max_examples=40)
@given(blueprints())
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


def test_show_finds_origins_in_another_form(load_text: LoadText, tmp_path: Path) -> None:
    text = """tap: 1
settings: {target: {protocol: swd}}
bundles:
  b:
    rights: {65535: read}
    variables:
      v: {modbus: {function: 3, slave: 1, address: 258}, signal: {csv: {file: a.csv, column: v}}}
"""
    (tmp_path / "a.csv").write_text("v\n1\n")
    file = tmp_path / "tap.yaml"
    lines = [re.sub(" +", " ", line).strip() for line in show(load_text(text)).splitlines()]
    assert f"admin: read # {file}:5" in lines
    assert f"address: 0x03010102 # {file}:7" in lines


def test_addresses_on_modbus_are_written_as_such(load_text: LoadText) -> None:
    text = "tap: 1\nsettings: {target: {protocol: modbus}}\nbundles: {b: {variables: {v: {address: 0x03010102}}}}\n"
    assert "modbus: {function: 3, slave: 1, address: 258}" in dump_yaml(load_text(text).blueprint)


@pytest.mark.parametrize("secret", ["my-secret", "00112233445566778899AABB"])
def test_show_hides_secrets_unless_asked(load_text: LoadText, secret: str) -> None:
    loaded = load_text("tap: 1\nusers: {admin: {password: my-secret}}\n")
    assert secret not in show(loaded)
    assert secret in show(loaded, secrets=True)


@pytest.mark.parametrize("secret", ["broker-password", "broker-net-key"])
def test_show_hides_the_secrets_of_links(load_text: LoadText, secret: str) -> None:
    links = "- mqtt://me:broker-password@h\n- tcp://127.0.0.1:0\n"
    if secret == "broker-net-key":
        links = links.replace("me:broker-password@h", "h?netkey=broker-net-key")
    loaded = load_text(f"tap: 1\nlinks:\n{links}")
    assert secret not in show(loaded)
    assert "tcp://127.0.0.1:0" in show(loaded)
    assert secret in show(loaded, secrets=True)
    assert secret in dump_yaml(loaded.blueprint, loaded.links)


def test_show_ends_with_what_had_no_effect(tmp_path: Path) -> None:
    path = tmp_path / "tap.json"
    path.write_text('{"config": {\n"version": "1.0.0",\n"jvm": {"heap": 1}}}')
    assert show(load(path)).endswith("\n# Without effect:\n# line 3: config.jvm: heap (unused)\n")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("[1, 0, 2, 0, 0]", "value: [1, 0, 2]"),
        ("[0, 0]", "value: []"),
        ("{hex: 0102}", "value: [1, 2]"),
    ],
)
def test_a_value_is_written_without_the_zeros_at_its_end(load_text: LoadText, value: str, written: str) -> None:
    text = f"tap: 1\nbundles: {{b: {{variables: {{v: {{length: 5, value: {value}}}}}}}}}\n"
    assert written in [line.strip() for line in dump_yaml(load_text(text).blueprint).splitlines()]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("21.1", "value: 21.1"),
        ("0.1", "value: 0.1"),
        ("16777217", "value: 16777216"),
        ("1e-40", "value: 1e-40"),
        ("{hex: 7FC00000}", 'value: {hex: "7FC0"}'),
        ("{hex: 7F800000}", 'value: {hex: "7F80"}'),
    ],
)
def test_a_float_is_written_as_short_as_it_can_be(load_text: LoadText, value: str, written: str) -> None:
    text = f"tap: 1\nbundles: {{b: {{variables: {{v: {{type: float32, value: {value}}}}}}}}}\n"
    loaded = load_text(text)
    assert written in [line.strip() for line in dump_yaml(loaded.blueprint).splitlines()]
    assert load_text(dump_yaml(loaded.blueprint)).blueprint == loaded.blueprint


def test_a_dump_names_only_what_is_set() -> None:
    text = dump_yaml(demo())
    assert "app_name: Virtual Tap" in text
    assert "serial_number" not in text
    assert "rules" not in text
