"""A Tap that is put back is what it was, whatever has befallen it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.blueprint import ADMIN
from emulator.clock import VirtualClock
from emulator.connection import Connection
from emulator.device import Device
from emulator.effects import Send
from protocol import apdu
from protocol.codes import HostProtocol
from protocol.resources.registry import ENTRIES
from scenarios import fuzz
from scenarios.fuzz.campaign.planning import Planner
from scenarios.fuzz.case import Case
from scenarios.fuzz.device.bench import rich
from scenarios.fuzz.device.sound import INSTANCES, Sound, bodies_of
from tests.contents import contents
from tests.robustness.effort import effort, times
from tests.scenarios.fuzz.clients_in_process import careful

Step = bytes | float
"""What a host sends, or seconds that go by: such as add up without rounding."""

REBOOTED = 64.0
asked = st.builds(
    lambda sound, instance: apdu.build_request(sound.frame(instance)),
    st.sampled_from(ENTRIES).flatmap(lambda entry: st.sampled_from([Sound(entry, body) for body in bodies_of(entry)])),
    st.sampled_from(INSTANCES[:8]),
)
steps = st.lists(asked | st.binary(max_size=8) | st.sampled_from([0.25, 3.5, 4096.0]), min_size=1, max_size=12)


class Tap:
    """A Tap with many things in it, and a host that may do everything."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.device = Device(rich(), clock=self.clock)
        self.host = self.connected()

    def connected(self) -> Connection:
        connection = self.device.connect("mem://tap", HostProtocol.WIFI)
        connection.session.log_in(ADMIN, 0)
        return connection

    def play(self, steps: list[Step]) -> list[bytes]:
        """What is answered; after the end of the connection on another one."""
        answers = []
        for step in steps:
            if not self.host.open:
                self.clock.advance(REBOOTED)
                self.host = self.connected()
            if isinstance(step, float):
                self.clock.advance(step)
                effects = self.device.tick()
            else:
                effects = self.device.receive(self.host, step)
            answers += [each.data for each in effects if isinstance(each, Send)]
        return answers


@effort(120)
@given(before=steps, steps=steps)
def test_after_any_requests(before: list[Step], steps: list[Step]) -> None:
    tap = Tap()
    tap.play(before)
    start, began = tap.device.snapshot(), tap.clock.now()
    answers = []
    for _ in range(2):  # a snapshot does not wear out
        answers.append(tap.play(steps))
        tap.device.restore(start)
        assert contents(tap.device.snapshot()) == contents(start)
    if tap.clock.now() == began:
        assert answers[0] == answers[1]


@pytest.mark.parametrize("login", ["admin:admin", None])
def test_after_any_case(login: str | None) -> None:
    target = fuzz.target(careful, login=login)
    planner = Planner(0)
    planner.learn(target.observe(Case()).answers)
    for _ in range(times(200)):
        case = planner.next()
        assert case is not None
        planner.learn(target.observe(case).answers)
        rig = target._rig
        rig.begin(Case())
        assert contents(rig.device.snapshot()) == contents(rig._start), case.id
