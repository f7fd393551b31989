"""A real MQTT broker for tests: Mosquitto, as a process of its own with a configuration of its own."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
_START_TIME = 10.0
_ATTEMPTS = 5


def installed() -> bool:
    """Whether this machine has it."""
    return _program("mosquitto") is not None and _program("mosquitto_passwd") is not None


def _program(name: str) -> str | None:
    return shutil.which(name, path=_PATH)


needed = pytest.mark.skipif(not installed(), reason="Mosquitto is not installed: apt-get install mosquitto")
"""Marks tests that cannot do without."""


class Mosquitto:
    """A broker on a free port, which it keeps when it is started again.

    Args:
        folder: where configuration and log go.
        users: names and passwords; without any, everybody may connect.
        rights: lines of an ACL file; without any, everybody may do everything.
        lines: further lines of the configuration.
    """

    scheme = "mqtt"

    def __init__(
        self, folder: Path, *, users: Mapping[str, str] | None = None, rights: str = "", lines: str = ""
    ) -> None:
        self.port = 0
        self.log = folder / "mosquitto.log"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._lines = [
            "persistence false",
            "set_tcp_nodelay true",
            "max_queued_messages 0",
            f"user {getpass.getuser()}",
            lines,
        ]
        if users is None:
            self._lines.append("allow_anonymous true")
        else:
            self._lines.append(f"password_file {self._passwords(users)}")
        if rights:
            file = folder / "rights.acl"
            file.write_text(f"{rights}\n", encoding="utf-8")
            file.chmod(0o600)
            self._lines.append(f"acl_file {file}")

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and waits until it takes connections."""
        for _ in range(_ATTEMPTS):
            port = self.port or _free_port()
            if self._start(port):
                self.port = port
                return
        raise RuntimeError(f"Mosquitto does not start:\n{self.log.read_text(encoding='utf-8')}")

    def stop(self) -> None:
        """Ends it; what is connected is cut off."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def restart(self) -> None:
        """Ends it and starts it on the same port. It remembers nothing."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _start(self, port: int) -> bool:
        program = _program("mosquitto")
        assert program is not None
        configuration = self._folder / "mosquitto.conf"
        configuration.write_text("\n".join([f"listener {port} 127.0.0.1", *self._lines, ""]), encoding="utf-8")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([program, "-c", configuration], stdout=log, stderr=log)
        deadline = time.monotonic() + _START_TIME
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except OSError:
                time.sleep(0.02)
            else:
                time.sleep(0.02)  # where somebody else took the port meanwhile, it ends at once
                if self._process.poll() is None:
                    return True
        self.stop()
        return False

    def _passwords(self, users: Mapping[str, str]) -> Path:
        program = _program("mosquitto_passwd")
        assert program is not None
        file = self._folder / "passwords"
        file.touch(0o600)
        for name, password in users.items():
            subprocess.run([program, "-b", file, name, password], check=True, capture_output=True)
        return file


def nobody() -> str:
    """A URL where no broker is."""
    return f"mqtt://127.0.0.1:{_free_port()}"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port
