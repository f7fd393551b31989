"""Logins of every kind, their refusals, the lock-out, lifetimes (decisions D5, D6, D7)."""

from typing import Any

import pytest

from emulator.blueprint import Group, Quirk
from protocol.bodies.interface import SecurityOptions
from protocol.bodies.scram import SCRAM_CHALLENGE, SCRAM_LOGIN, ScramLogin
from protocol.scram import PasswordKey, password_hash
from tests.hosts import Host, make_device

CLEAR = SecurityOptions()
HASHED = SecurityOptions(hash_password=True)
SCRAM = SecurityOptions(scram_activated=True, hash_password=True)
KEY = PasswordKey.derive(password_hash("tech"), bytes.fromhex("01020304"), 5000)


def with_options(options: SecurityOptions, **changes: Any) -> Host:
    return Host(make_device(settings={"interface.security_options": options}, **changes)[0])


def credential(user: str, password: bytes) -> bytes:
    return user.encode().ljust(16, b"\0") + password.ljust(16, b"\0")


ADMIN_CLEAR = credential("admin", b"admin")
ADMIN_HASHED = credential("admin", password_hash("admin"))

BY_CREDENTIAL = [
    (CLEAR, ADMIN_CLEAR, 0x00),
    (CLEAR, ADMIN_HASHED, 0x86),
    (CLEAR, credential("admin", b"wrong"), 0x86),
    (CLEAR, credential("nobody", b"admin"), 0x86),
    (CLEAR, credential("anonymous", b""), 0x86),
    (HASHED, ADMIN_HASHED, 0x00),
    (HASHED, ADMIN_CLEAR, 0x86),
    (SCRAM, ADMIN_HASHED, 0x87),
    (SCRAM, ADMIN_CLEAR, 0x87),
]


@pytest.mark.parametrize(("options", "body", "code"), BY_CREDENTIAL)
def test_login_with_credential(options: SecurityOptions, body: bytes, code: int) -> None:
    host = with_options(options)
    assert host.post("/1024//0", body).code == code
    assert host.group_id == (0xFFFF if code == 0 else 0)


@pytest.mark.parametrize("body", [ADMIN_CLEAR, ADMIN_HASHED])
def test_lenient_login_takes_what_the_options_exclude(body: bytes) -> None:
    quirks = frozenset({Quirk.LENIENT_LOGIN})
    assert with_options(SCRAM, quirks=quirks).post("/1024//0", body).success
    with_options(CLEAR, quirks=quirks).login()


@pytest.mark.parametrize(
    "kept",
    [b"tech", password_hash("tech"), bytes(KEY)],
    ids=["clear", "hash", "key"],
)
def test_scram_login_from_every_kept_form(kept: bytes) -> None:
    host = Host(make_device(groups={1: Group("tech", kept, alias=1)})[0])
    host.login("tech")
    assert host.group_id == 1


def test_scram_is_refused_where_it_is_off() -> None:
    host = with_options(HASHED)
    assert host.get("/1024//40", credential("admin", b"\0\0\0\7")[:20]).code == 0x87
    assert host.get("/1024//41", bytes(16)).code == 0x87


@pytest.mark.parametrize(("user", "password"), [("admin", "wrong"), ("nobody", "admin"), ("anonymous", "")])
def test_wrong_scram_login(user: str, password: str) -> None:
    host = Host(make_device()[0])
    assert host.proof(user, password)[0].code == 0x86
    assert host.group_id == 0
    assert host.get("/1024//48", bytes(16)).code == 0x81


def test_unknown_user_gets_the_same_salt_every_time() -> None:
    host = Host(make_device()[0])
    names = ("nobody", "nobody", "noone")
    first, second, other = (host.get("/1024//40", credential(name, b"")[:20]).body[4:] for name in names)
    assert first == second != other
    assert first[:4] != bytes(4), "a salt of zeros would tell that the login is disabled"


def test_salt_of_zeros_disables_the_login() -> None:
    disabled = PasswordKey.derive(password_hash("tech"), bytes(4), 5000)
    host = Host(make_device(groups={1: Group("tech", bytes(disabled), alias=1)})[0])
    assert host.proof("tech", "tech")[0].code == 0x86


def test_challenge_serves_one_proof() -> None:
    host = Host(make_device()[0])
    challenge = SCRAM_CHALLENGE.decode(host.get("/1024//40", SCRAM_LOGIN.encode(ScramLogin("admin", 7))).body)
    key = PasswordKey.derive(password_hash("admin"), challenge.salt, challenge.iterations)
    assert host.get("/1024//41", bytes(16)).code == 0x86
    assert host.get("/1024//41", key.client_proof(7, challenge.server_nonce)).code == 0x86
    host.login()
    assert host.get("/1024//41", key.client_proof(7, challenge.server_nonce)).code == 0x86


def test_user_who_vanishes_between_challenge_and_proof() -> None:
    device, _ = make_device(groups={1: Group("tech", bytes(KEY), alias=1)})
    host, admin = Host(device), Host(device)
    admin.login()
    challenge = SCRAM_CHALLENGE.decode(host.get("/1024//40", SCRAM_LOGIN.encode(ScramLogin("tech", 7))).body)
    reset_and_scram_again = [("POST", "/3//5", b""), ("PUT", "/1024//6", bytes.fromhex("0018"))]
    assert all(admin.secret(*step).success for step in reset_and_scram_again)
    assert host.get("/1024//41", KEY.client_proof(7, challenge.server_nonce)).code == 0x86
    assert host.group_id == 0


def test_group_without_password_does_not_shadow_a_user_of_the_same_name() -> None:
    groups = {1: Group("tech", None, alias=1), 2: Group("tech", b"tech", alias=2)}
    host = Host(make_device(groups=groups)[0])
    host.login("tech")
    assert host.group_id == 2


@pytest.mark.parametrize(("options", "uid", "code"), [
    (SCRAM, "00112233445566778899aabb", 0x00),
    (SCRAM, "00112233445566778899aabc", 0x86),
    (SCRAM, "", 0x86),
    (SecurityOptions(disable_login_with_uid=True), "00112233445566778899aabb", 0x87),
])  # fmt: skip
def test_login_with_uid(options: SecurityOptions, uid: str, code: int) -> None:
    host = with_options(options)
    assert host.post("/1024//5", bytes.fromhex(uid)).code == code
    assert host.group_id == (0xFFFF if code == 0 else 0)


LOGINS = [("POST", "/1024//0", bytes(32)), ("POST", "/1024//5", bytes(8)), ("GET", "/1024//40", bytes(20)),
          ("GET", "/1024//41", bytes(16))]  # fmt: skip


def test_third_failure_locks_the_tap_and_closes_the_link() -> None:
    device, clock = make_device()
    host = Host(device)
    for closed in (False, False, True):
        assert host.proof("admin", "wrong")[0].code == 0x86
        assert (host.closed is not None) is closed
    other = Host(device)
    for method, path, body in LOGINS:
        assert other.ask(method, path, body).code == 0xA3
    assert other.get("/3//2").success
    clock.advance(59.9)
    assert other.get("/1024//40", bytes(20)).code == 0xA3
    clock.advance(0.2)
    other.login()


def test_success_forgets_earlier_failures() -> None:
    host = Host(make_device()[0])
    for _ in range(3):
        assert host.proof("admin", "wrong")[0].code == 0x86
        assert host.proof("admin", "wrong")[0].code == 0x86
        assert host.closed is None
        host.login()


def test_failures_count_for_the_whole_tap_and_over_a_reboot() -> None:
    device, clock = make_device()
    assert Host(device).proof("admin", "wrong")[0].code == 0x86
    admin = Host(device)
    admin.post("/1024//5", bytes.fromhex("00112233445566778899aabb"))
    for _ in range(2):
        assert Host(device).proof("admin", "wrong")[0].code == 0x86
    assert admin.post("/3//4").success
    clock.advance(1.5)
    assert Host(device).proof("admin", "wrong")[0].code == 0x86
    assert Host(device).get("/1024//40", bytes(20)).code == 0xA3


def test_other_requests_after_the_locking_failure_are_not_answered() -> None:
    device, _ = make_device(lockout_attempts=1)
    host = Host(device)
    request = bytes.fromhex("a2ca000007010003ffff0002")
    challenge = bytes.fromhex("a2ca00001b010400ffff0028") + bytes(20)
    proof = bytes.fromhex("a2ca000017010400ffff0029") + bytes(16)
    answers = host.exchange(challenge + proof + request)
    assert answers.endswith(bytes.fromhex("869000"))
    assert host.closed


def test_lifetime_counts_from_the_last_request() -> None:
    device, clock = make_device(groups={1: Group("tech", b"tech", alias=1, lifetime=10)})
    host = Host(device)
    host.login("tech")
    for _ in range(3):
        clock.advance(9.9)
        assert host.get("/1024//4").body.hex() == "0000000a"
    clock.advance(10)
    assert host.group_id == 0
    assert host.secret("GET", "/3//2").success, "the keys stay"
    assert host.get("/1024//4").body.hex() == "00000000"


def test_lifetime_zero_is_without_end() -> None:
    device, clock = make_device(groups={1: Group("tech", b"tech", alias=1, lifetime=0)})
    host = Host(device)
    host.login("tech")
    clock.advance(1e9)
    assert host.group_id == 1


def test_changed_lifetime_holds_from_the_next_login() -> None:
    device, clock = make_device()
    host = Host(device)
    host.login()
    assert host.secret("PUT", "/1025/65535/4", bytes.fromhex("0005")).success
    clock.advance(6)
    assert host.group_id == 0xFFFF
    host.login()
    clock.advance(6)
    assert host.group_id == 0


def test_logout() -> None:
    host = Host(make_device()[0])
    host.login()
    assert host.secret("POST", "/1024//1").success
    assert host.secret("GET", "/1024//7").body.hex() == "0000"
    host.login(encrypted=True)
    assert host.post("/1024//1").success
    assert host.group_id == 0


PASSWORDS = [
    (CLEAR, b"secret", 0x00),
    (CLEAR, b"", 0x86),
    (CLEAR, b"a" * 15, 0x00),
    (CLEAR, b"a" * 17, 0x86),
    (CLEAR, password_hash("secret"), 0x00),
    (CLEAR, bytes(KEY), 0x00),
    (HASHED, password_hash("secret"), 0x00),
    (HASHED, password_hash("secret") + bytes(48), 0x00),
    (HASHED, b"secret", 0x86),
    (HASHED, bytes(KEY), 0x86),
    (SCRAM, bytes(KEY), 0x00),
    (SCRAM, password_hash("secret"), 0x86),
    (SCRAM, bytes(KEY) + bytes(4), 0x86),
    (SCRAM, b"secret", 0x86),
]


@pytest.mark.parametrize(("options", "written", "code"), PASSWORDS)
def test_forms_of_a_new_password(options: SecurityOptions, written: bytes, code: int) -> None:
    host = with_options(options)
    assert host.post("/1024//5", bytes.fromhex("00112233445566778899aabb")).success
    assert host.post("/1025/65534/2", written).code == code


def test_new_password_in_three_forms_then_login() -> None:
    clear = with_options(CLEAR)
    clear.post("/1024//0", ADMIN_CLEAR)
    assert clear.post("/1025/65535/2", b"secret").success
    assert clear.post("/1024//0", credential("admin", b"secret")).success

    hashed = with_options(HASHED)
    hashed.post("/1024//0", ADMIN_HASHED)
    assert hashed.post("/1025/65535/2", password_hash("secret") + bytes(48)).success
    assert hashed.post("/1024//0", credential("admin", password_hash("secret"))).success
    assert hashed.post("/1024//0", ADMIN_HASHED).code == 0x86

    scram = with_options(SCRAM)
    scram.login()
    record = PasswordKey.derive(password_hash("secret"), bytes.fromhex("01020304"), 5000)
    assert scram.secret("POST", "/1025/65535/2", bytes(record)).success
    scram.login("admin", "secret", encrypted=True)
    assert scram.proof("admin", "admin", encrypted=True)[0].code == 0x86


def test_anonymous_has_no_password() -> None:
    host = Host(make_device()[0])
    host.login()
    assert host.secret("POST", "/1025/0/2", bytes(KEY)).code == 0x86
