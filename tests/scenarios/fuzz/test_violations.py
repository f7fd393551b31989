"""Each rule sees what breaks it, and nothing else; what a mutation may have brought about is not the client's fault."""

import pytest

from emulator.journal import Entry, Event
from protocol.codes import ResultCode
from protocol.crypto import ZERO_IV
from protocol.frames import Request
from protocol.paths import Path
from scenarios.fuzz.judging.violations import RULES, find_violations
from scenarios.fuzz.mutation import Nature
from scenarios.fuzz.saboteur import Applied
from tests.scenarios.fuzz.told import applied, record

SERIAL, VALUE, STOP, LOGOUT = "device.get_serial_number", "variable.get_value", "scram.stop", "interface.logout"
LOGIN, PROOF, KEY = "scram.login", "scram.login_proof", "scram.initialize"
VECTOR, SEND, PUT = "scram.set_initialization_vector", "scram.send", "group.put_session_lifetime"
IV, OTHER_IV = bytes(range(16)), bytes(range(1, 17))
WRONG_CRC = "wrong CRC in the encrypted frame"
UNAUTHORIZED = ResultCode.UNAUTHORIZED


def value(*, encrypted: bool, connection: int = 1) -> Entry:
    return record(VALUE, instance=4, encrypted=encrypted, connection=connection)


def login(nonce: int, *, mutated: int = 0, connection: int = 1) -> Entry:
    return record(LOGIN, bytes(16) + nonce.to_bytes(4, "big"), mutated=mutated, connection=connection)


def vector(iv: bytes = IV, *, mutated: int = 0) -> Entry:
    return record(VECTOR, iv, encrypted=True, mutated=mutated)


def forged(call: str, body: bytes = b"", *, nature: Nature = Nature.FORGED, early: bool = False) -> Applied:
    return applied(call, nature, body=body, early=early, name="login.proof", family="session")


def said(call: str, body: bytes, *, nature: Nature = Nature.FORGED) -> Applied:
    """Another body in an envelope that is right."""
    then = {"answer": {"code": 0, "body": f"hex:{body.hex()}"}}
    request = CHALLENGE if call == LOGIN else b""
    return applied(call, nature, then, body=request, answer=b"the true proof..", name="field.random")


UNOPENED = record(SEND, bytes(16), reason=WRONG_CRC, code=ResultCode.BAD_REQUEST)
NO_REQUEST = record(None, reason="class byte 00 instead of A2")
TOO_LONG = record(None, reason="frame of 255 bytes, accepted are 7..250")
STRANGE = record(None, request=Request(1, Path(7777, 1, 1)), reason="no firmware has this path")
PUT_WRONG = record(PUT, b"\1", reason="uint16 in 1 bytes: ...", code=ResultCode.BAD_REQUEST, instance=3)
PUT_REFUSED = record(PUT, b"\1\1", reason="not yours", code=UNAUTHORIZED, instance=3)
NO_BODY = record(SERIAL, b"\1", reason="it takes no body", code=ResultCode.BAD_REQUEST)
REFUSED = record(VALUE, instance=4, code=UNAUTHORIZED, reason="no right")
CHALLENGE = bytes(16) + b"\0\0\0\1"
NO_SALT = bytes.fromhex("010203040000000000001388")
NO_ITERATIONS = bytes.fromhex("010203040102030400000000")
FRAME_SIZE = "interface.get_current_host_protocol_max_frame_size"


@pytest.mark.parametrize(
    ("entries", "faults", "found"),
    [
        ([], [], []),
        ([record(SERIAL), record(VALUE, instance=4)], [], []),
        # frames and bodies
        ([NO_REQUEST], [], ["no-request: class byte N instead of N"]),
        ([NO_REQUEST, NO_REQUEST], [], ["no-request: class byte N instead of N"]),
        ([record(FRAME_SIZE, mutated=1), TOO_LONG], [applied(FRAME_SIZE, Nature.SOUND)], []),
        ([TOO_LONG], [], ["no-request: frame of N bytes, accepted are N..N"]),
        ([STRANGE], [], ["unknown-call: 1 7777/1"]),
        ([PUT_WRONG], [], [f"misfit: {PUT}"]),
        ([NO_BODY], [], [f"misfit: {SERIAL}"]),
        ([PUT_REFUSED], [], []),
        # encrypted frames
        ([UNOPENED], [], [f"unopened-frame: {WRONG_CRC}"]),
        ([record(KEY, mutated=1), UNOPENED], [applied(KEY, Nature.SOUND)], []),
        ([record(SERIAL, mutated=1), UNOPENED], [applied(SERIAL, Nature.DELIVERY, family="state")], []),
        ([record(SERIAL, mutated=1), UNOPENED], [applied(SERIAL, Nature.SOUND)], [f"unopened-frame: {WRONG_CRC}"]),
        ([UNOPENED, record(KEY, mutated=1)], [applied(KEY, Nature.SOUND)], [f"unopened-frame: {WRONG_CRC}"]),
        # going on
        ([login(1, mutated=1), record(PROOF)], [forged(LOGIN, CHALLENGE)], [f"went-on: {LOGIN}, login.proof"]),
        (
            [login(1, mutated=1), record(PROOF)],
            [said(LOGIN, NO_SALT)],
            [f"went-on: {LOGIN}, a salt that means no login"],
        ),
        (
            [login(1, mutated=1), record(PROOF)],
            [said(LOGIN, NO_ITERATIONS)],
            [f"went-on: {LOGIN}, as many iterations as no Tap can ask for"],
        ),
        ([login(1, mutated=1), login(2), record(PROOF)], [forged(LOGIN, CHALLENGE)], []),
        ([login(1, mutated=1), record(PROOF, connection=2)], [forged(LOGIN, CHALLENGE)], []),
        ([login(1, mutated=1), record(PROOF)], [forged(LOGIN, CHALLENGE, nature=Nature.SOUND)], []),
        ([record(PROOF, mutated=1), value(encrypted=True)], [forged(PROOF)], [f"went-on: {PROOF}, login.proof"]),
        ([record(PROOF, mutated=1), UNOPENED], [forged(PROOF)], [f"went-on: {PROOF}, login.proof"]),
        ([record(PROOF, mutated=1), UNOPENED], [said(PROOF, bytes(16))], [f"went-on: {PROOF}, another proof"]),
        (
            [record(PROOF, mutated=1), UNOPENED],
            [said(PROOF, b"", nature=Nature.MALFORMED)],
            [f"went-on: {PROOF}, a body that does not fit"],
        ),
        ([record(PROOF, mutated=1), value(encrypted=False)], [forged(PROOF)], []),
        ([record(PROOF, mutated=1), login(2), value(encrypted=True)], [forged(PROOF)], []),
        ([record(PROOF, mutated=1), value(encrypted=True)], [forged(PROOF, early=True)], []),
        ([value(encrypted=True), record(PROOF, mutated=1, encrypted=True), UNOPENED], [forged(PROOF)], []),
        ([record(KEY, mutated=1), value(encrypted=True)], [forged(KEY)], [f"went-on: {KEY}, login.proof"]),
        ([record(KEY, mutated=1), UNOPENED], [forged(KEY)], [f"went-on: {KEY}, login.proof"]),
        ([value(encrypted=True), record(KEY, mutated=1, encrypted=True), UNOPENED], [forged(KEY)], []),
        ([vector(mutated=1), value(encrypted=True)], [forged(VECTOR, IV)], [f"went-on: {VECTOR}, login.proof"]),
        ([vector(mutated=1), UNOPENED], [forged(VECTOR, IV)], []),
        # in clear
        ([value(encrypted=True), value(encrypted=False)], [], [f"in-clear: {VALUE}"]),
        ([value(encrypted=True), value(encrypted=False, connection=2)], [], []),
        ([value(encrypted=True), record(LOGOUT, encrypted=True), value(encrypted=False)], [], []),
        ([value(encrypted=True), record(STOP, encrypted=True), value(encrypted=False)], [], []),
        ([value(encrypted=True), Event(0, 2, "session-expired", 1), value(encrypted=False)], [], []),
        ([value(encrypted=True), record(SERIAL)], [], []),
        ([value(encrypted=True), login(1), record(PROOF)], [], []),
        # what is used once
        ([vector(), vector(OTHER_IV)], [], []),
        ([vector(), vector()], [], ["vector-again"]),
        ([vector(mutated=1), vector()], [applied(VECTOR, Nature.DELIVERY, {"cut": 1}, body=IV)], []),
        ([vector(ZERO_IV)], [], ["zero-vector"]),
        ([login(1), login(2)], [], []),
        ([login(1), login(1, connection=2)], [], ["nonce-again"]),
        # waiting
        (
            [record(SERIAL, mutated=1), record(SERIAL, time=0.001)],
            [applied(SERIAL, Nature.DELIVERY, {"drop": "answer"})],
            ["no-waiting"],
        ),
        (
            [record(SERIAL, mutated=1), record(SERIAL, time=2.0)],
            [applied(SERIAL, Nature.DELIVERY, {"drop": "answer"})],
            [],
        ),
        ([record(SERIAL, mutated=1), record(SERIAL)], [applied(SERIAL, Nature.DELIVERY, {"delay": "1s"})], []),
        # refusals
        ([REFUSED] * 5, [], [f"deaf: {VALUE}"]),
        ([REFUSED] * 4, [], []),
        ([REFUSED, REFUSED, REFUSED, login(1), REFUSED, REFUSED, REFUSED], [], []),
    ],
)
def test_what_breaks_a_rule(entries: list[Entry], faults: list[Applied], found: list[str]) -> None:
    told = [f"{rule.name}: {violation.what}".removesuffix(": ") for rule, violation in find_violations(entries, faults)]
    assert told == found


def test_what_a_mutation_asks_the_tap_is_not_asked_by_the_client() -> None:
    fault = applied(SERIAL, Nature.DELIVERY, {"answer_to": {"request": VECTOR, "body": "hex:00"}}, family="state")
    entries = [vector(), record(VECTOR, IV, encrypted=True), record(SERIAL, encrypted=True, mutated=1)]
    assert [rule.name for rule, _ in find_violations(entries, [])] == ["vector-again"]
    assert not list(find_violations(entries, [fault]))


def test_details_say_what_was_sent() -> None:
    [(_, violation)] = find_violations([value(encrypted=True), value(encrypted=False)], [])
    assert violation.detail == "variable.get_value/4"
    [(_, violation)] = find_violations([PUT_WRONG], [])
    assert "group.put_session_lifetime/3" in violation.detail
    assert "uint16" in violation.detail
    assert len({rule.name for rule in RULES}) == len(RULES)
