"""Whatever a peer sends to the target ends in a result code, and a refusal leaves no trace."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.device import Device
from protocol.bodies.target import TargetProtocol
from protocol.codes import ResultCode
from protocol.resources.registry import ENTRIES
from tests.emulator.targets.taps import tap
from tests.robustness.effort import effort

CALLS = sorted(
    {
        (entry.call.method.name, str(entry.resource.path()))
        for entry in ENTRIES
        if entry.resource.service in {"target", "tapnpass"}
    }
)
PROTOCOLS = [TargetProtocol.SWD, TargetProtocol.S3P, TargetProtocol.MODBUS, TargetProtocol.SERIAL, TargetProtocol.NONE]
places = st.builds(
    lambda address, count, form, data: bytes.fromhex(address) + count.to_bytes(4, "big") + bytes([form]) + data,
    st.sampled_from(["20000000", "20000ffe", "08000000", "00000002", "03010000", "0301ffff", "80000003", "00000019"]),
    st.sampled_from([0, 1, 2, 3, 26, 62, 125, 0xFFFFFFFF]),
    st.sampled_from([0, 1, 2, 3, 4, 0x41, 0x43]),
    st.binary(max_size=16),
)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
@effort(200)
@given(call=st.sampled_from(CALLS), body=st.one_of(st.binary(max_size=40), places))
def test_any_body_gives_a_code_and_a_refusal_changes_nothing(
    protocol: TargetProtocol, call: tuple[str, str], body: bytes
) -> None:
    method, path = call
    host, device, _ = tap(protocol=protocol)
    host.post("/1027//3")
    before = fingerprint(device)
    response = host.ask(method, path, body)
    assert response.code in list(ResultCode)
    if not response.success:
        assert response.body == b""
        assert fingerprint(device) == before


def fingerprint(device: Device) -> tuple[Any, ...]:
    """What a client could read afterwards, read past the protocol and the counters."""
    target: Any = device.target
    return (
        target.connected,
        target._memory.snapshot(),
        target._firmware.snapshot()[1],
        {key: dict(table) for key, table in target._bus._tables.items()},
        target._pins.read(0, 26) + target._pins.read(0x80000000, 26),
        dict(target._registers._debug),
        list(target._registers._core),
        bytes(target._line._received),
        [device.state[key] for key in ("target.protocol", "target.sub_protocol", "target.protocol_configuration")],
        target.adapter.control_in,
    )
