"""Who may reach into the target (D13)."""

import pytest

from emulator.blueprint import ADMIN, ANONYMOUS, Bundle, Group
from protocol.codes import DEBUG_BUNDLE, Rights
from tests.emulator.targets.taps import SPEC
from tests.hosts import Host, make_device

READ, WRITE = Rights.READ, Rights.WRITE
GROUPS = {5: Group("tech", b"tech", 5), 6: Group("reader", b"reader", 6)}
PLACE = bytes.fromhex("200000000000000101")
MODBUS_PLACE = bytes.fromhex("030100000000000102")
WHO: list[tuple[str, str, bytes, dict[str, bool]]] = [
    *(("GET", f"/1027//{number}", b"", {"anonymous": True}) for number in (1, 3, 6, 11, 20)),
    *(("POST", f"/1027//{number}", b"", {"anonymous": True}) for number in (4, 3)),
    *(("GET", f"/1027//{n}", b"", {"anonymous": False, "reader": True}) for n in (2, 7, 8, 9, 10, 21, 36, 40)),
    ("PUT", "/1027//1", b"\0", {"tech": False, "supervisor": False, "admin": True}),
    ("POST", "/1027//1", b"\0", {"tech": False, "admin": True}),
    ("PUT", "/1027//21", bytes(8), {"tech": False, "admin": True}),
    ("POST", "/1027//11", b"", {"tech": False, "admin": True}),
    ("GET", "/1027//33", PLACE, {"anonymous": False, "reader": True, "tech": True, "supervisor": False, "admin": True}),
    ("GET", "/1030//13", PLACE, {"anonymous": False, "reader": True}),
    ("POST", "/1027//33", PLACE + b"\0", {"reader": False, "tech": True, "admin": True}),
    ("POST", "/1030//13", PLACE + b"\0", {"reader": False, "tech": True}),
    ("GET", "/1027//31", bytes(4), {"anonymous": False, "reader": True}),
    ("POST", "/1027//31", b"\0\0\0\4" + bytes(4), {"reader": False, "tech": True}),
    ("GET", "/1027//32", b"", {"anonymous": False, "reader": True}),
    ("POST", "/1027//32", bytes(5), {"reader": False, "tech": True}),
    ("POST", "/1027//5", b"", {"reader": False, "tech": True}),
    ("POST", "/1027//30", b"", {"reader": False, "tech": True}),
    ("POST", "/1027//34", b"x", {"anonymous": False, "reader": False, "tech": True}),
    ("GET", "/1027//34", b"x", {"anonymous": False, "reader": False, "tech": True}),  # it sends
    ("GET", "/1027//35", b"", {"anonymous": False, "reader": True}),
    ("GET", "/1027//43", b"", {"anonymous": False, "reader": True}),
    ("GET", "/1027//38", MODBUS_PLACE, {"anonymous": False, "reader": True}),
    ("POST", "/1027//37", MODBUS_PLACE + b"\0\0", {"reader": False, "tech": True}),
    ("GET", "/1027//37", MODBUS_PLACE + b"\0\0", {"anonymous": False, "reader": False, "tech": True, "admin": True}),
    ("GET", "/1027//41", b"", {"anonymous": False, "reader": True}),
    ("POST", "/1027//41", bytes(4), {"reader": False, "tech": True}),
    ("GET", "/1027//42", b"", {"anonymous": False, "reader": True}),
    ("POST", "/1027//42", bytes(4), {"reader": False, "tech": True}),
    ("POST", "/1027//39", b"", {"reader": False, "tech": True}),
]


@pytest.mark.parametrize(("method", "path", "body", "allowed"), WHO, ids=lambda case: str(case) if case else "-")
def test_who_may_do_it(method: str, path: str, body: bytes, allowed: dict[str, bool]) -> None:
    bundles = {4: Bundle("all", {5: READ | WRITE, 6: READ})}
    features = {
        f"interface.{name}_bundle": 4
        for name in ("swd_direct_access", "serial_access", "modbus_direct_access", "tapnpass_control_access")
    }
    device, _ = make_device(target=SPEC, groups=GROUPS, bundles=bundles, settings=features)
    for user, may in allowed.items():
        host = Host(device)
        if user != "anonymous":
            host.login(user)
        response = host.ask(method, path, body) if host.cipher is None else host.secret(method, path, body)
        assert (user, response.code != 0x81) == (user, may)


def test_debug_rights_are_those_of_bundle_65534_if_there_is_one() -> None:
    bundles = {DEBUG_BUNDLE: Bundle("debug", {ANONYMOUS: READ})}
    device, _ = make_device(target=SPEC, bundles=bundles)
    assert Host(device).get("/1027//33", PLACE).code == 0xA5
    assert Host(device).post("/1027//33", PLACE + b"\0").code == 0x81
    without, _ = make_device(target=SPEC)
    assert Host(without).get("/1027//33", PLACE).code == 0x81
    assert ADMIN in without.state.groups
