"""A server as a process of its own, and what it uses: memory, file descriptors, its log."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

SERVE = (str(Path(sys.executable).with_name("tap-emulator")), "serve", "--listen", "tcp://127.0.0.1:0")
MEASURABLE = Path("/proc/self/fd").is_dir()
"""Whether this system tells what a process uses."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A running server that has said `ready`."""

    process: subprocess.Popen[str]
    lines: list[list[str]]
    """Words of what it has printed before its last `ready`."""
    log: Path

    @property
    def urls(self) -> tuple[str, ...]:
        """Its links, as it has announced them."""
        return tuple(words[1] for words in self.lines if words[0] == "ready")

    @property
    def control(self) -> list[str]:
        """URL of its control API, and what it has announced behind it."""
        (words,) = (words for words in self.lines if words[0] == "control")
        return words[1:]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of its first link."""
        url = urlsplit(self.urls[0])
        return url.hostname or "", url.port or 0

    def connect(self, timeout: float = 10.0) -> socket.socket:
        """A new connection; its time-out only ends a test that would hang."""
        connection = socket.create_connection(self.address, timeout=timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    @property
    def memory(self) -> float:
        """Resident memory in MiB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    @property
    def descriptors(self) -> int:
        """Open files and sockets."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def end(self) -> tuple[int, str]:
        """Ends it as a service is ended: exit code, and what it has printed since its `ready`."""
        self.process.terminate()
        code = self.process.wait(20)
        assert self.process.stdout is not None
        return code, self.process.stdout.read()


def start(command: Sequence[str], log: Path, **environment: str) -> Serving:
    """Starts a server and waits for its `ready`; the log goes to a file, because nobody would empty a pipe."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "default", **environment},  # an unclosed socket then shows in the log
        )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.split())
        if lines[-1] == ["ready"]:
            break
    else:
        process.wait()
        raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}\n{log.read_text()}")
    return Serving(process, lines[:-1], log)


def stop(server: Serving) -> None:
    """Ends a server, whatever it does, and waits for it."""
    server.process.terminate()
    try:
        server.process.wait(10)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()
    assert server.process.stdout is not None
    server.process.stdout.close()


@contextmanager
def serving(command: Sequence[str], log: Path, **environment: str) -> Iterator[Serving]:
    """A server for the length of a block."""
    server = start(command, log, **environment)
    try:
        yield server
    finally:
        stop(server)
