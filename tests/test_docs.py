"""README and guides are run: Python blocks are executed, console blocks are typed into a shell and compared."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from emulator.roads import ROADS
from protocol.resources import model
from protocol.values import UINT16
from scenarios.loading import loads
from tests.links import available, serving_on
from tests.vendor.conftest import missing_requirement

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
GUIDES = [ROOT / "README.md", ROOT / "docs" / "getting-started.md", ROOT / "docs" / "device.md"]
LINKS_PAGE = ROOT / "docs" / "links.md"
SHOWN_URLS = {
    "tcp": "tcp://127.0.0.1:2000",
    "ws": "ws://127.0.0.1:2080",
    "rfc2217": "rfc2217://127.0.0.1:2217",
    "pty": "./tap0",
    "mqtt": "mqtt://127.0.0.1:1883",
}
"""Where a Tap is that the pages talk to."""
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)")


def blocks(page: Path, language: str) -> list[str]:
    return [dedent(text) for _, kind, text in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


def cases(language: str, *pages: Path) -> list[object]:
    return [
        pytest.param(page, text, id=f"{page.name}-{number}")
        for page in pages
        for number, text in enumerate(blocks(page, language), start=1)
    ]


Adapt = Callable[[str], str]


@pytest.fixture
def adapt(page: Path, tmp_path: Path) -> Iterator[Adapt]:
    """Puts the addresses of a running Tap in place of those that a page shows."""
    links = [link for link in available() if link in SHOWN_URLS] if page == LINKS_PAGE else ["tcp"]
    with serving_on(links, tmp_path) as (_, urls):
        places = {SHOWN_URLS[link]: url.removeprefix("pty:").partition("?")[0] for link, url in urls.items()}
        ports = {url.rpartition(":")[2]: place.rpartition(":")[2] for url, place in places.items() if "//" in url}
        places |= {f'("127.0.0.1", {port})': f'("127.0.0.1", {real})' for port, real in ports.items()}

        def put(text: str) -> str:
            for shown, place in places.items():
                text = text.replace(shown, place)
            return text

        yield put


@pytest.mark.parametrize(("page", "text"), cases("python", *GUIDES, LINKS_PAGE))
def test_python_block(text: str, adapt: Adapt) -> None:
    code = adapt(text)
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout, "an example shows something"


@pytest.mark.parametrize(("page", "text"), cases("console", *GUIDES, LINKS_PAGE))
def test_console_block(text: str, adapt: Adapt) -> None:
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    for session in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, printed = session.partition("\n")
        result = subprocess.run(
            ["bash", "-c", f"{adapt(command)} 2>&1"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.stdout == printed, command


@pytest.mark.parametrize(("page", "text"), cases("js", LINKS_PAGE))
def test_javascript_block(text: str, adapt: Adapt) -> None:
    if reason := missing_requirement():
        pytest.skip(reason)
    code = adapt(text)
    if SHOWN_URLS["mqtt"] in code:
        pytest.skip("Mosquitto is not installed: apt-get install mosquitto")
    with subprocess.Popen(
        ["node", "--input-type=module"], cwd=ROOT / "tests" / "vendor",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as node:  # fmt: skip
        assert node.stdin is not None
        assert node.stdout is not None
        assert node.stderr is not None
        node.stdin.write(code)
        node.stdin.close()
        shown = node.stdout.readline()
        node.kill()  # a timer of the vendor's relay client would keep it alive for another five seconds
        assert shown == "IoTize00410000009B\n", node.stderr.read()


def test_every_road_is_on_the_page_of_the_links() -> None:
    page = LINKS_PAGE.read_text(encoding="utf-8")
    for name, preset in ROADS.items():
        assert f"| `{name}` | {preset.imitates} |" in page


def test_row_in_the_contributing_guide_is_one() -> None:
    (shown,) = blocks(ROOT / "CONTRIBUTING.md", "python")
    row = eval(shown, {**vars(model), "UINT16": UINT16})
    assert isinstance(row, model.Resource)
    assert [call.name for call in row.calls] == ["get_host_inactivity_period", "put_host_inactivity_period"]


def test_pytest_example_in_the_readme(tmp_path: Path) -> None:
    (shown,) = blocks(ROOT / "README.md", "py")
    (tmp_path / "test_readme.py").write_text(shown, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_readme.py"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "2 passed" in result.stdout, result.stdout


def test_scenario_in_the_readme_can_be_loaded() -> None:
    (shown,) = (text for text in blocks(ROOT / "README.md", "yaml") if text.startswith("scenario:"))
    assert loads(shown).name == "The first two logins fail"


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
