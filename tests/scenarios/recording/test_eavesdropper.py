from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.exchange import Carrier
from protocol import apdu
from protocol.bodies.interface import SecurityOptions
from protocol.client.calls import find_call
from protocol.errors import RefusedError
from protocol.scram import PasswordKey, password_hash
from scenarios.recording.eavesdropper import Eavesdropper
from scenarios.recording.keyring import Keyring
from scenarios.recording.pcap import Side
from tests.scenarios.recording.talk import Said, Talk, calls, listen

CLEAR_LOGIN: dict[str, object] = {"settings": {"interface.security_options": SecurityOptions()}}
HASHED_LOGIN: dict[str, object] = {"settings": {"interface.security_options": SecurityOptions(hash_password=True)}}
ADMIN = {"admin": "admin"}


def encrypted(talk: Talk, period: int, requests: int) -> None:
    talk.session.set_initialization_vector_refresh_period(period)
    talk.hold(talk.session.encryption(True))
    for _ in range(requests):
        talk.call("interface.get_app_name")


def login_and_ask(talk: Talk) -> None:
    talk.hold(talk.session.login("admin", "admin"))
    talk.call("interface.get_uid")


@pytest.mark.parametrize(
    ("period", "carrier", "count"),
    [(0, Carrier.ENCRYPTED, 1 + 4), (1, Carrier.ENCRYPTED_WITH_IV, 2 + 4), (3, Carrier.ENCRYPTED, 2 + 4 + 1)],
)
def test_a_key_in_clear_opens_what_follows(period: int, carrier: Carrier, count: int) -> None:
    talk = Talk()
    encrypted(talk, period, 4)
    heard = listen(talk.said)
    assert len(heard) == count
    asked = [each for each in heard if each.call == "interface.get_app_name"]
    assert {each.carrier for each in asked} == {carrier}
    assert [each.response.body for each in asked if each.response] == [b"Virtual Tap"] * 4


LOGINS: list[tuple[str, dict[str, object], list[str]]] = [
    ("clear", CLEAR_LOGIN, ["interface.login 00"]),
    ("hashed", HASHED_LOGIN, ["interface.login_with_hash 00"]),
    ("SCRAM", {}, ["scram.login 00", "scram.login_proof 00"]),
]


@pytest.mark.parametrize(("changes", "steps"), [each[1:] for each in LOGINS], ids=[each[0] for each in LOGINS])
def test_a_login_is_followed(changes: dict[str, object], steps: list[str]) -> None:
    talk = Talk(**changes)
    login_and_ask(talk)
    after = ["interface.get_current_group_id 00", "group.get_session_lifetime 00", "interface.get_uid 00"]
    assert calls(listen(talk.said, ADMIN)) == ["interface.get_security_options 00", *steps, *after]


@pytest.mark.parametrize("passwords", [{}, {"admin": "other"}], ids=["no password", "a wrong one"])
def test_without_the_password_the_rest_is_kept_as_bytes(passwords: dict[str, str]) -> None:
    talk = Talk()
    login_and_ask(talk)
    *_, proof, _, _, last = listen(talk.said, passwords)
    assert (proof.call, proof.key_known) == ("scram.login_proof", False)
    assert (last.request, last.response, last.opened) == (None, None, False)
    assert (last.raw_request, last.raw_answer) == (talk.said[-2][1], talk.said[-1][1])
    assert last.note == "'admin' logged in with a password that is not known"


def test_a_login_inside_the_encrypted_session_keeps_its_vectors() -> None:
    talk = Talk()
    encrypted(talk, 100, 1)
    login_and_ask(talk)
    assert calls(listen(talk.said, ADMIN))[-1] == "interface.get_uid 00"


@pytest.mark.parametrize("rule", ["zero", "kept", "either"])
def test_vectors_after_a_clear_login_are_found_by_trying(rule: str) -> None:
    talk = Talk(iv_after_clear_login=rule)
    encrypted(talk, 100, 1)
    talk.hold(talk.session.encryption(False))
    if rule == "zero":
        talk.session._request_iv = talk.session._answer_iv = bytes(16)  # a client that starts afresh
    login_and_ask(talk)
    assert calls(listen(talk.said, ADMIN))[-1] == "interface.get_uid 00"


def test_a_password_that_goes_by_is_known_from_then_on() -> None:
    talk = Talk()
    login_and_ask(talk)
    key = PasswordKey.derive(password_hash("new"), bytes.fromhex("01020304"), 5000)
    talk.call("group.change_password_key", bytes(key), 0xFFFF)
    talk.hold(talk.session.logout())
    talk.hold(talk.session.login("admin", "new"))
    talk.call("interface.get_uid")
    assert calls(listen(talk.said, ADMIN))[-1] == "interface.get_uid 00"


def test_a_session_goes_on_over_another_connection() -> None:
    talk = Talk()
    encrypted(talk, 100, 1)
    first = len(talk.said)
    talk.call("interface.get_app_name")
    keyring = Keyring({})
    listen(talk.said[:first], keyring=keyring)
    assert calls(listen(talk.said[first:], keyring=keyring)) == ["interface.get_app_name 00"]
    assert calls(listen(talk.said[first:]))[0].startswith("? the session key was made before the recording")


def test_a_stopped_session_is_over() -> None:
    talk = Talk()
    encrypted(talk, 0, 1)
    talk.call("scram.stop")
    with suppress(RefusedError):
        talk.call("interface.get_app_name")
    assert calls(listen(talk.said))[-1] == "? the encrypted session was stopped"


NAMED = "interface.get_app_name 00"
GET_NAME = apdu.build_request(bytes(find_call("interface.get_app_name").ask()))
OK = bytes.fromhex("9000")
ODD: list[tuple[str, list[Said], list[str]]] = [
    ("no answer", [(Side.HOST, GET_NAME)], ["? no answer"]),
    ("half an answer", [(Side.HOST, GET_NAME), (Side.TAP, b"\0Ta")], ["? not an answer"]),
    ("half a request", [(Side.HOST, GET_NAME[:6])], ["? the connection ended after 6 bytes of a request"]),
    ("nobody asked", [(Side.TAP, b"\0" + OK)], ["? the Tap sent bytes that nobody had asked for"]),
    ("two at once", [(Side.HOST, 2 * GET_NAME), (Side.TAP, b"\0One" + OK + b"\0Two" + OK)], [NAMED, NAMED]),
    ("wrong class", [(Side.HOST, bytes.fromhex("00CA000000")), (Side.TAP, bytes.fromhex("6E00"))], ["? not a request"]),
    ("pairing", [(Side.HOST, apdu.NFC_SELECT + apdu.NFC_SELECT_TAIL), (Side.TAP, OK)], ["? pairing command of NFC"]),
    ("pairing without tail", [(Side.HOST, apdu.NFC_SELECT), (Side.TAP, OK)], ["? pairing command of NFC"]),
    ("9000 inside", [(Side.HOST, GET_NAME), (Side.TAP, b"\0" + OK), (Side.TAP, b"x" + OK)], [NAMED]),
]  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), [each[1:] for each in ODD], ids=[each[0] for each in ODD])
def test_what_is_not_in_order_is_kept(said: list[Said], expected: list[str]) -> None:
    heard = listen(said)
    for each, text in zip(calls(heard), expected, strict=True):
        assert each.startswith(text)
    for side, raw in ((Side.HOST, "raw_request"), (Side.TAP, "raw_answer")):
        assert b"".join(getattr(each, raw) for each in heard) == b"".join(data for who, data in said if who is side)


def mixed() -> list[Said]:
    talk = Talk()
    talk.call("device.get_serial_number")
    encrypted(talk, 3, 4)
    login_and_ask(talk)
    talk.hold(talk.session.logout())
    encrypted(talk, 1, 2)
    talk.exchange(bytes.fromhex("00CA000000"))
    return talk.said


MIXED = mixed()
WHOLE = [each._replace(time=0, answered=0) for each in listen(MIXED, ADMIN)]


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_segmentation_gives_the_same(data: st.DataObject) -> None:
    pieces: list[Said] = []
    for side, said in MIXED:
        cuts = sorted(data.draw(st.sets(st.integers(1, len(said) - 1), max_size=4)) if len(said) > 1 else ())
        pieces += [(side, said[start:end]) for start, end in zip([0, *cuts], [*cuts, len(said)], strict=True)]
    assert [each._replace(time=0, answered=0) for each in listen(pieces, ADMIN)] == WHOLE


def test_byte_by_byte_gives_the_same() -> None:
    pieces = [(side, bytes([byte])) for side, said in MIXED for byte in said]
    assert [each._replace(time=0, answered=0) for each in listen(pieces, ADMIN)] == WHOLE


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(Side), st.binary(max_size=40))))
def test_no_bytes_confuse_it(said: list[Said]) -> None:
    heard = listen(said)
    sent = b"".join(data for side, data in said if side is Side.HOST)
    assert b"".join(each.raw_request for each in heard) == sent


def test_the_first_of_two_is_heard_before_the_second_is_over() -> None:
    ear = Eavesdropper(Keyring({}))
    assert ear.host(0, 2 * GET_NAME) == []
    assert calls(ear.tap(1, b"\0One" + OK + b"\0Tw")) == [NAMED]
