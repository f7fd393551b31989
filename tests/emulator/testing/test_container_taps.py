"""`--tap-image`, with an engine that starts the emulator as a process in place of a container."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.testing.container import Container, ContainerError, find_engine

pytest_plugins = ["pytester"]

ENGINE = """\
#!{python}
import json, os, re, signal, subprocess, sys, time
from pathlib import Path

folder = Path({folder!r})
command, arguments = sys.argv[1], sys.argv[2:]
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
state = folder / "state"
if command == "run":
    if arguments[-1] == "nowhere":
        sys.exit("no such image")
    given = [arguments[n + 1] for n, word in enumerate(arguments) if word == "--env"]
    variables = dict(pair.split("=", 1) if "=" in pair else (pair, os.environ[pair]) for pair in given)
    variables["TAP_LISTEN"] = "tcp://127.0.0.1:0"
    variables["TAP_CONTROL"] = "http://127.0.0.1:0"
    serve = subprocess.Popen([{serve!r}, "serve"], env={{**os.environ, **variables}}, text=True,
        stdout=(folder / "out").open("w"), stderr=(folder / "log").open("w"), start_new_session=True)
    while "ready\\n" not in (folder / "out").read_text().splitlines(True):
        if serve.poll() is not None:
            sys.exit((folder / "log").read_text())
        time.sleep(0.01)
    shown = (folder / "out").read_text()
    link, control = (re.search(what + r":\\\\S*?:(\\\\d+)", shown)[1] for what in ("tcp", "http"))
    state.write_text(json.dumps([serve.pid, link, control]))
elif command == "inspect":
    if not state.exists():
        sys.exit("no such container")
    pid, link, control = json.loads(state.read_text())
    ports = {{"2000/tcp": [{{"HostPort": link}}], "2100/tcp": [{{"HostPort": control}}]}}
    print(json.dumps(ports) if "Ports" in arguments[1] else "true")
elif command == "logs":
    print("no such port")
elif command == "rm" and state.exists():
    os.kill(json.loads(state.read_text())[0], signal.SIGTERM)
    state.unlink()
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    script = tmp_path / "engine"
    serve = str(Path(sys.executable).with_name("tap-emulator"))
    script.write_text(ENGINE.format(python=sys.executable, folder=str(tmp_path), serve=serve).replace("\\\\", "\\"))
    script.chmod(0o755)
    monkeypatch.setenv("TAP_ENGINE", str(script))
    yield script
    subprocess.run([script, "rm"], check=True)  # nothing goes on where a test has failed


def calls(engine: Path) -> list[list[str]]:
    return [json.loads(line) for line in (engine.parent / "calls").read_text().splitlines()]


def test_one_container_serves_all_tests_and_is_removed(engine: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_first(tap):
            with tap.client("admin", "admin") as client:
                assert client.service.device.get_serial_number() == tap.serial_number
            tap.settings["interface.app_name"] = "Oven"

        def test_second(tap):
            assert tap.settings["interface.app_name"] == "Virtual Tap"
        """
    )
    result = pytester.runpytest_inprocess("--tap-image", "tap-emulator:latest", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)
    made = calls(engine)
    runs = [call for call in made if call[0] == "run"]
    assert len(runs) == 1
    name = runs[0][runs[0].index("--name") + 1]
    assert runs[0][-1] == "tap-emulator:latest"
    assert [runs[0][n + 1] for n, word in enumerate(runs[0]) if word == "--publish"] == [
        "127.0.0.1::2000",
        "127.0.0.1::2100",
    ]
    assert made[-1] == ["rm", "--force", "--volumes", name]


def test_the_token_is_in_no_command_line() -> None:
    container = Container("podman", "tap-emulator:latest")
    assert not any(container.token in word for word in container.start_command())


def test_an_image_that_is_not_there(engine: Path) -> None:
    with pytest.raises(ContainerError, match="nowhere: no such image"), Container(str(engine), "nowhere"):
        pass
    assert calls(engine)[-1][0] == "rm"


def test_a_tap_that_is_not_ready(engine: Path) -> None:
    container = Container(str(engine), "tap-emulator:latest")
    container.control_url = "http://127.0.0.1:9"
    with pytest.raises(ContainerError, match="tap-emulator:latest: not ready; its log ends with\nno such port"):
        container.wait_until_ready(0)


def test_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAP_ENGINE", "no-such-engine")
    with pytest.raises(ContainerError, match="expected no-such-engine, and that it runs"):
        find_engine()
