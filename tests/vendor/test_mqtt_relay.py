"""The vendor's MQTT transports through a real broker: sessions, encryption, and a broker that restarts meanwhile."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.mosquitto import Mosquitto, needed
from tests.serving import SERVE, Serving, serving
from tests.vendor.conftest import HERE

pytestmark = needed
SERIAL_NUMBER: Final = "IoTize00410000009B"
USERS: Final = {"anna": "p@ss", SERIAL_NUMBER: "0000000000"}


class Session:
    """One session of the vendor's client, in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def do(self, step: str, **details: Any) -> Any:
        """Takes a step of ``relay_session.mjs``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"step": step, **details}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the Node process has died, see its output on standard error"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def ask(self, times: int, group_id: int) -> list[str]:
        """Asks for the serial number, and who is logged in; returns how each request travelled."""
        result = self.do("ask", times=times)
        assert result["answers"] == [SERIAL_NUMBER] * times + [group_id]
        travelled: list[str] = result["exchanges"]
        return travelled


@contextmanager
def session(url: str, form: str) -> Iterator[Session]:
    """A client that has connected."""
    command = ["node", str(HERE / "relay_session.mjs")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        session = Session(process)
        session.do("open", url=url, form=form)
        yield session
        session.do("logout")  # to the Tap, all clients of the vendor are one host, whose session outlives them
        session.do("close")


@contextmanager
def tap_at(broker: Mosquitto, folder: Path) -> Iterator[Serving]:
    """A Tap at a broker, which logs in with its serial number."""
    with serving((*SERVE[:2], "--listen", f"{broker.url}?netkey=ours"), folder / "tap.log") as tap:
        yield tap


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the clients of a Tap connect."""
    folder = tmp_path_factory.mktemp("relay")
    with Mosquitto(folder, users=USERS) as broker, tap_at(broker, folder) as tap:
        assert tap.urls == (f"{broker.url}?serial={SERIAL_NUMBER}&netkey=ours",)
        yield tap.urls[0].replace("//", "//anna:p%40ss@")


@pytest.mark.parametrize("form", ["relay", "raw"])
def test_sessions(url: str, form: str) -> None:
    with session(url, form) as client:
        assert client.ask(1, 0) == ["GET /3//2", "GET /1024//7"], "in clear"
        client.do("login", username="admin", password="admin")
        for period, plain, with_iv in ((1, 0, 7), (3, 7, 0), (100, 7, 0)):
            client.do("period", requests=period)
            travelled = client.ask(6, 0xFFFF)
            assert not [exchange for exchange in travelled if not exchange.startswith("encrypted")]
            assert len([exchange for exchange in travelled if exchange.startswith("encrypted GET")]) >= plain
            assert len([exchange for exchange in travelled if exchange.startswith("encrypted with IV GET")]) == with_iv


def test_client_without_a_name_is_called_like_the_tap(url: str) -> None:
    with session(url.replace("anna:p%40ss@", ":0000000000@"), "relay") as client:
        client.ask(1, 0)


def test_encrypted_session_goes_on_when_the_broker_restarts(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, tap_at(broker, tmp_path) as tap, session(tap.urls[0], "relay") as client:
        client.do("login", username="admin", password="admin")
        client.ask(3, 0xFFFF)
        broker.stop()
        client.do("reconnected", yes=False)
        broker.start()
        client.do("reconnected", yes=True)
        while tap.log.read_text(encoding="utf-8").count("broker connected") < 2:
            time.sleep(0.02)
        assert all(exchange.startswith("encrypted") for exchange in client.ask(3, 0xFFFF))
