"""Telnet with a serial port in it: segments, negotiation, and what is malformed."""

from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import IntegrityError
from protocol.rfc2217 import PortCommand, PortMessage, Telnet, escape

Item = bytes | PortMessage


class End:
    """One end, and what it has to say."""

    def __init__(self) -> None:
        self.telnet = Telnet()

    def receive(self, data: bytes) -> list[Item]:
        """What came, with data in one piece."""
        items: list[Item] = []
        for item in self.telnet.receive(data):
            if isinstance(item, bytes) and items and isinstance(items[-1], bytes):
                items[-1] += item
            else:
                items.append(item)
        return items


def joined(items: list[Item]) -> list[Item]:
    """The same with neighbouring data joined."""
    result: list[Item] = []
    for item in items:
        last = result[-1] if result else None
        if isinstance(item, bytes) and isinstance(last, bytes):
            result[-1] = last + item
        else:
            result.append(item)
    return result


DATA = st.lists(st.sampled_from([0, 1, 0xF0, 0xFA, 0xFF, 0x2C]), min_size=1, max_size=6).map(bytes)
ITEMS = st.lists(
    st.one_of(DATA, st.builds(PortMessage, st.sampled_from(PortCommand).map(int), st.just(b"") | DATA)), max_size=6
)


@given(items=ITEMS, cuts=st.lists(st.integers(1, 60), max_size=8))
def test_any_segments(items: list[Item], cuts: list[int]) -> None:
    sender, receiver = End(), End()
    stream = b""
    for item in items:
        if isinstance(item, bytes):
            stream += escape(item)
        else:
            sender.telnet.send_port(item.command, item.value)
            stream += sender.telnet.take()
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    received = [item for start, end in pairwise(edges) for item in receiver.receive(stream[start:end])]
    assert joined(received) == joined(items)
    assert receiver.telnet.take() == b""


def test_two_ends_agree_and_are_silent() -> None:
    client, server = End(), End()
    client.telnet.offer()
    server.telnet.offer()
    rounds = 0
    while (to_server := client.telnet.take()) + (to_client := server.telnet.take()):
        rounds += 1
        assert server.receive(to_server) == client.receive(to_client) == []
    assert rounds == 1, "an offer is the answer to the same offer"
    assert client.telnet.carries_port
    assert server.telnet.carries_port


def test_end_that_waits_for_an_offer() -> None:
    server, client = End(), End()
    server.telnet.offer()
    client.receive(server.telnet.take())
    assert server.receive(client.telnet.take()) == []
    assert server.telnet.take() == b""
    assert server.telnet.carries_port


NEGOTIATIONS = {
    "DO ECHO": ("fffd01", "fffc01"),
    "WILL ECHO": ("fffb01", "fffe01"),
    "DONT ECHO": ("fffe01", ""),
    "WONT ECHO": ("fffc01", ""),
    "DO BINARY": ("fffd00", "fffb00"),
    "DO BINARY twice": ("fffd00fffd00", "fffb00"),
    "DO and DONT BINARY": ("fffd00fffe00", "fffb00fffc00"),
    "WILL and WONT SGA": ("fffb03fffc03", "fffd03fffe03"),
    "DONT BINARY": ("fffe00", ""),
    "DO option 255": ("fffdff", "fffcff"),
}


@pytest.mark.parametrize("case", NEGOTIATIONS)
def test_negotiation(case: str) -> None:
    received, sent = map(bytes.fromhex, NEGOTIATIONS[case])
    end = End()
    assert [item for byte in received for item in end.receive(bytes([byte]))] == []
    assert end.telnet.take() == sent


@pytest.mark.parametrize(
    ("received", "carries"), [("fffd2c", True), ("fffb2c", True), ("fffe2c", False), ("fffc2c", None), ("fffd00", None)]
)
def test_agreement_on_the_port(received: str, carries: bool | None) -> None:
    end = End()
    end.telnet.offer()
    end.receive(bytes.fromhex(received))
    assert end.telnet.carries_port is carries


IGNORED = {
    "no operation": "fff1",
    "break": "fff3",
    "end of a subnegotiation without a beginning": "fff0",
    "undefined command": "ff00",
    "empty subnegotiation": "fffafff0",
    "subnegotiation of the port without a command": "fffa2cfff0",
    "another option": "fffa1f00500018fff0",
    "another option with an escape": "fffa18ffff2cfff0",
}


@pytest.mark.parametrize("case", IGNORED)
def test_ignored(case: str) -> None:
    end = End()
    stream = b"a" + bytes.fromhex(IGNORED[case]) + b"b"
    assert end.receive(stream) == [b"ab"]
    assert joined([item for byte in stream for item in end.receive(bytes([byte]))]) == [b"ab"]
    assert end.telnet.take() == b""


ENDLESS = {
    "subnegotiation": bytes.fromhex("fffa2c01") + bytes(1000),
    "subnegotiation of escapes": bytes.fromhex("fffa2c01") + b"\xff" * 1000,
    "subnegotiation in a subnegotiation": bytes.fromhex("fffa2c01fffa2c01") + bytes(1000),
}


@pytest.mark.parametrize("case", ENDLESS)
@pytest.mark.parametrize("size", [1, 100, 5000])
def test_subnegotiation_without_end(case: str, size: int) -> None:
    end = End()
    stream = ENDLESS[case]
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    with pytest.raises(IntegrityError, match="no end"):
        deque(map(end.receive, pieces))
    assert end.telnet.take() == b""


@given(data=st.binary(max_size=300))
def test_anything(data: bytes) -> None:
    end = End()
    end.receive(data)
    assert len(end.telnet.take()) <= len(data)
