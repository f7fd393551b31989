"""Each bad input has its exact answer, a reason in the journal, and no effect."""

import pytest

from emulator.effects import Close, Send
from protocol.codes import Method
from protocol.crypto import ZERO_IV
from tests.hosts import Host, make_device
from tests.robustness.bad_inputs import (
    ANYWHERE,
    SERIAL_NUMBER,
    WITH_KEY,
    WITHOUT_KEY,
    WITHOUT_LOGIN,
    BadInput,
    envelope,
    refusal,
    request,
)
from tests.robustness.watching import RecordingStore, assert_explained, memory_of

CASES = [
    *(pytest.param(case, False, id=f"{case.name}, no key") for case in (*ANYWHERE, *WITHOUT_LOGIN, *WITHOUT_KEY)),
    *(pytest.param(case, True, id=f"{case.name}, key") for case in (*ANYWHERE, *WITHOUT_LOGIN, *WITH_KEY)),
]


@pytest.mark.parametrize(("case", "keyed"), CASES)
def test_bad_input(case: BadInput, keyed: bool) -> None:
    store = RecordingStore()
    device, _ = make_device(store=store)
    host = Host(device)
    if keyed:
        host.initialize()
    key = b"" if host.cipher is None else host.cipher.key
    before, noted = memory_of(device), device.journal.total

    answer = host.exchange(case.data(key))

    assert answer.hex() == case.answer(key).hex()
    assert len(host.effects) == 1, "one answer, and the link stays open"
    assert memory_of(device) == before
    assert store.writes == 0
    records = list(device.journal)[noted:]
    assert any(record.reason and case.reason in record.reason for record in records), records
    for record in records:
        assert_explained(record)
    if keyed:
        assert host.secret("GET", "/3//2").success, "the encrypted session goes on with its key and its IVs"
    assert host.get("/3//2").success


def test_replayed_frames_are_answered_again_while_their_key_holds() -> None:
    host = Host(make_device()[0])
    host.initialize()
    frame = host.seal("GET", "/3//2")
    first, again = host.get("/1024//48", frame), host.get("/1024//48", frame)
    assert first.success
    assert again == first
    host.initialize()
    assert host.get("/1024//48", frame).code == 0x80
    host.get("/1024//46")
    assert host.get("/1024//48", frame).code == 0x81


def test_frames_from_before_an_iv_exchange_are_refused() -> None:
    host = Host(make_device()[0])
    host.initialize()
    frame = host.seal("GET", "/3//2")
    host.answer_iv = host.secret("GET", "/1024//45", bytes(range(16))).body
    host.request_iv = bytes(range(16))
    assert host.get("/1024//48", frame).code == 0x80
    assert host.secret("GET", "/3//2").success


def test_carrier_in_a_carrier_with_its_own_iv() -> None:
    host = Host(make_device()[0])
    host.initialize()
    for inner in ("/1024//48", "/1024//44"):
        nested = host.seal("GET", inner, bytes(16) + host.seal("GET", "/3//2"))
        outer = host.get("/1024//44", host.request_iv + nested)
        assert outer.success
        assert host.open(outer.body[16:], iv=outer.body[:16]).code == 0x80
        host.request_iv, host.answer_iv = ZERO_IV, outer.body[:16]


@pytest.mark.parametrize("size", range(1, 5 + len(SERIAL_NUMBER)))
def test_half_a_request_and_silence_closes_the_link(size: int) -> None:
    device, clock = make_device()
    host, neighbour = Host(device), Host(device)
    assert host.exchange(envelope(SERIAL_NUMBER)[:size]) == b""
    clock.advance(4.99)
    assert device.tick() == []
    clock.advance(0.02)
    (close,) = device.tick()
    assert isinstance(close, Close)
    assert close.connection is host.connection
    assert f"{size} bytes of a request" in close.reason
    assert device.next_deadline() is None
    assert neighbour.get("/3//2").success


def test_one_byte_a_second_does_not_keep_a_link() -> None:
    """The five seconds count from the first byte of a request, not from the last (D15)."""
    device, clock = make_device()
    host = Host(device)
    sent = 0
    for byte in envelope(SERIAL_NUMBER):
        if device.tick():
            break
        assert host.exchange(bytes((byte,))) == b""
        sent += 1
        clock.advance(1)
    assert sent == 5
    assert not host.connection.open


def test_the_third_wrong_proof_closes_the_link_and_what_follows_it_is_not_answered() -> None:
    device, _ = make_device()
    host = Host(device)
    challenge = request(Method.GET, "/1024//40", b"admin".ljust(16, b"\0") + bytes(4))
    proof = request(Method.GET, "/1024//41", bytes(16))
    host.exchange((challenge + proof) * 4 + request(Method.GET, "/3//2"))
    sent = [effect.data for effect in host.effects if isinstance(effect, Send)]
    assert sent[1::2] == [refusal(0x86)] * 3
    assert isinstance(host.effects[-1], Close)
    assert len(host.effects) == 7
    assert Host(device).get("/1024//40", bytes(20)).code == 0xA3


@pytest.mark.parametrize("hosts", ["many", "single"])
@pytest.mark.parametrize(
    ("deadly", "reboots"),
    [
        pytest.param(["020003ffff0004"], 1, id="reboot"),
        pytest.param(["010400ffff0028" + 20 * "00", "010400ffff0029" + 16 * "00"], 0, id="lock-out"),
    ],
)
def test_a_multi_request_goes_on_behind_the_end_of_its_link(hosts: str, deadly: list[str], reboots: int) -> None:
    """What ends the connection ends it after the answer, and once, however often it is asked for."""
    device, _ = make_device(hosts=hosts, lockout_attempts=1, lockout_time=0.0)
    host = Host(device)
    host.login()
    items = [*map(bytes.fromhex, deadly * 2), SERIAL_NUMBER]
    answer = host.get("/1024//89", b"".join(len(item).to_bytes(2, "big") + item + b"\xff" for item in items))
    assert answer.success
    kinds = [type(effect).__name__ for effect in host.effects]
    assert kinds == ["Send", "Close", *["Reboot"] * reboots]
    assert not host.connection.open
