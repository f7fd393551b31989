"""Starts one client after another, and leaves no process of them behind, whatever they do and whatever becomes of us.

A program of its own, run by path: ``python -I -S keeper.py DESCRIPTOR``. It is the subreaper of all that a client
starts, so each process whose parent dies becomes its child, also one that has left group and session: once it has no
child, nothing is left. Its end of the socket tells it when the fuzzer is gone, even by SIGKILL.

One JSON object a line. It is told ``{"start": [program, [word, ...], environment]}`` with two or three descriptors
(output, error, input), and answers ``{"started": pid}`` or ``{"failed": errno}``; then it says ``{"memory": bytes}``
whenever that has changed, and ``{"exited": code, "memory": most bytes}``. It is told ``{"stop": true}``, and answers
``{"stopped": nothing is left}``.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any, Final

GRACE: Final = 0.5
"""Seconds from SIGTERM to SIGKILL."""
SAMPLING: Final = 0.05
"""Seconds between two looks at memory."""
_HUNTING: Final = 0.005
"""Seconds from one SIGKILL to the next: what forks and ends all the time is hard to catch."""
_UNKILLABLE: Final = 5.0
"""Seconds after which a process that does not die of SIGKILL is left alone."""
_NEWS: Final = 128 << 10
"""Bytes by which memory has to change to be worth a message."""
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_KIB_OF_PEAK: Final = 1 if sys.platform == "darwin" else 1024
_PR_SET_CHILD_SUBREAPER: Final = 36
_LINUX: Final = sys.platform == "linux"
_LISTS_CHILDREN: Final = os.path.exists(f"/proc/self/task/{os.getpid()}/children")  # noqa: PTH110 - starts sooner


class Keeper:
    """The program.

    Args:
        control: socket to the fuzzer.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._child_died, signalled = socket.socketpair()
        self._child_died.setblocking(False)
        signalled.setblocking(False)
        self._signalled = signalled  # keeps it open
        signal.set_wakeup_fd(signalled.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)
        self._group = 0
        self._leader = 0
        """Process of the client; 0 if it has none, or that has ended."""
        self._told = 0
        self._next_sample = 0.0

    def run(self) -> None:
        """Serves until the fuzzer is gone."""
        received = b""
        descriptors: list[int] = []
        while True:
            if self._control in self._wait(SAMPLING if self._leader else None, self._control):
                data, new, _, _ = socket.recv_fds(self._control, 1 << 16, 3)
                if not data:
                    return
                descriptors += new
                *lines, received = (received + data).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line), descriptors)
                    descriptors = []
            self._reap()
            if self._leader and time.monotonic() >= self._next_sample:
                self._sample()

    def _obey(self, message: dict[str, Any], descriptors: list[int]) -> None:
        if "start" in message:
            self._start(descriptors, *message["start"])
        else:
            self._tell({"stopped": self.stop()})

    def _start(self, descriptors: list[int], program: str, words: list[str], env: dict[str, str] | None) -> None:
        output, error, *given = descriptors
        if not given:
            given = [os.open(os.devnull, os.O_RDONLY)]
        descriptors = [*given, output, error]
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        try:
            # Not subprocess.Popen: it would wait for the process as well, and whoever does it first gets the peak.
            self._leader = self._group = os.posix_spawn(
                program,
                words,
                os.environ if env is None else env,
                file_actions=[(os.POSIX_SPAWN_DUP2, descriptor, place) for place, descriptor in enumerate(descriptors)],
                setsid=True,
                setsigmask=[],
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # Python ignores them, and that would be inherited
            )
        except OSError as failure:
            self._tell({"failed": failure.errno})
        else:
            self._told, self._next_sample = 0, time.monotonic() + SAMPLING
            self._tell({"started": self._leader})
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def stop(self) -> bool:
        """Ends the client and all that it has started; False if something does not even die of SIGKILL."""
        if self._reap():
            self._signal(signal.SIGTERM)
        self._wait_for_the_last(GRACE)
        deadline = time.monotonic() + _UNKILLABLE
        while self._reap() and time.monotonic() < deadline:
            self._signal(signal.SIGKILL)
            self._wait_for_the_last(_HUNTING)
        if not _LINUX and self._group:  # elsewhere, what has lost its parent is no child of ours
            self._signal(signal.SIGKILL)
        return not self._reap()

    def _signal(self, number: int) -> None:
        grandchildren = descendants(os.getpid())
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._leader or not _LINUX:  # once the leader is reaped, its number may be that of another group
                os.killpg(self._group, number)
        for pid in grandchildren:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if not self._leader or os.getpgid(pid) != self._group:
                    os.kill(pid, number)

    def _wait_for_the_last(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._reap() and (left := deadline - time.monotonic()) > 0:
            self._wait(left)

    def _wait(self, seconds: float | None, *sockets: socket.socket) -> list[socket.socket]:
        ready, _, _ = select.select([self._child_died, *sockets], [], [], seconds)
        if self._child_died in ready:
            with contextlib.suppress(BlockingIOError):
                self._child_died.recv(1 << 12)
        return ready

    def _reap(self) -> bool:
        """Buries what has died; False if there is no child left."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if not pid:
                return True
            if pid == self._leader:
                self._leader = 0
                code = os.waitstatus_to_exitcode(status)
                self._tell({"exited": code, "memory": usage.ru_maxrss * _KIB_OF_PEAK})

    def _sample(self) -> None:
        self._next_sample = time.monotonic() + SAMPLING
        memory = sum(map(memory_of, descendants(os.getpid())))
        if abs(memory - self._told) >= _NEWS:
            self._told = memory
            self._tell({"memory": memory})

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the end of the socket comes next
            self._control.sendall(json.dumps(message).encode() + b"\n")


def descendants(pid: int) -> list[int]:
    """Processes that a process has started, and those that they have; empty where the system does not tell."""
    children_of = _listed_children if _LISTS_CHILDREN else _ParentsNow().children
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = children_of(waiting.pop())
        found += children
        waiting += children
    return found


def _listed_children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - starts sooner
            children += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return children


class _ParentsNow:
    """All processes by parent, on a kernel that does not list children."""

    def __init__(self) -> None:
        self._children: dict[int, list[int]] = {}
        names = os.listdir("/proc") if _LINUX else ()  # noqa: PTH208 - starts sooner
        for name in filter(str.isdigit, names):
            with contextlib.suppress(OSError):
                _, _, after_name = _read(f"/proc/{name}/stat").rpartition(b")")
                self._children.setdefault(int(after_name.split()[1]), []).append(int(name))

    def children(self, pid: int) -> list[int]:
        return self._children.get(pid, [])


def memory_of(pid: int) -> int:
    """Bytes of memory that a process has now; 0 if it is gone."""
    try:
        return int(_read(f"/proc/{pid}/statm").split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _read(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 - starts sooner
        return file.read()


def _nothing(*_: object) -> None:
    """Makes the signal wake the selector."""


def _leave(number: int, _: object) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit


def main() -> None:
    """Runs the program."""
    if _LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    keeper = Keeper(control)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    try:
        keeper.run()
    except ConnectionResetError:
        pass
    finally:
        keeper.stop()


if __name__ == "__main__":
    main()
