"""What is too much: the answer is a code, the memory stays bounded, and the Tap goes on."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from emulator.blueprint import Bundle, Rules, Variable
from emulator.journal import Journal
from protocol.bodies.data_log import DataLogOption
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.codes import Rights
from protocol.resources.jvm import LARGEST_CODE_SIZE
from tests.hosts import Host, make_device
from tests.robustness.effort import times
from tests.robustness.watching import RecordingStore, memory_of

ADMIN = 65535
KIB, MIB = 2**10, 2**20
CHUNK = 243
"""Bytes that fit a request."""
OK, TOO_LARGE, FULL = 0x00, 0xA0, 0xA7
EVERYBODY = {0: Rights.READ | Rights.WRITE}


@contextmanager
def growth_below(limit: int) -> Iterator[None]:
    """What is allocated inside, and stays, is no more than this many bytes."""
    tracemalloc.start()
    try:
        yield
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < limit, f"{kept} bytes more"


def admin_of(**parts: object) -> Host:
    """Somebody who may do everything, without the cost of a login; the journal is short, because it grows too."""
    host = Host(make_device(**parts)[0])  # type: ignore[arg-type]
    host.device.journal = Journal(size=10)
    host.connection.session.log_in(ADMIN, 0)
    return host


OBJECTS = [
    # object, instances that there are from the start, ids that may be tried
    pytest.param(1025, {0, 65534, 65535}, range(65536), id="groups"),
    pytest.param(1028, set(), range(3000), id="bundles"),
    pytest.param(1029, set(), range(3000), id="variables"),
]


@pytest.mark.parametrize(("object_", "present", "ids"), OBJECTS)
def test_more_instances_than_the_memory_holds(object_: int, present: set[int], ids: range) -> None:
    store = RecordingStore()
    host = admin_of(store=store)
    limit = Rules().max_instances
    created = limit - len(present)
    first = [each for each in ids if each not in present][:created]
    behind = first[-1] + 1
    assert {host.post(f"/{object_}/{each}/65535").code for each in ids[:behind]} == {OK}
    with growth_below(512 * KIB):
        assert {host.post(f"/{object_}/{each}/65535").code for each in ids[behind::8] if each not in present} == {FULL}
    assert store.writes == created
    assert host.post(f"/{object_}/{first[0]}/65535").code == OK, "what is there may be created again"


def test_as_many_groups_as_there_are_numbers() -> None:
    """The limit is a rule; without it every number may be a group, and each takes little room."""
    count = times(8192, 65536)
    step = 65536 // count
    host = admin_of(max_instances=65536)
    with growth_below(count * KIB):
        assert {host.post(f"/1025/{each}/65535").code for each in range(0, 65536, step)} == {OK}
    last = 65536 - step
    assert len(host.device.state.groups) in range(count, count + 3), "anonymous, supervisor and admin are there already"
    assert host.put(f"/1025/{last}/0", b"last").code == OK
    assert host.get(f"/1025/{last}/0").body == b"last"


LONG = Variable(VariableType(Domain.IN_TAP_STATIC, DataType.ASCII), length=65535, bundle=1)
WIDE = Variable(VariableType(Domain.IN_TAP_VOLATILE, DataType.UINT32), length=65535, bundle=1)
ON_TARGET = Variable(VariableType(Domain.TARGET, DataType.UINT32), length=65535, bundle=1, address=0x20000000)


@pytest.mark.parametrize("variable", [LONG, WIDE, ON_TARGET], ids=["text", "numbers", "on the target"])
def test_variable_that_fits_no_frame(variable: Variable) -> None:
    store = RecordingStore()
    host = admin_of(store=store, bundles={1: Bundle("one", EVERYBODY)}, variables={1: variable, 2: Variable(bundle=1)})
    host.device.target.connect()
    before = memory_of(host.device)
    asked = [
        host.get("/1029/1/4"),
        host.get("/1029/1/7"),
        host.get("/1028/1/1"),
        host.get("/1029//4"),
    ]
    assert [answer.code for answer in asked] == [TOO_LARGE] * 4
    if variable is not LONG:  # a shorter text is filled up
        assert [host.post("/1029/1/5", bytes(size)).code for size in (0, 1, 4, CHUNK)] == [0x80] * 4
    assert memory_of(host.device) == before
    assert store.writes == 0
    assert host.get("/1029/2/4").code == OK
    assert host.get("/1029/1/2").body == b"\xff", "all that one byte can say"


def test_variable_that_fits_no_packet_is_left_out_of_the_log() -> None:
    device, clock = make_device(
        bundles={1: Bundle("one", EVERYBODY, log_period=1)},
        variables={1: LONG, 2: Variable(VariableType(Domain.IN_TAP_STATIC), bundle=1)},
    )
    device.data_log.run(ADMIN)
    clock.advance(1)
    device.tick()
    (packet,) = device.state.packets.values()
    assert len(packet) < 250


@pytest.mark.parametrize("encrypted", [False, True])
def test_bundle_that_does_not_fit_a_frame(encrypted: bool) -> None:
    """Each variable fits, and so do some; the first one too many makes the answer too large."""
    type_ = VariableType(Domain.IN_TAP_STATIC, DataType.UINT32)
    bundles = {size: Bundle(f"of {size}", EVERYBODY) for size in range(1, 61)}
    sizes = {}
    for size in bundles:
        variables = {number: Variable(type_, bundle=size) for number in range(size)}
        host = admin_of(bundles=bundles, variables=variables)
        if encrypted:
            host.initialize()
        answer = host.secret("GET", f"/1028/{size}/1") if encrypted else host.get(f"/1028/{size}/1")
        sizes[size] = (answer.code, len(answer.body))
    fitting = [size for size, (code, _) in sizes.items() if code == OK]
    assert fitting == list(range(1, len(fitting) + 1))
    assert all(code == TOO_LARGE for size, (code, _) in sizes.items() if size > len(fitting))
    room = 229 if encrypted else 249
    longest = sizes[len(fitting)][1]
    assert room - 6 < longest <= room, "six bytes of one more variable do not fit"


def test_code_of_three_mebibytes() -> None:
    store = RecordingStore()
    host = admin_of(store=store)
    assert host.put("/1024//73", LARGEST_CODE_SIZE.to_bytes(4, "big")).code == OK
    written = 0
    while host.put("/1024//74", bytes(CHUNK)).code == OK:
        written += CHUNK
    assert LARGEST_CODE_SIZE - CHUNK < written <= LARGEST_CODE_SIZE
    writes = store.writes
    with growth_below(MIB):
        answers = {host.put("/1024//74", bytes(CHUNK)).code for _ in range((3 * MIB - written) // CHUNK)}
    assert answers == {FULL}
    assert (len(host.device.state["jvm.code"]), store.writes) == (written, writes)
    assert host.put("/1024//74").code == OK
    assert host.device.state["jvm.code"] == b""


@pytest.mark.parametrize("rolling", [False, True])
def test_log_that_fills(rolling: bool) -> None:
    store = RecordingStore()
    device, clock = make_device(
        store=store,
        settings={"data_log.options": DataLogOption(rolling_mode=rolling)},
        bundles={1: Bundle("one", EVERYBODY, log_period=1)},
        variables={1: Variable(VariableType(Domain.IN_TAP_STATIC, DataType.UINT32), length=20, bundle=1)},
    )
    capacity: int = device.state["data_log.max_packet_count"]
    device.data_log.run(ADMIN)

    def look(seconds: int) -> None:
        for _ in range(seconds):
            clock.advance(1)
            device.tick()
            assert len(device.state.packets) <= capacity

    look(capacity + 10)
    with growth_below(capacity * KIB):
        look(3 * capacity)
    assert len(device.state.packets) == capacity
    assert device.data_log.running == rolling
    assert {int(name) for kind, name in store.records if kind == "packet"} == set(device.state.packets)
    oldest = min(device.state.packets)
    assert oldest == (3 * capacity + 10 if rolling else 0)
    host = Host(device)
    host.connection.session.log_in(ADMIN, 0)
    taken = 0
    device.data_log.stop()
    while host.get("/1031//11").code == OK:
        taken += 1
    assert (taken, device.state.packets) == (capacity, {})
