"""The hook for whoever directs the Tap: what it can change, from the bytes of an answer to the loss of power."""

from collections.abc import Callable

import pytest

from emulator.blueprint import Group, Variable
from emulator.clock import VirtualClock
from emulator.device import Device
from emulator.effects import Close, Reboot, Send
from emulator.exchange import Exchange, PowerFailure
from emulator.journal import Event
from emulator.tampering import Tampering
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.codes import ResultCode
from protocol.errors import FrameError
from protocol.firmware import Version
from protocol.frames import Response
from tests.hosts import Host, make_device

SERIAL = "/3//2"
NAME = "/1024//9"
Change = Callable[[Exchange], Response | None]


class Doing:
    """Does one thing before each request, notes the rest."""

    def __init__(self, change: Change = lambda exchange: None) -> None:
        self.change = change
        self.events: list[Event] = []
        self.calls: list[str | None] = []

    def before(self, exchange: Exchange) -> Response | None:
        self.calls.append(exchange.device.call_id(exchange.request))
        return self.change(exchange)

    def after(self, exchange: Exchange, response: Response) -> Response:
        return response

    def happened(self, event: Event) -> None:
        self.events.append(event)

    def next_deadline(self) -> float | None:
        return None

    def tick(self) -> None:
        pass


def directed(change: Callable[[Tampering], None]) -> tuple[Host, VirtualClock]:
    device, clock = make_device()
    host = Host(device)

    def act(exchange: Exchange) -> Response | None:
        assert exchange.tampering is not None
        change(exchange.tampering)
        return None

    device.director = Doing(act)
    return host, clock


def request(path: str = SERIAL) -> bytes:
    number = int(path.rpartition("/")[2])
    return bytes.fromhex("A2CA000007 01 0003FFFF") + number.to_bytes(2, "big")


PLAIN = b"\0IoTize00410000009B\x90\0"

SENT: list[tuple[str, Callable[[Tampering], None], list[bytes]]] = [
    ("nothing", lambda tampering: None, [PLAIN]),
    ("twice", lambda tampering: setattr(tampering, "copies", 2), [PLAIN, PLAIN]),
    ("pieces", lambda tampering: setattr(tampering, "pieces", (1, 2)), [PLAIN[:1], PLAIN[1:3], PLAIN[3:]]),
    ("pieces beyond the end", lambda tampering: setattr(tampering, "pieces", (99, 3)), [PLAIN]),
    ("dropped", lambda tampering: setattr(tampering, "drop", True), []),
    ("another", lambda tampering: setattr(tampering, "instead", b"\x6f\0"), [b"\x6f\0"]),
    ("clear level", lambda tampering: tampering.edit("clear", lambda data: data[:3]), [PLAIN[:3] + b"\x90\0"]),
    ("as sent", lambda tampering: tampering.edit("apdu", lambda data: data[:-1]), [PLAIN[:-1]]),
]


@pytest.mark.parametrize(("change", "sent"), [case[1:] for case in SENT], ids=[case[0] for case in SENT])
def test_what_is_sent_at_once(change: Callable[[Tampering], None], sent: list[bytes]) -> None:
    host, _ = directed(change)
    host.exchange(request())
    assert [effect.data for effect in host.effects if isinstance(effect, Send)] == sent
    # What may be used again is the answer, however it was delivered.
    assert list(host.connection.sent) == list(dict.fromkeys([b"".join(sent)] if len(sent) > 2 else sent))


def test_late_pieces_come_at_their_time_and_others_meanwhile() -> None:
    def late(tampering: Tampering) -> None:
        tampering.delay, tampering.pieces, tampering.gap = 2.0, (1,), 0.5

    host, clock = directed(late)
    device = host.device
    assert host.exchange(request()) == b""
    device.director = None
    assert host.get(SERIAL).success, "the Tap goes on meanwhile"
    seen: list[tuple[float, bytes]] = []
    while (deadline := device.next_deadline()) is not None:
        clock.advance(deadline - clock.now())
        seen += [(clock.now(), effect.data) for effect in device.tick() if isinstance(effect, Send)]
    assert seen == [(2.0, PLAIN[:1]), (2.5, PLAIN[1:])]


def test_what_is_late_for_a_connection_that_is_over_is_not_sent() -> None:
    host, clock = directed(lambda tampering: setattr(tampering, "delay", 1.0))
    host.exchange(request())
    host.device.disconnect(host.connection)
    clock.advance(5)
    assert host.device.tick() == []


def test_merged_answers_leave_together() -> None:
    host, _ = directed(lambda tampering: setattr(tampering, "merge", 0.0))
    assert host.exchange(request()) == b""
    host.device.director = Doing()
    host.exchange(request())
    assert [effect.data for effect in host.effects if isinstance(effect, Send)] == [PLAIN + PLAIN]


def test_a_merged_answer_may_come_right_before_the_next_one() -> None:
    host, clock = directed(lambda tampering: setattr(tampering, "merge", 0.5))
    assert host.exchange(request()) == b""
    host.device.director = Doing()
    host.exchange(request())
    assert [effect.data for effect in host.effects if isinstance(effect, Send)] == [PLAIN]
    clock.advance(0.5)
    assert [effect.data for effect in host.device.tick() if isinstance(effect, Send)] == [PLAIN]
    host.exchange(request())
    assert [effect.data for effect in host.effects if isinstance(effect, Send)] == [PLAIN]


@pytest.mark.parametrize(
    ("change", "sent"),
    [
        (lambda tampering: setattr(tampering, "drop", True), [PLAIN]),
        (lambda tampering: setattr(tampering, "instead", b"\x6f\0"), [PLAIN + b"\x6f\0"]),
        (lambda tampering: setattr(tampering, "copies", 2), [PLAIN + PLAIN, PLAIN]),
    ],
)
def test_an_answer_that_waits_for_the_next_one_is_not_lost(
    change: Callable[[Tampering], None], sent: list[bytes]
) -> None:
    host, _ = directed(lambda tampering: setattr(tampering, "merge", 0.0))
    host.exchange(request())
    host.device.director = directed(change)[0].device.director
    host.exchange(request())
    assert [effect.data for effect in host.effects if isinstance(effect, Send)] == sent


def test_the_last_answer_of_a_connection_waits_for_nothing() -> None:
    def last(tampering: Tampering) -> None:
        tampering.merge, tampering.ending = 0.0, "close"

    host, _ = directed(last)
    host.exchange(request())
    assert [type(effect) for effect in host.effects] == [Send, Close]


@pytest.mark.parametrize("ending", ["close", "reset"])
@pytest.mark.parametrize("delay", [0.0, 3.0])
def test_connection_ends_after_the_answer(ending: str, delay: float) -> None:
    def end(tampering: Tampering) -> None:
        tampering.ending, tampering.delay = ending, delay  # type: ignore[assignment]

    host, clock = directed(end)
    host.exchange(request())
    effects = list(host.effects)
    if delay:
        assert effects == []
        assert host.connection.open
        clock.advance(delay)
        effects = host.device.tick()
    assert effects == [
        Send(host.connection, PLAIN),
        Close(host.connection, "as the script says", ending == "reset"),
    ]
    assert not host.connection.open


DAMAGED = "CRC|payload has|padding"

ENCRYPTED: list[tuple[str, Callable[[Tampering], None], str]] = [
    ("crc", lambda it: it.edit("frame", lambda data: data[:-1] + bytes((data[-1] ^ 1,))), "CRC"),
    ("length", lambda it: it.edit("frame", lambda data: data[:3] + bytes((data[3] + 40,)) + data[4:]), "payload has"),
    (
        "ciphertext",
        lambda it: it.edit("ciphertext", lambda data: data[:-1] + bytes((data[-1] ^ 1,))),
        "CRC|payload has|padding",
    ),
    ("iv", lambda it: setattr(it, "iv", bytes(range(16))), DAMAGED),
    ("key", lambda it: setattr(it, "key", bytes(16)), DAMAGED),
    ("not whole blocks", lambda it: it.edit("frame", lambda data: data + b"\1"), DAMAGED),
]


@pytest.mark.parametrize(("change", "reason"), [case[1:] for case in ENCRYPTED], ids=[case[0] for case in ENCRYPTED])
def test_sealed_answer_is_wrong_and_the_next_one_right(change: Callable[[Tampering], None], reason: str) -> None:
    device, _ = make_device()
    host = Host(device)
    host.initialize()

    def act(exchange: Exchange) -> Response | None:
        assert exchange.tampering is not None
        change(exchange.tampering)
        return None

    device.director = Doing(act)
    with pytest.raises(FrameError, match=reason):
        host.secret("GET", SERIAL)
    device.director = Doing()
    assert host.secret("GET", SERIAL).body == b"IoTize00410000009B"


def test_clear_level_of_an_encrypted_answer_is_inside_the_encryption() -> None:
    device, _ = make_device()
    host = Host(device)
    host.initialize()

    def act(exchange: Exchange) -> Response | None:
        assert exchange.tampering is not None
        exchange.tampering.edit("clear", lambda data: data[:1] + b"Other")
        return None

    device.director = Doing(act)
    assert host.secret("GET", SERIAL) == Response(ResultCode.OK, b"Other")


def test_given_answer_takes_the_place_of_execution() -> None:
    device, _ = make_device()
    host = Host(device)
    host.login()
    device.director = Doing(lambda exchange: Response(ResultCode.NVM_FULL))
    assert host.secret("PUT", NAME, b"Bath").code == ResultCode.NVM_FULL
    device.director = None
    assert host.secret("GET", NAME).body == b"Virtual Tap"
    record = list(device.journal)[-2]
    assert (record.call, record.response) == ("interface.put_app_name", Response(ResultCode.NVM_FULL))


def test_carriers_are_not_shown_and_items_are() -> None:
    device, _ = make_device()
    host = Host(device)
    host.initialize()
    director = device.director = Doing()
    host.secret("GET", SERIAL)
    item = bytes.fromhex("01 0003FFFF0002")
    host.get("/1024//89", bytes.fromhex("02") + 2 * (b"\xff" + bytes((len(item),)) + item))
    assert director.calls[0] == "device.get_serial_number"
    assert director.calls[1] == "interface.execute_multi_request_frame"


KEPT: list[tuple[PowerFailure, bytes]] = [
    ("lost", b"AAAAAAAA"),
    ("kept", b"BBBBBBBB"),
    ("torn", b"BBBBAAAA"),
]


@pytest.mark.parametrize(("failure", "left"), KEPT)
def test_power_fails_in_the_middle_of_a_write(failure: PowerFailure, left: bytes) -> None:
    text = Variable(VariableType(Domain.IN_TAP_STATIC, DataType.ASCII), length=8)
    device, clock = make_device(variables={5: text}, values={5: b"AAAAAAAA"})
    host = Host(device)
    host.login()

    def fail(exchange: Exchange) -> Response | None:
        assert exchange.tampering is not None
        exchange.power_failure, exchange.tampering.drop = failure, True
        return None

    device.director = Doing(fail)
    host.exchange(_sealed_put(host, b"BBBBBBBB"))
    assert host.rebooted
    assert not any(isinstance(effect, Send) for effect in host.effects)
    assert device.state.values[5] == left
    device.director = None
    clock.advance(2)
    assert Host(device).get(SERIAL).success


def _sealed_put(host: Host, value: bytes) -> bytes:
    ciphertext = host.seal("PUT", "/1029/5/4", value)
    frame = bytes.fromhex("01 0400FFFF0030") + ciphertext
    return bytes.fromhex("A2CA0000") + bytes((len(frame),)) + frame


def test_events_of_a_visit() -> None:
    device, clock = make_device(groups={7: Group("guest", b"guest", 7, lifetime=5)})
    director = device.director = Doing()
    host = Host(device)
    host.initialize()
    host.proof("admin", "wrong")
    host.login("guest", "guest")
    clock.advance(6)
    host.secret("GET", SERIAL)
    device.disconnect(host.connection)
    kinds = [event.kind for event in director.events]
    assert kinds == ["connected", "key-made", "login-failed", "login", "session-expired", "disconnected"]
    assert [entry.number for entry in device.journal.entries] == list(range(1, len(device.journal.entries) + 1))


def test_lock_out_is_an_event() -> None:
    device, _ = make_device()
    director = device.director = Doing()
    host = Host(device)
    for _ in range(3):
        host.proof("admin", "wrong")
    assert "locked" in [event.kind for event in director.events]


def test_out_of_reach_for_a_while() -> None:
    device, clock = make_device()
    host = Host(device)
    device.director = Doing(lambda exchange: exchange.device.refuse_connections(5.0))
    host.get(SERIAL)
    assert host.closed == "the Tap is out of reach"
    device.director = None
    clock.advance(4)
    with pytest.raises(Exception, match="rebooting"):
        Host(device)
    clock.advance(1)
    assert Host(device).get(SERIAL).success


def test_firmware_changes_from_the_next_request_on() -> None:
    device, _ = make_device(firmware="1.86")
    host = Host(device)
    iv = bytes(16)
    assert host.get("/1024//45", iv).success
    device.change_firmware(Version(1, 85))
    assert host.get("/1024//45", iv).code == ResultCode.NOT_IMPLEMENTED
    assert host.get("/3//3").body == b"1.85.0"


def test_listener_hears_until_it_cancels() -> None:
    device, _ = make_device()
    heard: list[object] = []
    cancel = device.journal.listen(heard.append)
    host = Host(device)
    host.get(SERIAL)
    assert len(heard) == 2
    cancel()
    host.get(SERIAL)
    assert len(heard) == 2
    assert isinstance(device, Device)


def test_login_that_was_not_executed_is_no_event() -> None:
    device, _ = make_device()
    director = device.director = Doing(lambda exchange: Response(ResultCode.NOT_ACCEPTABLE))
    Host(device).get("/1024//41", bytes(32))
    assert [event.kind for event in director.events] == ["connected"]


def test_configuration_begins_and_ends() -> None:
    device, _ = make_device()
    director = device.director = Doing()
    host = Host(device)
    host.login()
    for version in ("FFFFFFFF", "01000002"):
        assert host.secret("PUT", "/1024//10", bytes.fromhex(version)).success
    assert [event.kind for event in director.events][-2:] == ["configuring", "configured"]


class Returning(Doing):
    """Wants the Tap to restart as soon as a host is gone."""

    def __init__(self, device: Device) -> None:
        super().__init__()
        self._device = device

    def happened(self, event: Event) -> None:
        if event.kind == "disconnected":
            self._device.reboot_after_answer()


def test_what_an_event_brings_about_is_due_at_once() -> None:
    device, clock = make_device()
    host = Host(device)
    device.director = Returning(device)
    assert device.receive(host.connection, request()[:3]) == []
    deadline = device.next_deadline()
    assert deadline is not None
    clock.advance(deadline - clock.now())
    assert [type(effect) for effect in device.tick()] == [Close]
    assert device.next_deadline() == clock.now()
    assert [type(effect) for effect in device.tick()] == [Reboot]
    assert device.next_deadline() is None
