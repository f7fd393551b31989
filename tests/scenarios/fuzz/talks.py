"""The same bytes to a Tap that a case has armed, and to one that plays a scenario: what each of them sends."""

from collections.abc import Callable
from functools import cache
from typing import Any

from emulator.clock import VirtualClock
from emulator.device import Device
from emulator.effects import Close, Effect, Reboot, Send
from emulator.entropy import SeededEntropy
from emulator.targets import make_target
from protocol import apdu
from protocol.bodies.multi_request import MultiRequestItem
from protocol.client.calls import find_call
from protocol.codes import HostProtocol
from protocol.crypto import ZERO_IV
from scenarios.fuzz.case import Case
from scenarios.fuzz.mutation import Answer
from scenarios.fuzz.rig import Rig, Trace
from scenarios.loading import loads
from scenarios.model import Scenario
from scenarios.script import Script
from tests.hosts import LINK, Host

SEED = 7
IV = bytes(range(16))
Talk = tuple[bytes, ...]
"""Requests as they are sent, whatever is answered."""
Sent = list[Any]


def talk_in_clear(host: Host) -> None:
    for path in ("/3//2", "/1024//9", "/3//2", "/1027/1/1", "/9999//1", "/3//2"):
        host.get(path)
    items = [MultiRequestItem(find_call(name).ask()) for name in ("device.get_serial_number", "interface.get_app_name")]
    host.exchange(apdu.build_request(bytes(find_call("interface.execute_multi_request_frame").ask(items))))


def talk_encrypted(host: Host) -> None:
    host.initialize()
    host.answer_iv = host.secret("GET", "/1024//45", IV).body
    host.request_iv = IV
    for path in ("/3//2", "/1024//9", "/3//2", "/9999//1"):
        host.secret("GET", path)


def talk_with_login(host: Host) -> None:
    host.request_iv = host.answer_iv = ZERO_IV
    host.login()
    host.secret("GET", "/1024//7")


def recorded(speak: Callable[[Host], None]) -> Talk:
    """What a host sends to a Tap that behaves."""

    class Recorder(Host):
        def exchange(self, data: bytes) -> bytes:
            requests.append(data)
            return super().exchange(data)

    requests: list[bytes] = []
    rig = Rig(seed=SEED)
    speak(Recorder(rig.device))
    return tuple(requests)


@cache
def everything() -> Talk:
    def speak(host: Host) -> None:
        talk_in_clear(host)
        talk_encrypted(host)
        host.get("/1024//46")
        talk_with_login(host)

    return recorded(speak)


def _told(effects: list[Effect], time: float) -> Sent:
    told: Sent = []
    for effect in effects:
        what = effect.data if isinstance(effect, Send) else type(effect).__name__
        reset = isinstance(effect, Close) and effect.reset
        told.append((round(time, 6), what, reset))
        assert isinstance(effect, Send | Close | Reboot)
    return told


def _sent(device: Device, clock: VirtualClock, talk: Talk) -> Sent:
    told: Sent = []
    start = clock.now()
    connection = device.connect(LINK, HostProtocol.WIFI)
    for data in talk:
        if not connection.open:
            connection = device.connect(LINK, HostProtocol.WIFI)
        told += _told(device.receive(connection, data), clock.now() - start)
        while (due := device.next_deadline()) is not None and due - clock.now() < 3:
            clock.advance(max(due - clock.now(), 0))
            told += _told(device.tick(), clock.now() - start)
    return told


class Stand:
    """A rig that runs one case after another."""

    def __init__(self, base: Scenario | None = None) -> None:
        self.clock = VirtualClock()
        self.rig = Rig(base, seed=SEED, clock=self.clock)

    def run(self, case: Case, talk: Talk) -> tuple[Sent, Trace]:
        self.rig.begin(case)
        return _sent(self.rig.device, self.clock, talk), self.rig.end()

    def answers(self, talk: Talk) -> list[Answer]:
        return self.run(Case(), talk)[1].answers


def run_scenario(text: str, talk: Talk) -> Sent:
    scenario = loads(text)
    blueprint, clock = scenario.blueprint(), VirtualClock()
    assert blueprint.seed == SEED
    device = Device(blueprint, clock=clock, entropy=SeededEntropy(SEED), target=make_target(blueprint.target))
    device.director = Script(scenario.script, device, seed=SEED)
    return _sent(device, clock, talk)
