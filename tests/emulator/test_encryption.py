"""The encrypted session: keys, initialization vectors, carriers, damaged frames (decisions D8, D9)."""

import itertools
from typing import Any

import pytest

from emulator.blueprint import Quirk
from emulator.sessions import TRANSITIONS, Encryption, Event
from protocol.bodies.multi_request import MULTI_RESPONSE
from protocol.crypto import ZERO_IV, FrameCipher, crc32_mpeg2
from protocol.frames import EncryptedFrame
from tests.hosts import Host, make_device

IV = bytes(range(16, 32))
SERIAL = b"IoTize00410000009B"


def keyed(**changes: Any) -> Host:
    host = Host(make_device(seed=None, **changes)[0])
    host.initialize()
    return host


def exchange_ivs(host: Host, encrypted: bool) -> None:
    ask = host.secret if encrypted else host.ask
    answer = ask("GET", "/1024//45", IV).body
    host.request_iv, host.answer_iv = IV, answer


def test_key_in_clear_starts_with_zero_ivs_and_keeps_the_login() -> None:
    host = Host(make_device()[0])
    host.login()
    exchange_ivs(host, encrypted=True)
    host.initialize()
    assert host.secret("GET", "/3//2").body == SERIAL
    assert host.group_id == 0xFFFF


def test_iv_exchange_in_clear_and_encrypted() -> None:
    for encrypted in (False, True):
        host = keyed()
        exchange_ivs(host, encrypted)
        assert host.answer_iv not in (IV, ZERO_IV)
        assert host.secret("GET", "/3//2").body == SERIAL


def test_key_renewed_inside_the_session_keeps_the_ivs() -> None:
    host = keyed()
    exchange_ivs(host, encrypted=True)
    host.cipher = FrameCipher(host.secret("GET", "/1024//47").body)
    assert host.secret("GET", "/3//2").body == SERIAL


@pytest.mark.parametrize("rule", ["either", "zero", "kept"])
def test_login_inside_the_session_replaces_the_key_and_keeps_the_ivs(rule: str) -> None:
    host = keyed(iv_after_clear_login=rule)
    exchange_ivs(host, encrypted=True)
    host.login(encrypted=True)
    assert host.secret("GET", "/1024//7").body.hex() == "ffff"


def test_frame_with_its_own_iv_changes_the_agreed_ones() -> None:
    host = keyed()
    host.request_iv = IV
    answer = host.get("/1024//44", IV + host.seal("GET", "/3//2"))
    assert host.open(answer.body[16:], iv=answer.body[:16]).body == SERIAL
    host.answer_iv = answer.body[:16]
    assert host.secret("GET", "/3//2").body == SERIAL


@pytest.mark.parametrize("rule", ["either", "zero", "kept"])
@pytest.mark.parametrize("client", ["zero", "kept"])
def test_ivs_after_a_login_in_clear(rule: str, client: str) -> None:
    """2.7.0 goes on with zero IVs, alpha.105 with those it had; the default serves both."""
    host = keyed(iv_after_clear_login=rule)
    exchange_ivs(host, encrypted=True)
    kept = (host.request_iv, host.answer_iv)
    host.login()
    host.request_iv, host.answer_iv = kept if client == "kept" else (ZERO_IV, ZERO_IV)
    outer = host.get("/1024//48", host.seal("GET", "/3//2"))
    assert outer.code == (0x00 if rule in ("either", client) else 0x80)
    if outer.success:
        assert host.open(outer.body).body == SERIAL
        assert host.secret("GET", "/3//2").body == SERIAL


def test_iv_exchange_settles_the_ivs_after_a_login_in_clear() -> None:
    host = keyed()
    exchange_ivs(host, encrypted=True)
    host.login()
    host.request_iv, host.answer_iv = IV, host.get("/1024//45", IV).body
    assert host.secret("GET", "/3//2").body == SERIAL


def test_damaged_first_frame_after_a_login_in_clear_settles_nothing() -> None:
    host = keyed()
    exchange_ivs(host, encrypted=True)
    host.login()
    assert host.get("/1024//48", bytes(32)).code == 0x80
    assert host.secret("GET", "/3//2").body == SERIAL


def test_stop_forgets_the_key_and_keeps_the_login() -> None:
    host = Host(make_device()[0])
    host.login()
    assert host.secret("GET", "/1024//46").success
    assert host.get("/1024//48", host.seal("GET", "/3//2")).code == 0x81
    assert host.group_id == 0xFFFF
    host.initialize()
    assert host.secret("GET", "/3//2").body == SERIAL


def test_key_made_after_a_stop_in_the_same_encrypted_multi_request() -> None:
    host = keyed()
    items = bytes.fromhex("0007010400ffff002eff 0007010400ffff002fff")
    answer = host.secret("GET", "/1024//89", items).body
    assert answer[:6].hex() == "000100001100", "the stop answers 00, then the key follows"
    host.cipher = FrameCipher(answer[6:])
    assert host.secret("GET", "/3//2").body == SERIAL


def test_requests_in_clear_go_on_during_a_session() -> None:
    host = keyed()
    assert host.get("/3//2").body == SERIAL
    assert host.secret("GET", "/3//2").body == SERIAL


@pytest.mark.parametrize("size", [0, 1, 15, 17, 31])
def test_ciphertext_of_wrong_size(size: int) -> None:
    assert keyed().get("/1024//48", bytes(size)).code == 0x80


def test_longest_ciphertext() -> None:
    """240 bytes reach the frame check (and are damaged); the envelope takes no 256 (D17)."""
    host = keyed(max_ciphertext=224)
    assert host.get("/1024//48", bytes(240)).code == 0x80
    *_, record = host.device.journal
    assert record.reason is not None
    assert "up to 224" in record.reason


def damaged(host: Host, change: str) -> bytes:
    plain = bytearray(EncryptedFrame(0, bytes.fromhex("010003ffff0002")).plaintext())
    assert host.cipher is not None
    if change == "crc":
        plain[-1] ^= 1
    elif change == "length":
        plain[3] ^= 8
    elif change == "padding":
        plain[11] = 1
        plain[-4:] = crc32_mpeg2(bytes(plain[:-4])).to_bytes(4, "big")
    elif change == "key":
        return FrameCipher(bytes(16)).encrypt(ZERO_IV, bytes(plain))
    elif change == "iv":
        return host.cipher.encrypt(IV, bytes(plain))
    elif change == "header":
        return host.cipher.encrypt(ZERO_IV, EncryptedFrame(0, bytes(6)).plaintext())
    return host.cipher.encrypt(ZERO_IV, bytes(plain))


@pytest.mark.parametrize("change", ["crc", "length", "padding", "key", "iv", "header"])
def test_damaged_frame_is_refused_outside_and_harms_nothing(change: str) -> None:
    host = keyed()
    assert host.get("/1024//48", damaged(host, change)).code == 0x80
    assert host.secret("GET", "/3//2").body == SERIAL


def test_refusal_of_the_inner_request_travels_inside() -> None:
    assert keyed().secret("GET", "/3//99").code == 0x84


def test_carriers_do_not_nest() -> None:
    host = keyed()
    inner = host.seal("GET", "/3//2")
    assert host.secret("GET", "/1024//48", inner).code == 0x80
    assert host.secret("GET", "/1024//44", IV + inner).code == 0x80
    request = bytes.fromhex("010400ffff0030") + inner
    item = len(request).to_bytes(2, "big") + request + b"\xff"
    assert host.get("/1024//89", item).body.hex() == "000180"
    multi = bytes.fromhex("010400ffff0059")
    assert host.get("/1024//89", b"\0\x07" + multi + b"\xff").body.hex() == "000180"


def test_multi_request_clear_and_encrypted() -> None:
    items = bytes.fromhex("0007010003ffff0002ff 0007010003ffff006300 0007010003ffff0002ff 0007010003ffff0002ff")
    expected = "0013" + "00" + SERIAL.hex() + "000184" + "0001ba" * 2
    host = keyed()
    assert host.get("/1024//89", items).body.hex() == expected
    assert host.secret("GET", "/1024//89", items).body.hex() == expected


@pytest.mark.parametrize(("expected", "goes_on"), [("ff", True), ("84", True), ("7f", False), ("00", False)])
def test_expected_status_of_a_multi_request(expected: str, goes_on: bool) -> None:
    items = bytes.fromhex(f"0007010003ffff0063{expected} 0007010003ffff0002ff")
    body = Host(make_device()[0]).get("/1024//89", items).body.hex()
    assert body == "000184" + ("001300" + SERIAL.hex() if goes_on else "0001ba")


def test_empty_multi_request() -> None:
    assert Host(make_device()[0]).get("/1024//89").code == 0x00


def test_answer_with_its_own_iv_has_less_room() -> None:
    """215 bytes fit a frame of 240, but not one of 224, which is what 250 bytes leave beside a vector (D17)."""
    host = keyed()
    items = bytes.fromhex("0007010003ffff0002ff") * 10 + bytes.fromhex("0007010400ffff0007ff")
    assert len(host.secret("GET", "/1024//89", items).body) == 215
    host.request_iv = IV
    answer = host.get("/1024//44", IV + host.seal("GET", "/1024//89", items)).body
    answers = MULTI_RESPONSE.decode(host.open(answer[16:], iv=answer[:16]).body)
    assert [answer.code for answer in answers] == [0x00] * 10 + [0xA0]


def test_any_frame_id_is_taken_and_repeated() -> None:
    host = keyed()
    for frame_id in (0, 0, 1, 7, 65535, 3):
        host.counter = frame_id
        assert host.cipher is not None
        outer = host.get("/1024//48", host.seal("GET", "/3//2"))
        assert EncryptedFrame.from_plaintext(host.cipher.decrypt(ZERO_IV, outer.body)).id == frame_id


def test_strict_frame_counter() -> None:
    host = keyed(quirks=frozenset({Quirk.STRICT_FRAME_COUNTER}))
    for frame_id, code in [(0, 0x00), (1, 0x00), (2, 0x00), (2, 0x80), (3, 0x00), (9, 0x80), (0, 0x00), (1, 0x00)]:
        host.counter = frame_id
        assert host.get("/1024//48", host.seal("GET", "/3//2")).code == code, frame_id


def test_old_firmware_answers_a_random_number_as_a_quirk() -> None:
    host = Host(make_device(firmware="1.83", quirks=frozenset({Quirk.RANDOM_NUMBER_SLOT}))[0])
    assert len(host.get("/1024//45", IV).body) == 4


def test_every_event_has_an_entry_in_every_state_where_it_can_happen() -> None:
    impossible = {(Encryption.CLEAR, Event.FRAME), (Encryption.UNSETTLED, Event.KEY_ENCRYPTED)}
    assert set(itertools.product(Encryption, Event)) - set(TRANSITIONS) == impossible
