"""A Tap that logs, and what its packets say."""

from typing import Any

from emulator.blueprint import Bundle, Group, Variable
from emulator.clock import VirtualClock
from emulator.device import Device
from protocol.bodies.data_log import DataLogOption
from protocol.bodies.single_packet import SINGLE_PACKET
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.packets import SinglePacket, SinglePacketPayload
from protocol.scram import PasswordKey, password_hash
from protocol.tlv import decode_bundle
from tests.hosts import Host, make_device

START = 1_700_000_000
SERIAL = "IoTize00410000009B"
TECH = 5
KEY = PasswordKey.derive(password_hash("tech"), bytes.fromhex("01020304"), 5000)
GROUPS = {TECH: Group("tech", bytes(KEY), TECH, lifetime=0), 0x90: Group("far", b"far", 0x90)}

BYTE = VariableType(Domain.IN_TAP_VOLATILE, DataType.UINT8)
WORD = VariableType(Domain.IN_TAP_STATIC, DataType.UINT16)
ON_TARGET = VariableType(Domain.TARGET, DataType.UINT8)
VARIABLES = {1: Variable(BYTE, bundle=1), 300: Variable(WORD, bundle=1), 7: Variable(BYTE, bundle=2)}
VALUES = {1: b"\x12", 300: b"\x01\x02", 7: b"\x33"}


class Tap:
    """A Tap that is logging, its clock, and a host that tech uses."""

    def __init__(self, bundles: dict[int, Bundle], options: DataLogOption | None = None, **parts: Any) -> None:
        settings = {"data_log.options": options or DataLogOption(), **parts.pop("settings", {})}
        blueprint: dict[str, Any] = {"bundles": bundles, "variables": VARIABLES, "values": VALUES, "groups": GROUPS}
        self.device: Device
        self.clock: VirtualClock
        self.device, self.clock = make_device(settings=settings, **(blueprint | parts))
        self.host = Host(self.device)
        self.host.login("tech")

    def run(self) -> "Tap":
        assert self.host.post("/1031//0").code == 0
        return self

    def wait(self, seconds: int) -> "Tap":
        """Time passes as in the server, which ticks when something is due."""
        end = self.clock.now() + seconds
        while (deadline := self.device.next_deadline()) is not None and deadline <= end:
            self.clock.advance(max(0.0, deadline - self.clock.now()))
            self.device.tick()
        self.clock.advance(end - self.clock.now())
        return self

    def write(self, variable: int, value: bytes) -> None:
        self.device.state.post_value(variable, value)
        self.device.state.commit()

    @property
    def running(self) -> bool:
        body = self.host.get("/1031//0").body
        assert body in (b"\x01", b"\xfe")
        return body == b"\x01"

    @property
    def count(self) -> int:
        return int.from_bytes(self.host.get("/1031//10").body, "big")

    def dequeue(self) -> SinglePacket:
        answer = self.host.get("/1031//11")
        assert answer.code == 0
        return SINGLE_PACKET.decode(answer.body)

    def taken(self) -> list[tuple[int, int, dict[int, str]]]:
        """All packets: seconds after the start, bundle, values by variable."""
        return [said(self.dequeue()) for _ in range(self.count)]


def said(packet: SinglePacket) -> tuple[int, int, dict[int, str]]:
    assert isinstance(packet.payload, SinglePacketPayload)
    bundle, values = decode_bundle(packet.payload.data)
    return packet.payload.log_time - START, bundle, {variable: value.hex() for variable, value in values}


ALL = {1: "12", 300: "0102"}
