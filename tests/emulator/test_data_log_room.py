"""How much the data log holds, when it is full, and what survives (D14)."""

from pathlib import Path

import pytest

from emulator.blueprint import Bundle
from emulator.state import MemoryStore, StoreError
from emulator.storage import SqliteStore
from protocol.bodies.data_log import DataLogOption
from protocol.bodies.multi_request import MULTI_RESPONSE
from protocol.bodies.single_packet import SINGLE_PACKET
from tests.emulator.logging_tap import SERIAL, Tap, said
from tests.hosts import Host

# --- how much


def small(capacity: int, **options: bool) -> Tap:
    return Tap({1: Bundle(log_period=1)}, DataLogOption(**options), settings={"data_log.max_packet_count": capacity})


def test_full_log_stops() -> None:
    tap = small(3).run().wait(3)
    assert (tap.running, tap.count) == (True, 3)
    tap.wait(1)
    assert (tap.running, tap.count) == (False, 3)
    assert [at for at, _, _ in tap.taken()] == [1, 2, 3]
    tap.run().wait(1)
    assert [at for at, _, _ in tap.taken()] == [5]


def test_rolling_log_drops_the_oldest() -> None:
    tap = small(3, rolling_mode=True).run().wait(10)
    assert (tap.running, tap.count) == (True, 3)
    packets = [tap.dequeue() for _ in range(3)]
    assert [packet.header.packet_id for packet in packets] == [7, 8, 9]
    assert [said(packet)[0] for packet in packets] == [8, 9, 10]


@pytest.mark.parametrize("rolling", [False, True])
def test_log_without_capacity_stops(rolling: bool) -> None:
    tap = small(0, rolling_mode=rolling).run().wait(2)
    assert (tap.running, tap.count) == (False, 0)


def test_capacity_belongs_to_the_hardware() -> None:
    host = Tap({}).host
    assert host.get("/1024//23").body.hex() == "02bc"
    assert host.put("/1024//23", b"\0\1").code == 0x85


def test_empty_log_answers_84() -> None:
    tap = Tap({1: Bundle(log_period=1)}).run().wait(1)
    tap.dequeue()
    assert tap.host.get("/1031//11").code == 0x84
    assert tap.host.get("/1031//11").code == 0x84


def test_flush_while_running() -> None:
    tap = Tap({1: Bundle(log_period=1)}).run().wait(3)
    assert tap.host.post("/1031//4").code == 0
    assert (tap.count, tap.running) == (0, True)
    assert tap.host.get("/1031//11").code == 0x84
    tap.wait(1)
    assert tap.dequeue().header.packet_id == 3


def test_packet_whose_answer_does_not_fit_stays_in_the_log() -> None:
    tap = Tap({1: Bundle(log_period=1)}).run().wait(6)
    items = bytes.fromhex("0007010407ffff000bff") * 6
    answers = MULTI_RESPONSE.decode(tap.host.get("/1024//89", items).body)
    codes = [answer.code for answer in answers]
    assert codes == [0x00] * codes.count(0x00) + [0xA0] * codes.count(0xA0)
    assert codes.count(0xA0) > 0
    taken = [said(SINGLE_PACKET.decode(answer.body)) for answer in answers if answer.success]
    assert [at for at, _, _ in taken + tap.taken()] == [1, 2, 3, 4, 5, 6]


# --- what survives


def test_packets_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "tap.sqlite"
    seen: list[int] = []
    for _ in range(3):
        store = SqliteStore(file, SERIAL)
        tap = Tap({1: Bundle(log_period=1)}, store=store)
        assert not tap.running
        tap.run().wait(12)
        seen += [tap.dequeue().header.packet_id for _ in range(7)]
        store.close()
    assert seen == list(range(21)), "oldest first, none twice, none lost"


def test_taken_packet_does_not_come_back(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "tap.sqlite", SERIAL)
    tap = Tap({1: Bundle(log_period=1)}, store=store).run().wait(2)
    tap.taken()
    store.close()
    store = SqliteStore(tmp_path / "tap.sqlite", SERIAL)
    assert Tap({1: Bundle(log_period=1)}, store=store).count == 0
    store.close()


def test_reboot_stops_the_log_and_keeps_its_packets() -> None:
    tap = Tap({1: Bundle(log_period=1)}).run().wait(2)
    admin = Host(tap.device)
    admin.login()
    assert admin.post("/3//4").code == 0
    tap.wait(5)
    tap.host = Host(tap.device)
    tap.host.login("tech")
    assert (tap.running, tap.count) == (False, 2)


def test_autorun_starts_with_the_tap() -> None:
    tap = Tap({1: Bundle(log_period=2)}, DataLogOption(autorun=True)).wait(4)
    assert (tap.running, tap.count) == (True, 2)
    assert tap.dequeue().header.sender_id == 0
    tap.host.post("/1031//1")
    admin = Host(tap.device)
    admin.login()
    assert admin.post("/3//4").code == 0
    tap.wait(2)
    tap.host = Host(tap.device)
    tap.host.login("tech")
    assert (tap.running, tap.count) == (True, 2)


def test_factory_reset_empties_the_log() -> None:
    tap = Tap({1: Bundle(log_period=1)}, DataLogOption(autorun=True)).wait(3)
    admin = Host(tap.device)
    admin.login()
    assert admin.post("/3//5").code == 0
    assert admin.get("/1031//10").body == b"\0\0"
    assert admin.get("/1031//2").body == b"\0\0"
    tap.wait(3)
    assert admin.get("/1031//11").code == 0x84


class Disk(MemoryStore):
    """Is full from some write on."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, changes: object, erase: bool) -> None:
        self.room -= 1
        if self.room < 0:
            raise StoreError("disk full")


def test_packets_that_cannot_be_kept_stop_the_log() -> None:
    disk = Disk(2)
    tap = Tap({1: Bundle(log_period=1), 2: Bundle(log_period=1)}, store=disk).run().wait(5)
    assert (tap.running, tap.count) == (False, 4)
    assert tap.host.get("/1031//11").code == 0xA4
    assert tap.host.post("/1031//4").code == 0xA4
    assert tap.count == 4, "what could not be removed is still there"
    disk.room = 100
    assert [tap.dequeue().header.packet_id for _ in range(4)] == [0, 1, 2, 3]
    tap.run().wait(1)
    assert tap.dequeue().header.packet_id == 4
