"""Listens to what a proxy passes on, and writes it down."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from emulator.links import Link
from scenarios.recording.eavesdropper import Eavesdropper, Heard
from scenarios.recording.keyring import Keyring
from scenarios.recording.pcap import Capture, CapturedConnection, Side
from scenarios.recording.proxy import Proxy
from scenarios.recording.writer import Recording

log = structlog.get_logger("record")

_SILENCE: Final = 0.02
"""Seconds after which an answer that looks whole is taken for whole, and written."""


class Recorder:
    """Makes the witness of each connection.

    Args:
        failed: is called with the error when something cannot be written, once; nothing more is written then.
    """

    def __init__(
        self, recording: Recording, capture: Capture | None, keyring: Keyring, failed: Callable[[OSError], None]
    ) -> None:
        self.recording = recording
        self.capture = capture
        self.keyring = keyring
        self._failed = failed
        self._broken = False
        self._start = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since 1970, which never go back."""
        return self._start + time.monotonic()

    def witness(self) -> "ConnectionWitness":
        """Listens to a new connection."""
        return ConnectionWitness(self)

    def write(self, action: Callable[[], None]) -> None:
        """Writes; that the client is served does not depend on it."""
        if self._broken:
            return
        try:
            action()
        except OSError as error:
            self._broken = True
            self._failed(error)

    def close(self) -> None:
        """Ends the files."""
        self.recording.close()
        if self.capture is not None:
            self.capture.close()


class ConnectionWitness:
    """Listens to one connection."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._ear = Eavesdropper(recorder.keyring)
        self._timer: asyncio.TimerHandle | None = None
        self._captured: CapturedConnection | None = None
        now = recorder.now()
        recorder.write(lambda: self._begin(now))

    def _begin(self, now: float) -> None:
        self._lane = self._recorder.recording.connected(now)
        if self._recorder.capture is not None:
            self._captured = self._recorder.capture.connection(now)

    def passed(self, side: Side, data: bytes) -> None:
        """That side sent bytes."""
        now = self._recorder.now()
        captured = self._captured
        if captured is not None:
            self._recorder.write(lambda: captured.data(now, side, data))
        self._write(self._ear.host(now, data) if side is Side.HOST else self._ear.tap(now, data))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ear.settled:
            self._timer = asyncio.get_running_loop().call_later(_SILENCE, self._settle)

    def closed(self, side: Side | None) -> None:
        """That side ended the connection, or the recording ends (None)."""
        if self._timer is not None:
            self._timer.cancel()
        now = self._recorder.now()
        captured = self._captured
        if captured is not None:
            self._recorder.write(lambda: captured.close(now, side or Side.HOST))
        self._write(self._ear.end(now))
        self._recorder.write(lambda: self._recorder.recording.closed(self._lane, now, side))

    def _settle(self) -> None:
        self._write(self._ear.settle())

    def _write(self, exchanges: list[Heard]) -> None:
        for heard in exchanges:
            if heard.note is not None:
                log.info("heard", note=heard.note, call=heard.call)
            self._recorder.write(lambda heard=heard: self._recorder.recording.heard(self._lane, heard))  # type: ignore[misc]


def assemble(
    upstream: str,
    links: Sequence[Link],
    output: Path,
    *,
    passwords: Mapping[str, str],
    secrets: bool,
    pcap: Path | None,
    failed: Callable[[OSError], None],
) -> tuple[Proxy, Recorder]:
    """A proxy, not started yet, and the recorder that listens to it.

    Args:
        passwords: by user name.
        secrets: write passwords and keys too.
        failed: is called with the error when something cannot be written later on.

    Raises:
        UsageError: `upstream` is no URL of a known transport.
        OSError: a file cannot be written.
    """
    recorder: Recorder
    proxy = Proxy(links, upstream, lambda: recorder.witness())
    keyring = Keyring(passwords)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    recording = Recording(output, source=proxy.upstream, at=at, keyring=keyring, secrets=secrets)
    recorder = Recorder(recording, None, keyring, failed)
    try:
        recorder.capture = None if pcap is None else Capture(pcap)
    except OSError:
        recorder.close()
        raise
    return proxy, recorder
