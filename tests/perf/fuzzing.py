"""How many cases a second: a persistent client over TCP, a client in the same process, and boofuzz beside them.

A case over TCP is what it is in a campaign: the Tap is put back and armed, the client gets its line, asks once under
encryption, is answered wrongly, reports; what was seen is judged. The login was made before. Mutations of connection
and session are left out of the first figure, since they measure the client's time-out and its next connection; the
second has them too.

boofuzz fuzzes servers, so it cannot do that. It is measured at what it does: a mutated request of the same protocol
over TCP to the bare echo of these benchmarks, judged by whether the connection holds. Its web page and its log are off,
and its database is in memory where there is a file system for that.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from protocol.client.blocking import Tap
from scenarios import fuzz
from scenarios.fuzz.campaign.campaign import run_campaign
from scenarios.fuzz.campaign.settings import CampaignSettings
from scenarios.fuzz.inprocess.memory import RigLink
from scenarios.fuzz.inprocess.target import Target
from scenarios.fuzz.rig import SessionKeys
from tests.fuzz.planted import client
from tests.perf.figures import Figure
from tests.serving import SERVE, serving

_COMMAND = f"{sys.executable} {client.__file__} --persistent --calls serial --iv-period 0"
_CONTENT = ("field", "structure", "code.known", "code.unknown", "code.with-body")
"""Mutations after which a connection can be kept, and the client does not wait: not for an answer, nor as long as the
Tap is busy."""
_CASES = 5000
_CORES = os.cpu_count() or 1
_REQUEST_SIZE = 12
_ANSWER = "0049900000"
_MEMORY = Path("/dev/shm")


def all_figures(log: Path, rounds: int, seconds: float) -> list[Figure]:
    """Every figure of this module.

    Args:
        seconds: of each round.
    """
    echo_command = (sys.executable, "-m", "tests.perf.echo", str(_REQUEST_SIZE), _ANSWER)
    samples: dict[str, list[float]] = {}
    target = fuzz.target(read_serial, login="admin:admin")
    target.fuzz(cases=1)  # whatever is made once
    with serving(echo_command, log) as echo, serving(SERVE, log) as tap:
        for _ in range(rounds):
            for name, measured in (
                ("ours", over_tcp(seconds, _CONTENT)),
                ("everything", over_tcp(seconds, ())),
                ("inside", in_process(target)),
                ("inside, all cores", in_process(target, workers=_CORES)),
                ("sending", boofuzz(echo.address, seconds, receive=False, reuse=True)),
                ("receiving", boofuzz(echo.address, seconds, receive=True, reuse=True)),
                ("connecting", boofuzz(echo.address, seconds, receive=True, reuse=False)),
                ("tap", boofuzz(tap.address, seconds, receive=True, reuse=False)),
            ):
                samples.setdefault(name, []).append(measured)

    def figure(name: str, key: str, target: float | None = None) -> Figure:
        return Figure(name, statistics.median(samples[key]), "cases/s", target, "more", samples[key])

    return [
        figure("fuzzing a persistent client over TCP", "ours", 1000),
        figure("  with all mutations, and the client's time-outs", "everything"),
        figure("fuzzing in process, one core", "inside"),
        figure(f"fuzzing in process, a worker on each of {_CORES} cores", "inside, all cores", 5000),
        figure("boofuzz to an echo, one connection, does not receive", "sending"),
        figure("  receives", "receiving"),
        figure("  receives, a connection for each case, its default", "connecting"),
        figure("  the same to a Tap", "tap"),
    ]


def over_tcp(seconds: float, only: tuple[str, ...]) -> float:
    """Cases a second of a campaign, from its first case on."""
    with tempfile.TemporaryDirectory() as folder:
        settings = CampaignSettings(
            client=_COMMAND,
            output=Path(folder),
            mode="persistent",
            seconds=seconds,
            login=("admin", "admin"),
            only=only,
        )
        summary = asyncio.run(run_campaign(settings))
    if summary.findings:
        raise ValueError(f"findings against a client without defects: {summary.findings}")
    return summary.cases / summary.seconds


def in_process(target: Target, *, workers: int = 1) -> float:
    """Cases a second with the reference client, from the start of the workers to their end."""
    cases = _CASES * workers
    begin = time.perf_counter()
    target.fuzz(cases=cases, workers=workers)
    return cases / (time.perf_counter() - begin)


def read_serial(link: RigLink, session: SessionKeys | None) -> tuple[str, object]:
    """One encrypted request."""
    assert session is not None
    tap = Tap(link=link)
    tap.session.resume(session.key, session.request_iv, session.answer_iv)
    return "device.get_serial_number", tap.service.device.get_serial_number()


def boofuzz(address: tuple[str, int], seconds: float, *, receive: bool, reuse: bool) -> float:
    """Cases a second that boofuzz sends, from its first case on, in a process of its own."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        host, port = address
        command = ("-m", "tests.perf.boofuzzing", host, port, seconds, int(receive), int(reuse), folder)
        ended = subprocess.run(
            [sys.executable, *map(str, command)], capture_output=True, text=True, check=True, timeout=60 + 10 * seconds
        )
    return float(ended.stdout.split()[-1])
