"""Values on their way to the wire, and ``${..}`` in them."""

from typing import Any

import pytest

from protocol.codes import Method, ResultCode
from protocol.errors import UsageError
from protocol.frames import Response
from scenarios.values import (
    capture,
    encode_answer,
    make_request,
    parse_request,
    request_value,
    response_value,
    substitute,
)


@pytest.mark.parametrize(
    ("text", "value", "body", "instance", "expected"),
    [
        ("device.get_serial_number", None, None, None, "GET /3//2 "),
        ("GET /3//2", None, None, None, "GET /3//2 "),
        ("interface.put_app_name", "abc", None, None, "PUT /1024//9 616263"),
        ("interface.put_app_name", "hex:6162", None, None, "PUT /1024//9 6162"),
        ("group.get_name", None, None, 5, "GET /1025/5/0 "),
        ("PUT /4711//1", None, b"\x01", None, "PUT /4711//1 01"),
    ],
)
def test_requests(text: str, value: Any, body: bytes | None, instance: int | None, expected: str) -> None:
    request = make_request(text, value, body, instance)
    assert f"{Method(request.method).name} {request.path} {request.body.hex()}" == expected


@pytest.mark.parametrize(
    ("text", "value", "instance", "reason"),
    [
        ("device.get_serial", None, None, "no call is named"),
        ("GET /3/2", None, None, "is not a path"),
        ("GET /4711//1", 3, None, "is not in the table, expected body"),
        ("GET /1025/5/0", None, 5, "has its instance in the path"),
        ("group.get_name", None, None, "needs instance"),
        ("device.get_serial_number", 1, None, "takes no value"),
    ],
)
def test_requests_that_cannot_be(text: str, value: Any, instance: int | None, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        make_request(text, value, None, instance)


def test_bodies_as_json() -> None:
    call = parse_request("device.get_serial_number").call
    assert call is not None
    answer = Response(ResultCode.CONTENT, encode_answer(call, "IoTize"))
    assert response_value("device.get_serial_number", answer) == "IoTize"
    assert response_value(None, Response(ResultCode.OK, b"\x01")) == "hex:01"
    assert response_value(None, Response(ResultCode.OK, b"")) is None
    assert request_value("interface.put_app_name", make_request("interface.put_app_name", "x")) == "x"


VARIABLES = {"n": 5, "row": {"user": "joe", "tags": ["a", "b"]}, "s": "x"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${n}", 5),
        ("a${n}", "a5"),
        ("${row}", VARIABLES["row"]),
        ("${row.tags.1}", "b"),
        ({"a": ["${row.user}", 1]}, {"a": ["joe", 1]}),
        ("${s}${s}", "xx"),
        ("$n", "$n"),
        (7, 7),
    ],
)
def test_names_are_filled_in(value: Any, expected: Any) -> None:
    assert substitute(value, VARIABLES) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("${m}", "nothing defines \\${m}, expected one of: n, row, s"),
        ("${row.name}", "there is no 'name' in it, expected one of user, tags"),
        ("${row.tags.2}", "expected a number below 2"),
        ("${n.x}", "expected no field"),
    ],
)
def test_names_that_nothing_defines(value: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        substitute(value, VARIABLES)


def test_captures() -> None:
    assert capture({"a": [{"b": 3}]}, "a.0.b") == 3
    assert capture("x", "") == "x"
