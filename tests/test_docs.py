"""README and guides are run: Python blocks are executed, console blocks are typed into a shell and compared."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from protocol.resources import model
from protocol.values import UINT16
from tests.serving import Serving, serving

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PAGES = [ROOT / "README.md", ROOT / "docs" / "getting-started.md", ROOT / "docs" / "device.md"]
DEMO_URL = "tcp://127.0.0.1:2000"
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)")


def blocks(page: Path, language: str) -> list[str]:
    return [dedent(text) for _, kind, text in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


def cases(language: str) -> list[object]:
    return [
        pytest.param(text, id=f"{page.name}-{number}")
        for page in PAGES
        for number, text in enumerate(blocks(page, language), start=1)
    ]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    with serving((str(BIN / "tap-emulator"), "serve", "--listen", "tcp://127.0.0.1:0"), tmp_path / "log") as running:
        yield running


def url(server: Serving) -> str:
    return f"tcp://{server.address[0]}:{server.address[1]}"


@pytest.mark.parametrize("text", cases("python"))
def test_python_block(text: str, server: Serving) -> None:
    code = text.replace(DEMO_URL, url(server))
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout, "an example shows something"


@pytest.mark.parametrize("text", cases("console"))
def test_console_block(text: str, server: Serving) -> None:
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    for session in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, printed = session.partition("\n")
        result = subprocess.run(
            ["bash", "-c", f"{command.replace(DEMO_URL, url(server))} 2>&1"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.stdout == printed, command


def test_row_in_the_contributing_guide_is_one() -> None:
    (shown,) = blocks(ROOT / "CONTRIBUTING.md", "python")
    row = eval(shown, {**vars(model), "UINT16": UINT16})
    assert isinstance(row, model.Resource)
    assert [call.name for call in row.calls] == ["get_host_inactivity_period", "put_host_inactivity_period"]


def test_example_in_the_readme_is_the_one_that_is_tested() -> None:
    (shown,) = blocks(ROOT / "README.md", "js")
    assert shown == (ROOT / "tests" / "vendor" / "example.mjs").read_text(encoding="utf-8")


ALL_PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in ALL_PAGES:
        assert set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)) <= targets
