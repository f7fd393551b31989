"""Files that are whole or not there, and a lock for the folder that they are in."""

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TextIO

from protocol.errors import UsageError

LOCK: Final = ".lock"
UNFINISHED: Final = ".unfinished-"
"""How the names of files and folders begin that are being written."""


class FolderError(UsageError):
    """The folder cannot be read or written; the message says why. What was there before is as it was."""

    @classmethod
    def of(cls, path: Path, error: OSError) -> "FolderError":
        """What the system says, with the path."""
        return cls(f"{path}: {error.strerror or error}; what was found before is still there")


def write(path: Path, text: str) -> None:
    """Replaces a file at once, after its text has reached the disk.

    Raises:
        FolderError: it cannot be written; the old one is as it was.
    """
    unfinished = path.with_name(UNFINISHED + path.name)
    try:
        _put(unfinished, text)
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise FolderError.of(path, error) from error


def write_folder(path: Path, texts: Mapping[str, str]) -> None:
    """Makes a folder with files that are all there as soon as the folder is.

    Raises:
        FolderError: it cannot be written; there is no folder then.
    """
    unfinished = path.with_name(UNFINISHED + path.name)
    try:
        unfinished.mkdir()
        for name, text in texts.items():
            _put(unfinished / name, text)
        unfinished.rename(path)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise FolderError.of(path, error) from error


def _put(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def to_text(value: Any) -> str:
    """A value as the text of a JSON file."""
    return json.dumps(value, indent=1, default=str) + "\n"


def read_json(path: Path) -> Any:
    """What a JSON file says.

    Raises:
        FolderError: it cannot be read.
        ValueError: it is damaged; the message says where.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FolderError(f"{path}: {error.strerror or error}") from error
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def lock(folder: Path) -> TextIO:
    """Takes the folder until the file that is returned is closed, or the process ends, however it does.

    Raises:
        FolderError: another process has it, or it cannot be written to.
    """
    path = folder / LOCK
    try:
        file = path.open("a+", encoding="utf-8", errors="replace")
    except OSError as error:
        raise FolderError(f"{path}: {error.strerror or error}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read(20).strip()
        file.close()
        who = f"process {holder}" if holder.isdecimal() else "another process"
        raise FolderError(f"{folder}: {who} is writing its findings there; end it, or choose another folder") from None
    except OSError as error:
        file.close()
        raise FolderError(f"{path}: {error.strerror or error}") from error
    with suppress(OSError):  # a full disk: the lock holds without the number
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
    return file


def clear_unfinished(folder: Path) -> None:
    """Removes what a process was writing when it was killed. Only whoever has the lock may do that."""
    for path in folder.glob(f"{UNFINISHED}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
