"""The session: recorded conversations of the vendor's client, and what is not in them."""

from collections.abc import Callable

import pytest

from protocol.bodies.multi_request import MultiRequestItem
from protocol.client.blocking import Tap
from protocol.client.core import IvNotSupportedError, LoginError, SessionState
from protocol.client.links import MemoryLink
from protocol.codes import Method, ResultCode
from protocol.crypto import ZERO_IV
from protocol.errors import IntegrityError, RefusedError, UsageError
from protocol.frames import Request
from protocol.paths import Path
from protocol.scram import PasswordKey, password_hash
from tests.protocol.client.peers import KEY, Recording, SmallTap, count_up, script
from tests.vectors import load

IVS = [f"c{number}" * 16 for number in range(1, 4)]
NONCE = "01020304"
SERIAL = "[GET /3//2]"


def read(tap: Tap) -> None:
    tap.service.device.get_serial_number()


def plain_login(tap: Tap) -> None:
    assert tap.login("admin", "admin").lifetime == 300
    tap.logout()


def hashed_login(tap: Tap) -> None:
    assert tap.login("admin", "admin").group_id == 65535


def scram_login(tap: Tap) -> None:
    tap.login("admin", "admin")
    read(tap)
    assert tap.service.group.get_name(5) == "admin"
    iterations = tap.service.scram.get_hash_iteration()
    key = PasswordKey.derive(password_hash("secret"), bytes.fromhex("0a0b0c0d"), iterations)
    tap.service.group.change_password_key(5, bytes(key))
    tap.logout()
    read(tap)


def pause_and_resume(tap: Tap) -> None:
    tap.encryption(True)
    read(tap)
    tap.encryption(False)
    read(tap)
    tap.encryption(True)
    read(tap)
    tap.encryption(False, reset_session_key=True)
    read(tap)
    assert tap.session.session_key is None


def without_ivs(tap: Tap) -> None:
    tap.encryption(True)
    read(tap)


def period(number: int, reads: int) -> Callable[[Tap], None]:
    def act(tap: Tap) -> None:
        tap.set_initialization_vector_refresh_period(number)
        tap.encryption(True)
        for _ in range(reads):
            read(tap)

    return act


def login_inside(tap: Tap) -> None:
    tap.encryption(True)
    tap.login("admin", "admin")
    read(tap)


def several(tap: Tap) -> None:
    first, second = tap.multi_request(
        [Request(Method.GET, Path.parse("/3//2")), Request(Method.GET, Path.parse("/1025/5/4"))]
    )
    assert (first.code, second.body) == (ResultCode.OK, b"\x01\x2c")


SCRIPTS: dict[str, tuple[Callable[[Tap], None], list[str]]] = {
    "plain login, session refresh, logout": (plain_login, []),
    "hashed login": (hashed_login, []),
    "SCRAM login without prior encryption, one request, change password, logout": (scram_login, [NONCE]),
    "encryption start (IV supported), request, pause, resume, stop": (pause_and_resume, IVS),
    "encryption start (IV not implemented by device)": (without_ivs, IVS),
    "encryption start with period 0": (period(0, 2), []),
    "encryption start with period 1 (1024//44)": (period(1, 2), IVS),
    "encryption start with period 2 (in-session IV refresh)": (period(2, 5), IVS),
    "encryption start then SCRAM login (key switch inside encrypted session)": (login_inside, [IVS[0], NONCE]),
    "multi request": (several, []),
}
FLOWS = {flow["name"]: flow for flow in load("exchanges")["flows"] if "2.7.0" in flow["client"]}


@pytest.mark.parametrize("name", SCRIPTS)
def test_same_requests_as_the_vendor(name: str) -> None:
    act, tokens = SCRIPTS[name]
    recording = Recording(FLOWS[name]["steps"])
    act(Tap(link=MemoryLink(recording), token=script(*tokens)))
    assert recording.left == 0


def small_tap(
    peer: SmallTap | None = None, *, period: int | None = None, encrypted: bool = False
) -> tuple[Tap, SmallTap]:
    peer = peer or SmallTap()
    tap = Tap(link=MemoryLink(peer), token=count_up())
    if period is not None:
        tap.set_initialization_vector_refresh_period(period)
    if encrypted:
        tap.encryption(True)
    peer.requests.clear()
    return tap, peer


@pytest.mark.parametrize("code", [ResultCode.NOT_IMPLEMENTED, ResultCode.NOT_FOUND])
@pytest.mark.parametrize("period", [0, 1, 2, 100])
def test_a_tap_without_ivs_is_served_without_them(code: ResultCode, period: int) -> None:
    tap, peer = small_tap(SmallTap(no_ivs=code), period=period, encrypted=True)
    for _ in range(5):
        read(tap)
    assert peer.requests == [SERIAL] * 5
    with pytest.raises(IvNotSupportedError, match="not supported by this Tap") as refusal:
        tap.refresh_encryption_initialization_vector()
    assert refusal.value.code == code
    read(tap)


def test_period_one_after_a_login_finds_out_that_there_are_no_ivs() -> None:
    tap, peer = small_tap(SmallTap(no_ivs=ResultCode.NOT_IMPLEMENTED), period=0, encrypted=True)
    tap.set_initialization_vector_refresh_period(1)
    read(tap)
    read(tap)
    assert peer.requests == ["GET /1024//44", SERIAL, SERIAL]


def test_no_iv_with_a_new_key_asks_again() -> None:
    peer = SmallTap(no_ivs=ResultCode.NOT_IMPLEMENTED)
    tap, _ = small_tap(peer, encrypted=True)
    tap.encryption(True, reset_session_key=True)
    assert peer.requests == ["GET /1024//47", "GET /1024//45"]


def test_another_refusal_of_the_ivs_is_an_error() -> None:
    tap, peer = small_tap(SmallTap(refuse={"/1024//45": ResultCode.UNAUTHORIZED}))
    with pytest.raises(RefusedError) as refusal:
        tap.encryption(True)
    assert not isinstance(refusal.value, IvNotSupportedError)
    assert not tap.session.encrypted
    read(tap)
    assert peer.requests[-1] == "GET /3//2"


def test_a_forced_refresh_restarts_the_period() -> None:
    tap, peer = small_tap(period=3, encrypted=True)
    read(tap)
    read(tap)
    tap.refresh_encryption_initialization_vector()
    for _ in range(4):
        read(tap)
    exchange = "[GET /1024//45]"
    assert peer.requests == [SERIAL, SERIAL, exchange, SERIAL, SERIAL, SERIAL, exchange, SERIAL]


def test_a_period_can_change_inside_the_session() -> None:
    tap, peer = small_tap(period=1, encrypted=True)
    read(tap)
    tap.set_initialization_vector_refresh_period(0)
    read(tap)
    tap.set_initialization_vector_refresh_period(1)
    read(tap)
    tap.refresh_encryption_initialization_vector()
    read(tap)
    assert peer.requests == [SERIAL, SERIAL, SERIAL, "[GET /1024//45]", SERIAL]
    assert peer.ids == [0, 1, 2, 3, 4]


def test_the_frame_counter_wraps() -> None:
    tap, peer = small_tap(period=0, encrypted=True)
    tap.session._next_id = 0xFFFE
    for _ in range(3):
        read(tap)
    assert peer.ids == [0xFFFE, 0xFFFF, 0]


def test_another_client_goes_on_with_a_session() -> None:
    first, peer = small_tap(encrypted=True)
    assert first.session.session_key
    second = Tap(link=MemoryLink(peer), token=count_up())
    state = SessionState(65535, "admin", 300)
    second.session.resume(first.session.session_key, *first.session.initialization_vectors, state)
    peer.requests.clear()
    read(second)
    assert peer.requests == [SERIAL]
    assert second.session_state is state
    assert second.session.initialization_vectors == first.session.initialization_vectors != (ZERO_IV, ZERO_IV)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((15, 16, 16), "session key of 15 bytes; expected 16"),
        ((16, 17, 16), "vector of requests of 17 bytes"),
        ((16, 16, 0), "vector of answers of 0 bytes"),
    ],
)
def test_a_session_that_does_not_fit_is_refused_and_changes_nothing(sizes: tuple[int, int, int], message: str) -> None:
    tap, _ = small_tap(encrypted=True)
    key = tap.session.session_key
    with pytest.raises(UsageError, match=message):
        tap.session.resume(bytes(sizes[0]), bytes(sizes[1]), bytes(sizes[2]))
    assert tap.session.session_key == key


def test_a_negative_period_is_refused() -> None:
    with pytest.raises(UsageError, match="period of -1"):
        Tap(link=MemoryLink(SmallTap())).set_initialization_vector_refresh_period(-1)


def test_refusals_carry_code_and_request() -> None:
    tap, _ = small_tap(SmallTap(refuse={"/3//4": ResultCode.UNAUTHORIZED}), encrypted=True)
    with pytest.raises(RefusedError, match=r"POST /3//4: UNAUTHORIZED \(0x81\)") as refusal:
        tap.service.device.reboot()
    assert refusal.value.code == ResultCode.UNAUTHORIZED
    assert tap.request("post", "/device/reboot").code == ResultCode.UNAUTHORIZED


def test_a_refused_frame_is_no_answer_to_the_request() -> None:
    tap, _ = small_tap(SmallTap(refuse={"/1024//48": ResultCode.UNAUTHORIZED}), encrypted=True)
    with pytest.raises(RefusedError, match="encrypted frame with GET /3//2: UNAUTHORIZED"):
        tap.request("GET", "/3//2")


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (ResultCode.NOT_ACCEPTABLE, "wrong user name or password"),
        (ResultCode.UNAUTHORIZED, "wrong user name or password"),
        (ResultCode.SERVICE_UNAVAILABLE, "too many failed logins"),
        (ResultCode.RESOURCE_LOCKED, "refused: RESOURCE_LOCKED"),
        (0xFE, "unknown result code 0xFE"),
    ],
)
def test_a_refused_login_says_why(code: int, hint: str) -> None:
    options = {"request": "a2ca000007010400ffff0006", "answer": "0000089000"}
    login = {"request": FLOWS["hashed login"]["steps"][1]["request"], "answer": f"{code:02x}9000"}
    tap = Tap(link=MemoryLink(Recording([options, login])))
    with pytest.raises(LoginError, match=hint) as refusal:
        tap.login("admin", "admin")
    assert refusal.value.code == code
    assert tap.session_state.group_id == 0


SCRAM_STEPS = FLOWS["SCRAM login without prior encryption, one request, change password, logout"]["steps"]


def test_a_wrong_proof_of_the_tap_is_no_login() -> None:
    proof = dict(SCRAM_STEPS[2], answer="00" + "a1" * 16 + "9000")
    tap = Tap(link=MemoryLink(Recording([*SCRAM_STEPS[:2], proof])), token=script(NONCE))
    with pytest.raises(IntegrityError, match="proof is wrong"):
        tap.login("admin", "admin")
    assert not tap.session.encrypted
    assert tap.session.session_key is None


@pytest.mark.parametrize("iterations", [0, 0x10000, 0xFFFFFFFF])
def test_a_challenge_does_not_keep_the_client_busy(iterations: int) -> None:
    challenge = dict(SCRAM_STEPS[1], answer=f"00050607080a0b0c0d{iterations:08x}9000")
    tap = Tap(link=MemoryLink(Recording([SCRAM_STEPS[0], challenge])), token=script(NONCE))
    with pytest.raises(IntegrityError, match="iterations"):
        tap.login("admin", "admin")


def test_a_challenge_for_a_user_without_login() -> None:
    challenge = dict(SCRAM_STEPS[1], answer="000506070800000000000003e89000")
    tap = Tap(link=MemoryLink(Recording([SCRAM_STEPS[0], challenge])), token=script(NONCE))
    with pytest.raises(IntegrityError, match="salt of zeros, which stands for no login"):
        tap.login("admin", "admin")


def test_a_login_without_reading_the_state() -> None:
    tap = Tap(link=MemoryLink(Recording(SCRAM_STEPS[:3])), token=script(NONCE))
    state = tap.login("admin", "admin", refresh_session_state=False)
    assert (state.group_id, state.name, state.lifetime) == (None, "admin", None)
    assert tap.session.encrypted


@pytest.mark.parametrize(("user", "password"), [("a" * 17, "s3cret"), ("admin", "x" * 17), ("admin", "geheim\u0416")])
def test_credentials_that_do_not_fit_go_neither_out_nor_into_messages(user: str, password: str) -> None:
    options = {"request": "a2ca000007010400ffff0006", "answer": "0000009000"}
    with pytest.raises(UsageError) as error:
        Tap(link=MemoryLink(Recording([options]))).login(user, password)
    assert password not in str(error.value)


def test_a_refused_logout_changes_nothing() -> None:
    tap, _ = small_tap(SmallTap(refuse={"/1024//1": ResultCode.SERVICE_UNAVAILABLE}), encrypted=True)
    with pytest.raises(RefusedError):
        tap.logout()
    assert tap.session.session_key == KEY
    read(tap)


@pytest.mark.parametrize("answer", ["", "90", "9000", "00", "006e00", "6e00", "00900090", "6700"])
def test_answers_that_are_none(answer: str) -> None:
    recording = Recording([{"request": "a2ca000007010003ffff0002", "answer": answer}])
    with pytest.raises(IntegrityError):
        Tap(link=MemoryLink(recording)).service.device.get_serial_number()


@pytest.mark.parametrize("body", ["", "ff", "ffffff", "ffff9000"])
def test_bodies_that_do_not_fit(body: str) -> None:
    recording = Recording([{"request": "a2ca000007010400ffff0007", "answer": f"00{body}9000"}])
    with pytest.raises(IntegrityError, match=r"answer to interface\.get_current_group_id: uint16"):
        Tap(link=MemoryLink(recording)).service.interface.get_current_group_id()


MULTI = "a2ca000011010400ffff00590007010003ffff0002ff"


@pytest.mark.parametrize("body", ["", "000100000100", "0000", "0002", "0001000001"])
def test_multi_answers_that_do_not_fit(body: str) -> None:
    recording = Recording([{"request": MULTI, "answer": f"00{body}9000"}])
    with pytest.raises(IntegrityError):
        Tap(link=MemoryLink(recording)).multi_request([Request(Method.GET, Path.parse("/3//2"))])


def test_multi_request_with_expectations() -> None:
    recording = Recording([{"request": MULTI[:-2] + "7f", "answer": "00000184" + "9000"}] * 2)
    tap = Tap(link=MemoryLink(recording))
    request = Request(Method.GET, Path.parse("/3//2"))
    assert tap.multi_request([request], expected=0x7F) == tap.multi_request([MultiRequestItem(request, 0x7F)])


def test_pairing() -> None:
    request = "00a4040007f0024c774d324d9000"
    Tap(link=MemoryLink(Recording([{"request": request, "answer": "9000"}]))).nfc_pairing()
    with pytest.raises(IntegrityError):
        Tap(link=MemoryLink(Recording([{"request": request, "answer": "009000"}]))).nfc_pairing()


@pytest.mark.parametrize(
    ("call", "value", "instance", "message"),
    [
        ("device.get_weather", None, None, "no call is named 'device.get_weather'"),
        ("device.get_serial_number", 1, None, "takes no value"),
        ("device.get_serial_number", None, 1, "has no instance"),
        ("group.get_name", None, None, "needs instance"),
        ("group.put_alias", 0x10000, 5, "65536 is no uint16"),
        ("group.put_alias", None, 5, "None is no uint16"),
    ],
)
def test_wrong_calls(call: str, value: object, instance: int | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Tap(link=MemoryLink(SmallTap())).call(str, call, value, instance)
