"""What it costs to remember a Tap and to bring it back, and to let an hour pass."""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from emulator import time_travel
from emulator.blueprint import Blueprint, Bundle, Simulation, Variable, demo
from emulator.clock import SteeredClock
from emulator.device import Device
from emulator.signals import Sine
from protocol.bodies.data_log import DataLogOption
from protocol.bodies.variable import DataType, VariableType
from protocol.codes import Rights
from tests.hosts import HOST_INACTIVITY, Host
from tests.perf.figures import Figure

_SIGNALS = 20
_SESSIONS = 4
_HOUR = 3600.0
_FLOAT = VariableType(data=DataType.FLOAT32)
_OFTEN = 200


def all_figures(rounds: int) -> list[Figure]:
    """Every figure of this module."""
    return [*snapshots(rounds), virtual_hour(min(rounds, 5))]


def logging() -> Blueprint:
    """The demo Tap with twenty variables that move, logged once a second; the oldest packets go."""
    base = demo()
    options = DataLogOption(autorun=True, rolling_mode=True)
    return replace(
        base,
        settings={**base.settings, HOST_INACTIVITY: 0, "data_log.options": options},
        bundles={1: Bundle("Moving", {0: Rights.READ}, log_period=1)},
        variables={number: Variable(_FLOAT, bundle=1, address=0x2000_0000 + 4 * number) for number in range(_SIGNALS)},
        values={},
        simulations={
            number: Simulation(Sine(mean=20.0, amplitude=5.0, period=60.0 + number)) for number in range(_SIGNALS)
        },
    )


def snapshots(rounds: int) -> list[Figure]:
    """Of a Tap with twenty variables and four encrypted sessions."""
    device = Device(logging(), clock=SteeredClock(0.0))
    for _ in range(_SESSIONS):
        Host(device).login()
    snapshot = device.snapshot()
    return [
        _milliseconds("snapshot of a Tap with 4 sessions", device.snapshot, rounds),
        _milliseconds("restore of it", lambda: device.restore(snapshot), rounds),
    ]


def _milliseconds(name: str, action: Callable[[], object], rounds: int) -> Figure:
    samples = []
    for _ in range(rounds * _OFTEN):
        begin = time.perf_counter()
        action()
        samples.append((time.perf_counter() - begin) * 1e3)
    return Figure(name, statistics.median(samples), "ms", 1.0, samples=samples[:100])


def virtual_hour(rounds: int) -> Figure:
    """Processor time of an hour in which nobody asks anything, and 3,600 packets are logged."""
    samples = []
    for _ in range(rounds):
        clock = SteeredClock(0.0)
        device = Device(logging(), clock=clock)
        begin = time.process_time()
        for _effect in time_travel.advance(device, clock, _HOUR):
            pass
        samples.append(time.process_time() - begin)
    return Figure("virtual hour of 20 signals and a log", statistics.median(samples), "s", 1.0, samples=samples)
