"""The state file: what was answered with success is there after a restart; what cannot be used is said clearly."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from emulator.blueprint import Blueprint, Bundle, Group, Variable, factory_groups
from emulator.device import Device
from emulator.state import Key, State
from emulator.storage import SCHEMA_VERSION, SqliteStore, StateFileError
from protocol.bodies.interface import SecurityOptions
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.codes import LOG_ON_CHANGE, Rights
from protocol.firmware import Version
from protocol.resources.model import Kept
from protocol.resources.registry import SETTINGS
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


TYPE = VariableType(Domain.IN_TAP_STATIC, DataType.FLOAT32)
RECORDS: dict[Key, Any] = {
    ("group", "0"): Group("anonymous", None, 0, 0),
    ("group", "65535"): Group("chef", bytes(range(36)), 65535, 65535),
    ("bundle", "0"): Bundle(),
    ("bundle", "65534"): Bundle("d\xe9bug", {0: Rights.NONE, 5: Rights.READ | Rights.WRITE}, LOG_ON_CHANGE, 65534),
    ("variable", "0"): Variable(),
    ("variable", "65535"): Variable(TYPE, 65535, 65534, 0xFFFFFFFF, b"\xff\0t:\xc2\xb0C", 0, "\xb0C"),
    ("value", "0"): b"",
    ("value", "65535"): bytes(range(256)),
    ("packet", "1"): bytes(100),
    ("flag", "firmware"): "1.90.0",
}


@contextmanager
def store_in(file: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(file, SERIAL)
    try:
        yield store
    finally:
        store.close()


def test_records_of_every_kind(file: Path) -> None:
    with store_in(file) as store:
        store.write(RECORDS, erase=False)
    with store_in(file) as store:
        assert store.load() == RECORDS
        store.write({key: None for key in RECORDS if key[1] == "0"} | {("bundle", "77"): None}, erase=False)
    with store_in(file) as store:
        assert store.load() == {key: value for key, value in RECORDS.items() if key[1] != "0"}
        store.write({("bundle", "5"): Bundle("new")}, erase=True)
    with store_in(file) as store:
        assert store.load() == {("bundle", "5"): Bundle("new")}


@pytest.mark.parametrize(
    "key", [key for key, row in SETTINGS.items() if row.setting and row.setting.kept is Kept.STORED]
)
def test_every_setting_is_kept(file: Path, key: str) -> None:
    setting = SETTINGS[key].setting
    assert setting is not None
    with store_in(file) as store:
        store.write({("setting", key): setting.default}, erase=False)
    with store_in(file) as store:
        assert store.load() == {("setting", key): setting.default}


def test_what_a_state_changed_is_there_after_a_restart(file: Path) -> None:
    with store_in(file) as store:
        state = State(Blueprint(), store)
        for (kind, name), record in RECORDS.items():
            if kind != "flag":
                state.keep(kind, int(name), record)
        state.put_firmware(Version(1, 90))
        state.commit()
        state.remove("packet", 1)
        state.remove("value", 0)
        state.commit()
        before = (state.groups, state.bundles, state.variables, state.values, state.packets, state.firmware)
    with store_in(file) as store:
        state = State(Blueprint(), store)
        assert (state.groups, state.bundles, state.variables, state.values, state.packets, state.firmware) == before
        assert (state.packets, set(state.values)) == ({}, {65535})


def test_factory_reset_erases_all_but_the_firmware(file: Path) -> None:
    configured = Blueprint(bundles={3: Bundle("configured")}, values={1: b"1"})
    with store_in(file) as store:
        store.write(RECORDS, erase=False)
        state = State(configured, store)
        state.factory_reset()
        state.commit()
    with store_in(file) as store:
        state = State(configured, store)
        assert (state.bundles, state.variables, state.values, state.packets) == ({}, {}, {}, {})
        assert state.groups == factory_groups()
        assert state.firmware == Version(1, 90)
        assert state.factory


def test_firmware_of_an_update_is_the_one_that_starts(file: Path) -> None:
    with running(file) as device:
        device.update_after_answer(Version(1, 86))
        device.state.commit()
    with running(file) as device:
        assert device.firmware == device.catalogue.firmware == Version(1, 86)
        assert Host(device).get("/3//3").body.startswith(b"1.86")


STATE_FILES = Path(__file__).parent / "state_files"


def content(file: Path) -> list[list[Any]]:
    """Version, tables, owner and records of a file."""
    with closing(sqlite3.connect(file)) as database:
        queries = ("PRAGMA user_version", "SELECT sql FROM sqlite_schema", "SELECT * FROM tap", "SELECT * FROM record")
        return [sorted(database.execute(query).fetchall(), key=str) for query in queries]


def restored(file: Path, version: int) -> Path:
    with closing(sqlite3.connect(file)) as database:
        database.executescript((STATE_FILES / f"v{version}.sql").read_text(encoding="utf-8"))
    return file


V1: dict[Key, Any] = {
    ("flag", "erased"): True,
    ("flag", "commissioned"): True,
    ("setting", "interface.app_name"): "Old Tap",
    ("setting", "interface.config_version"): Version(2, 5, 7),
    ("setting", "interface.nfc_autolog_profile_id"): 6,
    ("setting", "interface.security_options"): SecurityOptions(True, True, True, True, True),
    ("setting", "scram.hash_iteration"): 1000,
    ("group", "5"): Group("none", None, 5, 300),
    ("group", "6"): Group("clear", b"p\xe4ss", 6, 0),
    ("group", "7"): Group("hashed", password_hash("hashed"), 6, 60),
    ("group", "8"): Group(
        "scram", bytes(PasswordKey.derive(password_hash("scram"), bytes.fromhex("01020304"), 1000)), 65534, 65535
    ),
}
CONTENTS: Mapping[int, Mapping[Key, Any]] = {1: V1, 2: V1 | RECORDS}
"""What the file of each version holds: one program wrote it, and every later one has to find it."""


def test_there_is_a_file_of_every_version() -> None:
    assert {file.name for file in STATE_FILES.iterdir()} == {f"v{version}.sql" for version in CONTENTS}
    assert list(CONTENTS) == list(range(1, SCHEMA_VERSION + 1))


@pytest.mark.parametrize("version", CONTENTS)
def test_file_of_an_older_version_opens_and_holds_all(file: Path, version: int) -> None:
    restored(file, version)
    for _ in range(2):  # the second time it is of the present version
        with store_in(file) as store:
            assert store.load() == CONTENTS[version]
    assert content(file)[0] == [(SCHEMA_VERSION,)]


def test_tap_of_an_older_version_goes_on(file: Path) -> None:
    with running(restored(file, 1), settings={"interface.app_name": "Configured"}) as device:
        host = Host(device)
        assert host.get("/1024//9").body == b"Old Tap"
        host.login("scram")
        assert host.group_id == 8


def test_this_version_writes_what_its_file_shows(file: Path) -> None:
    """Else a later program is tested with a file that nobody has."""
    with store_in(file) as store:
        store.write(CONTENTS[SCHEMA_VERSION], erase=False)
    assert content(file) == content(restored(file.with_name("shown"), SCHEMA_VERSION))


def test_older_file_of_another_tap_stays_as_it_is(file: Path) -> None:
    before = content(restored(file, 1))
    with pytest.raises(StateFileError, match="belongs to the Tap"):
        SqliteStore(file, "IoTize004100000001")
    assert content(file) == before


def not_a_database(file: Path) -> None:
    file.write_bytes(b"this is no database, but long enough to look at " * 40)


def execute(statement: str, *values: object) -> Callable[[Path], None]:
    """A state file in which somebody has changed something."""

    def change(file: Path) -> None:
        restored(file, SCHEMA_VERSION)
        with closing(sqlite3.connect(file, isolation_level=None)) as database:
            database.execute(statement, values)

    return change


def other_database(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE other (value)")


def torn_page(file: Path) -> None:
    """A table that begins as it should, and goes on with noise."""
    with store_in(file) as store:
        store.write({("packet", str(number)): bytes(250) for number in range(500)}, erase=False)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2] + b"\x5a" * (len(data) - len(data) // 2))


def record(kind: str, name: str, value: object) -> Callable[[Path], None]:
    """A file with one record more, or another one."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return execute("INSERT OR REPLACE INTO record VALUES (?, ?, ?)", kind, name, data)


BUNDLE = {"name": "b", "rights": {"5": 3}, "log_period": 0, "log_key_group": 0}
VARIABLE = {
    "type": 3, "length": 1, "bundle": None, "address": 0, "meta": "", "meta_size": None, "unit": "",
}  # fmt: skip
UNUSABLE: list[tuple[Callable[[Path], None], str]] = [
    (not_a_database, "not a state file"),
    (other_database, "made by another program"),
    (execute("PRAGMA user_version = 99"), "made by a newer tap-emulator"),
    (execute("PRAGMA user_version = -1"), "made by another program"),
    (execute("DROP TABLE tap"), "not a state file"),
    (execute("DROP TABLE record"), "damaged: no such table"),
    (execute("DELETE FROM tap"), "belongs to the Tap of nobody"),
    (torn_page, "damaged"),
    (Path.mkdir, "cannot be opened"),
    (record("setting", "interface.config_version", b"\x01"), "setting interface.config_version is damaged"),
    (record("setting", "interface.no_such", b""), "no such setting; a newer tap-emulator"),
    (record("lock", "5", 1), "lock 5 is damaged: no such kind of record"),
    (record("flag", "commissioned", "yes"), "flag commissioned is damaged: 'yes' is neither"),
    (record("flag", "firmware", "new"), "flag firmware is damaged"),
    (record("flag", "firmware", 1), "flag firmware is damaged"),
    (record("flag", "erased", b"{"), "flag erased is damaged"),
    (record("packet", "five", b""), "packet five is damaged"),
    (record("group", "7", {"name": "paul", "alias": 7, "lifetime": 1}), "group 7 is damaged: 'password'"),
    (record("group", "7", {"name": "paul", "password": "xy", "alias": 7}), "group 7 is damaged"),
    (record("group", "7", {"name": 7, "password": None, "alias": 7}), "group 7 is damaged: name is 7"),
    (record("group", "7", {"name": "p", "password": None, "alias": None}), "group 7 is damaged: alias is None"),
    (record("bundle", "1", b"\xff\xfe"), "bundle 1 is damaged"),
    (record("bundle", "1", b""), "bundle 1 is damaged"),
    (record("bundle", "1", []), "bundle 1 is damaged"),
    (record("bundle", "1", None), "bundle 1 is damaged"),
    (record("bundle", "1", {"name": "b"}), "bundle 1 is damaged: 'rights'"),
    (record("bundle", "1", BUNDLE | {"rights": [3]}), "bundle 1 is damaged"),
    (record("bundle", "1", BUNDLE | {"rights": {"all": 3}}), "bundle 1 is damaged"),
    (record("bundle", "1", BUNDLE | {"rights": {"5": "rw"}}), "bundle 1 is damaged"),
    (record("bundle", "1", BUNDLE | {"log_period": "often"}), "bundle 1 is damaged: log_period is 'often'"),
    (record("bundle", "1", BUNDLE | {"colour": "red"}), "bundle 1 is damaged: .*colour"),
    (record("bundle", "one", BUNDLE), "bundle one is damaged"),
    (record("variable", "1", VARIABLE | {"type": 0x3F}), "variable 1 is damaged: variableType"),
    (record("variable", "1", VARIABLE | {"type": 256}), "variable 1 is damaged"),
    (record("variable", "1", VARIABLE | {"meta": 5}), "variable 1 is damaged"),
    (record("variable", "1", VARIABLE | {"bundle": "1"}), "variable 1 is damaged: bundle is '1'"),
    (record("variable", "1", VARIABLE | {"length": 1.5}), "variable 1 is damaged: length is 1.5"),
]


@pytest.mark.parametrize(("prepare", "message"), UNUSABLE, ids=lambda case: case if isinstance(case, str) else "")
def test_file_that_cannot_be_used(file: Path, prepare: Callable[[Path], None], message: str) -> None:
    prepare(file)
    with pytest.raises(StateFileError, match=message) as caught, running(file):
        pass
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("case", [record("bundle", "1", BUNDLE), record("variable", "1", VARIABLE)])
def test_the_undamaged_form_of_those_is_good(file: Path, case: Callable[[Path], None]) -> None:
    case(file)
    with running(file):
        pass


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
