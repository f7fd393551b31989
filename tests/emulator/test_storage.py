"""The state file: what was answered with success is there after a restart; what cannot be used is said clearly."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from emulator.device import Device
from emulator.storage import SqliteStore, StateFileError
from protocol.scram import PasswordKey, password_hash
from tests.hosts import Host, make_device

SERIAL = "IoTize00410000009B"
UID = bytes.fromhex("00112233445566778899aabb")
KEY = PasswordKey.derive(password_hash("secret"), bytes.fromhex("01020304"), 5000)


@contextmanager
def running(file: Path, **changes: Any) -> Iterator[Device]:
    store = SqliteStore(file, SERIAL)
    try:
        yield make_device(store=store, **changes)[0]
    finally:
        store.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tap.sqlite"


def test_writes_survive_a_restart(file: Path) -> None:
    with running(file) as device:
        host = Host(device)
        host.login()
        for method, path, body in [
            ("PUT", "/1024//9", b"Kept"),
            ("PUT", "/1024//42", bytes.fromhex("03e8")),
            ("POST", "/1025/7/65535", b""),
            ("PUT", "/1025/7/0", b"paul"),
            ("PUT", "/1025/7/4", bytes.fromhex("0005")),
            ("PUT", "/1025/7/5", bytes.fromhex("0001")),
            ("POST", "/1025/7/2", bytes(KEY)),
            ("POST", "/3//14", bytes.fromhex("0000002a")),
        ]:
            assert host.secret(method, path, body).success, path
    with running(file) as device:
        host = Host(device)
        assert host.get("/1024//9").body == b"Kept"
        assert host.get("/1024//42").body.hex() == "000003e8"
        assert [host.get(f"/1025/7/{number}").body for number in (0, 4, 5)] == [b"paul", b"\0\5", b"\0\1"]
        assert host.get("/3//14").body.hex() == "00000000", "a POSTed value ends with the process"
        host.post("/1024//5", UID)
        assert host.put("/1024//42", (5000).to_bytes(2, "big")).success
        host.login("paul", "secret")
        assert host.group_id == 7


def test_stored_values_win_over_the_configuration(file: Path) -> None:
    with running(file) as device:
        host = Host(device)
        host.login()
        host.secret("PUT", "/1024//9", b"Kept")
    with running(file, settings={"interface.app_name": "Configured"}) as device:
        assert Host(device).get("/1024//9").body == b"Kept"


def test_factory_reset_survives_a_restart(file: Path) -> None:
    with running(file) as device:
        host = Host(device)
        host.login()
        host.secret("PUT", "/1024//9", b"Kept")
        host.secret("POST", "/3//5")
    with running(file, settings={"interface.app_name": "Configured"}) as device:
        host = Host(device)
        assert host.get("/1024//9").body == b"TAP"
        assert host.get("/1024//6").body.hex() == "0000"
        assert host.put("/1024//10", bytes.fromhex("02000000")).success, "still in factory state"
    with running(file) as device:
        host = Host(device)
        assert host.get("/1024//10").body.hex() == "02000000"
        assert host.put("/1024//9", b"x").code == 0x81, "configured now"


def test_configuration_in_progress_survives_a_restart(file: Path) -> None:
    with running(file) as device:
        host = Host(device)
        host.login()
        host.secret("POST", "/3//5")
        host.put("/1024//10", bytes.fromhex("ffffffff"))
    with running(file) as device:
        assert Host(device).put("/1024//9", b"x").success


def not_a_database(file: Path) -> None:
    file.write_bytes(b"this is no database, but long enough to look at " * 40)


def other_database(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE other (value)")
    database.close()


def newer_version(file: Path) -> None:
    with running(file):
        pass
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()


def damaged_record(file: Path) -> None:
    with running(file) as device:
        host = Host(device)
        host.login()
        host.secret("PUT", "/1024//10", bytes.fromhex("02000000"))
    with sqlite3.connect(file) as database:
        database.execute("UPDATE record SET value = x'01' WHERE name = 'interface.config_version'")
    database.close()


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (not_a_database, "not a state file"),
        (other_database, "made by another program"),
        (newer_version, "made by a newer tap-emulator"),
        (damaged_record, "setting interface.config_version is damaged"),
        (Path.mkdir, "cannot be opened"),
    ],
)
def test_file_that_cannot_be_used(file: Path, prepare: object, message: str) -> None:
    assert callable(prepare)
    prepare(file)
    with pytest.raises(StateFileError, match=message) as caught, running(file):
        pass
    assert str(file) in str(caught.value)


def test_file_of_another_tap(file: Path) -> None:
    with running(file):
        pass
    with pytest.raises(StateFileError, match=f"belongs to the Tap {SERIAL}"):
        SqliteStore(file, "IoTize004100000001")


def test_file_in_use(file: Path) -> None:
    with running(file), pytest.raises(StateFileError, match="another tap-emulator is using it"):
        SqliteStore(file, SERIAL)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(StateFileError, match="does its folder exist"):
        SqliteStore(tmp_path / "none" / "tap.sqlite", SERIAL)
