"""What `docs/findings-vendor-clients.md` says about the vendor's clients is so: each finding, as a scenario."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Queue
from threading import Thread
from typing import Any, Final, NamedTuple

import pytest

from emulator.testing import VirtualTap
from tests.vendor.conftest import HERE

pytestmark = pytest.mark.slow
NEW, OLD = "2.7.0", "alpha.105"
SCENARIOS: Final = {file.stem: file for file in sorted((HERE / "findings").glob("*.yaml"))}
PAGE: Final = HERE.parents[1] / "docs" / "findings-vendor-clients.md"
PATIENCE = 60.0
"""Seconds that a turn may take on a busy machine."""
STUCK = 5.0
"""Seconds after which a client that computes for hours has shown that it does. A login takes a tenth of that."""
VOLTAGE = "target.get_vcc"


class Seen(NamedTuple):
    """What a client did: values by name, and the error that it gave up with."""

    read: dict[str, Any]
    error: str
    hangs: bool = False


class Client:
    """The vendor's client in a process of its own, as it is fuzzed."""

    def __init__(self, version: str) -> None:
        command = ["node", str(HERE / "fuzzing.mjs"), version]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
        self._lines: Queue[dict[str, Any]] = Queue()
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(json.loads(line))

    def play(self, url: str, patience: float) -> Seen:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"case": "finding", "url": url}) + "\n")
        self._process.stdin.flush()
        read: dict[str, Any] = {}
        while True:
            try:
                line = self._lines.get(timeout=patience)
            except Empty:
                return Seen(read, "", hangs=True)
            if "read" in line:
                read.setdefault(line["read"], line["value"])
            if "done" in line:
                assert "unhandled" not in line
                return Seen(read, line.get("error", ""))

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def started(version: str) -> Iterator[Client]:
    client = Client(version)
    try:
        yield client
    finally:
        client.end()


@pytest.fixture(scope="module", params=[NEW, OLD])
def client(request: pytest.FixtureRequest) -> Iterator[tuple[str, Client]]:
    with started(request.param) as running:
        yield request.param, running


READS: Final[dict[str, dict[str, Any]]] = {
    "wrong-crc": {VOLTAGE: 3085},
    "wrong-frame-id": {VOLTAGE: 3556},
    "long-number": {VOLTAGE: 0},
    "long-challenge": {VOLTAGE: 3300},
    "answer-comes-late": {"interface.get_current_group_id": int.from_bytes(b"Vi", "big")},
}
"""What both clients take for true. The voltage is 3300; the app is called "Virtual Tap", and the group is 65535."""
GIVES_UP: Final = {
    "busy-instead-of-key": {NEW: "login: ", OLD: "encryption: .*Cannot start encrypted session"},
    "no-session-key": {NEW: "login: ", OLD: "encryption: .*Cannot start encrypted session"},
    "short-session-key": {NEW: "login: ", OLD: "encryption: .*Cannot start encrypted session"},
    "long-vector": {NEW: "login: .*bytes available", OLD: "login: .*bytes available"},
}
"""Where clients notice it, and how: by a request that comes later."""


def play(client: Client, name: str, patience: float = PATIENCE) -> tuple[Seen, list[str]]:
    """What the client did, and the calls that the Tap got."""
    with VirtualTap(scenario=SCENARIOS[name], check_leaks=False) as tap:
        seen = client.play(tap.url, patience)
        return seen, [line.call or "" for line in tap.journal]


@pytest.mark.parametrize("name", READS)
def test_what_is_taken_for_true(client: tuple[str, Client], name: str) -> None:
    seen, _ = play(client[1], name)
    assert {key: seen.read.get(key) for key in READS[name]} == READS[name]


@pytest.mark.parametrize("name", GIVES_UP)
def test_what_is_noticed_late(client: tuple[str, Client], name: str) -> None:
    version, running = client
    seen, calls = play(running, name)
    assert re.match(GIVES_UP[name][version], seen.error)
    assert not seen.read
    assert any(call.startswith("scram.se") for call in calls), "it went on with that session"


def test_a_type_that_there_is_not(client: tuple[str, Client]) -> None:
    version, running = client
    seen, _ = play(running, "unknown-data-type")
    if version == NEW:
        assert seen.read["variable.get_type/1"]["data"] == 59
    else:
        assert "Unknown litteral value 59" in seen.error


@pytest.mark.parametrize("version", [NEW, OLD])
def test_a_login_that_takes_hours(version: str) -> None:
    with started(version) as running:
        running.play("tcp://127.0.0.1:1", PATIENCE)  # it has started
        seen, calls = play(running, "endless-login", STUCK)
    assert seen.hangs
    assert calls[-1] == "scram.login"


def test_each_scenario_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert {*READS, *GIVES_UP, "unknown-data-type", "endless-login"} == set(SCENARIOS)
    assert all(f"{name}.yaml" in text for name in SCENARIOS)
