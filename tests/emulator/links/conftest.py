"""MQTT brokers for the tests of links."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulator.links.relay import SERIAL_NUMBER
from tests.mosquitto import Mosquitto


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mosquitto, Mosquitto]]:
    """Two that stay."""
    with (
        Mosquitto(tmp_path_factory.mktemp("here")) as here,
        Mosquitto(tmp_path_factory.mktemp("there"), users={"root": "secret", SERIAL_NUMBER: "0000000000"}) as there,
    ):
        yield here, there


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """One that a test may stop."""
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Tap tries again soon to reach its broker."""
    monkeypatch.setattr("emulator.links.uplink._SHORTEST_DELAY", 0.05)
