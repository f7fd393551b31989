"""The vendor's client and its WebSocket transport, unmodified: in Node, and from a page in a browser."""

import json
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from protocol.codes import HostProtocol
from tests.serving import SERVE, Serving, serving
from tests.vendor.conftest import HERE

PERIODS: Final = (1, 3, 100)
SERIAL_NUMBER: Final = "IoTize00410000009B"
ADMIN: Final = 0xFFFF
CHROMIUM: Final = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
PATIENCE: Final = 60.0
"""Seconds for a browser to start and to do its work, on a busy machine."""


@pytest.fixture(scope="module")
def tap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    if not (HERE / "node_modules" / "@iotize" / "device-com-websocket.js").is_dir():
        pytest.skip("the vendor's WebSocket transport is not installed: npm ci --prefix tests/vendor")
    with serving((*SERVE[:2], "--listen", "ws://127.0.0.1:0"), tmp_path_factory.mktemp("tap") / "log") as server:
        yield server
    assert "Traceback" not in server.log.read_text(encoding="utf-8")


def assert_encrypted_admin(found: dict[str, Any]) -> None:
    assert "error" not in found, found["error"]
    assert found["inClear"] == SERIAL_NUMBER
    assert found["keyBytes"] == 16
    assert found["encrypted"] == {str(period): [SERIAL_NUMBER] * (2 * period + 1) for period in PERIODS}
    assert found["vectors"] >= 2 * len(PERIODS)
    assert found["groupId"] == ADMIN
    assert found["hostProtocol"] == HostProtocol.WEBSOCKET


def test_in_node(tap: Serving) -> None:
    command = ["node", str(HERE / "browser" / "node.mjs"), tap.urls[0], *map(str, PERIODS)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert run.returncode == 0, run.stderr
    assert_encrypted_admin(json.loads(run.stdout))


# --- in a browser


class Pages(ThreadingHTTPServer):
    """Serves the page and its script, and takes the result."""

    daemon_threads = True

    def __init__(self, script: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.files = {
            "/page.html": ("text/html", (HERE / "browser" / "page.html").read_bytes()),
            "/page.js": ("text/javascript", script),
        }
        self.results: queue.Queue[dict[str, Any]] = queue.Queue()


class _Request(BaseHTTPRequestHandler):
    server: Pages

    def do_GET(self) -> None:
        kind, content = self.server.files.get(self.path.partition("?")[0], ("text/plain", b""))
        self._answer(200 if content else 404, kind, content)

    def do_POST(self) -> None:
        self.server.results.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer(200, "text/plain", b"")

    def _answer(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keeps standard error clean."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    esbuild = HERE / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        pytest.skip("esbuild is not installed: npm ci --prefix tests/vendor")
    script = tmp_path_factory.mktemp("page") / "page.js"
    # The vendor's modules say that they have no side effects, but services and login add themselves to the Tap.
    options = ("--bundle", "--format=esm", "--ignore-annotations", "--log-level=warning")
    subprocess.run([esbuild, HERE / "browser" / "page.mjs", *options, f"--outfile={script}"], check=True)
    with Pages(script.read_bytes()) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def browser(url: str, profile: Path, *options: str) -> Iterator[None]:
    """Chromium at that page; none of its processes outlives the block."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed")
    command = [program, *CHROMIUM, f"--user-data-dir={profile}", *options, url]
    with (profile / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def visit(pages: Pages, host: str, tap: Serving, profile: Path, *options: str) -> dict[str, Any]:
    """What the page finds that is shown from this host."""
    periods = "".join(f"&period={period}" for period in PERIODS)
    with browser(f"http://{host}:{pages.server_port}/page.html?url={tap.urls[0]}{periods}", profile, *options):
        try:
            return pages.results.get(timeout=PATIENCE)
        except queue.Empty:
            pytest.fail((profile / "log").read_text(errors="replace"))


def test_from_a_page_of_this_machine(pages: Pages, tap: Serving, tmp_path: Path) -> None:
    assert_encrypted_admin(visit(pages, "localhost", tap, tmp_path))


def test_from_a_page_of_somebody_else(pages: Pages, tap: Serving, tmp_path: Path) -> None:
    found = visit(pages, "evil.example", tap, tmp_path, "--host-resolver-rules=MAP evil.example 127.0.0.1")
    assert list(found) == ["error"]
    assert f"evil.example:{pages.server_port}" in tap.log.read_text(encoding="utf-8")
