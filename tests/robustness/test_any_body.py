"""Any body for any call of the table: the answer is a code, and what was refused has changed nothing.

A body that none of the call's schemas reads is 80, or 81 for who may not even ask. A body that fits may be refused as
well, with 86 or with what `ALSO` says of the call.
"""

from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.access import Subject, decide
from emulator.blueprint import Bundle, Group, Variable
from emulator.device import Device
from emulator.effects import Send
from protocol import apdu
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.codes import NO_INSTANCE, Method, ResultCode, Rights, is_success
from protocol.errors import PeerError
from protocol.frames import Request, Response
from protocol.paths import Path
from protocol.resources.registry import ENTRIES, SETTINGS, Entry
from protocol.values import RAW, Body
from tests.hosts import Host, make_device
from tests.robustness.effort import effort
from tests.robustness.watching import RecordingStore, assert_explained, memory_of
from tests.vectors import load

ADMIN, ANONYMOUS = 65535, 0
LONGEST = apdu.MAX_FRAME - len(bytes(Request(Method.GET, Path(0, 0, 0))))
NUMBERS = (0, 1, 2, 3, 4, 5, 6, 9, 0xFFFE, 0xFFFF)
"""Instances that there are, and some that there are not."""
ALL = Rights.READ | Rights.WRITE
PARTS: dict[str, Any] = {
    "groups": {5: Group("tech", b"tech", 5)},
    "bundles": {1: Bundle("one", {0: ALL}, 60), 2: Bundle("two", {5: Rights.READ}), 3: Bundle("empty")},
    "variables": {
        1: Variable(VariableType(Domain.IN_TAP_STATIC, DataType.FLOAT32), bundle=1, meta=b"temp:C"),
        2: Variable(VariableType(Domain.IN_TAP_VOLATILE, DataType.ASCII), 16, 1),
        3: Variable(VariableType(Domain.TARGET, DataType.INT32), 4, 2, 0x20000000),
        4: Variable(VariableType(Domain.GPIO, DataType.UINT8), 1, 1, 3),
        5: Variable(VariableType(Domain.IN_TAP_STATIC, DataType.UINT16), 200, 2),
        6: Variable(),
    },
    "values": {1: b"\1\2\3\4", 3: bytes(range(16))},
}

TARGET = {0x80, 0x84, 0xA0, 0xA5, 0xA6, *range(0xB0, 0xBC)}
"""What a target, the lack of one, or the length of its answer may lead to."""
ALSO_IN_SERVICE = {
    "target": TARGET,
    "variable": TARGET,
    "bundle": {0xA0, 0xA5, 0xA6, *range(0xB0, 0xBC)},
    "single_packet": {code for code in ResultCode if not is_success(code)},  # a packet may hold any request
}
ALSO = {
    "scram.send": {0x80, 0x81},  # without a session key
    "scram.send_with_iv": {0x80, 0x81},
    "interface.login_with_hash": {0x87},  # under SCRAM
    "data_log.dequeue_one_packet": {0x84},  # it is empty
    "firmware.post_package": {0x87},  # without an update
    "firmware.post_update": {0x80},  # the state is part of raw bytes
    "firmware.post_crc_check": {0x87},
    "secure_element.send": {0xA1},  # there is none
}
"""Codes other than 86 that a call may answer to a body that fits. A missing instance is 84 everywhere."""


NO_SUCH_OBJECT = {"acl.put_owner": {0x84}}
"""Rows that have one setting for all instances, of which some do not exist."""


def samples() -> dict[str, list[bytes]]:
    """Good bodies by codec: the vendor's, and the defaults of the settings."""
    found = {codec: [bytes.fromhex(each[1]) for each in every] for codec, every in load("bodies")["bodies"].items()}
    for row in SETTINGS.values():
        if row.setting is not None:
            body = row.setting.body
            found.setdefault(body.name, []).append(body.encode(row.setting.default))
    return {**found, RAW.name: [data for every in found.values() for data in every]}


SAMPLES = samples()
NUMBER = st.sampled_from([0, 1, 2, 0x7F, 0x80, 0xFF])


def requests_of(entry: Entry) -> list[Body[Any] | None]:
    return [entry.call.request, *(form.request for form in entry.call.forms)]


def written_for(entry: Entry) -> st.SearchStrategy[bytes]:
    """Good bodies, cut, over-long, with a wrong byte; and any bytes."""
    names = [body.name for body in requests_of(entry) if body is not None]
    good = [sample for name in names for sample in SAMPLES.get(name, ()) if len(sample) <= LONGEST]
    whole = st.sampled_from(good or [b"", b"\0", b"\0\1", bytes(4), bytes(9)])
    return st.one_of(
        whole,
        st.tuples(whole, st.integers(0, 40)).map(lambda pair: pair[0][: pair[1]]),
        st.tuples(whole, st.binary(min_size=1, max_size=20)).map(lambda pair: (pair[0] + pair[1])[:LONGEST]),
        st.tuples(whole, st.integers(0, 40), NUMBER).map(spoiled),
        st.binary(max_size=20),
        st.integers(0, LONGEST).map(lambda size: b"\xff" * size),
        st.binary(min_size=LONGEST, max_size=LONGEST),
    )


def spoiled(given_: tuple[bytes, int, int]) -> bytes:
    """One byte is another one."""
    data, place, byte = given_
    return data[:place] + bytes((byte,)) + data[place + 1 :] if place < len(data) else data


def reads(entry: Entry, data: bytes) -> bool:
    """Whether a schema of the call reads these bytes."""
    for body in requests_of(entry):
        if body is None:
            if not data:
                return True
            continue
        try:
            body.decode(data)
        except PeerError:
            continue
        return True
    return False


def out_of_range(entry: Entry, data: bytes) -> bool:
    """Whether the call would store a value that is beyond the limit of its setting."""
    body, setting = entry.call.request, entry.resource.setting
    if body is None or setting is None or setting.appended or entry.call.method is Method.GET:
        return False
    return not setting.allows(body.decode(data))


def visible(device: Device) -> object:
    """What the Tap remembers, and what its variables have, wherever they live."""
    values: dict[int, object] = {}
    for number, variable in device.state.variables.items():
        try:
            values[number] = device.variables.read(number, variable)
        except PeerError as error:
            values[number] = error.code
    return memory_of(device), values


def instances(device: Device, entry: Entry) -> Collection[int]:
    """Those that there are, of the kind that the path names."""
    state = device.state
    known: dict[str | None, Collection[int]] = {
        "group_id": state.groups,
        "bundle_id": state.bundles,
        "variable_id": state.variables,
    }
    return known.get(entry.resource.instance, ())


def may_answer(device: Device, entry: Entry, instance: int) -> set[int]:
    """The codes of a refusal of a body that fits."""
    missing = entry.resource.instance is not None and instance not in instances(device, entry)
    also = {*ALSO_IN_SERVICE.get(entry.resource.service, ()), *ALSO.get(entry.id, ())}
    return {0x86, *also, *({0x84} if missing else ())}


def ask(entry: Entry, user: int, instance: int, data: bytes, connected: bool = False) -> tuple[Response, Device]:
    """One request on a Tap of its own; a refusal has left no trace."""
    version = entry.call.until or entry.resource.until
    store = RecordingStore()
    quirks = frozenset({entry.resource.quirk} - {None})
    device, _ = make_device(store=store, firmware=None if version is None else str(version), quirks=quirks, **PARTS)
    host = Host(device)
    if connected:
        device.target.connect()
    host.connection.session.log_in(user, 0)
    before = visible(device)

    path = entry.resource.path(None if entry.resource.instance is None else instance)
    request = apdu.build_request(bytes(Request(entry.call.method, path, data)))
    answer = Response.from_bytes(apdu.split_answer(host.exchange(request)))

    assert [type(effect) for effect in host.effects[:1]] == [Send]
    if not is_success(answer.code):
        assert visible(device) == before
        assert store.writes == 0
        assert device.firmware == before[0].firmware  # type: ignore[index]
    *_, record = device.journal
    if not entry.call.carries:
        assert_explained(record)
    return answer, device


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_any_body(entry: Entry) -> None:
    @effort(14)
    @given(written_for(entry), st.sampled_from(NUMBERS), st.sampled_from([ADMIN, ADMIN, ANONYMOUS]), st.booleans())
    @example(b"", 1, ADMIN, False)
    def check(data: bytes, instance: int, user: int, connected: bool) -> None:
        answer, device = ask(entry, user, instance, data, connected)
        told = instance if entry.resource.instance is not None else NO_INSTANCE
        decision = decide(Subject.of(make_device(**PARTS)[0].state, user, told), entry)
        if not decision.allowed:
            assert answer.code == ResultCode.UNAUTHORIZED, decision.reason
        elif not reads(entry, data):
            assert answer.code == ResultCode.BAD_REQUEST
        elif out_of_range(entry, data):
            assert answer.code in (ResultCode.NOT_ACCEPTABLE, *NO_SUCH_OBJECT.get(entry.id, ()))
        elif not is_success(answer.code):
            *_, record = device.journal
            assert answer.code in may_answer(device, entry, instance), f"{answer}: {record.reason}"

    check()
