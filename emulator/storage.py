"""The state file: what was written to a Tap survives its process.

One SQLite file. A commit is on the disk before the answer leaves, so after ``kill -9`` at any instant the file opens
and holds every write that was answered with success. One process at a time: the file stays locked while it is open.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints

from emulator.blueprint import Bundle, Group, Variable
from emulator.state import FIRMWARE, NUMBERED, REMOVED, Key, Kind, StoreError
from protocol.bodies.variable import VARIABLE_TYPE, VariableType
from protocol.codes import Rights
from protocol.errors import PeerError
from protocol.firmware import Version
from protocol.resources.registry import SETTINGS
from protocol.values import Body

SCHEMA_VERSION: Final = 2
_LOCK_TIME: Final = 0.5
"""Seconds to wait for a process that is just ending to unlock the file."""

_SCHEMA: Final = """
CREATE TABLE tap (serial_number TEXT NOT NULL);
CREATE TABLE record (kind TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, name)) STRICT;
"""

_MIGRATIONS: Final[dict[int, str]] = {
    1: "",
}
"""What brings a file of each older version to the next one. Version 2 brought kinds of records that programs of
version 1 do not know, so that they have to refuse the file; nothing that was there has changed."""


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
        try:
            rows = self._database.execute("SELECT kind, name, value FROM record").fetchall()
        except sqlite3.Error as error:
            raise StateFileError(f"{self.path}: damaged: {error}") from error
        for kind, name, value in rows:
            try:
                records[kind, name] = _decode(kind, name, value)
            except (PeerError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise StateFileError(f"{self.path}: {kind} {name} is damaged: {error}") from error
        return records

    def write(self, changes: Mapping[Key, Any], erase: bool) -> None:
        """Keeps the changes, all or none.

        Raises:
            StoreError: the disk is full, or the file is gone.
        """
        removed = [key for key, value in changes.items() if value is REMOVED]
        rows = [(*key, _encode(*key, value)) for key, value in changes.items() if value is not REMOVED]
        try:
            self._database.execute("BEGIN IMMEDIATE")
            if erase:
                self._database.execute("DELETE FROM record")
            self._database.executemany("DELETE FROM record WHERE kind = ? AND name = ?", removed)
            self._database.executemany("INSERT OR REPLACE INTO record VALUES (?, ?, ?)", rows)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise StoreError(f"{self.path}: {error}") from error

    def close(self) -> None:
        """Unlocks the file."""
        self._database.close()

    def _migrate(self, version: int) -> None:
        for step in range(version, SCHEMA_VERSION):
            for statement in filter(None, _MIGRATIONS[step].strip().split(";\n")):
                self._database.execute(statement)
        self._database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

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
        elif version in _MIGRATIONS:
            self._migrate(version)
        elif version != SCHEMA_VERSION:
            made_by = "a newer tap-emulator" if version > SCHEMA_VERSION else "another program"
            raise StateFileError(f"{self.path}: made by {made_by} (version {version}, expected {SCHEMA_VERSION})")
        owners = [owner for (owner,) in self._database.execute("SELECT serial_number FROM tap")]
        if owners != [serial_number]:
            owner = " and ".join(owners) or "of nobody"
            raise StateFileError(
                f"{self.path}: belongs to the Tap {owner}, this one is {serial_number}; give it a file of its own"
            )
        self._database.execute("COMMIT")  # a file that is refused stays as it was


def _encode(kind: str, name: str, value: Any) -> bytes:
    if kind == "setting":
        return _body(name).encode(value)
    if kind in ("value", "packet"):
        return bytes(value)
    if kind in _RECORDS:
        value = {each.name: _plain(getattr(value, each.name)) for each in fields(_RECORDS[kind])}
    return json.dumps(value).encode()


def _plain(value: Any) -> Any:
    """What JSON can hold of a part of a record."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, VariableType):
        return VARIABLE_TYPE.encode(value)[0]
    return value


def _decode(kind: str, name: str, value: bytes) -> Any:
    if kind not in get_args(Kind):
        raise ValueError("no such kind of record")
    if kind in NUMBERED:
        int(name)
    if kind == "setting":
        return _body(name).decode(value)
    if kind in ("value", "packet"):
        return value
    decoded = json.loads(value)
    return _flag(name, decoded) if kind == "flag" else _typed(_READERS[kind](decoded))


def _flag(name: str, value: Any) -> bool | str:
    """A version, or yes or no."""
    if name == FIRMWARE:
        return str(Version.parse(value))
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _typed(record: Any) -> Any:
    """The record, if each of its parts has the type that it has to have."""
    for name, hint in get_type_hints(type(record)).items():
        part = getattr(record, name)
        if not isinstance(part, Mapping if get_origin(hint) is Mapping else hint):
            raise TypeError(f"{name} is {part!r}")
    return record


def _group(parts: dict[str, Any]) -> Group:
    password = parts.pop("password")
    return Group(password=None if password is None else bytes.fromhex(password), **parts)


def _bundle(parts: dict[str, Any]) -> Bundle:
    rights = {int(group): Rights(right) for group, right in parts.pop("rights").items()}
    return Bundle(rights=rights, **parts)


def _variable(parts: dict[str, Any]) -> Variable:
    return Variable(
        type=VARIABLE_TYPE.decode(bytes([parts.pop("type")])), meta=bytes.fromhex(parts.pop("meta")), **parts
    )


_RECORDS: Final[dict[str, Any]] = {"group": Group, "bundle": Bundle, "variable": Variable}
_READERS: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "group": _group,
    "bundle": _bundle,
    "variable": _variable,
}


def _body(name: str) -> Body[Any]:
    if name not in SETTINGS:
        raise ValueError("no such setting; a newer tap-emulator may have written it")
    setting = SETTINGS[name].setting
    assert setting is not None
    return setting.body


def _advice(error: sqlite3.Error) -> str:
    if "locked" in str(error):
        return "another tap-emulator is using it"
    if "unable to open" in str(error):
        return "cannot be opened; does its folder exist, and may this user write there?"
    return f"not a state file ({error})"
