"""The TapNPass adapter: commands, results, counters (object 1027)."""

import pytest

from protocol.bodies.tapnpass import ADP_STATS
from tests.emulator.targets.taps import ask, tap

ZIP, UNZIP, TOTAL, EXEC = "8001", "8002", "8004", "8009"

COMMANDS = [
    ("00000001", "00000000"),
    (f"{ZIP}0000", "80000000"),
    (f"{UNZIP}0000", "80000000"),
    ("80030100", "80000100"),
    ("80030000", "80060000"),
    ("80031001", "80061001"),
    (f"{TOTAL}0000", "80001000"),
    ("80050000", "80001000"),
    ("8006000d", "8000000d"),
    ("8007000a", "8000000a"),
    ("8008000d", "8000000d"),
    (f"{EXEC}0000", "80000000"),
    ("800a0000", "80050000"),
    ("12345678", "80050000"),
]


@pytest.mark.parametrize(("command", "result"), COMMANDS)
def test_command_and_its_result(command: str, result: str) -> None:
    host = tap()[0]
    assert ask(host, f"POST /1027//41 {command}") == "00"
    assert ask(host, "GET /1027//41") == f"00 {command}"
    assert ask(host, "GET /1027//42") == f"00 {result}"


def test_buffer_size_is_kept_until_a_reboot() -> None:
    host, device, _ = tap()
    for command, result in [("80030200", "80000200"), ("80050000", "80000200"), ("80039999", "80069999")]:
        ask(host, f"POST /1027//41 {command}")
        assert ask(host, "GET /1027//42") == f"00 {result}"
    ask(host, "POST /1027//41 80050000")
    assert ask(host, "GET /1027//42") == "00 80000200", "what was refused did not count"
    device.target.restart()
    assert ask(host, "GET /1027//41") == "00 00000000"
    assert ask(host, "GET /1027//42") == "00 00000000"
    ask(host, "POST /1027//41 80050000")
    assert ask(host, "GET /1027//42") == "00 80001000"


def test_result_can_be_overwritten() -> None:
    host = tap()[0]
    assert ask(host, "POST /1027//42 80000007") == "00 80000007"
    assert ask(host, "GET /1027//42") == "00 80000007"


def test_status_counts_seconds_and_commands() -> None:
    host, _, clock = tap()
    for _ in range(3):
        ask(host, "POST /1027//41 80050000")
    clock.advance(70)
    response = host.get("/1027//36")
    assert response.success
    assert len(response.body) == 68
    stats = ADP_STATS.decode(response.body)
    assert (stats.com.nb_com_adp.hex(), stats.intern.time.hex()) == ("00000003", "00000046")


def test_action_is_taken() -> None:
    host, device, _ = tap()
    assert ask(host, "POST /1027//39 0102") == "00"
    assert device.target.adapter.action == b"\1\2"


@pytest.mark.parametrize("request_", ["POST /1027//41", "POST /1027//41 800500", "POST /1027//42 8005000000"])
def test_body_that_does_not_fit(request_: str) -> None:
    assert ask(tap()[0], request_) == "80"


@pytest.mark.parametrize(("firmware", "code"), [("1.50", "a1"), ("1.51", "00")])
def test_control_words_came_with_firmware_1_51(firmware: str, code: str) -> None:
    host = tap(firmware=firmware)[0]
    for request in ("GET /1027//41", "POST /1027//41 00000000", "GET /1027//42", "POST /1027//42 00000000"):
        assert ask(host, request)[:2] == code
    assert ask(host, "GET /1027//36")[:2] == "00"


@pytest.mark.parametrize(
    ("firmware", "request_", "code"),
    [
        ("1.62", "GET /1027//3", "a1"),
        ("1.62", "POST /1027//3", "00"),
        ("1.63", "GET /1027//3", "00"),
        ("1.56", "GET /1027//43", "a1"),
        ("1.57", "GET /1027//43", "a5"),
    ],
)
def test_target_calls_that_came_later(firmware: str, request_: str, code: str) -> None:
    assert ask(tap(firmware=firmware)[0], request_)[:2] == code
