"""Salt and iterations of passwords."""

import pytest

from emulator.blueprint import Group
from protocol.bodies.interface import SecurityOptions
from protocol.scram import PasswordKey, password_hash
from tests.emulator.people import USERS, admin_host
from tests.hosts import Host, make_device


def test_scram_iterations_of_a_group_are_those_of_the_tap() -> None:
    host = admin_host(groups=USERS)
    assert host.secret("GET", "/1025/1/7").body.hex() == "00001388"
    assert host.secret("PUT", "/1025/1/7", bytes.fromhex("00001388")).success
    assert host.secret("PUT", "/1025/1/7", bytes.fromhex("00001389")).code == 0x86
    assert host.secret("GET", "/1025/9/7").code == 0x84
    assert host.secret("PUT", "/1025/0/7", bytes.fromhex("00001388")).code == 0x86, "anonymous has no password"


SALT = bytes.fromhex("0a0b0c0d")
SALTED = {
    "in clear": b"tech",
    "as a hash": password_hash("tech"),
}


@pytest.mark.parametrize("form", SALTED)
def test_salt_of_a_password_takes_effect(form: str) -> None:
    host = admin_host(groups={1: Group("tech", SALTED[form], alias=1)})
    before = host.secret("GET", "/1025/1/16").body
    assert Host(host.device).get("/1024//40", b"tech".ljust(20, b"\0")).body[4:8] == before
    assert host.secret("PUT", "/1025/1/16", SALT).success
    assert host.secret("GET", "/1025/1/16").body == SALT
    assert host.device.state.groups[1].password == bytes(PasswordKey.derive(password_hash("tech"), SALT, 5000))
    Host(host.device).login("tech")


def test_salt_of_a_key_changes_alone() -> None:
    key = PasswordKey.derive(password_hash("tech"), SALT, 5000)
    host = admin_host(groups={1: Group("tech", bytes(key), alias=1)})
    assert host.secret("GET", "/1025/1/16").body == SALT
    assert host.secret("PUT", "/1025/1/16", bytes(4)).success
    assert host.device.state.groups[1].password == bytes(key)[:32] + bytes(4)
    assert Host(host.device).proof("tech", "tech")[0].code == 0x86, "salt 0 disables the login"


def test_salt_needs_scram_and_a_password() -> None:
    options = SecurityOptions()
    host = Host(make_device(groups=USERS, settings={"interface.security_options": options})[0])
    assert host.post("/1024//0", b"admin".ljust(16, b"\0") * 2).success
    assert host.put("/1025/1/16", SALT).code == 0x87
    assert host.put("/1025/0/16", SALT).code == 0x86
    assert host.put("/1025/9/16", SALT).code == 0x84
    assert host.get("/1025/0/16").code == 0x86


def test_salt_is_written_by_whoever_writes_passwords() -> None:
    host = Host(make_device(groups=USERS)[0])
    host.login("boss")
    assert host.secret("PUT", "/1025/1/16", SALT).success
    assert host.secret("PUT", "/1025/65535/16", SALT).code == 0x81
    tech = Host(host.device)
    tech.login("tech")
    assert tech.secret("PUT", "/1025/1/16", SALT).code == 0x81
