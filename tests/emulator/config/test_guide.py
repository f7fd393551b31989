"""The guide's examples load, and the long one shows all there is."""

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from emulator.blueprint import ADMIN, Bundle, Rules, factory_groups
from emulator.config import Loaded
from emulator.config.bundles import BundleEntry
from emulator.config.device_yaml import MAX_VALUES
from emulator.config.model import MAX_VARIABLES, DeviceFile
from emulator.config.signals import MAX_CSV, MAX_SAMPLES
from emulator.config.source import MAX_SIZE, MAX_VENDOR_SIZE
from emulator.config.variables import DOMAINS, VariableEntry
from emulator.signals import Constant, Ramp, RandomWalk, Recording, Sine, Square, Steps
from emulator.targets.spec import TargetSpec
from protocol.bodies.target import SERIAL_MODBUS_CONFIGURATION
from protocol.bodies.variable import DataType
from protocol.codes import ResultCode, Rights, SpecialFeature

LoadText = Callable[[str], Loaded]
Problems = Callable[[str | bytes], list[tuple[int, str]]]

GUIDE = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
SHORT, LONG, SIGNALS, TARGET = re.findall(r"^```yaml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
(CSV,) = re.findall(r"^```csv\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_short_example(load_text: LoadText) -> None:
    assert load_text(SHORT).blueprint.groups[ADMIN].password == b"secret"


def test_the_long_example_has_every_section_and_every_rule(load_text: LoadText) -> None:
    loaded = load_text(LONG)
    assert {path[0] for path in loaded.origins} == set(DeviceFile.model_fields)
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


def test_the_bundles_of_the_long_example(load_text: LoadText) -> None:
    blueprint = load_text(LONG).blueprint
    assert blueprint.bundles == {
        1: Bundle("Climate", {0: Rights.READ, 1: Rights.READ | Rights.WRITE}, 60, ADMIN),
        2: Bundle("Service", {1: Rights.READ}),
    }
    assert [one.name for one in blueprint.variables.values()] == ["temperature", "limit", "message", "shelves"]
    temperature = blueprint.variables[1]
    assert (temperature.meta_unit, temperature.address) == ("°C", 0x04010102)
    assert blueprint.settings["interface.serial_access_bundle"] == 1
    assert blueprint.target.modbus[0].input_registers == {258: 215}
    line = SERIAL_MODBUS_CONFIGURATION.decode(blueprint.settings["target.protocol_configuration"])
    assert (line.modbus.slave, line.serial.baud_rate, line.serial.data_bits.name) == (1, 9600, "_8")


def test_the_example_of_signals_has_each_of_them(load_text: LoadText, tmp_path: Path) -> None:
    (tmp_path / "climate.csv").write_text(CSV)
    signals = [one.signal for one in load_text(SIGNALS).blueprint.simulations.values()]
    assert {type(signal) for signal in signals} == {Constant, Ramp, Sine, Square, RandomWalk, Steps, Recording}
    temperature, humidity, by_line = signals[7:]
    assert isinstance(temperature, Recording)
    assert isinstance(humidity, Recording)
    assert isinstance(by_line, Recording)
    assert temperature.values == (21.5, 21.7, 22.0)
    assert [time - humidity.times[0] for time in humidity.times] == [0.0, 60.0, 120.0]
    assert by_line.times == (0.0, 1.0, 2.0)


def test_the_example_of_a_target_has_each_of_its_parts(load_text: LoadText) -> None:
    loaded = load_text(TARGET)
    assert {path[1] for path in loaded.origins if path[0] == "target" and len(path) == 2} == {
        field.name for field in fields(TargetSpec)
    }
    assert loaded.blueprint.target.faults[0].code is ResultCode.TARGET_PROTOCOL_LOST_COM


def test_the_tables_name_each_key() -> None:
    for model in (BundleEntry, VariableEntry):
        for name in model.model_fields:
            assert f"`{name}`" in GUIDE
    for word in (*DOMAINS, *(one.name.lower() for one in DataType), *(one.name.lower() for one in SpecialFeature)):
        assert f"`{word}`" in GUIDE


def test_the_limits_are_true() -> None:
    assert (MAX_VENDOR_SIZE, MAX_SIZE, MAX_CSV) == (1024 * 1024, 4 * 1024 * 1024, 4 * 1024 * 1024)
    assert (MAX_VALUES, MAX_VARIABLES, MAX_SAMPLES) == (100_000, 4096, 20_000)


def test_the_messages_are_true(problems: Problems) -> None:
    text = "tap: 1\n\nfirmwre: 1.86\n\n\n\nsettings:\n  scram:\n    hash_iteration: 70000\n"
    for line, reason in problems(text):
        assert f"device.yaml:{line}: {reason}\n" in GUIDE
