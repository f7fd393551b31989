"""Result codes: each known one, strange ones, and the one that a client asks again after."""

import pytest

from protocol.codes import ResultCode
from scenarios.fuzz.grammar import BY_NAME
from tests.scenarios.fuzz.bodies import answer

SERIAL = answer("device.get_serial_number", b"IoTize1")


@pytest.mark.parametrize(
    ("name", "code", "codes"),
    [
        ("code.known", ResultCode.OK, set(ResultCode) - {ResultCode.OK}),
        ("code.known", ResultCode.BUSY, set(ResultCode) - {ResultCode.BUSY}),
        ("code.with-body", ResultCode.OK, set(ResultCode) - {ResultCode.OK}),
        ("code.busy", ResultCode.OK, {ResultCode.BUSY}),
        ("code.busy", ResultCode.BUSY, set()),
    ],
)
def test_which_codes(name: str, code: ResultCode, codes: set[ResultCode]) -> None:
    given = SERIAL._replace(response=SERIAL.response._replace(code=code))
    found = [each.then[0]["answer"]["code"] for each in BY_NAME[name].mutations(given)]
    assert sorted(found) == sorted(codes)


def test_nobody_knows_the_unknown_ones() -> None:
    for mutation in BY_NAME["code.unknown"].mutations(SERIAL):
        assert mutation.then[0]["answer"]["code"] not in list(ResultCode)
