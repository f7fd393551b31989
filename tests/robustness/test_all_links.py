"""Every link of one Tap at the same time, several clients on each: each answer reaches its own asker."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from protocol.client.blocking import Tap
from tests.links import INTERFACES, available, serving_on

ROUNDS = 40
CLIENTS = {"tcp": 4, "rfc2217": 3, "ws": 4, "mqtt": 3, "pty": 1, "serial": 1}
"""A serial port is for one program at a time."""
DEVICE = """tap: 1
bundles:
  Marks:
    id: 1
    rights: {anonymous: [read, write]}
    variables:
"""


def device_yaml(variables: int) -> str:
    lines = [
        f"      mark{number}: {{id: {number}, type: uint32, domain: volatile}}\n" for number in range(1, 1 + variables)
    ]
    return DEVICE + "".join(lines)


def visit(url: str, number: int, interface: int, start: Barrier) -> int:
    """Writes a variable of its own again and again under encryption, and reads it back. Returns the wrong answers."""
    wrong = 0
    with Tap(url, timeout=30) as tap:
        tap.set_initialization_vector_refresh_period(number % 4)
        if number % 2:
            tap.login("admin", "admin")
        else:
            tap.encryption(True)
        start.wait(30)
        for mark in range(ROUNDS):
            written = (number << 16 | mark).to_bytes(4, "big")
            tap.service.variable.set_value(number, written)
            wrong += tap.service.variable.get_value(number) != written
            wrong += tap.service.interface.get_current_host_protocol() != interface
    return wrong


def test_every_link_at_once(tmp_path: Path) -> None:
    visits = [link for link in available() for _ in range(CLIENTS[link])]
    file = tmp_path / "device.yaml"
    file.write_text(device_yaml(len(visits)), encoding="utf-8")
    start = Barrier(len(visits))
    with serving_on(available(), tmp_path, str(file)) as (serving, urls), ThreadPoolExecutor(len(visits)) as threads:
        running = [
            threads.submit(visit, urls[link], number, INTERFACES[link], start)
            for number, link in enumerate(visits, start=1)
        ]
        assert [one.result() for one in running] == [0] * len(visits)
    log = serving.log.read_text(encoding="utf-8")
    assert "warning" not in log, log
    assert "error" not in log, log
