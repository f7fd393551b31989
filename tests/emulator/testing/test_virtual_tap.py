"""A Tap in the background of a test."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.blueprint import demo
from emulator.control.errors import ControlError
from emulator.testing import VirtualTap
from emulator.testing.handle import LeakError
from protocol.client.links import LinkError
from protocol.errors import RefusedError

SERIAL_NUMBER = "device.get_serial_number"
NOT_FOUND = {
    "scenario": 1,
    "script": {"rules": [{"when": {"request": SERIAL_NUMBER}, "then": {"answer": "NOT_FOUND"}}]},
}


@pytest.fixture
def tap() -> Iterator[VirtualTap]:
    with VirtualTap(seed=7) as tap:
        yield tap


def test_a_client_logs_in_and_the_journal_tells_it(tap: VirtualTap) -> None:
    with tap.client("admin", "admin") as client:
        assert client.service.device.get_serial_number() == tap.serial_number == "IoTize00410000009B"
    line = tap.find(SERIAL_NUMBER)[-1]
    assert (line.user, line.encrypted, line.code, line.answer) == ("admin", True, "OK", tap.serial_number)
    assert str(line).endswith('admin encrypted: device.get_serial_number (GET /3//2) -> OK "IoTize00410000009B"')
    assert [event.kind for event in tap.journal.events][:2] == ["connected", "login"]
    assert len(tap.journal.requests) == len(tap.journal) - len(tap.journal.events)


@pytest.mark.parametrize("link", ["tcp://127.0.0.1:0", "ws://127.0.0.1:0"])
def test_it_listens_where_it_is_told_to(link: str) -> None:
    with VirtualTap(links=link) as tap, tap.client() as client:
        assert tap.url.startswith(link.rpartition(":")[0])
        client.service.device.get_serial_number()


def test_several_taps_share_one_thread_and_differ() -> None:
    with VirtualTap(firmware="1.85") as old, VirtualTap(firmware="1.86") as new:
        assert (old.firmware, new.firmware) == ("1.85.0", "1.86.0")
        assert old.url != new.url


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"firmware": "new"}, "new"),
        ({"clock": "fast"}, "expected real, virtual, a rate such as 10x, or a number"),
        ({"links": "smoke://signals"}, "smoke"),
        ({"config": {"firmware": "1.86", "colour": "red"}}, "colour"),
        ({"scenario": {"scrip": {}}}, "script"),
        ({"config": "nowhere.yaml"}, "nowhere.yaml"),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_reason(options: dict[str, object], expected: str) -> None:
    with pytest.raises(Exception, match=expected):
        VirtualTap(**options)  # type: ignore[arg-type] # that is what is tried


def test_the_same_seed_gives_the_same_bytes() -> None:
    def challenge(seed: int) -> object:
        with VirtualTap(seed=seed) as tap:
            with tap.client("admin", "admin"):
                pass
            return tap.find("scram.login")[0].answer["server_nonce"]

    assert challenge(1) == challenge(1) != challenge(2)


def test_time_is_moved(tap: VirtualTap) -> None:
    with tap.client("admin", "admin") as client:
        lifetime = client.session_state.lifetime or 0
        tap.clock.freeze()
        began = tap.clock.now()
        tap.clock.advance(lifetime + 1)
        assert tap.clock.now() == began + lifetime + 1
        assert [event.kind for event in tap.journal.events][-1] == "disconnected"
    tap.clock.rate = 10
    assert tap.clock.rate == 10


def test_variables_and_settings_are_those_of_the_world(tap: VirtualTap) -> None:
    tap.variables["temperature"] = 30.5
    assert (tap.variables["temperature"], tap.variables["setpoint"]) == (30.5, 21.0)
    with tap.client() as client:
        assert client.read_bundle("Climate")["temperature"] == 30.5
    assert {"temperature", "setpoint", "lamp"} <= set(tap.variables)
    tap.settings["interface.app_name"] = "Oven"
    assert tap.settings["interface.app_name"] == "Oven"
    with pytest.raises(ControlError, match="expected one of: temperature"):
        tap.variables["pressure"]
    with pytest.raises(KeyError, match="expected for example"):
        tap.settings["interface.colour"]


def test_a_fault_ends_with_its_block(tap: VirtualTap) -> None:
    with tap.client() as client:
        with tap.fault(when={"request": SERIAL_NUMBER}, then={"answer": "NOT_FOUND"}) as fault:
            with pytest.raises(RefusedError):
                client.service.device.get_serial_number()
            assert fault.fired == 1
        client.service.device.get_serial_number()
        assert fault.fired == 1
    assert [line.rules for line in tap.find(SERIAL_NUMBER)] == [("fault 1",), ()]


def test_a_fault_has_a_budget(tap: VirtualTap) -> None:
    tap.fault(when={"request": SERIAL_NUMBER}, then={"answer": "NOT_FOUND"}, times=1)
    with tap.client() as client:
        with pytest.raises(RefusedError):
            client.service.device.get_serial_number()
        client.service.device.get_serial_number()


def test_a_rule_that_cannot_be_understood_is_refused(tap: VirtualTap) -> None:
    with pytest.raises(ControlError, match="get_serial_numbr"):
        tap.fault(when={"request": "device.get_serial_numbr"}, then={"answer": "NOT_FOUND"})


def test_a_scenario_from_a_file_from_text_and_from_its_content(tap: VirtualTap, tmp_path: Path) -> None:
    import yaml

    text = yaml.safe_dump(NOT_FOUND)
    file = tmp_path / "not-found.yaml"
    file.write_text(text, encoding="utf-8")
    for source in (file, str(file), text, NOT_FOUND):
        with tap.client() as client, tap.arm(source) as armed, pytest.raises(RefusedError):
            client.service.device.get_serial_number()
        assert armed.fired == 1


def test_what_a_scenario_verifies_is_checked(tap: VirtualTap) -> None:
    tap.arm({**NOT_FOUND, "verify": [{"request": SERIAL_NUMBER, "count": 1}]})
    with pytest.raises(AssertionError, match="did not happen"):
        tap.verify_scenarios()
    tap.verify_scenarios()  # it was told once


def test_verify_tells_of_what_is_near(tap: VirtualTap) -> None:
    with tap.client() as client:
        client.service.device.get_serial_number()
    tap.verify({"request": SERIAL_NUMBER, "count": 1}, {"never": {"event": "login"}})
    with pytest.raises(AssertionError, match=r"user: expected admin, got anonymous"):
        tap.verify({"request": SERIAL_NUMBER, "user": "admin"})


def test_wait_for_returns_the_line_or_shows_the_journal(tap: VirtualTap) -> None:
    with tap.client() as client:
        client.service.device.get_serial_number()
    assert tap.wait_for("device.*").answer == tap.serial_number
    assert tap.wait_for("disconnected").connection == 1
    with pytest.raises(AssertionError, match=r"0 of 1 came within 0.01 s(.|\n)*device.get_serial_number"):
        tap.wait_for("group.*", 0.01)


def test_snapshots_are_compared_and_restored(tap: VirtualTap) -> None:
    before = tap.snapshot()
    tap.settings["interface.app_name"] = "Oven"
    assert str(tap.diff(before)[0]) == "setting interface.app_name: 'Virtual Tap' -> 'Oven'"
    tap.restore(before)
    assert tap.diff(before) == []


def test_snapshots_that_nobody_has_are_forgotten(tap: VirtualTap) -> None:
    for _ in range(100):
        tap.snapshot()


@pytest.mark.parametrize("clock", ["real", "virtual"])
def test_it_is_back_after_a_reboot(clock: str) -> None:
    with VirtualTap(clock=clock) as tap:
        tap.reboot(0.01)
        with tap.client() as client:
            client.service.device.get_serial_number()


def test_an_open_connection_is_a_leak() -> None:
    tap = VirtualTap()
    host, _, port = tap.url.removeprefix("tcp://").rpartition(":")
    with socket.create_connection((host, int(port))) as connection:
        with pytest.raises(LeakError, match=r"connection 1 over tcp://127.0.0.1:\d+ was left open"):
            tap.close()
        tap.close()
        assert connection.recv(1) == b""


@pytest.mark.parametrize("check_leaks", [True, False])
def test_a_mistake_of_the_emulator_is_told(monkeypatch: pytest.MonkeyPatch, check_leaks: bool) -> None:
    tap = VirtualTap(check_leaks=check_leaks)
    monkeypatch.setattr(tap.device, "receive", lambda *_: 1 / 0)
    with pytest.raises(LinkError), tap.client() as client:
        client.service.device.get_serial_number()
    with pytest.raises(LeakError, match="ZeroDivisionError"):
        tap.close()


def test_what_it_logs_is_where_pytest_finds_it(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level("INFO"), VirtualTap() as tap:
        tap.reboot(0.01)
    assert ("tap", 20, "rebooting seconds=0.01") in caplog.record_tuples
    assert capfd.readouterr() == ("", "")


def test_its_journal_outlives_it() -> None:
    with VirtualTap(config=demo()) as tap, tap.client() as client:
        client.service.device.get_serial_number()
    assert SERIAL_NUMBER in str(tap.journal)


def test_a_fresh_tap_is_cheap() -> None:
    best = float("inf")
    for _ in range(20):
        began = time.process_time()
        with VirtualTap() as tap, tap.client():
            pass
        best = min(best, time.process_time() - began)
    assert best < 0.01
