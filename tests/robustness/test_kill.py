"""SIGKILL at any instant: the state file opens again and holds every write that was answered with success.

What this cannot show is a loss of power: the pages that a killed process has written stay in the system's cache.
"""

import random
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

from protocol.client.blocking import Tap
from protocol.client.links import LinkError
from tests.robustness.effort import times
from tests.serving import SERVE, Serving, serving, start, stop

KILLS = times(10)
LONGEST_LIFE = 0.2
"""Seconds from the login to the kill; some come before the first write is answered."""
KILLS_AT_START = times(5)
MAKING_THE_FILE = 0.004
"""Seconds that follow the appearance of a new state file."""


def client_of(tap: Serving) -> Tap:
    host, port = tap.address
    return Tap(f"tcp://{host}:{port}")


def name_of(number: int) -> str:
    return f"name {number}"


def write_until_killed(tap: Serving, client: Tap, life: float, number: int) -> tuple[int, int]:
    """Stores one application name after the other; returns the number of the last answered and of the last sent one."""
    killer = threading.Timer(life, tap.process.kill)
    killer.start()
    answered = number
    try:
        while True:
            number += 1
            client.service.interface.put_app_name(name_of(number))
            answered = number
    except LinkError:
        return answered, number
    finally:
        killer.join()
        stop(tap)


def assert_sound(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_every_answered_write_survives(tmp_path: Path) -> None:
    chance = random.Random(4)
    file = tmp_path / "state.sqlite"
    answered = sent = kept = writes = 0
    for life in range(KILLS):
        tap = start((*SERVE, "--state", str(file)), tmp_path / "log")
        with client_of(tap) as client:
            name = client.service.interface.get_app_name()
            if life:
                assert name in {name_of(answered), name_of(sent)}, f"{answered} was answered, {sent} was sent"
            client.login("admin", "admin")
            kept = sent
            client.service.interface.put_app_name(name_of(kept))
            answered, sent = write_until_killed(tap, client, chance.uniform(0, LONGEST_LIFE), kept)
        writes += answered - kept
    assert_sound(file)  # only now: to look at it would mend what the Tap has to mend itself
    assert writes > KILLS, "the test has to write, or it shows nothing"


def test_killed_while_it_makes_the_file(tmp_path: Path) -> None:
    chance = random.Random(5)
    for life in range(KILLS_AT_START):
        file = tmp_path / f"{life}.sqlite"
        command = (*SERVE, "--state", str(file))
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        while not file.exists():
            assert process.poll() is None
        time.sleep(chance.uniform(0, MAKING_THE_FILE))
        process.kill()
        process.wait()
        with serving(command, tmp_path / "log") as tap, client_of(tap) as client:
            assert client.service.interface.get_app_name() == "Virtual Tap"
        assert_sound(file)
