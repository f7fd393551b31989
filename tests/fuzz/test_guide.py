"""docs/fuzzing.md is run as docs/scenarios.md is: its files are written, and its commands typed into a shell."""

import re
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.planted import client
from tests.scenarios.test_guide import BLOCK, FILE, Shell, free_ports

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "fuzzing.md"


@pytest.fixture
def ports() -> list[int]:
    return free_ports(2)


@pytest.fixture
def shell(tmp_path: Path, ports: list[int]) -> Iterator[Shell]:
    shutil.copy(client.__file__, tmp_path)
    shell = Shell(tmp_path, ports[0])
    yield shell
    shell.close()


@pytest.mark.timeout(300)  # it starts a dozen programs, of which some start others
def test_everything_on_the_page(shell: Shell, ports: list[int], tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for shown, port in zip((2000, 2001), ports, strict=True):
        text = text.replace(f"127.0.0.1:{shown}", f"127.0.0.1:{port}")
    for language, block in BLOCK.findall(text):
        if language != "console":
            found = FILE.match(block)
            assert found is not None, f"a {language} block that is not used"
            (tmp_path / found[1]).write_text(block, encoding="utf-8")
            continue
        for session in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *expected = session.rstrip("\n").split("\n")
            if "harness.py" in command and find_spec("atheris") is None:  # it comes for x86-64 only
                continue
            assert shell.run(command, len(expected)) == expected, command
