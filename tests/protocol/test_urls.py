"""URLs of links: what is taken from them, and what is said about those that do not fit."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import UsageError
from protocol.urls import LinkUrl, Options, authority, choice, integer, text

SCHEMES = ("tcp", "pty", "serial", "rfc2217", "ws", "mqtt", "mem")
OPTIONS: Options = {
    "baudrate": integer(50, 4_000_000, 9600),
    "parity": choice({"none": "N", "even": "E"}, "N"),
    "netkey": text(),
    "origin": text(repeated=True),
}

PARTS = [
    ("tcp://127.0.0.1:2000", {"host": "127.0.0.1", "port": 2000}),
    ("tcp://[::1]:2000", {"host": "::1", "port": 2000, "name": "[::1]:2000"}),
    ("tcp://tap.local", {"host": "tap.local", "port": None}),
    ("TCP://Tap.Local:1", {"scheme": "tcp", "host": "tap.local", "port": 1}),
    ("pty:./tap0", {"host": None, "path": "./tap0", "name": ""}),
    ("pty:/tmp/tap%200", {"path": "/tmp/tap 0"}),
    ("serial:/dev/ttyUSB0?baudrate=115200", {"path": "/dev/ttyUSB0", "query": {"baudrate": ["115200"]}}),
    ("mem://Bench", {"name": "Bench"}),
    ("mqtt:", {"host": None, "name": "", "user": None, "password": None}),
    (
        "mqtt://tap:p%40ss%2Fword@broker:1883?netkey=a%26b",
        {"host": "broker", "port": 1883, "user": "tap", "password": "p@ss/word", "query": {"netkey": ["a&b"]}},
    ),
    ("ws://h?origin=http://a&origin=http://b", {"query": {"origin": ["http://a", "http://b"]}}),
]


@pytest.mark.parametrize(("url", "parts"), PARTS)
def test_parts(url: str, parts: dict[str, object]) -> None:
    parsed = LinkUrl.parse(url, SCHEMES)
    assert {name: getattr(parsed, name) for name in parts} == parts


SHOWN = [
    ("mqtt://tap:secret@broker:1883?netkey=hidden", "mqtt://broker:1883"),
    ("pty:./tap0?baudrate=9600", "pty:./tap0"),
    ("tcp://[::1]:2000", "tcp://[::1]:2000"),
    ("mem://bench", "mem://bench"),
    ("tcp:127.0.0.1:2000", "tcp:127.0.0.1:2000"),
    ("mqtt:", "mqtt:"),
    ("pty:./tap%3F%200", "pty:./tap%3F%200"),
]


@pytest.mark.parametrize(
    "url",
    [
        "mqtt://tap:secret@broker:port",
        "mqqt://tap:secret@broker",
        "mqtt://tap:s@secret@h:x",
        "mqtt://tap:my/secret@h",
        "mqtt://tap:my#secret@h",
        "tap:secret@h",
    ],
)
def test_no_message_has_a_password(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        LinkUrl.parse(url, SCHEMES)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("url", "shown"), SHOWN)
def test_url_is_shown_without_secrets(url: str, shown: str) -> None:
    assert str(LinkUrl.parse(url, SCHEMES)) == shown


WRONG = [
    ("", "unknown link '', expected one of mem, mqtt, pty"),
    ("tap0", "tap0: unknown link ''"),
    ("ftp://host", "ftp://host: unknown link 'ftp'"),
    ("tcp://host:port", "[Pp]ort"),
    ("tcp://host:70000", "[Pp]ort"),
    ("tcp://[::1", "Invalid IPv6"),
    ("tcp://a..b", "a..b is no name that a host can have"),
    (f"tcp://{'a' * 64}", "is no name that a host can have"),
    ("pty:./tap0?baudrate", "bad query field"),
    ("pty:./tap#0", "pty:./tap#0: has a #, expected %23"),
    ("tcp://me:secret@h", "tcp://h: has a user, expected none"),
]


@pytest.mark.parametrize(("url", "message"), WRONG)
def test_what_is_no_url_of_a_link(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        LinkUrl.parse(url, SCHEMES)


READ = [
    ("pty:x", {"baudrate": 9600, "parity": "N", "netkey": None, "origin": ()}),
    ("pty:x?baudrate=50&parity=EVEN", {"baudrate": 50, "parity": "E", "netkey": None, "origin": ()}),
    ("pty:x?origin=a&origin=*&netkey=k", {"baudrate": 9600, "parity": "N", "netkey": "k", "origin": ("a", "*")}),
]


@pytest.mark.parametrize(("url", "values"), READ)
def test_options(url: str, values: dict[str, object]) -> None:
    assert LinkUrl.parse(url, SCHEMES).options(OPTIONS) == values


UNFIT = [
    ("pty:x?baudrate=fast", "pty:x: baudrate=fast: expected a whole number from 50 to 4000000"),
    ("pty:x?baudrate=49", "baudrate=49: expected a whole number"),
    ("pty:x?baudrate=", "baudrate=: expected a whole number"),
    ("pty:x?parity=mark", "parity=mark: expected one of none, even"),
    ("pty:x?netkey=", "netkey=: expected a text"),
    ("pty:x?baudrate=50&baudrate=60", "option baudrate is there 2 times, expected once"),
    ("pty:x?baud=50", "unknown option baud, expected baudrate, netkey, origin, parity"),
]


@pytest.mark.parametrize(("url", "message"), UNFIT)
def test_options_that_do_not_fit(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        LinkUrl.parse(url, SCHEMES).options(OPTIONS)


def test_link_without_options_says_so() -> None:
    with pytest.raises(UsageError, match="unknown option x, expected none"):
        LinkUrl.parse("tcp://h?x=1", SCHEMES).options({})


@pytest.mark.parametrize("url", ["tcp:localhost:2000", "tcp:///tmp/tap", "ws://h:1/path"])
def test_address_has_no_path(url: str) -> None:
    with pytest.raises(UsageError, match=r"expected (tcp|ws)://host:port"):
        LinkUrl.parse(url, SCHEMES).address("127.0.0.1", 2000)


@pytest.mark.parametrize(
    ("url", "address"), [("tcp:", ("h", 1)), ("tcp://a", ("a", 1)), ("tcp://:5", ("h", 5)), ("tcp://a:0/", ("a", 0))]
)
def test_address(url: str, address: tuple[str, int]) -> None:
    assert LinkUrl.parse(url, SCHEMES).address("h", 1) == address


def test_split_into_common_and_other_options() -> None:
    common, own = LinkUrl.parse("pty:x?baudrate=300&parity=even", SCHEMES).split({"parity": OPTIONS["parity"]})
    assert common.query == {"parity": ["even"]}
    assert own.query == {"baudrate": ["300"]}
    assert own.path == common.path == "x"
    with pytest.raises(UsageError, match="unknown option baudrate, expected speed, parity"):
        own.options({"speed": OPTIONS["baudrate"]})


@given(st.text())
def test_any_text_is_a_url_or_explained(url: str) -> None:
    with suppress(UsageError):
        LinkUrl.parse(url, SCHEMES).options(OPTIONS)


@pytest.mark.parametrize(("host", "expected"), [("::1", "[::1]:5"), ("tap.local", "tap.local:5")])
def test_authority(host: str, expected: str) -> None:
    assert authority(host, 5) == expected
