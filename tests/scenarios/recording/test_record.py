import asyncio
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from emulator.blueprint import demo
from emulator.commands.record import record as command
from emulator.device import Device
from emulator.links import open_links
from emulator.links.memory import register
from emulator.server import Server
from protocol.bodies.multi_request import MultiRequestItem
from protocol.client.blocking import Tap
from protocol.client.calls import find_call
from protocol.client.links import LinkError
from protocol.errors import RefusedError
from protocol.paths import Path as TapPath
from scenarios.loading import load
from scenarios.model import Scenario
from scenarios.recording.comparing import compare
from scenarios.recording.half import OfflineHalf, prepared
from scenarios.recording.recorder import assemble
from scenarios.run.running import run
from tests.serving import start, stop

T = TypeVar("T")

RECORD = (sys.executable, "-c", "from emulator.commands.record import record; record()")
ANYWHERE = "tcp://127.0.0.1:0"
GIVEN = {"password_admin": "admin"}
GET_NAME = bytes.fromhex("A2CA000007010400FFFF0009")


class Loop:
    """An event loop in a thread: what serves there answers the blocking clients of a test."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, action: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(action, self._loop).result(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Recorded:
    """What a recorder has written."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @property
    def text(self) -> str:
        return self.file.read_text(encoding="utf-8")

    def load(self) -> Scenario:
        secrets = re.findall(r"^  (\w+): \{secret", self.text, re.MULTILINE)
        return load(self.file, {name: GIVEN.get(name, "hex:00") for name in secrets})

    def steps(self) -> list[list[str]]:
        """Of each client: action and what it is about."""
        return [
            [step.request or step.action for step in client.steps if step.action not in ("connect", "disconnect")]
            for client in self.load().replay.clients
        ]


class Recording(Recorded):
    """A recorder that runs in the loop."""

    def __init__(self, loop: Loop, file: Path, upstream: str, *listen: str, **options: Any) -> None:
        super().__init__(file)
        self._loop = loop
        self._running = True
        options = {"passwords": {"admin": "admin"}, "secrets": False, "pcap": None, "failed": pytest.fail, **options}
        self._proxy, self._recorder = assemble(upstream, open_links(listen or (ANYWHERE,)), file, **options)
        loop.run(self._proxy.start())
        self.urls = [link.url for link in self._proxy.links]
        self.url = self.urls[0]

    def finish(self) -> None:
        if self._running:
            self._running = False
            self._loop.run(self._proxy.stop())
            self._recorder.close()


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def tap_urls(loop: Loop) -> Iterator[list[str]]:
    server = Server(Device(demo()), open_links([ANYWHERE, "ws://127.0.0.1:0"]))
    loop.run(server.start())
    yield [link.url for link in server.links]
    loop.run(server.stop())


@pytest.fixture
def tap_url(tap_urls: list[str]) -> str:
    return tap_urls[0]


@pytest.fixture
def record(loop: Loop, tap_url: str, tmp_path: Path) -> Iterator[Any]:
    started: list[Recording] = []

    def begin(*listen: str, upstream: str = tap_url, **options: Any) -> Recording:
        started.append(Recording(loop, tmp_path / "session.yaml", upstream, *listen, **options))
        return started[-1]

    yield begin
    for recording in started:
        recording.finish()


def visit(url: str) -> None:
    """A client with an ordinary day."""
    with Tap(url) as tap:
        tap.service.device.get_firmware_version()
        tap.encryption(True)
        tap.service.interface.get_app_name()
        tap.logout()
        with suppress(RefusedError):
            tap.login("admin", "nope")
        tap.set_initialization_vector_refresh_period(3)
        tap.login("admin", "admin")
        for _ in range(4):
            tap.service.interface.get_app_name()
        tap.set_initialization_vector_refresh_period(1)
        tap.service.interface.put_app_name("${odd: #name}")
        tap.logout()
    with Tap(url) as tap:
        tap.service.interface.get_app_name()
        tap.login("admin", "admin")
        tap.service.interface.put_app_name("Virtual Tap")


ORDINARY = [
    "device.get_firmware_version",
    *("encrypt", "interface.get_app_name", "logout"),
    *("interface.get_security_options", "login"),
    *("interface.get_security_options", "login", "interface.get_current_group_id", "group.get_session_lifetime"),
    *("interface.get_app_name", "refresh_iv"),
    *["interface.get_app_name"] * 3,
    *("iv_period", "interface.put_app_name", "logout"),
    "interface.get_app_name",
    *("interface.get_security_options", "login", "interface.get_current_group_id", "group.get_session_lifetime"),
    *("iv_period", "interface.put_app_name"),
]


def test_an_ordinary_session_is_recorded_replayed_and_played(record: Any, tap_url: str) -> None:
    recorded = record()
    visit(recorded.url)
    recorded.finish()
    (steps,) = recorded.steps()
    assert [step for step in steps if step != "iv_period"] == [step for step in ORDINARY if step != "iv_period"]
    scenario = recorded.load()
    assert str(scenario.device.firmware) == "1.113.0"
    assert run(scenario).failures == []
    for target in (tap_url, offline(scenario)):
        comparison = compare(scenario, target)
        assert (comparison.same, list(comparison.lines())[:-1]) == (True, [])


def offline(scenario: Scenario) -> str:
    """Where the recorded Tap answers, without the Tap."""
    device = Device(prepared(demo(), scenario))
    device.director = OfflineHalf(scenario)
    register(device, "offline")
    return "mem://offline"


def test_secrets_are_masked(record: Any) -> None:
    recorded = record()
    with Tap(recorded.url) as tap:
        tap.login("admin", "admin")
        tap.change_password("admin")
        tap.service.wifi.put_key("wpa secret")
        tap.multi_request([MultiRequestItem(find_call("wifi.put_key").ask("wpa secret"))])
        key = tap.session.session_key
        ivs = tap.session.initialization_vectors
    recorded.finish()
    written = recorded.text.lower()
    assert key is not None
    for secret in (key, *ivs, b"wpa secret", bytes(16)):
        assert secret.hex() not in written
        assert secret.decode("latin-1") not in written
    assert 'password: "${password_admin}"' in written
    assert "default" not in written
    assert {"password_admin", "key"} <= {*recorded.load().inputs}


def test_secrets_are_shown_when_asked(record: Any) -> None:
    recorded = record(secrets=True)
    with Tap(recorded.url) as tap:
        tap.login("admin", "admin")
        tap.service.wifi.put_key("wpa secret")
    recorded.finish()
    scenario = load(recorded.file)
    assert scenario.inputs["password_admin"].default == "admin"
    assert 'value: "wpa secret"' in recorded.text


def test_without_the_password_bytes_and_the_reason_are_kept(record: Any) -> None:
    recorded = record(passwords={"admin": "wrong"})
    with Tap(recorded.url) as tap:
        tap.login("admin", "admin")
    recorded.finish()
    assert recorded.steps() == [["interface.get_security_options", "login", "note", "note"]]
    assert "'admin' logged in with a password that is not known" in recorded.text


def talk_of_two(url: str) -> None:
    """Two clients that take turns; the file holds all that they have said when this is over."""
    with Tap(url) as one, Tap(url) as other:
        for tap in (one, other, one):
            tap.service.interface.get_app_name()
        one.login("admin", "admin")
        other.service.device.get_serial_number()


LAST = ("group.get_session_lifetime", "device.get_serial_number")


def check_two(recorded: Recorded) -> None:
    first, second = recorded.steps()
    assert first[-1] == LAST[0]
    assert second == ["interface.get_app_name", LAST[1]]


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)])
def test_a_recorder_that_ends_leaves_everything_up_to_the_last_exchange(
    how: signal.Signals, code: int, tap_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "session.yaml"
    command = (*RECORD, "--upstream", tap_url, "--listen", ANYWHERE, "-o", str(file), "--user-password", "admin=admin")
    server = start(command, tmp_path / "record.log")
    try:
        talk_of_two(server.urls[0])
        while not all(last in file.read_text() for last in LAST):
            time.sleep(0.01)
        server.process.send_signal(how)
        assert server.process.wait(5) == code
    finally:
        stop(server)
    check_two(Recorded(file))


def connect(url: str) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=10)


def test_bytes_are_passed_on_unchanged(record: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as tap:
        recorded = record(upstream=f"tcp://127.0.0.1:{tap.getsockname()[1]}")
        with connect(recorded.url) as client:
            client.sendall(GET_NAME[:5])
            behind, _ = tap.accept()
            with behind:
                behind.sendall(b"unasked")
                assert client.recv(100) == b"unasked"
                client.sendall(GET_NAME[5:])
                got = b""
                while len(got) < len(GET_NAME):
                    got += behind.recv(100)
                assert got == GET_NAME
                behind.sendall(b"\0half")
                assert client.recv(100) == b"\0half"
            assert client.recv(100) == b""
        recorded.finish()
    assert recorded.steps() == [["note", "interface.get_app_name"]]
    assert "closed by the Tap" in recorded.text


def test_requests_go_over_other_links(record: Any, tap_urls: list[str]) -> None:
    recorded = record(ANYWHERE, "ws://127.0.0.1:0", upstream=tap_urls[1])
    for url in recorded.urls:
        with Tap(url) as tap:
            assert tap.service.interface.get_app_name() == "Virtual Tap"
            assert tap.request("GET", TapPath(1, 2, 3)).code == 0x84
    recorded.finish()
    steps = ["interface.get_app_name", "GET /1/2/3"]
    assert [step for client in recorded.steps() for step in client] == [*steps, *steps]


def test_a_tap_that_is_not_there_is_told(record: Any) -> None:
    recorded = record(upstream="tcp://127.0.0.1:1")
    with capture_logs() as logs, pytest.raises(LinkError), Tap(recorded.url) as tap:
        tap.service.interface.get_app_name()
    assert [each["event"] for each in logs][:1] == ["the Tap is not there, the client is disconnected"]


WRONG = [
    (("--upstream", "tcp:/x", "-o", "x.yaml"), "expected tcp://host:port"),
    (("--upstream", "tpc://x", "-o", "x.yaml"), "unknown link 'tpc'"),
    (("--upstream", "tcp://x", "-o", "none/x.yaml"), "none/x.yaml.new: cannot be written (no such file or directory)"),
    (("--upstream", "tcp://x", "-o", "x.yaml", "--pcap", "none/x"), "none/x: cannot be written"),
    (("--upstream", "tcp://x", "-o", "x.yaml", "--user-password", "admin"), "expected user=password"),
    (("--upstream", "tcp://x", "-o", "x.yaml", "--listen", "tcp://192.0.2.1:1"), "tcp://192.0.2.1:1"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_what_cannot_be_recorded_is_said(
    options: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("emulator.commands.serve.configure_logging", lambda *_, **__: None)
    done = CliRunner().invoke(command, [*options, *(() if "--listen" in options else ("--listen", ANYWHERE))])
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_difference_is_told_decoded(record: Any, tap_url: str) -> None:
    recorded = record()
    visit(recorded.url)
    recorded.finish()
    recorded.file.write_text(recorded.text.replace("disable_login_with_uid: false", "disable_login_with_uid: true", 1))
    (difference,) = list(compare(recorded.load(), tap_url).lines())[:-1]
    assert "interface.get_security_options: different, disable_login_with_uid: expected true, got false" in difference


def test_what_was_not_recorded_is_counted(record: Any) -> None:
    recorded = record()
    with Tap(recorded.url) as tap:
        tap.service.interface.get_app_name()
    recorded.finish()
    scenario = recorded.load()
    device = Device(demo())
    device.director = half = OfflineHalf(scenario)
    register(device, "half")
    with Tap("mem://half") as tap:
        assert tap.service.interface.get_app_name() == "Virtual Tap"
        assert tap.service.device.get_serial_number()
    assert half.unrecorded == {"device.get_serial_number: GET /3//2": 1}


def test_an_exchange_is_in_the_file_while_the_client_is_still_there(record: Any) -> None:
    recorded = record()
    with Tap(recorded.url) as tap:
        for call in ("interface.get_app_name", "device.get_serial_number"):
            tap.call(str, call)
            deadline = time.monotonic() + 5
            while call not in recorded.text:
                assert time.monotonic() < deadline
                time.sleep(0.005)


@pytest.mark.parametrize(
    ("period", "expected"),
    [(0, ["iv_period", "encrypt", "name"]), (1, ["encrypt", "iv_period", "name"]), (3, ["encrypt", "name"])],
)
def test_vectors_are_exchanged_as_they_were(period: int, expected: list[str], record: Any) -> None:
    recorded = record()
    with Tap(recorded.url) as tap:
        tap.set_initialization_vector_refresh_period(period)
        tap.encryption(True)
        tap.service.interface.get_app_name()
    recorded.finish()
    assert recorded.steps() == [["interface.get_app_name" if each == "name" else each for each in expected]]


def test_another_result_is_a_difference(record: Any, tap_url: str) -> None:
    recorded = record()
    with Tap(recorded.url) as tap:
        tap.service.interface.get_app_name()
        tap.request("GET", TapPath(1, 2, 3))
    recorded.finish()
    recorded.file.write_text(recorded.text.replace("NOT_FOUND", "UNAUTHORIZED"))
    (difference,) = list(compare(recorded.load(), tap_url).lines())[:-1]
    assert "GET /1/2/3: different, recorded UNAUTHORIZED (0x81), now NOT_FOUND (0x84)" in difference
