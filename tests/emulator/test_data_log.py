"""When the data log samples, who may ask for it, and how it is configured (D14)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.blueprint import Bundle, Rules, Simulation, Variable
from emulator.signals import Ramp
from protocol.bodies.data_log import DATA_LOG_OPTION, DataLogOption
from protocol.codes import LOG_ON_CHANGE, Rights
from protocol.errors import BodyError, UsageError
from tests.emulator.logging_tap import ALL, BYTE, TECH, Tap
from tests.hosts import Host

# --- when


def test_bundles_are_logged_at_their_periods() -> None:
    tap = Tap({1: Bundle(log_period=2), 2: Bundle(log_period=3), 3: Bundle(log_period=1), 4: Bundle()}).run().wait(6)
    two = {7: "33"}
    assert tap.taken() == [(2, 1, ALL), (3, 2, two), (4, 1, ALL), (6, 1, ALL), (6, 2, two)]


def test_nothing_is_logged_before_it_runs_nor_after_it_stops() -> None:
    tap = Tap({1: Bundle(log_period=1)}).wait(5)
    assert (tap.running, tap.count) == (False, 0)
    assert tap.device.next_deadline() is None
    tap.run().wait(2)
    assert (tap.running, tap.count) == (True, 2)
    assert tap.host.post("/1031//1").code == 0
    tap.wait(5)
    assert (tap.running, tap.count) == (False, 2)
    assert tap.host.post("/1031//1").code == 0, "stopping twice is no mistake"


def test_running_twice_does_not_start_again() -> None:
    tap = Tap({1: Bundle(log_period=3)}).run().wait(2).run().wait(1)
    assert tap.count == 1


def test_every_run_starts_afresh() -> None:
    tap = Tap({1: Bundle(log_period=10), 2: Bundle(log_period=LOG_ON_CHANGE)}).run().wait(4)
    tap.host.post("/1031//1")
    tap.wait(4)
    tap.run().wait(10)
    assert [(at, bundle) for at, bundle, _ in tap.taken()] == [(1, 2), (9, 2), (18, 1)]


def test_on_change() -> None:
    """The first values are a change; then there is a packet whenever one of them is another."""
    tap = Tap({1: Bundle(log_period=LOG_ON_CHANGE)}).run().wait(5)
    tap.write(1, b"\x13")
    tap.wait(2)
    tap.write(1, b"\x14")
    tap.write(1, b"\x13")
    tap.wait(2)
    assert tap.taken() == [(1, 1, ALL), (6, 1, ALL | {1: "13"})]


def test_option_log_on_change_is_for_bundles_with_a_period() -> None:
    tap = Tap({1: Bundle(log_period=2)}, DataLogOption(log_on_change=True)).run().wait(5)
    tap.write(1, b"\x13")
    tap.wait(5)
    assert tap.taken() == [(2, 1, ALL), (6, 1, ALL | {1: "13"})]


def test_moving_signal_is_sampled_when_it_is_due() -> None:
    tap = (
        Tap({2: Bundle(log_period=10)}, simulations={7: Simulation(Ramp(start=0, end=100, period=100))}).run().wait(40)
    )
    assert [values[7] for _, _, values in tap.taken()] == ["0a", "14", "1e", "28"]


@pytest.mark.parametrize("seconds", [100, 1_000_000, 10**9])
def test_jump_in_time_makes_one_packet(seconds: int) -> None:
    tap = Tap({1: Bundle(log_period=3), 2: Bundle(log_period=LOG_ON_CHANGE)}).run()
    tap.clock.advance(seconds)
    tap.device.tick()
    tap.device.tick()
    assert [(at, bundle) for at, bundle, _ in tap.taken()] == [(seconds, 1), (seconds, 2)]
    tap.wait(6)
    assert [at % 3 for at, _, _ in tap.taken()] == [0, 0], "it goes on as if nothing had been missed"


def test_late_tick_does_not_shift_the_period() -> None:
    tap = Tap({1: Bundle(log_period=3)}).run()
    tap.clock.advance(4.5)
    tap.device.tick()
    tap.wait(8)
    assert [at for at, _, _ in tap.taken()] == [4, 6, 9, 12]


def test_configuration_may_change_while_it_runs() -> None:
    tap = Tap({1: Bundle(log_period=100), 2: Bundle(log_period=1)}).run().wait(2)
    state = tap.device.state
    state.keep("bundle", 1, Bundle(log_period=2))
    state.remove("bundle", 2)
    state.keep("bundle", 9, Bundle(log_period=1))
    state.keep("variable", 9, Variable(BYTE, bundle=9))
    state.commit()
    tap.wait(5)
    assert [(at, bundle) for at, bundle, _ in tap.taken()] == [
        (1, 2),
        (2, 2),
        (4, 9),
        (5, 1),
        (5, 9),
        (6, 9),
        (7, 1),
        (7, 9),
    ]


def test_disabled_service_does_not_sample() -> None:
    tap = Tap({1: Bundle(log_period=1)}).run().wait(2)
    admin = Host(tap.device)
    admin.login()
    assert admin.post("/1024//75", b"\x01").code == 0
    tap.wait(5)
    assert tap.host.get("/1031//10").code == 0x87
    assert admin.post("/1024//75", b"\x00").code == 0
    tap.wait(2)
    assert [at for at, _, _ in tap.taken()] == [1, 2, 8, 9]


# --- who, and any bytes

CALLS = [
    # method, path, body; answers to anonymous, tech, supervisor, admin
    ("GET", "/1024//23", "", (0x81, 0, 0, 0)),
    ("GET", "/1031//0", "", (0x81, 0, 0, 0)),
    ("POST", "/1031//0", "", (0x81, 0, 0, 0)),
    ("POST", "/1031//1", "", (0x81, 0, 0, 0)),
    ("GET", "/1031//2", "", (0x81, 0, 0, 0)),
    ("PUT", "/1031//2", "0001", (0x81, 0x81, 0x81, 0)),
    ("PUT", "/1031//3", "ab", (0x81, 0x81, 0x81, 0)),
    ("POST", "/1031//4", "", (0x81, 0, 0, 0)),
    ("GET", "/1031//10", "", (0x81, 0, 0, 0)),
    ("GET", "/1031//11", "", (0x81, 0x84, 0x84, 0x84)),
]


@pytest.mark.parametrize(("method", "path", "body", "codes"), CALLS, ids=[f"{call[0]} {call[1]}" for call in CALLS])
def test_who_may(method: str, path: str, body: str, codes: tuple[int, ...]) -> None:
    for user, code in zip(("anonymous", "tech", "supervisor", "admin"), codes, strict=True):
        host = Host(Tap({}).device)
        if user != "anonymous":
            host.login(user)
        assert host.ask(method, path, bytes.fromhex(body)).code == code


OPTIONS = [
    (DataLogOption(autorun=True), "0001"),
    (DataLogOption(security=True, qos=True, log_on_change=True, rolling_mode=True, autorun=True), "0307"),
    (DataLogOption(security=True), "0200"),
    (DataLogOption(qos=True), "0100"),
    (DataLogOption(log_on_change=True), "0004"),
    (DataLogOption(rolling_mode=True), "0002"),
    (DataLogOption(), "0000"),
]


@pytest.mark.parametrize(("options", "data"), OPTIONS)
def test_options_of_the_vendor_in_both_directions(options: DataLogOption, data: str) -> None:
    assert DATA_LOG_OPTION.encode(options).hex() == data
    assert DATA_LOG_OPTION.decode(bytes.fromhex(data)) == options
    admin = Host(Tap({}).device)
    admin.login()
    assert admin.put("/1031//2", bytes.fromhex(data)).code == 0
    assert admin.get("/1031//2").body.hex() == data


def test_options_have_two_bytes() -> None:
    for damaged in ("", "00", "000000"):
        with pytest.raises(BodyError):
            DATA_LOG_OPTION.decode(bytes.fromhex(damaged))
    with pytest.raises(UsageError):
        DATA_LOG_OPTION.encode(None)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def shared() -> Host:
    host = Host(Tap({1: Bundle(log_period=1)}).device)
    host.login()
    return host


@pytest.mark.parametrize(("method", "path"), [(call[0], call[1]) for call in CALLS])
@given(body=st.binary(min_size=1, max_size=80))
def test_any_body_is_answered(shared: Host, method: str, path: str, body: bytes) -> None:
    assert shared.ask(method, path, body).code in (0, 0x80, 0x84, 0x86)


def test_largest_tap_is_sampled_in_one_pass() -> None:
    """1024 bundles that are all due at once: each variable is read once."""
    bundles = {number: Bundle(log_period=1) for number in range(Rules().max_instances)}
    variables = {number: Variable(BYTE, bundle=number) for number in bundles}
    tap = Tap(bundles, variables=variables, values={}, settings={"data_log.max_packet_count": 65535})
    reads = 0
    read = tap.device.variables.reader()

    def counted(variable_id: int, variable: Variable) -> bytes:
        nonlocal reads
        reads += 1
        return read(variable_id, variable)

    tap.device.variables.reader = lambda: counted  # type: ignore[method-assign]
    tap.run().wait(1)
    assert reads == tap.count == len(bundles)


def test_bundle_rights_do_not_matter_to_the_log() -> None:
    """The log is read as a whole by whoever is logged in."""
    tap = Tap({1: Bundle(rights={TECH: Rights.NONE}, log_period=1)}).run().wait(1)
    assert tap.taken() == [(1, 1, ALL)]
