"""`make bench`: throughput, latency, start-up time and memory of a Tap, each beside its target.

Throughput and latency are ratios to a bare asyncio echo of the same sizes. Both servers are processes of their own and
take turns in short rounds; a ratio is made of neighbouring rounds, and its median is the figure. So what a busy machine
does to one side it does to the other.
"""

import logging
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click
import structlog

from emulator.blueprint import demo
from emulator.device import Device
from emulator.effects import Send
from protocol.codes import HostProtocol
from tests.perf import fixtures, fuzzing, inside, links, load, planted, scenarios, states
from tests.perf.figures import Figure, table, write_json
from tests.perf.rounds import alternate, ratio
from tests.serving import MEASURABLE, SERVE, Serving, serving, start, stop

_PATH = "/3//2"
_CONNECTIONS = 16
_WARM_UP = 0.2
_STARTS = 10
_BATCH = 500
_YAML = "tap: 1\nfirmware: 1.113.0\nusers:\n  admin: {password: secret}\n  operator: {password: operator}\n"
_VENDOR_FILE = Path("../shared/devices/thermostat.iotz")


def over_tcp(tap: Serving, log: Path, rounds: int, seconds: float) -> list[Figure]:
    """Encrypted requests with one connection and with many, each against the echo."""
    with load.lines_to_tap(tap, _CONNECTIONS, _PATH) as ours, ExitStack() as stack:
        request, answer = ours[0].request, ours[0].answer
        echo = stack.enter_context(
            serving((sys.executable, "-m", "tests.perf.echo", str(len(request)), answer.hex()), log)
        )
        theirs = stack.enter_context(load.lines_to_echo(echo, _CONNECTIONS, request, answer))

        def median_latency(line: load.Line) -> float:
            measured = sorted(load.latencies(line, seconds))
            tails[line].append(measured[int(0.99 * len(measured))] * 1e6)
            return statistics.median(measured) * 1e6

        tails: dict[load.Line, list[float]] = {ours[0]: [], theirs[0]: []}
        for lines in (ours, theirs):
            load.throughput(lines, _WARM_UP)
        one, one_echo = alternate(lambda: median_latency(ours[0]), lambda: median_latency(theirs[0]), rounds)
        many, many_echo = alternate(
            lambda: load.throughput(ours, seconds), lambda: load.throughput(theirs, seconds), rounds
        )
    latency, latencies = ratio(one, one_echo)
    share, shares = ratio(many, many_echo)
    return [
        Figure("16 connections, share of the echo's requests", share, "", 0.35, "more", shares),
        Figure("  Tap", statistics.median(many), "requests/s", samples=many),
        Figure("  echo", statistics.median(many_echo), "requests/s", samples=many_echo),
        Figure("1 connection, median latency to the echo's", latency, "times", 1.6, "less", latencies),
        Figure("  Tap", statistics.median(one), "µs", samples=one),
        Figure("  Tap, 99 of 100 within", statistics.median(tails[ours[0]]), "µs", samples=tails[ours[0]]),
        Figure("  echo", statistics.median(one_echo), "µs", samples=one_echo),
        Figure("  echo, 99 of 100 within", statistics.median(tails[theirs[0]]), "µs", samples=tails[theirs[0]]),
    ]


def in_process(rounds: int, seconds: float) -> Figure:
    """Encrypted requests through `Device.receive`, without a socket, on one core."""
    device = Device(demo())
    connection = device.connect("mem:", HostProtocol.WIFI)

    def ask(data: bytes) -> bytes:
        (effect,) = device.receive(connection, data)
        assert isinstance(effect, Send)
        return effect.data

    request, answer = load.conversation(ask, _PATH)

    def measure() -> float:
        answered, begin = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - begin) < seconds:
            for _ in range(_BATCH):
                if ask(request) != answer:
                    raise ValueError("wrong answer")
            answered += _BATCH
        return answered / elapsed

    samples = [measure() for _ in range(rounds)]
    return Figure("in process, one core", statistics.median(samples), "requests/s", 10_000, "more", samples)


def start_up(label: str, arguments: tuple[str, ...], log: Path) -> list[Figure]:
    """From the start of the process to its `ready`, and the memory that it then has.

    The first start, in which Python compiles modules and keeps them, is not among the samples.
    """
    times, memory = [], []
    stop(start((*SERVE, *arguments), log))
    for _ in range(_STARTS):
        begin = time.perf_counter()
        tap = start((*SERVE, *arguments), log)
        times.append(time.perf_counter() - begin)
        if MEASURABLE:
            memory.append(tap.memory)
        stop(tap)
    figures = [
        Figure(f"ready, {label}, median of {_STARTS}", statistics.median(times), "s", 0.5, samples=times),
        Figure(f"ready, {label}, best of {_STARTS}", min(times), "s", samples=times),
    ]
    if memory:
        figures.append(Figure(f"memory when ready, {label}", statistics.median(memory), "MiB", 60, samples=memory))
    return figures


def configurations(folder: Path) -> dict[str, tuple[str, ...]]:
    """The Taps whose start is measured: command line arguments by name."""
    yaml = folder / "device.yaml"
    yaml.write_text(_YAML, encoding="utf-8")
    found = {"demo Tap": (), "device.yaml": (str(yaml),), ".iotz": (str(_VENDOR_FILE),)}
    if not _VENDOR_FILE.exists():
        del found[".iotz"]
    return found


def measure(folder: Path, rounds: int, seconds: float, hunting: float) -> list[Figure]:
    """All figures.

    Args:
        hunting: seconds for the planted defects; none with 0.
    """
    log = folder / "log"
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")  # whatever the environment says, as installed Taps do
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    begin = time.perf_counter()
    stop(start(SERVE, log))
    first = Figure("ready, demo Tap, the very first start", time.perf_counter() - begin, "s")
    with serving(SERVE, log) as tap:
        figures = over_tcp(tap, log, rounds, seconds)
        if MEASURABLE:
            figures.append(Figure("memory after these requests, with a full journal", tap.memory, "MiB"))
    figures += links.each_against_tcp(folder, rounds, seconds)
    figures += links.many_connections(log)
    figures.append(in_process(max(1, rounds // 2), seconds))
    figures += inside.all_figures(folder, rounds)
    figures += [*scenarios.all_figures(rounds), *states.all_figures(rounds), *fixtures.all_figures(max(1, rounds // 4))]
    figures += fuzzing.all_figures(log, max(1, rounds // 6), 3 * seconds)
    if hunting:
        figures += planted.all_figures(hunting)
    for label, arguments in configurations(folder).items():
        figures += start_up(label, arguments, log)
    return [*figures, first]


@click.command()
@click.option("--output", type=click.Path(path_type=Path), default="bench.json", show_default=True, help="JSON file.")
@click.option("--rounds", type=click.IntRange(1), default=12, show_default=True, help="Pairs of rounds per ratio.")
@click.option("--seconds", type=float, default=0.4, show_default=True, help="Length of a round.")
@click.option("--planted", "hunting", type=float, default=0, help="Seconds to find planted defects in, 600 for all.")
@click.option("--strict", is_flag=True, help="Exit 1 if a target is missed.")
def main(output: Path, rounds: int, seconds: float, hunting: float, strict: bool) -> None:
    """Measure a Tap against its targets, in about two minutes; the planted defects take as long as they are given."""
    begin = time.perf_counter()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # as the commands do
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), rounds, seconds, hunting)
    write_json(output, figures, time.perf_counter() - begin)
    print(table(figures))
    print(f"\nsamples and machine: {output}")
    if strict and any(figure.met is False for figure in figures):
        sys.exit(1)


if __name__ == "__main__":
    main()
