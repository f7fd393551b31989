"""Bundles and variables: what they are, who may read and write them, where their values live."""

from typing import Any

import pytest

from emulator.blueprint import ADMIN, ANONYMOUS, Bundle, Group, Simulation, Variable
from emulator.device import Device
from emulator.signals import Ramp
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.codes import Rights
from tests.hosts import Host, make_device

R, W = Rights.READ, Rights.WRITE
TECH, PAUL = 5, 6


def typed(domain: Domain, data: DataType, **more: Any) -> Variable:
    return Variable(type=VariableType(domain, data), **more)


BUNDLES = {
    1: Bundle("Climate", {ANONYMOUS: R, TECH: R | W}),
    2: Bundle("Service", {TECH: R}),
    3: Bundle("Nobody"),
    300: Bundle("Empty", {ANONYMOUS: R}),
}
VARIABLES = {
    1: typed(Domain.TARGET, DataType.FLOAT32, bundle=1, address=0x20000010, meta=b"temp:C"),
    2: typed(Domain.IN_TAP_STATIC, DataType.UINT16, bundle=1, length=2),
    3: typed(Domain.IN_TAP_VOLATILE, DataType.UINT8, bundle=2),
    4: typed(Domain.IN_TAP_STATIC, DataType.ASCII, bundle=3, length=8),
    5: typed(Domain.IN_TAP_STATIC, DataType.BOOLEAN),
    300: typed(Domain.IN_TAP_STATIC, DataType.INT32, bundle=1),
}
VALUES = {1: bytes.fromhex("41ac0000"), 2: bytes.fromhex("00010002"), 3: b"\x07", 4: b"IoTize\0\0", 300: b"\xff" * 4}
GROUPS = {TECH: Group("tech", b"tech", TECH), PAUL: Group("paul", b"paul", TECH)}


def tap(**changes: Any) -> Device:
    parts: dict[str, Any] = {"bundles": BUNDLES, "variables": VARIABLES, "values": VALUES, "groups": GROUPS}
    device = make_device(**(parts | changes))[0]
    connect_target(device)
    return device


def connect_target(device: Device) -> None:
    assert Host(device).post("/1027//3").success


def host_of(device: Device, user: str) -> Host:
    host = Host(device)
    if user != "anonymous":
        host.login(user)
    return host


def ask(host: Host, method: str, path: str, body: str = "") -> str:
    """Result code and body of an answer, in hexadecimal."""
    request = host.ask if host.cipher is None else host.secret
    response = request(method, path, bytes.fromhex(body))
    return f"{response.code:02x}{response.body.hex()}"


READS = [
    # who, path, answer
    ("anonymous", "/1029/1/4", "0041ac0000"),
    ("anonymous", "/1029/2/4", "0000010002"),
    ("anonymous", "/1029/3/4", "81"),
    ("anonymous", "/1029/4/4", "81"),
    ("anonymous", "/1029/5/4", "81"),
    ("anonymous", "/1029/9/4", "84"),
    ("tech", "/1029/3/4", "0007"),
    ("paul", "/1029/3/4", "0007"),
    ("tech", "/1029/4/4", "81"),
    ("supervisor", "/1029/3/4", "81"),
    ("admin", "/1029/4/4", "00496f54697a650000"),
    ("admin", "/1029/5/4", "0000"),
    # bundles
    ("anonymous", "/1028/1/1", "008801" + "13" + "c40141ac0000" + "c40200010002" + "e4012cffffffff"),
    ("anonymous", "/1028/2/1", "81"),
    ("anonymous", "/1028/9/1", "84"),
    ("anonymous", "/1028/300/1", "00a0012c"),
    ("tech", "/1028/2/1", "008302c10307"),
    ("anonymous", "/1029/1/7", "008801" + "13" + "c40141ac0000" + "c40200010002" + "e4012cffffffff"),
    ("admin", "/1029/5/7", "84"),
    # profiles: only what may be read
    ("anonymous", "/1029//4", "008800" + "13" + "c40141ac0000" + "c40200010002" + "e4012cffffffff"),
    ("tech", "/1029//4", "008800" + "16" + "c40141ac0000" + "c40200010002" + "c10307" + "e4012cffffffff"),
    ("supervisor", "/1029//4", "008800" + "13" + "c40141ac0000" + "c40200010002" + "e4012cffffffff"),
    # what they are
    ("anonymous", "/1028/1/4", "00" + b"Climate".hex()),
    ("anonymous", "/1028/1/2", "81"),
    ("tech", "/1028/1/2", "0000000000"),
    ("tech", "/1028/1/3", "000000"),
    ("anonymous", "/1029/1/0", "81"),
    ("tech", "/1029/1/0", "0020000010"),
    ("anonymous", "/1029/1/1", "0013"),
    ("anonymous", "/1029/2/1", "00a2"),
    ("anonymous", "/1029/3/1", "00e1"),
    ("anonymous", "/1029/2/2", "0002"),
    ("anonymous", "/1029/1/6", "000001"),
    ("anonymous", "/1029/5/6", "00ffff"),
    ("anonymous", "/1029/1/8", "0074656d703a43"),
    ("anonymous", "/1029/1/9", "0043"),
    ("anonymous", "/1029/1/3", "00410001"),
    ("tech", "/1029/1/3", "00410503"),
    ("paul", "/1029/3/3", "00410601"),
    ("admin", "/1029/3/3", "0061ffff03"),
    ("anonymous", "/1029/4/3", "00410000"),
    ("anonymous", "/1029/9/1", "84"),
]


@pytest.mark.parametrize(("user", "path", "answer"), READS)
def test_reading(user: str, path: str, answer: str) -> None:
    assert ask(host_of(tap(), user), "GET", path) == answer


WRITES = [
    # who, method, path, body, code; then where it is read, and what
    ("tech", "POST", "/1029/1/5", "40490000", "00", "/1029/1/4", "0040490000"),
    ("paul", "POST", "/1029/2/5", "00050006", "00", "/1029/2/4", "0000050006"),
    ("tech", "PUT", "/1029/2/4", "00050006", "00", "/1029/2/4", "0000050006"),
    ("anonymous", "POST", "/1029/2/5", "00050006", "81", "/1029/2/4", "0000010002"),
    ("tech", "POST", "/1029/3/5", "01", "81", "/1029/3/4", "0007"),
    ("admin", "POST", "/1029/3/5", "01", "00", "/1029/3/4", "0001"),
    ("tech", "POST", "/1029/2/5", "0005", "80", "/1029/2/4", "0000010002"),
    ("tech", "POST", "/1029/2/5", "000500060007", "80", "/1029/2/4", "0000010002"),
    ("tech", "POST", "/1029/2/5", "", "80", "/1029/2/4", "0000010002"),
    ("tech", "POST", "/1029/9/5", "00", "84", "/1029/9/4", "84"),
    ("tech", "PUT", "/1029/1/1", "a2", "81", "/1029/1/1", "0013"),
    ("admin", "PUT", "/1029/1/1", "a2", "00", "/1029/1/1", "00a2"),
    ("admin", "PUT", "/1029/1/1", "04", "80", "/1029/1/1", "0013"),
    ("admin", "PUT", "/1029/1/2", "03", "00", "/1029/1/2", "0003"),
    ("admin", "PUT", "/1029/1/2", "00", "86", "/1029/1/2", "0001"),
    ("admin", "PUT", "/1029/1/0", "03010102", "00", "/1029/1/0", "0003010102"),
    ("admin", "PUT", "/1029/1/6", "0002", "00", "/1029/1/6", "000002"),
    ("admin", "PUT", "/1029/1/6", "ffff", "00", "/1029/1/6", "00ffff"),
    ("admin", "PUT", "/1029/1/8", "783a", "00", "/1029/1/8", "00783a"),
    ("admin", "PUT", "/1029/1/9", "4b", "00", "/1029/1/9", "004b"),
    ("admin", "PUT", "/1029/1/9", "4b" * 31, "86", "/1029/1/9", "0043"),
    ("admin", "PUT", "/1028/1/4", "4b", "00", "/1028/1/4", "004b"),
    ("admin", "PUT", "/1028/1/4", "4b" * 65, "86", "/1028/1/4", "00" + b"Climate".hex()),
    ("tech", "PUT", "/1028/1/4", "4b", "81", "/1028/1/4", "00" + b"Climate".hex()),
    ("admin", "PUT", "/1028/1/2", "0000003c", "00", "/1028/1/2", "000000003c"),
    ("admin", "PUT", "/1028/1/3", "0005", "00", "/1028/1/3", "000005"),
    ("admin", "PUT", "/1028/9/4", "4b", "84", "/1028/9/4", "84"),
    ("admin", "POST", "/1028/9/65535", "", "00", "/1028/9/4", "00"),
    ("admin", "POST", "/1028/1/65535", "", "00", "/1028/1/4", "00" + b"Climate".hex()),
    ("tech", "POST", "/1028/9/65535", "", "81", "/1028/9/4", "84"),
    ("admin", "POST", "/1028//65535", "", "86", "/1028//4", "84"),
    ("admin", "POST", "/1029/9/65535", "08", "00", "/1029/9/1", "0021"),
    ("admin", "POST", "/1029/9/65535", "", "00", "/1029/9/6", "00ffff"),
    ("admin", "POST", "/1029/9/65535", "0808", "80", "/1029/9/1", "84"),
    ("admin", "POST", "/1029/1/65535", "08", "00", "/1029/1/1", "0013"),
    ("admin", "POST", "/1029//65535", "08", "86", "/1029/9/1", "84"),
    # the rights of one group, as each client writes them
    ("admin", "PUT", "/1028/3/0", "410003", "00", "/1029/4/3", "0061ffff03"),
    ("admin", "PUT", "/1028/3/0", "410504", "00", "/1028/1/4", "00" + b"Climate".hex()),
    ("admin", "PUT", "/1028/3/0", "4105", "80", "/1028/1/4", "00" + b"Climate".hex()),
    # the vendor's data manager does not fill text up
    ("admin", "POST", "/1029/4/5", "48656c6c6f", "00", "/1029/4/4", "0048656c6c6f000000"),
    ("admin", "PUT", "/1029/4/4", "48", "00", "/1029/4/4", "004800000000000000"),
    ("admin", "POST", "/1029/4/5", "", "00", "/1029/4/4", "000000000000000000"),
    ("admin", "POST", "/1029/4/5", "20" * 9, "80", "/1029/4/4", "00496f54697a650000"),
]


@pytest.mark.parametrize(("user", "method", "path", "body", "code", "read", "answer"), WRITES)
def test_writing(user: str, method: str, path: str, body: str, code: str, read: str, answer: str) -> None:
    device = tap()
    host = host_of(device, user)
    assert ask(host, method, path, body) == code
    admin = host_of(device, "admin")
    assert ask(admin, "GET", read) == answer


RIGHTS = [
    ("410003", "anonymous", R | W),
    ("410001", "anonymous", R),
    ("410503", "tech", R | W),
    ("410502", "tech", W),
    ("000503", "tech", R | W),
    ("610005" + "03", "tech", R | W),
    ("61fe03", "supervisor", R | W),
    ("61fffe03", "supervisor", R | W),
    ("fffe01", "supervisor", R),
    ("41fe03", "supervisor", Rights.NONE),
]


@pytest.mark.parametrize(("body", "user", "rights"), RIGHTS)
def test_rights_in_each_form(body: str, user: str, rights: Rights) -> None:
    device = tap()
    assert ask(host_of(device, "admin"), "PUT", "/1028/3/0", body) == "00"
    host = host_of(device, user)
    assert ask(host, "GET", "/1029/4/4")[:2] == ("00" if R in rights else "81")
    assert ask(host, "POST", "/1029/4/5", "20" * 8) == ("00" if W in rights else "81")
    assert ask(host, "GET", "/1029/4/3")[-2:] == f"{rights:02x}"


def test_rights_of_one_group_leave_the_others() -> None:
    device = tap()
    admin = host_of(device, "admin")
    assert ask(admin, "PUT", "/1028/1/0", "410500") == "00"
    assert device.state.bundles[1].rights == {ANONYMOUS: R, TECH: Rights.NONE}
    assert ask(admin, "GET", "/1028/1/0", "0000") == "00410001"
    assert ask(admin, "GET", "/1028/1/0", "0007") == "00410700"
    assert ask(host_of(device, "tech"), "GET", "/1029/1/4") == "0041ac0000", "everybody has the rights of anonymous"


def test_old_firmware_fills_names_up() -> None:
    for firmware, name in [("1.106", b"Climate".ljust(16, b"\0")), ("1.107", b"Climate")]:
        assert Host(tap(firmware=firmware)).get("/1028/1/4").body == name


def test_meta_block_has_the_size_of_its_creation() -> None:
    host = host_of(tap(), "admin")
    assert ask(host, "POST", "/1029/9/65535", "04") == "00"
    assert ask(host, "PUT", "/1029/9/8", "783a6d6d6d") == "a7"
    assert ask(host, "PUT", "/1029/9/8", "783a6d6d") == "00"


def test_values_in_the_tap_and_a_reboot() -> None:
    device = tap(reboot_time=0)
    admin = host_of(device, "admin")
    assert ask(admin, "POST", "/1029/3/5", "aa") == "00"
    assert ask(admin, "POST", "/1029/2/5", "00aa00bb") == "00"
    assert admin.secret("POST", "/3//4").success
    admin = host_of(device, "admin")
    assert ask(admin, "GET", "/1029/3/4") == "0007", "a volatile variable starts again"
    assert ask(admin, "GET", "/1029/2/4") == "0000aa00bb"
    assert ask(admin, "PUT", "/1029/3/4", "bb") == "00"
    assert admin.secret("POST", "/3//4").success
    assert ask(host_of(device, "admin"), "GET", "/1029/3/4") == "00bb", "PUT changed what it starts with"


def test_factory_reset_takes_them_all() -> None:
    device = tap()
    admin = host_of(device, "admin")
    assert admin.secret("POST", "/3//5").success
    assert not device.state.bundles
    assert not device.state.variables
    assert not device.state.values
    assert ask(Host(device), "GET", "/1029/1/4") == "84"
    for method, path, body in [
        ("POST", "/1028/1/65535", ""),
        ("POST", "/1029/1/65535", "04"),
        ("PUT", "/1029/1/1", "a1"),
        ("PUT", "/1029/1/6", "0001"),
        ("POST", "/1029/1/5", "2a"),
    ]:
        assert ask(Host(device), method, path, body) == "00", "in factory state everybody may configure"
    assert ask(Host(device), "GET", "/1029/1/4") == "002a"


def test_values_that_do_not_fit_a_frame() -> None:
    variables = {number: typed(Domain.IN_TAP_STATIC, DataType.UINT32, bundle=1, length=255) for number in range(100)}
    device = tap(variables=variables, values={})
    for path in ("/1029/1/4", "/1028/1/1", "/1029/1/7", "/1029//4"):
        assert ask(Host(device), "GET", path) == "a0"


def test_range() -> None:
    device = tap(simulations={2: Simulation(minimum=1, maximum=100), 1: Simulation(minimum=-40)})
    tech = host_of(device, "tech")
    for path, body, code in [
        ("/1029/2/5", "00010064", "00"),
        ("/1029/2/5", "00000064", "86"),
        ("/1029/2/5", "00010065", "86"),
        ("/1029/1/5", "c2200000", "00"),
        ("/1029/1/5", "c2200001", "86"),
        ("/1029/1/5", "7fc00000", "86"),
    ]:
        assert ask(tech, "POST", path, body) == code, body


def test_signal_holds_until_somebody_writes() -> None:
    ramp = Ramp(start=0, end=1000, period=1000)
    parts: dict[str, Any] = {"bundles": BUNDLES, "variables": VARIABLES, "values": VALUES, "groups": GROUPS}
    device, clock = make_device(**parts, simulations={1: Simulation(ramp), 2: Simulation(ramp)}, reboot_time=0)
    connect_target(device)
    tech = host_of(device, "tech")
    clock.advance(21)
    assert ask(tech, "GET", "/1029/1/4") == "0041a80000"
    assert ask(tech, "GET", "/1029/2/4") == "0000150015"
    clock.advance(1)
    assert ask(tech, "GET", "/1029/2/4") == "0000160016"
    assert ask(tech, "POST", "/1029/2/5", "00010002") == "00"
    assert ask(tech, "POST", "/1029/1/5", "00000000") == "00"
    clock.advance(1)
    assert ask(tech, "GET", "/1029/2/4") == "0000010002"
    assert ask(tech, "GET", "/1029/1/4") == "0000000000"
    assert host_of(device, "admin").secret("POST", "/3//4").success
    connect_target(device)
    assert ask(host_of(device, "tech"), "GET", "/1029/2/4") == "0000170017"


def test_admin_is_no_bundle_right() -> None:
    device = tap()
    assert ask(host_of(device, "admin"), "PUT", "/1028/1/0", f"61{ADMIN:04x}00") == "00"
    assert ask(host_of(device, "admin"), "GET", "/1029/1/4") == "0041ac0000", "the admin has all rights anyway"


def test_feature_posted_while_configuring_is_stored() -> None:
    device = tap(reboot_time=0)
    admin = host_of(device, "admin")
    assert ask(admin, "POST", "/1024//101", "0001") == "00"
    assert admin.secret("POST", "/3//4").success
    admin = host_of(device, "admin")
    assert ask(admin, "GET", "/1024//101") == "000000", "POSTed, so only until the reboot"
    assert ask(admin, "PUT", "/1024//10", "ffffffff") == "00"
    assert ask(admin, "POST", "/1024//101", "0001") == "00"
    assert ask(admin, "PUT", "/1024//10", "01000000") == "00"
    assert admin.secret("POST", "/3//4").success
    assert ask(host_of(device, "admin"), "GET", "/1024//101") == "000001"


DEBUG_ACCESS = [
    # bundles and features, who, code of reading memory (33) and of the serial line (35)
    ({}, {}, "tech", "81", "81"),
    ({}, {}, "admin", "00", "bb"),
    ({0xFFFE: Bundle("Debug", {TECH: R})}, {}, "tech", "00", "81"),
    ({0xFFFE: Bundle("Debug", {TECH: W})}, {}, "tech", "81", "81"),
    ({0xFFFE: Bundle("Debug")}, {"interface.swd_direct_access_bundle": 1}, "tech", "81", "81"),
    ({}, {"interface.swd_direct_access_bundle": 2}, "tech", "00", "81"),
    ({}, {"interface.serial_access_bundle": 2}, "tech", "81", "bb"),
    ({}, {"interface.serial_access_bundle": 3}, "tech", "81", "81"),
    ({}, {"interface.serial_access_bundle": 9}, "tech", "81", "81"),
    ({}, {"interface.serial_access_bundle": 2}, "anonymous", "81", "81"),
]


@pytest.mark.parametrize(("bundles", "settings", "user", "memory", "serial"), DEBUG_ACCESS)
def test_direct_access_follows_a_bundle(
    bundles: dict[int, Bundle], settings: dict[str, int], user: str, memory: str, serial: str
) -> None:
    host = host_of(tap(bundles={**BUNDLES, **bundles}, settings=settings), user)
    assert ask(host, "GET", "/1027//33", "200000000000000103")[:2] == memory
    assert ask(host, "GET", "/1027//35")[:2] == serial


def test_simulation_belongs_to_the_variable_of_the_blueprint() -> None:
    device = tap(simulations={2: Simulation(Ramp(start=5, end=6, period=1000), minimum=5)})
    admin = host_of(device, "admin")
    assert ask(admin, "PUT", "/1028/1/0", "410003") == "00"
    assert ask(admin, "GET", "/1029/2/4") == "0000050005", "other rights do not matter"
    assert ask(admin, "PUT", "/1029/2/2", "01") == "00"
    assert ask(admin, "GET", "/1029/2/4") == "000001", "another variable under this id"
    assert ask(admin, "POST", "/1029/2/5", "0000") == "00"
    assert ask(admin, "PUT", "/1029/2/2", "02") == "00"
    assert ask(admin, "GET", "/1029/2/4") == "0000050005"


def test_posted_value_does_not_hide_a_stored_one() -> None:
    device = tap()
    admin = host_of(device, "admin")
    assert ask(admin, "POST", "/1029/3/5", "11") == "00"
    assert ask(admin, "PUT", "/1029/3/1", "a1") == "00"
    assert ask(admin, "POST", "/1029/3/5", "22") == "00"
    assert ask(admin, "GET", "/1029/3/4") == "0022"


def test_supervisor_does_not_become_admin_through_an_alias() -> None:
    device = tap(groups={**GROUPS, 8: Group("boss", b"boss", ADMIN)})
    supervisor = host_of(device, "supervisor")
    assert ask(supervisor, "PUT", "/1025/8/0", "6d696e65") == "81"
    assert ask(supervisor, "PUT", "/1025/6/0", "6d696e65") == "00"


def test_signal_beyond_the_type_stays_at_its_end() -> None:
    device = tap(simulations={1: Simulation(Ramp(start=1e39, end=1e39, period=1)), 2: Simulation(Ramp(-5, -5, 1))})
    assert ask(Host(device), "GET", "/1029/1/4") == "007f7fffff"
    assert ask(Host(device), "GET", "/1029/2/4") == "0000000000"
