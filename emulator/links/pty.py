"""``pty:./tap0``: a virtual serial port, which programs open like one of the machine.

The port is a pseudo terminal whose other end the Tap holds; a symbolic link gives it a name that stays the same.
"""

import asyncio
import os
import socket
import sys
import termios
import tty
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from emulator.links.base import Host, Link, LinkError
from emulator.links.open_watch import OpenWatch
from emulator.links.serial_line import SerialLine, read
from protocol.codes import HostProtocol
from protocol.errors import UsageError
from protocol.urls import LinkUrl, Options, integer

_OPTIONS: Final[Options] = {"baudrate": integer(50, 4_000_000)}
_LOOK_PERIOD: Final = 0.05
"""Seconds between looks for somebody who opens the port, where the system does not tell."""
_DIGITS: Final = "0123456789"


class PtyLink(Link):
    """A virtual serial port. Each time that somebody opens it is a new connection.

    Args:
        url: as a client may use it.
        path: where the symbolic link shall be.
        baudrate: bits per second at which bytes come and go; None takes no time.
    """

    protocol = HostProtocol.UART

    def __init__(self, url: str, path: Path, baudrate: int | None = None) -> None:
        self._url = url
        self._path = path.parent.resolve() / path.name
        self._line = SerialLine(self, self._look, self._abandon, baudrate)
        self._lock: socket.socket | None = None
        self._descriptor: int | None = None
        """The Tap's end of the pseudo terminal."""
        self._device = ""
        """The other end."""
        self._watch: OpenWatch | None = None
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def from_url(cls, url: LinkUrl) -> "PtyLink":
        """The link of ``pty:path``.

        Raises:
            UsageError: it names no path.
        """
        options = url.options(_OPTIONS)
        if url.name or not Path(url.path).name:
            raise UsageError(f"{url}: expected a path, as in pty:./tap0")
        return cls(str(url), Path(url.path), options["baudrate"])

    @property
    def url(self) -> str:
        """Where a client connects."""
        return self._url

    async def open(self, host: Host) -> None:
        """Makes the port, unless it is there since before a reboot, and serves it.

        Raises:
            LinkError: the path is taken, or cannot be made.
        """
        if self._descriptor is None:
            try:
                self._create()
            except OSError as error:
                await self.close()
                raise LinkError(f"{self.url}: {error.strerror or error}") from error
            self._look()
        self._line.host = host

    async def pause(self) -> None:
        """The port stays as it is, and what comes is thrown away."""
        self._line.host = None

    async def close(self) -> None:
        """Takes the port away, and the symbolic link if it still is the one of this port."""
        self._line.host = None
        self._line.detach()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._descriptor is not None:
            if _target(self._path) == self._device:
                self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _create(self) -> None:
        self._lock = _lock(self._path)
        self._descriptor, other_end = os.openpty()
        self._device = os.ttyname(other_end)
        os.close(other_end)
        os.set_blocking(self._descriptor, False)
        self._reset(everything=True)
        with suppress(OSError):
            self._watch = OpenWatch(self._device, self._look)
        _make_room(self._path, self._device)
        self._path.symlink_to(self._device)

    def _look(self) -> None:
        """Somebody may have opened the port, closed it, or written to it.

        What a host wrote last, right before another one opened the port, cannot be told from what that one writes. It
        is taken for that, because hosts wait for their answers.
        """
        assert self._descriptor is not None
        ready = self._line.ready
        data = read(self._descriptor) if ready else b""
        anew = self._watch is not None and self._watch.opened_anew()
        if anew:
            self._hang_up(everything=not ready)
            data = data or read(self._descriptor)
        if data is None:
            self._hang_up()
            self._wait_for_somebody()
        else:
            if not self._line.attached:
                self._line.attach(self._descriptor)
            self._line.received(data)

    def _abandon(self) -> None:
        self._hang_up(everything=True)
        self._look()

    def _wait_for_somebody(self) -> None:
        if self._watch is not None:
            self._watch.nobody_there()
        else:
            self._timer = asyncio.get_running_loop().call_later(_LOOK_PERIOD, self._look)

    def _hang_up(self, *, everything: bool = False) -> None:
        """Whoever had the port open has closed it. The next one finds it as the first one did.

        Args:
            everything: forget requests too that wait to be read, because their answers would have had to wait.
        """
        if self._line.attached:
            self._line.detach()
            self._reset(everything=everything)

    def _reset(self, *, everything: bool) -> None:
        """Raw mode, and nothing that waits for a host to read it, as in a serial port that is opened."""
        assert self._descriptor is not None
        termios.tcflush(self._descriptor, termios.TCOFLUSH)
        tty.setraw(self._descriptor, termios.TCSAFLUSH)
        if everything:
            termios.tcflush(self._descriptor, termios.TCIFLUSH)


def _lock(path: Path) -> socket.socket | None:
    """Keeps other emulators from a path, for as long as this process lives: nothing has to be tidied up after it.

    Raises:
        OSError: another one has it.
    """
    if sys.platform != "linux":
        return None
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind(f"\0tap-emulator pty {sha256(os.fsencode(path)).hexdigest()}")
    except OSError as error:
        lock.close()
        raise FileExistsError(error.errno, "in use by another Tap, expected a path of its own") from error
    return lock


def _make_room(path: Path, device: str) -> None:
    """Removes a symbolic link that a killed emulator left behind.

    Raises:
        OSError: there is something else, or there is no such folder.
    """
    target = _target(path)
    if target is not None and target.rstrip(_DIGITS) == device.rstrip(_DIGITS):
        path.unlink()
    elif os.path.lexists(path):
        what = "a directory" if path.is_dir() else "a file" if path.is_file() else "something else"
        if target is not None:
            what = f"a symbolic link to {target}"
        raise FileExistsError(f"there is {what}, expected a path that is free for a symbolic link")
    elif not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}, expected one for the symbolic link")


def _target(path: Path) -> str | None:
    """Where a symbolic link points to; None if there is none."""
    try:
        return os.readlink(path)  # noqa: PTH115 - as it is written
    except OSError:
        return None
