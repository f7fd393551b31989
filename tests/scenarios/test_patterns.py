"""Patterns of requests."""

import pytest

from protocol.codes import Method
from protocol.errors import UsageError
from protocol.frames import Request
from protocol.paths import Path
from protocol.resources.registry import Entry, find_entry
from scenarios.patterns import RequestPattern


@pytest.mark.parametrize(
    ("pattern", "method", "request_text", "matches"),
    [
        ("device.get_serial_number", None, "GET /3//2", True),
        ("device.get_serial_number", None, "GET /3//1", False),
        ("device.*", None, "GET /3//1", True),
        ("group.*", None, "GET /3//1", False),
        ("*.get_*", None, "GET /1025/5/0", True),
        ("/3//2", None, "GET /3//2", True),
        ("/1025/*/*", None, "GET /1025/5/0", True),
        ("/1025/5/*", None, "GET /1025/5/0", True),
        ("/1025/6/*", None, "GET /1025/5/0", False),
        ("/1025/*/3", "POST", "GET /1025/5/0", False),
        ("GET /1025/*/*", None, "GET /1025/5/0", True),
        ("PUT /1025/*/*", None, "GET /1025/5/0", False),
        ("group.*", "GET", "GET /1025/5/0", True),
        ("group.*", "PUT", "GET /1025/5/0", False),
        ("/3/*/2", None, "GET /3//2", True),
    ],
)
def test_what_is_meant(pattern: str, method: str | None, request_text: str, matches: bool) -> None:
    word, _, path = request_text.partition(" ")
    request = Request(Method[word], Path.parse(path))
    entry = find_entry(request.method, request.path)
    assert isinstance(entry, Entry)
    try:
        compiled = RequestPattern([pattern], None if method is None else Method[method])
    except UsageError:
        assert not matches
        return
    assert compiled.matches(entry.id, request) is matches


def test_one_of_several_is_enough() -> None:
    request = Request(Method.GET, Path.parse("/3//2"))
    pattern = RequestPattern(["group.*", "/3//2"])
    assert pattern.matches("device.get_serial_number", request)
    assert str(pattern) == "group.* or /3//2"


def test_a_form_of_a_call_means_the_call() -> None:
    from protocol.client.calls import CALLS

    form = next(call for call in CALLS.values() if call.name != call.call.name)
    assert RequestPattern([form.id]).entries()[0].id == f"{form.resource.service}.{form.call.name}"


@pytest.mark.parametrize(
    ("pattern", "method", "reason"),
    [
        ("device.get_serial_nmber", None, "expected for example device.get_serial_number"),
        ("gruop.*", None, "no call is named gruop"),
        ("/1024//9999", None, "expected for example /1024//"),
        ("/9//9", None, "expected one of the objects 2, 3"),
        ("/1024/47", None, "is no path, expected /object/instance/resource"),
        ("/x//1", None, "is no path"),
        ("DELETE /3//2", None, "is no path"),
        ("device.get_serial_number", Method.PUT, "no call with the method PUT"),
    ],
)
def test_what_means_nothing(pattern: str, method: Method | None, reason: str) -> None:
    with pytest.raises(UsageError, match=r".") as error:
        RequestPattern([pattern], method)
    assert reason in str(error.value)
