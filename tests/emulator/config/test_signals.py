"""Signals of device.yaml, and the CSV files that they replay."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.config import ConfigError, Loaded, dump_yaml, load
from emulator.config.signals import MAX_CSV, MAX_SAMPLES
from emulator.signals import Constant, Ramp, RandomWalk, Recording, Signal, Sine, Square, Steps

LoadText = Callable[[str], Loaded]
Problems = Callable[[str | bytes], list[tuple[int, str]]]


def variable(signal: str) -> str:
    """A variable whose signal stands on line 6."""
    return f"tap: 1\nbundles:\n  b:\n    variables:\n      v:\n        signal: {signal}\n"


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("{constant: 5}", Constant(5.0)),
        ("{constant: {value: -0.5}}", Constant(-0.5)),
        ("{ramp: {start: 0, end: 10, period: 60}}", Ramp(0.0, 10.0, 60.0)),
        ("{ramp: {start: 0, end: 10, period: 60, repeat: false}}", Ramp(0.0, 10.0, 60.0, False)),
        ("{sine: {mean: 20, amplitude: 5, period: 60}}", Sine(20.0, 5.0, 60.0)),
        ("{sine: {mean: 20, amplitude: 5, period: 60, phase: .25}}", Sine(20.0, 5.0, 60.0, 0.25)),
        ("{square: {low: 0, high: 1, period: 2, duty: 0.1}}", Square(0.0, 1.0, 2.0, 0.1)),
        ("{random_walk: {start: 20, step: 0.1}}", RandomWalk(20.0, 0.1)),
        (
            "{random_walk: {start: 20, step: 0.1, interval: 5, minimum: 0, maximum: 50, seed: -7}}",
            RandomWalk(20.0, 0.1, 5.0, 0.0, 50.0, -7),
        ),
        ("{steps: {values: [1, 2]}}", Steps((1.0, 2.0))),
        ("{steps: {values: [1, 2], durations: [3, 4], repeat: false}}", Steps((1.0, 2.0), (3.0, 4.0), False)),
        ("{steps: {values: 1, durations: 3}}", Steps((1.0,), (3.0,))),
        ('{recording: {samples: "0:21.5 60:-2"}}', Recording((0.0, 60.0), (21.5, -2.0))),
        (
            '{recording: {samples: "0:1 1e3:2", speed: 10, repeat: false}}',
            Recording((0.0, 1000.0), (1.0, 2.0), 10.0, False),
        ),
    ],
)
def test_signals(load_text: LoadText, text: str, signal: Signal) -> None:
    assert load_text(variable(text)).blueprint.simulations[1].signal == signal


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5", "v.signal is 5, expected one of constant, ramp, sine, square, random_walk, steps, recording, csv"),
        ("{}", "v.signal is a mapping, expected one of constant"),
        ("{sinus: {}}", "v.signal has sinus, expected one of constant"),
        ("{sine: {}, ramp: {}}", "v.signal has sine, ramp, expected one of constant"),
        ("{constant: high}", "v.signal.constant.value is high, expected a number"),
        ("{constant: }", "v.signal.constant.value is empty, expected a number"),
        ("{sine: 5}", "v.signal.sine is 5, expected a mapping"),
        ("{sine: {amplitude: 5, period: 60}}", "v.signal.sine.mean is missing, expected mean: a number"),
        ("{sine: {mean: .nan, amplitude: 5, period: 60}}", "v.signal.sine.mean is .nan, expected a number"),
        ("{sine: {mean: 1, amplitude: 5, period: 0}}", "v.signal.sine cannot be so (0.0 s; expected more than 0), exp"),
        (
            "{sine: {mean: 1, amplitude: 5, period: 1, phas: 1}}",
            "v.signal.sine.phas is an unknown key, expected phase or",
        ),
        ("{square: {low: 0, high: 1, period: 1, duty: 2}}", "v.signal.square cannot be so (duty 2.0 is outside 0..1)"),
        ("{steps: {values: []}}", "v.signal.steps cannot be so (steps without a value), expected values that fit"),
        ("{steps: {values: [1, x]}}", "v.signal.steps.values.1 is x, expected a number"),
        ("{recording: {}}", "v.signal.recording cannot be so (0 times and 0 values"),
        (
            '{recording: {samples: "0:1 0:2"}}',
            "v.signal.recording cannot be so (the times of a recording have to rise)",
        ),
        ('{recording: {samples: "0:1 x"}}', "v.signal.recording.samples is '0:1 x', expected samples such as"),
        ("{recording: {samples: 5}}", "v.signal.recording.samples is 5, expected samples such as"),
        (
            '{recording: {samples: "0:1", speed: 0}}',
            "v.signal.recording.speed is 0, expected a number of seconds above",
        ),
        ("{csv: {column: x}}", "v.signal.csv has no file, expected the name of the file and of its column"),
        ("{csv: {file: x}}", "v.signal.csv has no column, expected the name of the file"),
        ("{csv: {file: x, column: y, time: t, interval: 1}}", "v.signal.csv has time and interval, expected only one"),
    ],
)
def test_mistakes(problems: Problems, text: str, reason: str) -> None:
    found = problems(variable(text))
    assert {line for line, _ in found} == {6}
    assert reason in found[0][1]


CLIMATE = "time,temperature,humidity\n0,21.5,40\n\n60,21.7,41\n120,22,42\n"


@pytest.fixture
def load_csv(tmp_path: Path) -> Callable[..., Loaded]:
    """Loads a device.yaml beside a climate.csv."""

    def run(content: str | bytes, options: str = "column: temperature", file: str = "climate.csv") -> Loaded:
        (tmp_path / "climate.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        path = tmp_path / "tap.yaml"
        path.write_text(variable(f"{{csv: {{file: {file}, {options}}}}}"))
        return load(path)

    return run


@pytest.mark.parametrize(
    ("content", "options", "signal"),
    [
        (CLIMATE, "column: temperature", Recording((0.0, 60.0, 120.0), (21.5, 21.7, 22.0))),
        (
            CLIMATE,
            "column: humidity, speed: 10, repeat: false",
            Recording((0.0, 60.0, 120.0), (40.0, 41.0, 42.0), 10.0, False),
        ),
        ("\ufeff" + CLIMATE.replace(",", ";").replace("\n", "\r\n"), "column: humidity", None),
        (CLIMATE.replace(",", "\t"), "column: humidity", None),
        ("v, t\n1,5\n2,6\n", "column: v, time: t", Recording((5.0, 6.0), (1.0, 2.0))),
        ("v\n1\n2\n", "column: v", Recording((0.0, 1.0), (1.0, 2.0))),
        ("v\n1\n2\n", "column: v, interval: 10", Recording((0.0, 10.0), (1.0, 2.0))),
        ("t,v\n9,1\n8,2\n", "column: v, interval: 10", Recording((0.0, 10.0), (1.0, 2.0))),
        ('"t","the value"\n"0","1"\n', 'column: "the value"', Recording((0.0,), (1.0,))),
        (
            "when,v\n1970-01-01T00:00:05,1\n1970-01-01T01:00:06+01:00,2\n",
            "column: v",
            Recording((5.0, 6.0), (1.0, 2.0)),
        ),
    ],
)
def test_csv(load_csv: Callable[..., Loaded], content: str, options: str, signal: Signal | None) -> None:
    blueprint = load_csv(content, options).blueprint
    assert blueprint.simulations[1].signal == (signal or Recording((0.0, 60.0, 120.0), (40.0, 41.0, 42.0)))


def test_a_converted_file_needs_no_csv(load_csv: Callable[..., Loaded], tmp_path: Path) -> None:
    blueprint = load_csv(CLIMATE).blueprint
    (tmp_path / "climate.csv").unlink()
    converted = tmp_path / "converted.yaml"
    converted.write_text(dump_yaml(blueprint))
    assert load(converted).blueprint == blueprint


def test_a_csv_may_be_in_a_folder_below(load_csv: Callable[..., Loaded], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "below.csv").write_text(CLIMATE)
    assert load_csv("", file="data/below.csv").blueprint.simulations[1].signal is not None


@pytest.mark.parametrize(
    ("content", "options", "file", "reason"),
    [
        (CLIMATE, "column: pressure", "climate.csv", "which has no column pressure, expected one of time, temperature"),
        (CLIMATE, "column: humidity, time: t", "climate.csv", "which has no column t, expected one of time"),
        ("", "column: v", "climate.csv", "which has no column v, expected one of "),
        ("t,v\n", "column: v", "climate.csv", "which has no samples, expected a line with names"),
        (
            "t,v\n0,1\n0,2\n",
            "column: v",
            "climate.csv",
            "whose line 3 is not later than the one before, expected times",
        ),
        ("t,v\n\n0,high\n", "column: v", "climate.csv", "whose line 3 has high in column v, expected a number"),
        ("t,v\n0\n", "column: v", "climate.csv", "whose line 2 has nothing in column v, expected a number"),
        ("t,v\n0,nan\n", "column: v", "climate.csv", "whose line 2 has nan in column v, expected a number"),
        ("t,v\n0,1e999\n", "column: v", "climate.csv", "whose line 2 has 1e999 in column v, expected a number"),
        ("t,v\nnoon,1\n", "column: v", "climate.csv", "whose line 2 has noon in column t, expected a number"),
        (b"t,v\n0,\xff\n", "column: v", "climate.csv", "whose line 2 is no text, expected UTF-8"),
        (b"t,v\n0," + b"9" * 200_000, "column: v", "climate.csv", "whose line 2 cannot be read (field larger than"),
        (b"\0\0\0\0", "column: v", "climate.csv", "climate.csv, wh"),
        (
            " " * (MAX_CSV + 1),
            "column: v",
            "climate.csv",
            f"which is too large, expected at most {MAX_CSV // 1024} KiB",
        ),
        ("v\n" + "1\n" * (MAX_SAMPLES + 1), "column: v", "climate.csv", "which has too many lines, expected at most"),
        ("", "column: v", "missing.csv", "which cannot be read (no such file or directory), expected a CSV file"),
        ("", "column: v", "folder", "which is no file, expected one"),
        ("", "column: v", "pipe", "which is no file, expected one"),
        ("", "column: v", "../climate.csv", "which is elsewhere, expected a file in the folder of the configuration"),
        ("", "column: v", "/etc/passwd", "which is elsewhere, expected a file in the folder"),
        ("", "column: v", "link.csv", "which leads elsewhere, expected a file in the folder"),
    ],
)
def test_csv_mistakes(
    load_csv: Callable[..., Loaded], tmp_path: Path, content: str | bytes, options: str, file: str, reason: str
) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link.csv").symlink_to("/etc/passwd")
    with pytest.raises(ConfigError) as caught:
        load_csv(content, options, file)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{tmp_path}/tap.yaml:6: bundles.b.variables.v.signal.csv.file is {file}, ")
    assert reason in problem


def test_a_hundred_megabytes_of_csv_are_not_read(load_csv: Callable[..., Loaded], tmp_path: Path) -> None:
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    with pytest.raises(ConfigError, match="which is too large"):
        load_csv("", file="large.csv")


def test_all_signals_together_have_a_limit(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "long.csv").write_text("v\n" + "1\n" * (MAX_SAMPLES // 2 + 1))
    signal = "{signal: {csv: {file: long.csv, column: v}}}"
    text = f"tap: 1\nbundles:\n  b:\n    variables:\n      v: {signal}\n      w: {signal}\n"
    ((line, reason),) = problems(text)
    assert line == 6
    assert f"has too many samples, expected at most {MAX_SAMPLES} in all signals" in reason


def test_the_largest_recording_can_be_converted(load_csv: Callable[..., Loaded], tmp_path: Path) -> None:
    lines = "\n".join(f"{number / 3!r},{number / 7!r}" for number in range(MAX_SAMPLES))
    blueprint = load_csv(f"t,temperature\n{lines}\n").blueprint
    converted = tmp_path / "converted.yaml"
    converted.write_text(dump_yaml(blueprint))
    assert load(converted).blueprint == blueprint
