"""A Tap in a container, with podman or docker, whichever is there."""

import json
import os
import secrets
import shutil
import subprocess
import time
from types import TracebackType
from typing import Final

import httpx

LINK_PORT: Final = 2000
CONTROL_PORT: Final = 2100
_ENGINES: Final = ("podman", "docker")
_START_TIME: Final = 60.0
"""Seconds that a container may take until the Tap in it is ready."""
_POLL_PERIOD: Final = 0.05
_LOG_LINES: Final = 20


class ContainerError(Exception):
    """There is no container; the message has what the engine says."""


def find_engine() -> str:
    """The first engine that answers; ``TAP_ENGINE`` names one.

    Raises:
        ContainerError: there is none.
    """
    wanted = os.environ.get("TAP_ENGINE")
    for name in (wanted,) if wanted else _ENGINES:
        path = shutil.which(name)
        if path is not None and _run(path, "info").returncode == 0:
            return path
    raise ContainerError(f"--tap-image: expected {wanted or ' or '.join(_ENGINES)}, and that it runs")


class Container:
    """A container with a Tap, from the start of a block until its end.

    Its ports are bound to free ports of this machine, on the loopback only.

    Raises:
        ContainerError: it cannot be started.
    """

    def __init__(self, engine: str, image: str) -> None:
        self._engine = engine
        self._image = image
        self._name = f"tap-pytest-{secrets.token_hex(6)}"
        self.token = secrets.token_urlsafe(24)
        self.url = ""
        self.control_url = ""

    def start_command(self) -> list[str]:
        """What starts it."""
        # The token is in the environment of the engine only: it is not to be read in a list of processes.
        variables = ("TAP_CONTROL_TOKEN", "TAP_CONTROL=http://0.0.0.0:2100", f"TAP_LISTEN=tcp://0.0.0.0:{LINK_PORT}")
        return [
            *(self._engine, "run", "--detach", "--name", self._name),
            *(part for port in (LINK_PORT, CONTROL_PORT) for part in ("--publish", f"127.0.0.1::{port}")),
            *(part for variable in variables for part in ("--env", variable)),
            *("--env", "TAP_STATE=none", self._image),
        ]

    def __enter__(self) -> "Container":
        started = _run(*self.start_command(), environment={"TAP_CONTROL_TOKEN": self.token})
        if started.returncode:
            self._remove()
            raise ContainerError(f"{self._image}: {started.stderr.strip()}")
        try:
            self.url = f"tcp://127.0.0.1:{self._published(LINK_PORT)}"
            self.control_url = f"http://127.0.0.1:{self._published(CONTROL_PORT)}"
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._remove()

    def wait_until_ready(self, seconds: float = _START_TIME) -> None:
        """Waits until the Tap serves hosts.

        Raises:
            ContainerError: it does not; with the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not self._is_ready():
            if time.monotonic() > deadline or not self._is_running():
                log = _run(self._engine, "logs", self._name)
                lines = (log.stdout + log.stderr).splitlines()[-_LOG_LINES:]
                raise ContainerError("\n".join((f"{self._image}: not ready; its log ends with", *lines)))
            time.sleep(_POLL_PERIOD)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.control_url}/health", trust_env=False, timeout=1.0).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _is_running(self) -> bool:
        return _run(self._engine, "inspect", "--format", "{{.State.Running}}", self._name).stdout.strip() == "true"

    def _published(self, port: int) -> int:
        found = _run(self._engine, "inspect", "--format", "{{json .NetworkSettings.Ports}}", self._name)
        try:
            return int(json.loads(found.stdout)[f"{port}/tcp"][0]["HostPort"])
        except (ValueError, LookupError, TypeError) as error:
            raise ContainerError(
                f"{self._image}: port {port} is not published: {found.stdout}{found.stderr}"
            ) from error

    def _remove(self) -> None:
        _run(self._engine, "rm", "--force", "--volumes", self._name)


def _run(*command: str, environment: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - the user names the image, and nothing goes through a shell
        command, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})}
    )
