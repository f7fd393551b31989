"""Signals of `device.yaml`: `{sine: {mean: 20, amplitude: 5, period: 60}}`, or a column of a CSV file."""

import csv
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import model_validator

from emulator.config import kinds
from emulator.config.draft import Fault
from emulator.config.fields import Of, Strict, empty_is, optional
from emulator.config.kinds import Kind, Plain
from emulator.config.loaded import KeyPath
from emulator.config.records import Record, record_model
from emulator.config.validation import validated
from emulator.signals import Constant, Ramp, RandomWalk, Recording, Signal, Sine, Square, Steps

MAX_CSV: Final = 4 * 1024 * 1024
"""Bytes of the largest recorded file."""
MAX_SAMPLES: Final = 20_000
"""Recorded samples that all signals of a file have together, so that `config convert` can write them down."""

RECORDS: Final[Mapping[str, type]] = {
    "constant": Constant,
    "ramp": Ramp,
    "sine": Sine,
    "square": Square,
    "random_walk": RandomWalk,
    "steps": Steps,
}
"""Signals that are written as the class is."""

_RECORDING: Final = "recording"
_CSV: Final = "csv"
NAMES: Final = (*RECORDS, _RECORDING, _CSV)

_POSITIVE: Final = kinds.seconds(zero=False)


def _read_samples(value: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if not isinstance(value, str):
        raise ValueError
    pairs = [sample.partition(":") for sample in value.split()]
    number = kinds.number()
    times = tuple(number.read(Plain(time)) for time, _, _ in pairs)
    return times, tuple(number.read(Plain(sample)) for _, _, sample in pairs)


def _write_samples(samples: tuple[tuple[float, ...], tuple[float, ...]]) -> str:
    return f'"{" ".join(f"{_short(time)}:{_short(value)}" for time, value in zip(*samples, strict=True))}"'


def _short(value: float) -> str:
    """The shortest text of a number: ``60`` and not ``60.0``."""
    text = repr(value)
    return text.removesuffix(".0")


SAMPLES: Final = Kind(
    'samples such as "0:21.5 60:21.7", seconds and value', _read_samples, _write_samples, {"type": "string"}
)


class RecordingEntry(Strict):
    """What was recorded; between two samples the older one holds."""

    samples: Annotated[Any, Of(SAMPLES)] = optional('Seconds and value of each sample: "0:21.5 60:21.7".')
    speed: Annotated[Any, Of(_POSITIVE)] = optional("2 replays twice as fast.")
    repeat: Annotated[Any, Of(kinds.BOOLEAN)] = optional("Whether it starts again after the last sample.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        try:
            self.build()
        except ValueError as error:
            raise ValueError(f"cannot be so ({error}), expected samples whose times rise") from error
        return self

    def build(self) -> Recording:
        """The signal.

        Raises:
            ValueError: there are no samples, or their times do not rise.
        """
        times, values = self.samples or ((), ())
        return Recording(times, values, **{name: value for name, value in self.said().items() if name != "samples"})


class CsvEntry(Strict):
    """A column of a CSV file, whose first line names the columns."""

    file: Annotated[Any, Of(kinds.unicode_text(range(1, 201)))] = optional("File, in the folder of this file or below.")
    column: Annotated[Any, Of(kinds.unicode_text(range(1, 201)))] = optional("Name of the column of values.")
    time: Annotated[Any, Of(kinds.unicode_text(range(1, 201)))] = optional(
        "Name of the column of times, in seconds or as dates; else the first column."
    )
    interval: Annotated[Any, Of(_POSITIVE)] = optional("Seconds between two lines, where there is no column of times.")
    speed: Annotated[Any, Of(_POSITIVE)] = optional("2 replays twice as fast.")
    repeat: Annotated[Any, Of(kinds.BOOLEAN)] = optional("Whether it starts again after the last line.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [name for name in ("file", "column") if getattr(self, name) is None]
        if missing:
            raise ValueError(f"has no {missing[0]}, expected the name of the file and of its column")
        if self.time is not None and self.interval is not None:
            raise ValueError("has time and interval, expected only one of them")
        return self


def signal_members() -> dict[str, tuple[Any, Any]]:
    """Models of all signals, by name; for the JSON Schema."""
    models: dict[str, Any] = {name: record_model(record) for name, record in RECORDS.items()}
    models |= {_RECORDING: RecordingEntry, _CSV: CsvEntry}
    return {name: (Annotated[model, empty_is({})], optional()) for name, model in models.items()}


class SignalReader:
    """Reads the signals of one file.

    Args:
        folder: where recorded files are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._samples = 0

    def read(self, value: Any, path: KeyPath, faults: list[Fault]) -> Signal | None:
        """The signal; None if it cannot be made, which is among the faults."""
        if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in NAMES:
            found = f"has {', '.join(value)}" if isinstance(value, dict) and value else f"is {kinds.shown(value)}"
            faults.append(Fault(path, f"{found}, expected one of {', '.join(NAMES)}"))
            return None
        name, parameters = next(iter(value.items()))
        path = (*path, name)
        if name == "constant" and not isinstance(parameters, dict):
            parameters = {"value": parameters}
        model = _model(name)
        entry = validated(model, parameters, path, faults)
        if entry is None:
            return None
        try:
            signal = self._recorded(entry) if isinstance(entry, CsvEntry) else entry.build()
            self._count(signal)
        except ValueError as error:
            faults.append(Fault((*path, "file") if name == _CSV else path, str(error)))
            return None
        return signal

    def _count(self, signal: Signal) -> None:
        if isinstance(signal, Recording):
            self._samples += len(signal.times)
            if self._samples > MAX_SAMPLES:
                raise ValueError(f"has too many samples, expected at most {MAX_SAMPLES} in all signals")

    def _recorded(self, entry: CsvEntry) -> Recording:
        try:
            times, values = read_csv(self._folder, entry)
            options = {name: entry.said()[name] for name in ("speed", "repeat") if name in entry.said()}
            return Recording(tuple(times), tuple(values), **options)
        except _CsvError as error:
            raise ValueError(f"is {kinds.shown(Plain(entry.file))}, {error}") from error


def _model(name: str) -> type[Record | RecordingEntry | CsvEntry]:
    special: dict[str, type[RecordingEntry | CsvEntry]] = {_RECORDING: RecordingEntry, _CSV: CsvEntry}
    return special.get(name) or record_model(RECORDS[name])


class _CsvError(Exception):
    """A recorded file that cannot be used; the text goes on from its name."""


def read_csv(folder: Path, entry: CsvEntry) -> tuple[list[float], list[float]]:
    """Times and values of a column."""
    lines = _text(folder, entry.file).splitlines()
    delimiter = max(",;\t", key=lines[0].count) if lines else ","
    rows = csv.reader(lines, delimiter=delimiter)
    header = [name.strip() for name in next(rows, [])]
    column = _column(header, entry.column)
    by_line = entry.interval is not None or (entry.time is None and column == 0)
    time_column = None if by_line else _column(header, entry.time or header[0])
    times: list[float] = []
    values: list[float] = []
    for row in _rows(rows):
        line = rows.line_num
        values.append(_cell(row, column, line, entry.column, _number))
        if time_column is None:
            times.append(len(times) * (entry.interval or 1.0))
        else:
            times.append(_cell(row, time_column, line, header[time_column], _seconds))
            if len(times) > 1 and times[-1] <= times[-2]:
                raise _CsvError(f"whose line {line} is not later than the one before, expected times that rise")
        if len(times) > MAX_SAMPLES:
            raise _CsvError(f"which has too many lines, expected at most {MAX_SAMPLES}")
    if not times:
        raise _CsvError("which has no samples, expected a line with names and lines with numbers")
    return times, values


def _text(folder: Path, name: str) -> str:
    path = Path(name)
    if path.is_absolute() or ".." in path.parts:
        raise _CsvError("which is elsewhere, expected a file in the folder of the configuration or below")
    path = folder / path
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise _CsvError("which leads elsewhere, expected a file in the folder of the configuration or below")
        if path.exists() and not path.is_file():
            raise _CsvError("which is no file, expected one")
        with path.open("rb") as file:
            data = file.read(MAX_CSV + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise _CsvError(f"which cannot be read ({reason}), expected a CSV file") from error
    if len(data) > MAX_CSV:
        raise _CsvError(f"which is too large, expected at most {MAX_CSV // 1024} KiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _CsvError(f"whose line {line} is no text, expected UTF-8") from error


def _rows(rows: Any) -> Iterator[list[str]]:
    """The lines that are not empty."""
    try:
        for row in rows:
            if any(cell.strip() for cell in row):
                yield row
    except csv.Error as error:
        raise _CsvError(f"whose line {rows.line_num} cannot be read ({error}), expected CSV") from error


def _column(header: list[str], name: str) -> int:
    if name not in header:
        names = kinds.shown(Plain(", ".join(header)))
        raise _CsvError(f"which has no column {kinds.shown(Plain(name))}, expected one of {names}")
    return header.index(name)


def _cell(row: list[str], column: int, line: int, name: str, read: Callable[[str], float]) -> float:
    text = row[column].strip() if column < len(row) else ""
    try:
        return read(text)
    except (ValueError, OverflowError) as error:
        where = f"whose line {line} has {kinds.shown(Plain(text)) or 'nothing'} in column {kinds.shown(Plain(name))}"
        raise _CsvError(f"{where}, expected a number") from error


def _number(text: str) -> float:
    return kinds.number().read(Plain(text))


def _seconds(text: str) -> float:
    """Seconds as a number, or a date, which is of the universal time zone unless it says its own."""
    try:
        return _number(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
