"""The state file: what was written to a Tap survives its process.

One SQLite file. A commit is on the disk before the answer leaves, so after ``kill -9`` at any instant the file opens
and holds every write that was answered with success. One process at a time: the file stays locked while it is open.
"""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from emulator.blueprint import Group
from emulator.state import Key, StoreError
from protocol.errors import PeerError
from protocol.resources.registry import SETTINGS
from protocol.values import Body

SCHEMA_VERSION: Final = 1
_LOCK_TIME: Final = 0.5
"""Seconds to wait for a process that is just ending to unlock the file."""

_SCHEMA: Final = """
CREATE TABLE tap (serial_number TEXT NOT NULL);
CREATE TABLE record (kind TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, name)) STRICT;
"""


class StateFileError(Exception):
    """The state file cannot be used; the message says which, why and what to do."""


class SqliteStore:
    """A `emulator.state.Store` in a file.

    Args:
        serial_number: of the Tap; a file belongs to one Tap.

    Raises:
        StateFileError: not a state file, of a newer version, of another Tap, in use, or not accessible.
    """

    def __init__(self, path: Path, serial_number: str) -> None:
        self.path = path
        try:
            self._database = sqlite3.connect(path, isolation_level=None, timeout=_LOCK_TIME)
        except sqlite3.Error as error:
            raise StateFileError(f"{path}: {_advice(error)}") from error
        try:
            self._open(serial_number)
        except sqlite3.Error as error:
            self.close()
            raise StateFileError(f"{path}: {_advice(error)}") from error
        except StateFileError:
            self.close()
            raise

    def load(self) -> Mapping[Key, Any]:
        """All records.

        Raises:
            StateFileError: a record cannot be read.
        """
        records: dict[Key, Any] = {}
        for kind, name, value in self._database.execute("SELECT kind, name, value FROM record"):
            try:
                records[kind, name] = _decode(kind, name, value)
            except (PeerError, ValueError, KeyError, TypeError) as error:
                raise StateFileError(f"{self.path}: {kind} {name} is damaged: {error}") from error
        return records

    def write(self, changes: Mapping[Key, Any], erase: bool) -> None:
        """Keeps the changes, all or none.

        Raises:
            StoreError: the disk is full, or the file is gone.
        """
        rows = [(kind, name, _encode(kind, name, value)) for (kind, name), value in changes.items()]
        try:
            self._database.execute("BEGIN IMMEDIATE")
            if erase:
                self._database.execute("DELETE FROM record")
            self._database.executemany("INSERT OR REPLACE INTO record VALUES (?, ?, ?)", rows)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise StoreError(f"{self.path}: {error}") from error

    def close(self) -> None:
        """Unlocks the file."""
        self._database.close()

    def _open(self, serial_number: str) -> None:
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("BEGIN EXCLUSIVE")
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        (tables,) = self._database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if version == 0 and tables == 0:
            for statement in _SCHEMA.strip().split(";\n"):
                self._database.execute(statement)
            self._database.execute("INSERT INTO tap VALUES (?)", (serial_number,))
            self._database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif version != SCHEMA_VERSION:
            made_by = "a newer tap-emulator" if version > SCHEMA_VERSION else "another program"
            raise StateFileError(f"{self.path}: made by {made_by} (version {version}, expected {SCHEMA_VERSION})")
        (owner,) = self._database.execute("SELECT serial_number FROM tap").fetchone()
        self._database.execute("COMMIT")
        if owner != serial_number:
            raise StateFileError(
                f"{self.path}: belongs to the Tap {owner}, this one is {serial_number}; give it a file of its own"
            )


def _encode(kind: str, name: str, value: Any) -> bytes:
    if kind == "setting":
        return _body(name).encode(value)
    if isinstance(value, Group):
        password = None if value.password is None else value.password.hex()
        value = {"name": value.name, "password": password, "alias": value.alias, "lifetime": value.lifetime}
    return json.dumps(value).encode()


def _decode(kind: str, name: str, value: bytes) -> Any:
    if kind == "setting":
        return _body(name).decode(value)
    decoded = json.loads(value)
    if kind == "group":
        password = decoded.pop("password")
        return Group(password=None if password is None else bytes.fromhex(password), **decoded)
    return decoded


def _body(name: str) -> Body[Any]:
    setting = SETTINGS[name].setting
    assert setting is not None
    return setting.body


def _advice(error: sqlite3.Error) -> str:
    if "locked" in str(error):
        return "another tap-emulator is using it"
    if "unable to open" in str(error):
        return "cannot be opened; does its folder exist, and may this user write there?"
    return f"not a state file ({error})"
