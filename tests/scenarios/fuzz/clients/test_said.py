"""What a client prints: readings, errors, and just output."""

import json
import shlex

import pytest

from scenarios.fuzz.clients import make_client
from scenarios.fuzz.clients.lines import LineSplitter, Said
from scenarios.fuzz.observation import Reading
from tests.scenarios.fuzz.clients.programs import Bench, play

pytestmark = pytest.mark.slow

LINES: list[tuple[bytes, list[Reading]]] = [
    (b'{"read": "device.get_name", "value": "Tap"}\n', [Reading("device.get_name", "Tap")]),
    (b'  {"read": "a", "value": [1, {"b": null}]} \r\n', [Reading("a", [1, {"b": None}])]),
    (b'{"read": "no end", "value": 1}', [Reading("no end", 1)]),
    (b'{"read": "undefined"}\n', [Reading("undefined", None)]),
    (b'{"read": "nan", "value": NaN}\n', [Reading("nan", "NaN")]),
    (b'{"read": "half", "value": "\\ud83d"}\n', [Reading("half", "?")]),
    (b'{"read": "whole", "value": "\\uD83D\\uDE00"}\n', [Reading("whole", "\N{GRINNING FACE}")]),
    (b'{"read": 5, "value": 1}\n{"read": null}\n{}\n', []),
    (b'["read", "a"]\n"read"\n5\nnull\n', []),
    (b'{"read": "cut", "value": \n{"read": "good", "value": 2}\n', [Reading("good", 2)]),
    (b'\0{"read": "nul", "value": 1}\n\0\0\n{"read": "n\0", "value": 1}\n', []),
    (b'{"read": "latin", "value": "\xe9"}\n\xff\xfe\n', []),
    (b'{"read": ' + b"[" * 60_000 + b"\n", []),
    (b'{"read": "digits", "value": ' + b"9" * 60_000 + b"}\n", []),
    (b'{"read": "long", "value": "' + b"x" * 70_000 + b'"}\n{"read": "good", "value": 3}\n', [Reading("good", 3)]),
    (b"x" * 200_000 + b'{"read": "no", "value": 1}\n{"read": "good", "value": 4}\n', [Reading("good", 4)]),
]


@pytest.mark.parametrize("piece", [1 << 20, 1000, 7])
@pytest.mark.parametrize(("printed", "readings"), LINES, ids=lambda value: repr(value)[:40])
def test_lines_are_read_or_are_just_output(printed: bytes, readings: list[Reading], piece: int) -> None:
    lines, said = LineSplitter(), Said("case")
    for start in range(0, len(printed), piece):
        data = printed[start : start + piece]
        said.print(data)
        for line in lines.feed(data):
            said.take(line)
    for line in lines.finish():
        said.take(line)
    assert said.readings == readings
    assert said.output == printed[-(64 << 10) :].decode(errors="replace")
    json.dumps(said.readings, ensure_ascii=False).encode()


def test_lines_that_are_printed_are_read(bench: Bench) -> None:
    file = bench.folder / "printed"
    file.write_bytes(b"".join(printed + b"\n" for printed, _ in LINES))
    (result,) = play(make_client(shlex.join(["cat", str(file)]), "spawn"))
    assert (result.ending.kind, result.ending.code) == ("exited", 0)
    assert result.readings == [reading for _, readings in LINES for reading in readings]


def test_only_standard_output_is_read(bench: Bench) -> None:
    (result,) = play(bench.client("""sys.stderr.write('{"read": "a", "value": 1}\\n')"""))
    assert result.readings == []
    assert "read" in result.output


ERRORS = [
    (['{"error": "refused"}'], "refused", False),
    (['{"unhandled": "TypeError"}', '{"error": "later"}'], "TypeError", True),
    (['{"error": "first"}', '{"unhandled": {"a": 1}}'], '{"a": 1}', True),
    (["{}", "error"], "", False),
]


@pytest.mark.parametrize(("lines", "error", "unhandled"), ERRORS)
def test_errors_that_it_speaks_of(lines: list[str], error: str, unhandled: bool, bench: Bench) -> None:
    (result,) = play(bench.client(f"print({chr(10).join(lines)!r})"))
    assert (result.ending.error, result.ending.unhandled) == (error, unhandled)
