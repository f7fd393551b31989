"""Refusals: which result code, and that the journal says why (decisions D2, D11, D13, D15)."""

from collections.abc import Callable
from functools import partial

import pytest

from emulator.blueprint import Group, Quirk
from emulator.exchange import Carrier
from protocol.bodies.multi_request import MULTI_RESPONSE
from protocol.firmware import Version
from protocol.frames import Response
from tests.hosts import Host, make_device

USERS = {
    1: Group("tech", b"tech", alias=1),
    2: Group("paul", b"paul", alias=1),
    3: Group("boss", b"boss", alias=65534),
}

READS_OF_ANYBODY = [
    *(f"/3//{number}" for number in (0, 1, 2, 3, 6, 7, 10, 11, 13, 14)),
    *(f"/1024//{number}" for number in (2, 3, 4, 6, 7, 9, 10, 42, 47, 88)),
    "/1025/65535/0",
    "/1025/0/4",
    "/1025/65534/5",
]


@pytest.mark.parametrize("path", READS_OF_ANYBODY)
def test_anonymous_may_read(path: str) -> None:
    assert Host(make_device()[0]).get(path).code == 0x00


CHANGES = [
    # method, path, body, answers to anonymous, user, supervisor, admin
    ("GET", "/1024//5", "", "81 81 81 00"),
    ("GET", "/1024//43", "", "81 00 00 00"),
    ("POST", "/3//4", "", "81 81 81 00"),
    ("POST", "/3//5", "", "81 81 81 00"),
    ("POST", "/3//11", "", "81 81 81 00"),
    ("POST", "/3//12", "", "81 81 81 00"),
    ("PUT", "/3//13", "00000001", "81 81 81 00"),
    ("POST", "/3//14", "00000001", "81 81 81 00"),
    ("PUT", "/1024//3", "0020", "81 81 81 00"),
    ("PUT", "/1024//3", "0040", "81 81 81 86"),
    ("PUT", "/1024//6", "0018", "81 81 81 00"),
    ("PUT", "/1024//6", "18", "81 81 81 00"),
    ("PUT", "/1024//9", "4e616d65", "81 81 81 00"),
    ("PUT", "/1024//9", "", "81 81 81 86"),
    ("PUT", "/1024//9", "61" * 33, "81 81 81 86"),
    ("PUT", "/1024//10", "02000000", "81 81 81 00"),
    ("POST", "/1024//10", "", "81 81 81 00"),
    ("PUT", "/1024//42", "03e8", "81 81 81 00"),
    ("PUT", "/1024//42", "0000", "81 81 81 86"),
    ("PUT", "/1024//43", "0001", "81 81 81 00"),
    ("PUT", "/1025/1/0", "6e6577", "81 81 00 00"),
    ("PUT", "/1025/1/0", b"tech".hex(), "81 81 00 00"),
    ("PUT", "/1025/1/0", b"admin".hex(), "81 81 86 86"),
    ("PUT", "/1025/1/0", "", "81 81 86 86"),
    ("PUT", "/1025/1/0", "61" * 17, "81 81 86 86"),
    ("PUT", "/1025/65535/0", "6e6577", "81 81 81 00"),
    ("POST", "/1025/1/2", "00" * 36, "81 81 00 00"),
    ("POST", "/1025/65535/2", "00" * 36, "81 81 81 00"),
    ("POST", "/1025/9/2", "00" * 36, "81 81 84 84"),
    ("PUT", "/1025/1/4", "0001", "81 81 81 00"),
    ("PUT", "/1025/1/5", "0001", "81 81 81 00"),
    ("POST", "/1025/9/65535", "", "81 81 00 00"),
    ("POST", "/1025/1/65535", "", "81 81 00 00"),
]


@pytest.mark.parametrize(("method", "path", "body", "answers"), CHANGES)
def test_who_may_change_what(method: str, path: str, body: str, answers: str) -> None:
    for user, expected in zip((None, "tech", "boss", "admin"), answers.split(), strict=True):
        host = Host(make_device(groups=USERS)[0])
        if user is None:
            answer = host.ask(method, path, bytes.fromhex(body))
        else:
            host.login(user)
            answer = host.secret(method, path, bytes.fromhex(body))
        assert f"{answer.code:02x}" == expected, user
        if not answer.success:
            *_, record = host.device.journal
            assert record.reason


def test_user_has_the_rights_of_its_profile() -> None:
    host = Host(make_device(groups=USERS)[0])
    host.login("boss")
    assert host.secret("GET", "/1024//7").body.hex() == "0003"
    assert host.secret("GET", "/1024//2").body.hex() == "fffe"


REFUSED = [
    ("GET", "/9//9", "", 0x84),
    ("GET", "/3//99", "", 0x84),
    ("GET", "/3/1/2", "", 0x84),
    ("GET", "/1024/0/6", "", 0x84),
    ("POST", "/3//2", "", 0x85),
    ("PUT", "/1024//47", "", 0x85),
    ("GET", "/1025/7/0", "", 0x84),
    ("GET", "/3//2", "00", 0x80),
    ("POST", "/1024//0", "00" * 31, 0x80),
    ("GET", "/1024//40", "00" * 21, 0x80),
    ("GET", "/1024//41", "00" * 15, 0x80),
    ("GET", "/1024//41", "00" * 16, 0x86),
    ("GET", "/1024//45", "00" * 15, 0x80),
    ("GET", "/1024//48", "", 0x81),
    ("GET", "/1024//48", "00" * 16, 0x81),
    ("GET", "/1024//44", "00" * 32, 0x81),
    ("GET", "/1024//89", "0007010003ffff0002", 0x80),
]


@pytest.mark.parametrize(("method", "path", "body", "code"), REFUSED)
def test_refused_with_a_reason(method: str, path: str, body: str, code: int) -> None:
    host = Host(make_device()[0])
    assert host.ask(method, path, bytes.fromhex(body)).code == code
    (record,) = host.device.journal
    assert record.reason
    assert record.response is not None
    assert record.response.code == code


@pytest.mark.parametrize(("path", "firmware"), [("/1024//45", "1.85"), ("/1024//44", "1.85"), ("/1024//88", "1.87")])
def test_newer_resource_is_not_implemented(path: str, firmware: str) -> None:
    body = b"" if path == "/1024//88" else bytes(32)
    assert Host(make_device(firmware=firmware)[0]).get(path, body).code == 0xA1


def test_clear_and_encrypted_requests_in_the_journal() -> None:
    host = Host(make_device()[0])
    host.initialize()
    host.secret("GET", "/3//2")
    records = list(host.device.journal)
    assert [str(record.request) for record in records] == ["GET /1024//47", "GET /3//2"]
    assert [record.carrier for record in records] == [Carrier.CLEAR, Carrier.ENCRYPTED]


def test_strict_configuration_mode() -> None:
    host = Host(make_device(quirks=frozenset({Quirk.STRICT_CONFIGURATION_MODE}))[0])
    host.login()
    assert host.secret("PUT", "/1024//9", b"x").code == 0x87
    assert host.secret("PUT", "/1024//10", bytes.fromhex("ffffffff")).success
    assert host.secret("PUT", "/1024//9", b"x").success
    assert host.secret("PUT", "/1024//10", bytes.fromhex("01000000")).success
    assert host.secret("PUT", "/1024//9", b"y").code == 0x87
    assert host.secret("GET", "/1024//9").body == b"x"


def test_factory_state_needs_no_configuration_mode() -> None:
    quirks = frozenset({Quirk.STRICT_CONFIGURATION_MODE})
    host = Host(make_device(quirks=quirks, settings={"interface.config_version": Version(0)})[0])
    assert host.put("/1024//9", b"x").success


def test_creating_a_group_again_changes_nothing() -> None:
    host = Host(make_device(groups=USERS)[0])
    host.login("boss")
    assert host.secret("POST", "/1025/1/65535").success
    assert host.get("/1025/1/0").body == b"tech"


def test_answer_without_room() -> None:
    """Clear and encrypted answers have different room (D17)."""
    items = bytes.fromhex("0007010003ffff0002ff") * 12
    for quirks, code in [(frozenset(), 0xA0), (frozenset({Quirk.RESPONSE_TOO_LARGE}), 0xA9)]:
        host = Host(make_device(quirks=quirks)[0])
        host.initialize()
        requests: list[tuple[Callable[[str, bytes], Response], int]] = [
            (host.get, 11),
            (partial(host.secret, "GET"), 10),
        ]
        for ask, most in requests:
            answers = MULTI_RESPONSE.decode(ask("/1024//89", items).body)
            assert [answer.code for answer in answers] == [0] * most + [code] * (12 - most)


def test_room_that_earlier_answers_have_left() -> None:
    host = Host(make_device(max_response=60)[0])
    host.login()
    serial_number, name = "0007010003ffff0002ff", "0007010400ffff000bff"
    assert host.secret("PUT", "/1024//11", b"x" * 15).success
    answers = MULTI_RESPONSE.decode(host.get("/1024//89", bytes.fromhex(serial_number + name + name + name)).body)
    assert [answer.code for answer in answers] == [0x00, 0x00, 0xA0, 0xA0]


def test_more_items_than_have_an_answer() -> None:
    host = Host(make_device(max_response=30)[0])
    item = bytes.fromhex("0007010003ffff0002ff")
    assert len(MULTI_RESPONSE.decode(host.get("/1024//89", item * 9).body)) == 9
    asked = len(list(host.device.journal))
    assert host.get("/1024//89", item * 10).code == 0xA0
    assert len(list(host.device.journal)) == asked + 1, "no item was executed"
