"""Whole conversations of the vendor's clients: drawing the same random numbers, the device answers the same bytes."""

from typing import Any

import pytest

from emulator.blueprint import ADMIN, ANONYMOUS, Blueprint, Group
from emulator.clock import VirtualClock
from emulator.device import Device
from protocol.bodies.interface import SecurityOptions
from protocol.firmware import Version
from protocol.scram import PasswordKey, password_hash
from tests.hosts import Host, ScriptedEntropy
from tests.vectors import load

ITERATIONS = 1000
SALT = bytes.fromhex("0a0b0c0d")
CLEAR = 0x00
HASHED = 0x08

FLOWS = load("exchanges")["flows"]
WITHOUT_LOGIN = ("hash change password", "plain change password", "factory reset helper")
"""Conversations that write without a login: the test device let them, a Tap does so in factory state."""


def admin_password(options: int) -> bytes:
    if options == CLEAR:
        return b"admin"
    hashed = password_hash("admin")
    return hashed if options == HASHED else bytes(PasswordKey.derive(hashed, SALT, ITERATIONS))


def recorded_device(flow: dict[str, Any]) -> Device:
    """The device that the clients talked to: groups 0 and 5 are called admin too."""
    options = flow["security_options"]
    blueprint = Blueprint(
        firmware=Version.parse(flow["firmware"]),
        settings={
            "interface.security_options": SecurityOptions.from_bits(options),
            "scram.hash_iteration": ITERATIONS,
            "interface.config_version": Version(0 if flow["name"] in WITHOUT_LOGIN else 1),
        },
        groups={
            ADMIN: Group("admin", admin_password(options), ADMIN),
            ANONYMOUS: Group("admin", None, ANONYMOUS),
            5: Group("admin", None, 5),
        },
    )
    return Device(blueprint, clock=VirtualClock(), entropy=ScriptedEntropy(flow["entropy"]))


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: f"{flow['client'].split()[0]}: {flow['name']}")
def test_same_answers(flow: dict[str, Any]) -> None:
    host = Host(recorded_device(flow))
    for number, step in enumerate(flow["steps"], start=1):
        answer = host.exchange(bytes.fromhex(step["request"]))
        assert answer.hex() == step["answer"], f"step {number}: {step.get('inner', '')}"
