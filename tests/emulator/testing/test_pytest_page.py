"""The page about pytest: all of its tests are run, with the files that it shows."""

import re
from pathlib import Path

import pytest
import yaml

from emulator.testing.options import OPTIONS

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[3] / "docs" / "pytest.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if kind == language]


def test_every_test_of_the_page(pytester: pytest.Pytester) -> None:
    tests = [text for text in blocks("python") if "def test_" in text]
    for number, text in enumerate(tests):
        (pytester.path / f"test_{number}.py").write_text(text, encoding="utf-8")
    for text in blocks("yaml"):
        name = text.splitlines()[0].removeprefix("# ").replace("/", "_")
        (pytester.path / name).write_text(text, encoding="utf-8")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-W", "error")
    count = sum(text.count("def test_") for text in tests) + 2  # one of them runs for three versions
    result.assert_outcomes(passed=count - 1, failed=1)
    (shown,) = blocks("text")
    report = _without_numbers("\n".join(result.outlines))
    for line in shown.splitlines():
        assert _without_numbers(line) in report


def _without_numbers(text: str) -> str:
    """The text without what differs from run to run: ports, seeds and times."""
    return re.sub(r"(?<=127\.0\.0\.1:)\d+|(?<=seed )\d+| +\d+\.\d+(?= s )", "#", text)


def test_the_example_without_pytest(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = (text for text in blocks("python") if "def test_" not in text)
    exec(code, {})
    assert "device.get_serial_number" in capsys.readouterr().out


def test_every_option_is_told() -> None:
    rows = re.findall(r"^\| (`.+?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(OPTIONS)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_files_can_be_read(text: str) -> None:
    assert yaml.safe_load(text)


def test_the_recipe_for_testcontainers_is_python() -> None:
    (code,) = blocks("py")
    compile(code, "conftest.py", "exec")
