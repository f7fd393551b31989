"""What the vendor's clients need: one Node process for all of them, and a Tap of the right configuration."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.serving import SERVE, Serving, start, stop

HERE = Path(__file__).parent


def missing_requirement() -> str | None:
    """Why the vendor's clients cannot run here; None if they can."""
    if shutil.which("node") is None:
        return "Node is not installed; the vendor's clients need version 20 or newer"
    if not (HERE / "node_modules").is_dir():
        return "the vendor's clients are not installed: npm ci --prefix tests/vendor"
    return None


@pytest.fixture(scope="session", autouse=True)
def _requirements() -> None:
    if reason := missing_requirement():
        pytest.skip(reason)


class Clients:
    """The Node process that has loaded the vendor's clients; a new one, if it has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def ask(self, **request: Any) -> dict[str, Any]:
        """Sends a request and waits for its answer, which the process gives in any case after half a minute."""
        if self._process is None:
            self._process = subprocess.Popen(
                ["node", HERE / "driver.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self.stop()
            return {"error": "the Node process has died, see its output on standard error"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        """Ends the process, whose input ends."""
        if self._process is not None:
            self._process.communicate(timeout=10)
            self._process = None


@pytest.fixture(scope="session")
def clients() -> Iterator[Clients]:
    clients = Clients()
    yield clients
    clients.stop()


_FAULTS = ("internal error", "Traceback", "Warning")


@dataclass
class Taps:
    """Running Taps by configuration: each serves one test after the other, until one fails or changes it for good."""

    folder: Path
    idle: dict[tuple[str | Path, str], Serving] = field(default_factory=dict)
    started: int = 0

    @contextmanager
    def borrow(self, configuration: str | Path, firmware: str, *, keep: bool = True) -> Iterator[Serving]:
        """A Tap made from the text of a device.yaml, or from a file; its log must not tell of a fault."""
        tap = self.idle.pop((configuration, firmware), None) or self._start(configuration, firmware)
        logged = tap.log.stat().st_size
        try:
            yield tap
            log = tap.log.read_text(encoding="utf-8")[logged:]
            assert not any(fault in log for fault in _FAULTS), log
            if keep:
                self.idle[configuration, firmware] = tap
        finally:
            if tap not in self.idle.values():
                stop(tap)

    def stop(self) -> None:
        """Ends all of them, at once."""
        for tap in self.idle.values():
            tap.process.terminate()
        for tap in self.idle.values():
            stop(tap)

    def _start(self, configuration: str | Path, firmware: str) -> Serving:
        self.started += 1
        log = self.folder / f"device{self.started}.log"
        if isinstance(configuration, Path):
            file = configuration
        else:
            file = log.with_suffix(".yaml")
            file.write_text(configuration, encoding="utf-8")
        return start([*SERVE, "--firmware", firmware, str(file)], log)


def url_of(server: Serving) -> str:
    """The address of a server as the clients want it."""
    host, port = server.address
    return f"tcp://{host}:{port}"


@pytest.fixture(scope="session")
def taps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taps]:
    taps = Taps(tmp_path_factory.mktemp("taps"))
    yield taps
    taps.stop()
