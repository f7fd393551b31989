"""What is wrong with an answer, as a client sees it."""

import pytest

from emulator.effects import Close, Send
from protocol.client.links import LinkError
from protocol.crypto import FrameCipher
from protocol.errors import FrameError, IntegrityError, ProtocolError, RefusedError
from tests.hosts import Host, make_device
from tests.scenarios.script.directed import direct, directed, notes, visit

SERIAL = b"IoTize00410000009B"
RULE = "[{{name: it, when: {{request: device.get_serial_number}}, then: {action}}}]"

SEEN: list[tuple[str, type[ProtocolError], str]] = [
    ("{wrong: crc}", IntegrityError, "CRC"),
    ("{wrong: {crc: 7}}", IntegrityError, "CRC"),
    ("{wrong: id}", IntegrityError, "frame 2, sent was 1"),
    ("{wrong: {id: 7}}", IntegrityError, "frame 7, sent was 1"),
    ("{wrong: [crc, id]}", IntegrityError, "CRC"),
    ("{wrong: length}", IntegrityError, "says that its payload has 37"),
    ("{wrong: {length: 3}}", IntegrityError, "says that its payload has 3"),
    ("{wrong: padding}", IntegrityError, "padding"),
    ("{wrong: iv}", IntegrityError, "encrypted answer"),
    ("{wrong: stale-iv}", IntegrityError, "encrypted answer"),
    ("{wrong: key}", IntegrityError, "encrypted answer"),
    ("{wrong: {iv: 'hex:00112233445566778899aabbccddeeff'}}", IntegrityError, "encrypted answer"),
    ("{wrong: {key: '00000000000000000000000000000000'}}", IntegrityError, "encrypted answer"),
    ("{wrong: inner-status}", IntegrityError, "status word 6F00"),
    ("{wrong: {inner-status: 6D00}}", IntegrityError, "status word 6D00"),
    ("{wrong: [inner-status, id]}", IntegrityError, "frame 2, sent was 1"),
    ("{wrong: {id: 1}}", IntegrityError, "frame 2, sent was 1"),
    ("{wrong: status}", IntegrityError, "status word 6F00"),
    ("{wrong: {status: 6D00}}", IntegrityError, "status word 6D00"),
    ("{corrupt: {level: frame, byte: 5}}", IntegrityError, "CRC"),
    ("{corrupt: {level: frame, byte: -1, set: 0}}", IntegrityError, "CRC"),
    ("{corrupt: {level: frame, truncate: 16}}", IntegrityError, "says that its payload has 21"),
    ("{corrupt: {level: ciphertext, byte: 3}}", IntegrityError, "encrypted answer"),
    ("{corrupt: {level: ciphertext, remove: 16, byte: 0}}", IntegrityError, "encrypted answer"),
    ("{corrupt: {level: ciphertext, byte: 0, repeat: 16}}", IntegrityError, "encrypted answer"),
    ("{corrupt: {level: ciphertext, byte: 0, swap: 16}}", IntegrityError, "encrypted answer"),
    ("{corrupt: {level: ciphertext, append: 'hex:00'}}", IntegrityError, "ciphertext of 33 bytes"),
    ("{send: 'hex:009000'}", IntegrityError, "ciphertext of 0 bytes"),
    ("{send: 'hex:819000'}", RefusedError, "UNAUTHORIZED"),
    ("{corrupt: {level: ciphertext, truncate: 1}}", IntegrityError, "ciphertext of 31 bytes"),
    ("{corrupt: {level: ciphertext, byte: 0, insert: 'hex:00'}}", IntegrityError, "ciphertext of 33 bytes"),
    ("{corrupt: {level: apdu, byte: -2, xor: 0xFF}}", IntegrityError, "status word 6F00"),
    ("{corrupt: {byte: 0, set: 0x86}}", IntegrityError, "outer code 0x86"),
    ("{corrupt: {level: clear, byte: 0, set: 0x84}}", RefusedError, "NOT_FOUND"),
    ("{answer: NVM_FULL}", RefusedError, "NVM_FULL"),
    ("{cut: 5}", IntegrityError, "status word"),
    ("{cut: -1}", IntegrityError, "status word"),
    ("{drop: answer}", LinkError, "no answer"),
    ("{drop: request}", LinkError, "no answer"),
    ("{delay: 2s}", LinkError, "no answer"),
    ("{merge: true}", LinkError, "no answer"),
    ("{replay: 1}", IntegrityError, "encrypted answer"),
]


@pytest.mark.parametrize(("action", "error", "message"), SEEN, ids=[action for action, *_ in SEEN])
def test_client_sees_it_under_encryption_once(action: str, error: type[ProtocolError], message: str) -> None:
    device, _ = make_device()
    with visit(device) as tap:
        tap.service.interface.get_app_name()
        direct(device, RULE.format(action=action).replace("then", "times: 1, then"))
        if "replay" in action:
            tap.service.interface.get_app_name()
            tap.refresh_encryption_initialization_vector()
        with pytest.raises(error, match=message):
            tap.service.device.get_serial_number()


def test_after_a_wrong_frame_the_session_goes_on() -> None:
    device, _ = make_device()
    with visit(device) as tap:
        direct(device, RULE.format(action="{wrong: [iv, key, crc]}").replace("then", "times: 1, then"))
        with pytest.raises(IntegrityError):
            tap.service.device.get_serial_number()
        assert tap.service.device.get_serial_number() == SERIAL.decode()


SENT: list[tuple[str, list[bytes]]] = [
    ("{duplicate: 2}", [b"\0" + SERIAL + b"\x90\0"] * 2),
    ("{split: [1, 3]}", [b"\0", SERIAL[:3], SERIAL[3:] + b"\x90\0"]),
    ("{cut: 3}", [b"\0Io"]),
    ("{corrupt: {level: clear, byte: 1, set: 0x41}}", [b"\0A" + SERIAL[1:] + b"\x90\0"]),
    ("{corrupt: {level: clear, byte: 0, remove: 2}}", [SERIAL[1:] + b"\x90\0"]),
    ("{corrupt: {level: clear, byte: 1, insert: 'hex:4142'}}", [b"\0AB" + SERIAL + b"\x90\0"]),
    ("{corrupt: {level: clear, byte: 1, replace: 'hex:4142'}}", [b"\0AB" + SERIAL[2:] + b"\x90\0"]),
    ("{corrupt: {byte: -1, replace: 'hex:010203'}}", [b"\0" + SERIAL + b"\x90\1"]),
    ("{corrupt: {byte: 0, repeat: 3}}", [b"\0Io\0" + SERIAL + b"\x90\0"]),
    ("{corrupt: {byte: 1, swap: 1}}", [b"\0oI" + SERIAL[2:] + b"\x90\0"]),
    ("{corrupt: {byte: -3, swap: 2}}", [b"\0" + SERIAL[:-1] + b"\0" + SERIAL[-1:] + b"\x90"]),
    ("{corrupt: {append: 'hex:0102'}}", [b"\0" + SERIAL + b"\x90\0\1\2"]),
    ("{corrupt: {level: clear, append: 'hex:0102'}}", [b"\0" + SERIAL + b"\1\2\x90\0"]),
    ("{send: 'hex:6F00'}", [b"\x6f\0"]),
    ("[{send: 'hex:010203'}, {split: [1]}]", [b"\1", b"\2\3"]),
    ("{corrupt: {level: clear, truncate: 2}}", [b"\0" + SERIAL[:-2] + b"\x90\0"]),
    ("{corrupt: {byte: 99}}", [b"\0" + SERIAL + b"\x90\0"]),
    ("{wrong: status}", [b"\0" + SERIAL + b"\x6f\0"]),
    ("{wrong: [crc, status]}", [b"\0" + SERIAL + b"\x6f\0"]),
    ("{answer: {code: 0x45, body: 'hex:4142'}}", [b"\x45AB\x90\0"]),
    ("{answer: {value: Other}}", [b"\0Other\x90\0"]),
    ("{answer_to: interface.get_app_name}", [b"\0Virtual Tap\x90\0"]),
    ("{replay: 2}", [b"\0" + SERIAL + b"\x90\0"]),
    ("[{cut: 4}, {wrong: status}]", [b"\0I\x6f\0"]),
]


@pytest.mark.parametrize(("action", "sent"), SENT, ids=[action for action, _ in SENT])
def test_bytes_in_clear(action: str, sent: list[bytes]) -> None:
    device, _, _ = directed(RULE.format(action=action))
    host = Host(device)
    host.exchange(bytes.fromhex("A2CA00000701 0003 FFFF 0002"))
    assert [effect.data for effect in host.effects if isinstance(effect, Send)] == sent


@pytest.mark.parametrize("part", ["crc", "id", "length", "padding", "inner-status", "iv", "stale-iv", "key"])
def test_in_clear_there_is_nothing_to_be_wrong_and_the_journal_says_so(part: str) -> None:
    device, _, _ = directed(RULE.format(action=f"{{wrong: {part}}}"))
    assert Host(device).get("/3//2").body == SERIAL
    assert notes(device) == [f"it: nothing to do for wrong {part}: the request came in clear"]


def test_stale_vector_is_the_one_before_the_exchange() -> None:
    device, _ = make_device()
    host = Host(device)
    host.initialize()
    direct(device, RULE.format(action="{wrong: stale-iv}"))
    request, answer = bytes(range(16)), host.secret("GET", "/1024//45", bytes(range(16))).body
    zero, host.request_iv, host.answer_iv = host.answer_iv, request, answer
    sealed = host.get("/1024//48", host.seal("GET", "/3//2")).body
    assert host.open(sealed, zero).body == SERIAL


def test_delay_sends_at_its_time_and_segments_at_theirs() -> None:
    device, clock, _ = directed(RULE.format(action="[{delay: 2s}, {split: {sizes: [1], gap: 500ms}}]"))
    host = Host(device)
    host.exchange(bytes.fromhex("A2CA00000701 0003 FFFF 0002"))
    assert host.effects == []
    times = []
    while (due := device.next_deadline()) is not None and due < 10:
        clock.advance(due - clock.now())
        times += [(clock.now(), effect) for effect in device.tick() if isinstance(effect, Send)]
    assert [time for time, _ in times] == [2.0, 2.5]
    assert b"".join(effect.data for _, effect in times) == b"\0" + SERIAL + b"\x90\0"


def test_delay_of_a_range_is_drawn_from_the_seed() -> None:
    drawn = []
    for seed in (1, 1, 2):
        device, _ = make_device()
        direct(device, RULE.format(action="{delay: [1s, 2s]}"), seed=seed)
        Host(device).exchange(bytes.fromhex("A2CA00000701 0003 FFFF 0002"))
        drawn.append(device.next_deadline())
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(time is not None and 1 <= time <= 2 for time in drawn)


@pytest.mark.parametrize(
    ("action", "answered", "reset"),
    [
        ("close: true", True, False),
        ("close: before", False, False),
        ("reset: true", True, True),
        ("reset: before", False, True),
    ],
)
def test_connection_ends(action: str, answered: bool, reset: bool) -> None:
    device, _, _ = directed(RULE.format(action=f"{{{action}}}"))
    host = Host(device)
    host.exchange(bytes.fromhex("A2CA00000701 0003 FFFF 0002"))
    kinds = [type(effect) for effect in host.effects]
    assert kinds == ([Send, Close] if answered else [Close])
    assert isinstance(host.effects[-1], Close)
    assert host.effects[-1].reset is reset


@pytest.mark.parametrize("action", ["{merge: true}", "{merge: true, split: {sizes: [1], gap: 5ms}}"])
def test_merged_answer_comes_with_the_next_one(action: str) -> None:
    device, _, _ = directed(RULE.format(action=action))
    host = Host(device)
    request = bytes.fromhex("A2CA00000701 0003 FFFF 0002")
    name = bytes.fromhex("A2CA00000701 0400 FFFF 0009")
    assert host.exchange(request) == b""
    assert host.exchange(name) == b"\0" + SERIAL + b"\x90\0" + b"\0Virtual Tap\x90\0"


def test_answer_comes_too_late_right_before_the_next_one() -> None:
    device, clock, _ = directed(RULE.format(action="{merge: 10ms}"))
    host = Host(device)
    assert host.exchange(bytes.fromhex("A2CA00000701 0003 FFFF 0002")) == b""
    assert host.exchange(bytes.fromhex("A2CA00000701 0400 FFFF 0009")) == b"\0" + SERIAL + b"\x90\0"
    clock.advance(0.01)
    assert [effect.data for effect in device.tick() if isinstance(effect, Send)] == [b"\0Virtual Tap\x90\0"]


@pytest.mark.parametrize(("lost", "kept"), [("request", "Virtual Tap"), ("answer", "Bath")])
def test_lost_request_changes_nothing_and_lost_answer_does(lost: str, kept: str) -> None:
    device, _, _ = directed(f"[{{when: {{request: interface.put_app_name}}, then: {{drop: {lost}}}}}]")
    with visit(device) as tap:
        tap.login("admin", "admin")
        with pytest.raises(LinkError, match="no answer"):
            tap.service.interface.put_app_name("Bath")
    assert device.state["interface.app_name"] == kept


def test_other_request_is_made_with_the_rights_of_the_session_and_no_rule_acts_on_it() -> None:
    device, _, script = directed(
        """
        - {when: {request: device.get_serial_number}, then: {answer_to: {request: group.get_name, instance: 65535}}}
        - {when: {request: group.get_name}, then: {answer: NVM_FULL}}
        """
    )
    with visit(device) as tap:
        tap.login("admin", "admin")
        assert tap.service.device.get_serial_number() == "admin"
    assert [rule["matched"] for rule in script.states()["rules"]] == [1, 0]


def test_random_places_follow_from_the_seed() -> None:
    answers = []
    for seed in (1, 1, 2):
        device, _ = make_device()
        direct(device, RULE.format(action="{corrupt: {level: clear}}"), seed=seed)
        host = Host(device)
        answers.append([host.get("/3//2").body for _ in range(5)])
    assert answers[0] == answers[1] != answers[2]
    assert SERIAL not in answers[0]


@pytest.mark.parametrize("part", ["iv", "key"])
def test_what_would_be_right_is_made_wrong(part: str) -> None:
    device, _ = make_device()
    host = Host(device)
    host.initialize()
    assert host.cipher is not None
    right = {"iv": bytes(16), "key": host.cipher.key}[part]
    direct(device, RULE.format(action=f"{{wrong: {{{part}: 'hex:{right.hex()}'}}}}"))
    sealed = host.get("/1024//48", host.seal("GET", "/3//2")).body
    with pytest.raises(FrameError):
        host.open(sealed)
    inverted = bytes(0xFF ^ byte for byte in right)
    if part == "key":
        host.cipher = FrameCipher(inverted)
    assert host.open(sealed, inverted if part == "iv" else None).body == SERIAL
