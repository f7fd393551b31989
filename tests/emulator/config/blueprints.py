"""Blueprints of all kinds, as hypothesis draws them."""

import math
import struct
from enum import Enum, IntFlag
from typing import Any

from hypothesis import strategies as st

from emulator.access import FEATURE_SETTINGS
from emulator.blueprint import (
    ADMIN,
    ANONYMOUS,
    SUPERVISOR,
    Blueprint,
    Bundle,
    Group,
    Quirk,
    Rules,
    Simulation,
    Variable,
)
from emulator.config.forms import setting_forms
from emulator.signals import Constant, Ramp, RandomWalk, Recording, Sine, Square, Steps
from emulator.targets.spec import (
    FAULT_CODES,
    MemoryRegion,
    ModbusSlave,
    S3pVariable,
    SerialAnswer,
    SerialSpec,
    TargetFault,
    TargetSpec,
)
from protocol.bodies.data_log import DataLogOption
from protocol.bodies.interface import SecurityOptions
from protocol.bodies.lora import LoraConfig
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.codes import LOG_ON_CHANGE, Rights
from protocol.firmware import Version

PRINTABLE = "".join(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x100)]))
UINT32 = st.integers(0, 0xFFFFFFFF)
versions = st.builds(Version, st.integers(0, 255), st.integers(0, 255), st.integers(0, 65535))
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    Version: versions,
    SecurityOptions: st.builds(SecurityOptions, *[st.booleans()] * 5),
    LoraConfig: st.builds(LoraConfig, *[st.booleans()] * 5),
    DataLogOption: st.builds(DataLogOption, *[st.booleans()] * 5),
    bool: st.booleans(),
}
BY_CODEC: dict[str, st.SearchStrategy[Any]] = {
    "stringIpv4": st.ip_addresses(v=4).map(str),
    "stringIpv4mask": st.ip_addresses(v=4).map(str),
    "stringMacaddress": st.binary(min_size=6, max_size=6).map(lambda octets: octets.hex(":").upper()),
}


def values(key: str) -> st.SearchStrategy[Any]:
    """All values that a setting can have; a new row of the table needs something here only if its type is new."""
    form = setting_forms()[key]
    setting, kind = form.setting, form.setting.body.type
    limit = setting.limit or range(1 << 16)
    size = {"min_size": limit[0], "max_size": min(limit[-1], 80)}
    if setting.body.name in BY_CODEC:
        return BY_CODEC[setting.body.name]
    if kind is str:
        return st.text(PRINTABLE, **size)
    if kind is bytes:
        return st.binary(**size)
    if kind is int:
        assert form.kind is not None
        return st.integers(form.kind.schema["minimum"], min(form.kind.schema["maximum"], 255))
    if issubclass(kind, IntFlag):
        return st.integers(limit[0], min(limit[-1], sum(kind))).map(kind)
    return st.sampled_from(kind) if issubclass(kind, Enum) else BY_TYPE.get(kind, st.just(setting.default))


@st.composite
def groups(draw: st.DrawFn) -> dict[int, Group]:
    free = st.integers(1, 5) | st.integers(1, SUPERVISOR - 1)
    ids = [ANONYMOUS, SUPERVISOR, ADMIN, *draw(st.lists(free, unique=True, max_size=4))]
    names = draw(
        st.lists(
            st.text(PRINTABLE, min_size=1, max_size=16) | st.sampled_from(["admin", "supervisor", *"0123"]),
            unique=True,
            min_size=len(ids),
            max_size=len(ids),
        )
    )
    passwords = (
        st.none()
        | st.binary(min_size=16, max_size=16)
        | st.binary(min_size=36, max_size=36)
        | st.text(PRINTABLE[:95], min_size=1, max_size=15).map(str.encode)
    )
    lifetimes = st.integers(0, 65535)
    return {
        number: Group(name, draw(passwords), draw(st.sampled_from(ids)), draw(lifetimes))
        for number, name in zip(ids, names, strict=True)
    }


rules = st.builds(
    Rules,
    hosts=st.sampled_from(["many", "single"]),
    lockout_attempts=st.integers(1, 65535),
    lockout_time=st.floats(0, 1e9),
    partial_request_time=st.floats(0, 1e9, exclude_min=True),
    inactivity_grace=st.floats(0, 1e9),
    iv_after_clear_login=st.sampled_from(["either", "zero", "kept"]),
    quirks=st.frozensets(st.sampled_from(Quirk)),
)

numbers = st.floats(allow_nan=False, allow_infinity=False)
periods = st.floats(0.001, 1e9)


@st.composite
def steps(draw: st.DrawFn) -> Steps:
    shown = draw(st.lists(numbers, min_size=1, max_size=4))
    one = st.lists(periods, min_size=1, max_size=1)
    durations = draw(one | st.lists(periods, min_size=len(shown), max_size=len(shown)))
    return Steps(tuple(shown), tuple(durations), draw(st.booleans()))


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    times = sorted(draw(st.sets(numbers, min_size=1, max_size=5)))
    shown = draw(st.lists(numbers, min_size=len(times), max_size=len(times)))
    return Recording(tuple(times), tuple(shown), draw(periods), draw(st.booleans()))


@st.composite
def walks(draw: st.DrawFn) -> RandomWalk:
    low, start, high = sorted(draw(st.lists(numbers, min_size=3, max_size=3)))
    limits = draw(st.sampled_from([(low, high), (-math.inf, high), (low, math.inf), (-math.inf, math.inf)]))
    return RandomWalk(start, draw(numbers), draw(periods), *limits, draw(st.integers(-5, 1 << 40)))


signals = (
    st.builds(Constant, numbers)
    | st.builds(Ramp, numbers, numbers, periods, st.booleans())
    | st.builds(Sine, numbers, numbers, periods, st.floats(0, 1))
    | st.builds(Square, numbers, numbers, periods, st.floats(0, 1))
    | walks()
    | steps()
    | recordings()
)


@st.composite
def simulations(draw: st.DrawFn, data: DataType) -> Simulation | None:
    low, high = sorted(draw(st.lists(numbers, min_size=2, max_size=2)))
    signal = draw(st.none() | signals)
    limited = data is not DataType.ASCII
    made = Simulation(
        signal,
        low if limited and draw(st.booleans()) else None,
        high if limited and draw(st.booleans()) else None,
    )
    return None if made == Simulation() else made


names = st.text(PRINTABLE.replace(":", ""), min_size=1, max_size=20) | st.text(max_size=5) | st.just("same")
blocks = st.builds(lambda name, unit: f"{name}:{unit}".encode("utf-8", "replace"), names, st.text(max_size=4))
metas = blocks | st.binary(max_size=20) | st.sampled_from([b"", b"same:", b"variable-1:V"])


@st.composite
def variables(draw: st.DrawFn, bundle: int) -> Variable:
    kind = VariableType(draw(st.sampled_from(Domain)), draw(st.sampled_from(DataType)))
    meta = draw(metas)
    size = draw(st.sampled_from([len(meta) or None, None, 255]))
    return Variable(kind, draw(st.integers(1, 5) | st.just(255)), bundle, draw(UINT32), meta, size)


ids = st.lists(st.integers(0, 65534) | st.integers(0, 3), unique=True, max_size=3)
rights = st.sampled_from([Rights.NONE, Rights.READ, Rights.WRITE, Rights.READ | Rights.WRITE])


@st.composite
def contents(draw: st.DrawFn, group_ids: list[int]) -> dict[str, dict[int, Any]]:
    """Bundles, and what is in them."""
    made: dict[str, dict[int, Any]] = {"bundles": {}, "variables": {}, "values": {}, "simulations": {}}
    for bundle in draw(ids):
        made["bundles"][bundle] = Bundle(
            draw(st.text(PRINTABLE, max_size=20) | st.sampled_from(["same", "bundle-1", "n" * 64])),
            draw(st.dictionaries(st.sampled_from(group_ids), rights, max_size=3)),
            draw(st.sampled_from([0, 60, LOG_ON_CHANGE])),
            draw(st.sampled_from([0, *group_ids])),
        )
        for number in draw(ids):
            if number in made["variables"]:
                continue
            one = draw(variables(bundle))
            made["variables"][number] = one
            if draw(st.booleans()):
                made["values"][number] = draw(start_values(one))
            simulation = draw(simulations(one.type.data))
            if simulation is not None:
                made["simulations"][number] = simulation
    return made


def start_values(variable: Variable) -> st.SearchStrategy[bytes]:
    """Any bytes of its size, and those of numbers that people write."""
    plain = st.binary(min_size=variable.size, max_size=variable.size)
    if variable.type.data is not DataType.FLOAT32:
        return plain | st.just(bytes(variable.size))
    neat = st.decimals(-100, 100, places=1).map(float)
    return plain | neat.map(lambda one: struct.pack(">f", one) * variable.length)


addresses = st.integers(0, 65535)
one_bit = st.dictionaries(addresses, st.integers(0, 1), max_size=2)
one_register = st.dictionaries(addresses, st.integers(0, 65535), max_size=2)
regions = st.builds(
    lambda start, size, content, name, access: MemoryRegion(start, size, access, content[:size], name),
    st.integers(0, 1 << 20),
    st.integers(1, 32),
    st.binary(max_size=32),
    st.text(PRINTABLE, max_size=5),
    st.sampled_from(["", "r", "w", "rw"]),
)
faults = st.builds(
    TargetFault,
    st.sampled_from(sorted(FAULT_CODES)),
    st.sampled_from(["any", "read", "send"]),
    st.none() | UINT32,
    st.none() | UINT32,
    st.none() | st.integers(1, 247),
    st.integers(0, 5),
    st.none() | st.integers(1, 5),
)
targets = st.builds(
    TargetSpec,
    url=st.sampled_from(["", "modbus+tcp://host:502", "serial:/dev/ttyUSB0?baudrate=9600"]),
    timeout=st.floats(0.001, 10),
    present=st.booleans(),
    auto_connect=st.booleans(),
    voltage=st.integers(0, 65535),
    memory=st.lists(regions, max_size=1).map(tuple),
    core_registers=st.dictionaries(st.integers(0, 16), UINT32, max_size=2),
    debug_registers=st.dictionaries(UINT32, UINT32, max_size=2),
    s3p=st.lists(
        st.builds(S3pVariable, st.integers(0, 1023), st.just(2), st.just(3), st.just("r"), st.just((1, 65535))),
        max_size=1,
    ).map(tuple),
    modbus=st.lists(
        st.builds(ModbusSlave, st.integers(1, 247), one_bit, one_bit, one_register, one_register, st.booleans()),
        max_size=1,
    ).map(tuple),
    serial=st.builds(
        SerialSpec,
        st.sampled_from(["loopback", "script", "silent"]),
        st.lists(st.builds(SerialAnswer, st.binary(max_size=3), st.binary(max_size=3), periods), max_size=2).map(tuple),
        st.binary(max_size=3),
        st.integers(1, 65535),
    ),
    pins=st.dictionaries(st.integers(0, 25), st.integers(0, 1), max_size=2),
    faults=st.lists(faults, max_size=2).map(tuple),
)


@st.composite
def blueprints(draw: st.DrawFn) -> Blueprint:
    """Any Tap that a file can describe."""
    users = draw(groups())
    made = draw(contents(list(users)))
    settings = draw(st.fixed_dictionaries({}, optional={key: values(key) for key in setting_forms()}))
    for key in draw(st.sets(st.sampled_from(sorted(FEATURE_SETTINGS.values())))):
        settings[key] = draw(st.sampled_from([0, 9, *made["bundles"]]))
    return Blueprint(
        firmware=draw(versions),
        settings=settings,
        groups=users,
        target=draw(targets),
        rules=draw(rules),
        seed=draw(st.none() | st.integers(-(2**63), 2**64 - 1)),
        **made,
    )
