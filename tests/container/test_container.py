"""The image as its user meets it: built like `make image`, locked down, healthy at once, and no state lost."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from emulator.control.client import ControlClient
from emulator.control.errors import ControlError
from protocol.client.blocking import Tap
from protocol.errors import IntegrityError

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]  # a build on a slow machine takes minutes

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tests" / "container" / "tool.sh"
COMMAND = Path(sys.executable).with_name("tap-emulator")
IMAGE = "tap-emulator:test"
BASE_IMAGE_OUT_OF_REACH = 69  # as tool.sh says
TOKEN = "known to the tests only"


def run(*command: str | Path, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **environment}
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=variables)
    if check and result.returncode:
        pytest.fail(f"{' '.join(map(str, command))}: exit {result.returncode}\n{result.stdout}{result.stderr}")
    return result


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Container:
    """A Tap in a container with as few rights as its documentation promises to need."""

    volume: str
    name: str = field(default_factory=lambda: f"tap-{uuid.uuid4().hex[:12]}")
    urls: dict[str, str] = field(
        default_factory=lambda: {link: f"{link}://127.0.0.1:{free_port()}" for link in ("tcp", "ws", "rfc2217")}
    )
    control_url: str = field(default_factory=lambda: f"http://127.0.0.1:{free_port()}")

    @property
    def url(self) -> str:
        return self.urls["tcp"]

    def start(self, *command: str) -> None:
        # The host's network needs no bridge, which a machine that is itself a container cannot set up.
        variables = (f"TAP_LISTEN={' '.join(self.urls.values())}", f"TAP_CONTROL={self.control_url}")
        run(
            *(TOOL, "run", "--detach", "--name", self.name, "--read-only", "--cap-drop", "all", "--network", "host"),
            *("--volume", f"{self.volume}:/state", "--env", "TAP_CONTROL_TOKEN"),
            *(word for variable in variables for word in ("--env", variable)),
            *(IMAGE, *command),
            TAP_CONTROL_TOKEN=TOKEN,
        )

    def control(self) -> ControlClient:
        """Steers it from outside."""
        return ControlClient(self.control_url, TOKEN)

    def log(self) -> str:
        """All that it has printed."""
        logs = run(TOOL, "logs", self.name)
        return logs.stdout + logs.stderr

    def wait_until_healthy(self, seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while run(TOOL, "healthy", self.name, check=False).returncode:
            if time.monotonic() > deadline:
                pytest.fail(f"not healthy within {seconds} s\n{self.log()}")
            time.sleep(0.05)

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        return run(TOOL, "exec", self.name, *command, check=False)

    def call(self, *arguments: str, link: str = "tcp") -> str:
        """Ask from outside, with the reference client."""
        return run(COMMAND, "call", self.urls[link], *arguments).stdout

    def stop(self) -> int:
        """Stop it with SIGTERM, as every container tool does, and return its exit code."""
        run(TOOL, "stop", "-t", "10", self.name)
        return int(run(TOOL, "inspect", "--format", "{{.State.ExitCode}}", self.name).stdout)

    def remove(self) -> None:
        run(TOOL, "rm", "--force", self.name, check=False)


@pytest.fixture(scope="module", autouse=True)
def image() -> Iterator[None]:
    engine = run(TOOL, "engine", check=False)
    if engine.returncode:
        pytest.skip(engine.stderr.strip())
    build = run(TOOL, "build", IMAGE, check=False)
    if build.returncode == BASE_IMAGE_OUT_OF_REACH:
        pytest.skip(build.stderr.strip().splitlines()[-1])
    if build.returncode:
        pytest.fail(f"the image cannot be built\n{build.stdout}{build.stderr}", pytrace=False)
    yield
    run(TOOL, "rmi", "--force", IMAGE, check=False)  # half a gigabyte, and the next run makes its own


@pytest.fixture
def volume() -> Iterator[str]:
    name = f"tap-{uuid.uuid4().hex[:12]}"
    run(TOOL, "volume", "create", name)
    yield name
    run(TOOL, "volume", "rm", "--force", name, check=False)


@pytest.fixture
def start(volume: str) -> Iterator[Callable[..., Container]]:
    """Start Taps, one after the other, on the same state."""
    containers: list[Container] = []

    def start_one(*command: str) -> Container:
        containers.append(Container(volume))
        containers[-1].start(*command)
        containers[-1].wait_until_healthy()
        return containers[-1]

    yield start_one
    for container in containers:
        container.remove()


def test_the_image_declares_what_it_needs() -> None:
    config = json.loads(run(TOOL, "inspect", "--type", "image", "--format", "{{json .Config}}", IMAGE).stdout)
    assert config["User"] == "10001:10001"
    assert sorted(config["ExposedPorts"]) == ["2000/tcp", "2080/tcp", "2100/tcp", "2217/tcp"]
    assert "TAP_LISTEN=tcp://0.0.0.0:2000 ws://0.0.0.0:2080 rfc2217://0.0.0.0:2217" in config["Env"]
    assert "TAP_CONTROL=http://0.0.0.0:2100" in config["Env"]
    assert list(config["Volumes"]) == ["/state"]
    assert config["Labels"]["org.opencontainers.image.version"] == "0.1.0"


def test_it_has_no_rights(start: Callable[[], Container]) -> None:
    tap = start()
    assert tap.execute("id", "-u").stdout.strip() == "10001"
    assert "CapEff:\t0000000000000000" in tap.execute("cat", "/proc/self/status").stdout
    refusal = tap.execute("touch", "/opt/tap/file")
    assert refusal.returncode != 0
    assert "Read-only file system" in refusal.stderr


def test_each_link_is_reached_from_outside(start: Callable[[], Container]) -> None:
    tap = start()
    path = "/interface/current-host-protocol"
    assert {link: tap.call("GET", path, link=link) for link in tap.urls} == {
        "tcp": "WIFI\n",
        "ws": "WEBSOCKET\n",
        "rfc2217": "UART\n",
    }


def test_its_health_follows_the_tap(start: Callable[[], Container]) -> None:
    tap = start()
    assert tap.execute("tap-emulator", "health").returncode == 0
    assert tap.execute("tap-emulator", "health", f"tcp://127.0.0.1:{free_port()}").returncode == 1


def test_the_reference_client_works_with_it(start: Callable[[], Container]) -> None:
    assert "IoTize" in start().call("GET", "/3//2")


@pytest.mark.skipif(not shutil.which("node"), reason="the vendor's clients need Node")
def test_a_vendor_client_works_with_it(start: Callable[[], Container]) -> None:
    smoke = run("node", "tests/vendor/smoke.mjs", start().url)
    assert "IoTize" in smoke.stdout


def test_its_state_outlives_it(start: Callable[[], Container]) -> None:
    tap = start()
    tap.call("PUT", "/1024//9", '"Container"', "--user", "admin", "--password", "admin", "--encrypt")
    tap.stop()
    tap.remove()
    assert "Container" in start().call("GET", "/1024//9")


def test_it_stops_at_once_and_cleanly(start: Callable[[], Container]) -> None:
    tap = start()
    # A client that stays connected is what keeps many a server from stopping.
    with socket.create_connection(("127.0.0.1", int(tap.url.rpartition(":")[2]))):
        began = time.monotonic()
        exit_code = tap.stop()
        assert time.monotonic() - began < 2
    assert exit_code == 0


def test_it_is_steered_from_outside(start: Callable[..., Container]) -> None:
    tap = start()
    with ControlClient(tap.control_url, "guessed") as stranger:
        assert stranger.health().ready
        with pytest.raises(ControlError, match="token") as refusal:
            stranger.device()
    assert refusal.value.status == 401
    with tap.control() as control:
        control.set_variable("lamp", True)
        assert tap.call("GET", "/variable/4/value") == "hex:01\n"
        before = control.clock()
        assert control.advance(3600).now >= before.now + 3600
        assert [entry.call for entry in control.journal(kind="request")][-1] == "variable.get_value"
    assert TOKEN not in tap.log()
    assert tap.stop() == 0


def test_it_plays_a_scenario_of_the_library(start: Callable[..., Container]) -> None:
    tap = start("serve", "--scenario", "library:wrong-crc")
    with Tap(tap.url) as client:
        client.encryption(True)
        client.service.device.get_serial_number()
        with pytest.raises(IntegrityError):
            client.service.device.get_serial_number()
    assert tap.stop() == 1  # its client has not asked a third time
    assert "verdict failed" in tap.log()


# What the plugin says to an engine, for a machine where a container has the network of the host: its ports are chosen.
ENGINE = """\
#!{python}
import json, os, socket, sys
from pathlib import Path

ports, words = Path({folder!r}) / "ports", sys.argv[1:]
if words[0] == "run":
    chosen = {{}}
    for number, word in enumerate(words):
        if word == "--publish":
            inner = words[number + 1].rpartition(":")[2]
            with socket.create_server(("127.0.0.1", 0)) as probe:
                chosen[inner] = str(probe.getsockname()[1])
            words[number : number + 2] = [] if "--network" in words else ["--network", "host"]
    for inner, outer in chosen.items():
        words = [word.replace("0.0.0.0:" + inner, "127.0.0.1:" + outer) for word in words]
    ports.write_text(json.dumps({{inner + "/tcp": [{{"HostPort": outer}}] for inner, outer in chosen.items()}}))
elif words[0] == "inspect" and "Ports" in words[2]:
    print(ports.read_text())
    sys.exit()
os.execv({tool!r}, [{tool!r}, *words])
"""
USER_TESTS = """\
def test_first(tap):
    tap.settings["interface.app_name"] = "Oven"
    with tap.client("admin", "admin") as client:
        assert client.service.interface.get_app_name() == "Oven"
    tap.clock.advance(60)

def test_second(tap):
    assert tap.settings["interface.app_name"] == "Virtual Tap"
    tap.fault(when={"request": "device.get_serial_number"}, then={"answer": "NOT_FOUND"}, times=1)
    with tap.client() as client:
        assert [client.request("GET", "/3//2").success for _ in range(2)] == [False, True]
"""


def test_the_plugin_tests_against_it(tmp_path: Path) -> None:
    engine = tmp_path / "engine"
    engine.write_text(ENGINE.format(python=sys.executable, folder=str(tmp_path), tool=str(TOOL)))
    engine.chmod(0o755)
    (tmp_path / "test_user.py").write_text(USER_TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = (sys.executable, "-m", "pytest", tmp_path, "--rootdir", tmp_path, "--tap-image", IMAGE)
    assert "2 passed" in run(*command, TAP_ENGINE=str(engine)).stdout
    assert "tap-pytest-" not in run(TOOL, "ps", "--all", "--format", "{{.Names}}").stdout
