"""docs/scenarios.md is run: its files are written, and its commands typed into a shell, in the order of the page."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "scenarios.md"
BIN = Path(sys.executable).parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# file: (\S+)\n")
END = "--- end of a command ---"


class Shell:
    """One shell for the whole page, so that it can have jobs."""

    def __init__(self, folder: Path, port: int) -> None:
        environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "200"}
        environment["TAP_LISTEN"] = f"tcp://127.0.0.1:{port}"  # where the page leaves it to the default
        for name in ("PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST"):
            environment.pop(name, None)
        self._process = subprocess.Popen(
            ["bash"], cwd=folder, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._say("set -m")

    def run(self, command: str, lines: int) -> list[str]:
        """What a command prints; of a job in the background so many lines."""
        if command.endswith("&"):
            self._say(f"{command.removesuffix('&')} 2>/dev/null &")
            return [self._out.readline().rstrip("\n") for _ in range(lines)]
        if command.startswith("kill "):
            self._say(f"{command}; wait {command.removeprefix('kill ')}; echo '{END}'")
        else:
            self._say(f"{{ {command}; }} 2>&1; echo '{END}'")
        return list(iter(lambda: self._out.readline().rstrip("\n"), END))

    def close(self) -> None:
        self._say("kill $(jobs -p); wait")
        self._process.communicate(timeout=20)

    @property
    def _out(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _say(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()


@pytest.fixture
def ports() -> list[int]:
    return free_ports(2)


@pytest.fixture
def shell(tmp_path: Path, ports: list[int]) -> Iterator[Shell]:
    shell = Shell(tmp_path, ports[0])
    yield shell
    shell.close()


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def test_everything_on_the_page(shell: Shell, ports: list[int], tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for shown, port in zip((2000, 2001), ports, strict=True):
        text = text.replace(f"127.0.0.1:{shown}", f"127.0.0.1:{port}")
    written = 0
    for language, block in BLOCK.findall(text):
        if language != "console":
            found = FILE.match(block)
            assert found is not None, f"a {language} block that is not used"
            (tmp_path / found[1]).write_text(block, encoding="utf-8")
            written += 1
            continue
        for session in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *expected = session.rstrip("\n").split("\n")
            assert shell.run(command, len(expected)) == expected, command
    assert written == len(list(tmp_path.glob("*.yaml"))) - 1 + len(list(tmp_path.glob("*.py")))
