"""Loads configurations from test strings, by the same way as users do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.config import ConfigError, Loaded, load

LoadText = Callable[[str], Loaded]
Problems = Callable[[str | bytes], list[tuple[int, str]]]


@pytest.fixture
def suffix() -> str:
    """Suffix of the test's files; test modules of other kinds of file override it."""
    return ".yaml"


@pytest.fixture
def load_text(tmp_path: Path, suffix: str) -> LoadText:
    """Loads a text as a file."""

    def run(text: str) -> Loaded:
        path = tmp_path / f"tap{suffix}"
        path.write_text(text, encoding="utf-8")
        return load(path)

    return run


@pytest.fixture
def problems(tmp_path: Path, suffix: str) -> Problems:
    """Line and text of each problem of a file that must not load."""

    def run(text: str | bytes) -> list[tuple[int, str]]:
        path = tmp_path / f"tap{suffix}"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        with pytest.raises(ConfigError) as caught:
            load(path)
        found = []
        for problem in caught.value.problems:
            assert problem.startswith(f"{path}:")
            line, _, reason = problem.removeprefix(f"{path}:").partition(": ")
            assert ", expected " in reason
            found.append((int(line), reason))
        return found

    return run
