"""Who comes to a Tap in tests: users, the admin, and somebody with a phone."""

from typing import Any

from emulator.blueprint import Group
from emulator.device import Device
from protocol.codes import HostProtocol
from protocol.firmware import Version
from tests.hosts import Host, make_device

USERS = {
    1: Group("tech", b"tech", alias=1),
    3: Group("boss", b"boss", alias=65534),
}
FACTORY = {"interface.config_version": Version(0)}
PAIRING = bytes.fromhex("00a4040007f0024c774d324d9000")


def pair(device: Device) -> None:
    """A phone touches the Tap."""
    assert Host(device, "nfc:", HostProtocol.NFC).exchange(PAIRING) == b"\x90\x00"


def admin_host(**changes: Any) -> Host:
    host = Host(make_device(**changes)[0])
    host.login()
    return host


def reboot(host: Host) -> Host:
    """The Tap restarts; a new connection of the admin."""
    assert host.secret("POST", "/3//4").success
    host.device.clock.advance(2)  # type: ignore[attr-defined]
    again = Host(host.device)
    again.login()
    return again
