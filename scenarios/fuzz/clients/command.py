"""The command of a client: found before anything runs, filled in for each turn."""

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from protocol.errors import UsageError
from scenarios.fuzz.clients.turns import Turn


@dataclass(frozen=True, slots=True)
class Command:
    """A program and its arguments.

    Args:
        text: as the user wrote it.
        program: absolute path of the program.
        words: the program as the user calls it, and its arguments, with places such as ``{url}`` to be filled in.
    """

    text: str
    program: str
    words: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, *, env: Mapping[str, str] | None = None, cwd: str | Path | None = None) -> "Command":
        """Reads it as a shell would, without a shell: no variables, pipes or redirections.

        Raises:
            UsageError: it is empty, has an open quote, or its program is not there or may not be executed, or
                the folder that it has to run in is not there.
        """
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise UsageError(f"client {text!r}: {error}; expected a command as a shell takes it") from error
        if not words or not words[0]:
            raise UsageError("client: the command is empty, expected a program and its arguments, such as 'app {url}'")
        if any("\0" in word for word in words):
            raise UsageError(f"client {text!r}: a command cannot contain NUL")
        folder = Path(cwd or ".").absolute()
        if not folder.is_dir():
            raise UsageError(f"client {text!r}: the folder it has to run in is not there: {folder}")
        return cls(text, _find(words[0], folder, os.environ if env is None else env), tuple(words))

    def filled(self, turn: Turn) -> list[str]:
        """The words of one turn."""
        address = urlsplit(turn.url)
        places = {
            "{url}": turn.url,
            "{host}": address.hostname or "",
            "{port}": "" if address.port is None else str(address.port),
            "{case}": turn.case,
        }
        return [_filled(word, places) for word in self.words]


def _filled(word: str, places: Mapping[str, str]) -> str:
    for place, value in places.items():
        word = word.replace(place, value)
    return word


def _find(program: str, folder: Path, env: Mapping[str, str]) -> str:
    if os.sep not in program:
        found = shutil.which(program, path=env.get("PATH", os.defpath))
        if found is None:
            raise UsageError(f"client {program!r}: not found in PATH, expected a program, or a path with a '/' in it")
        return str(Path(found).absolute())
    path = folder / program
    if path.is_dir():
        raise UsageError(f"client {path}: is a folder, expected a program")
    if not path.exists():
        raise UsageError(f"client {path}: not found, expected a program")
    if not os.access(path, os.X_OK):
        raise UsageError(
            f"client {path}: not executable, expected a program; 'chmod +x' makes it one, or start it "
            f"with its interpreter, such as 'python3 {program}'"
        )
    return str(path)
