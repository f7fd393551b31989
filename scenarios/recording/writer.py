"""Writes a recording as a scenario file that is whole at every moment, so that a crash costs nothing that was heard.

While one client talks at a time, its steps are appended. Where the head changes, or clients take turns, the file is
written anew beside the old one and takes its place.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from protocol.codes import ResultCode
from protocol.firmware import Version
from scenarios.recording.eavesdropper import Heard
from scenarios.recording.keyring import Keyring
from scenarios.recording.pcap import Side
from scenarios.recording.secrets import Inputs
from scenarios.recording.text import flow, step_lines
from scenarios.recording.wording import Line, Speaker


class _Lane:
    """The steps of one client: of connections that follow each other."""

    def __init__(self, name: str, speaker: Speaker) -> None:
        self.name = name
        self.speaker = speaker
        self.text: list[str] = []
        self.busy = True


class Recording:
    """A scenario file that is being written. Times are in seconds.

    Args:
        path: the file; what was in it is lost.
        source: URL of the Tap, without a password.
        at: when the recording begins, as text.
        keyring: passwords that are known.
        secrets: show passwords and keys.

    Raises:
        OSError: the file cannot be written, as from all methods.
    """

    def __init__(self, path: Path, *, source: str, at: str, keyring: Keyring, secrets: bool) -> None:
        self._path = path
        self._recorded = {"from": source, "at": at, "by": "tap-emulator record"}
        self._inputs = Inputs(secrets)
        self._keyring = keyring
        self._secrets = secrets
        self._firmware: str | None = None
        self._lanes: list[_Lane] = []
        self._written_head = ""
        self._last: _Lane | None = None
        """The lane at the end of the file."""
        self.exchanges = 0
        """How many were written."""
        for user, password in keyring.passwords.items():
            self._inputs.name(f"password_{user}", password, f"password of {user}")
        self._file: BinaryIO = self._rewritten()

    def connected(self, time: float) -> "_Lane":
        """A client connects; it takes the lane of one that is gone, if there is one."""
        lane = next((lane for lane in self._lanes if not lane.busy), None)
        if lane is None:
            speaker = Speaker(self._keyring, self._inputs, self._secrets)
            lane = _Lane(f"client {len(self._lanes) + 1}", speaker)
            self._lanes.append(lane)
        lane.busy = True
        self._append(lane, lane.speaker.connected(time))
        return lane

    def heard(self, lane: "_Lane", heard: Heard) -> None:
        """An exchange is over."""
        self.exchanges += 1
        if heard.call == "device.get_firmware_version" and self._firmware is None:
            self._firmware = _version(heard)
        self._append(lane, lane.speaker.say(heard))

    def closed(self, lane: "_Lane", time: float, side: Side | None) -> None:
        """The connection of a client was ended by that side, or with the recording (None)."""
        self._append(lane, lane.speaker.closed(time, side))
        lane.busy = False

    def close(self) -> None:
        """Ends the file."""
        self._file.close()

    def _append(self, lane: _Lane, lines: Iterable[Line]) -> None:
        new = [f"        {text}\n" for line in lines for text in step_lines(*line)]
        if not new:
            return
        first = not lane.text
        lane.text += new
        if self._head() != self._written_head or (lane is not self._last and not (first and lane is self._lanes[-1])):
            self._file.close()
            self._file = self._rewritten()
            return
        opening = _opening(lane) if first else ""
        if self._last is None:
            opening = _REPLAY + opening
        self._last = lane
        self._file.write((opening + "".join(new)).encode())

    def _rewritten(self) -> BinaryIO:
        self._written_head = self._head()
        spoken = [lane for lane in self._lanes if lane.text]
        parts = [self._written_head, *([_REPLAY] if spoken else [])]
        for lane in spoken:
            parts += [_opening(lane), *lane.text]
        self._last = spoken[-1] if spoken else None
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            fresh.write_text("".join(parts), encoding="utf-8")
            fresh.replace(self._path)
        except OSError:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise
        return self._path.open("ab", buffering=0)

    def _head(self) -> str:
        head: dict[str, Any] = {"scenario": 1, "name": self._path.stem, "recorded": self._recorded}
        lines = [f"{key}: {flow(value)}\n" for key, value in head.items()]
        if self._inputs.lines:
            lines += ["inputs:\n", *(f"  {name}: {flow(each)}\n" for name, each in self._inputs.lines.items())]
        if self._firmware is not None:
            lines.append(f"device: {flow({'firmware': self._firmware})}\n")
        return "".join(lines)


_REPLAY = "replay:\n  clients:\n"


def _opening(lane: _Lane) -> str:
    return f"    - name: {flow(lane.name)}\n      steps:\n"


def _version(heard: Heard) -> str | None:
    response = heard.response
    if response is None or response.code != ResultCode.OK:
        return None
    try:
        return str(Version.parse(response.body.decode("ascii")))
    except ValueError:
        return None
