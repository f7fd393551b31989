"""The text of a configuration file, and where its lines are."""

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from emulator.config.loaded import ConfigError

MAX_SIZE: Final = 4 * 1024 * 1024
"""Bytes of the largest file that is read."""
MAX_VENDOR_SIZE: Final = 1024 * 1024
"""Characters of the largest file of the vendor; the largest known one has 20 KB."""


@dataclass(frozen=True)
class Source:
    """A file in memory. Line breaks are ``\\n``, a byte order mark is gone.

    Args:
        columns: messages tell the column, too: ``file:line:column``.
    """

    name: str
    text: str
    columns: bool = False
    _starts: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        starts = [0, *(found.end() for found in re.finditer("\n", self.text))]
        object.__setattr__(self, "_starts", starts)

    @classmethod
    def read(cls, path: Path, *, columns: bool = False) -> "Source":
        """Reads a file of UTF-8 text.

        Raises:
            ConfigError: it cannot be read, is too large, or is no UTF-8 text.
        """
        try:
            with path.open("rb") as file:
                data = file.read(MAX_SIZE + 1)
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise ConfigError([f"{path}: cannot be read ({reason}), expected a configuration file"]) from error
        return cls.decode(str(path), data, columns=columns)

    @classmethod
    def decode(cls, name: str, data: bytes, *, columns: bool = False) -> "Source":
        """Makes text of bytes.

        Raises:
            ConfigError: too large, or no UTF-8 text.
        """
        if len(data) > MAX_SIZE:
            cls(name, "", columns).fail(1, f"the file is too large, expected at most {MAX_SIZE // 1024} KiB")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise ConfigError([f"{name}:{line}: byte {data[error.start]:02X} is no text, expected UTF-8"]) from error
        return cls(name, text.replace("\r\n", "\n").replace("\r", "\n"), columns)

    def no_more_than(self, characters: int) -> None:
        """Raises ConfigError if the text is longer."""
        if len(self.text) > characters:
            self.fail(1, f"the file is too large, expected at most {characters // 1024} KiB")

    def at(self, line: int, column: int = 1) -> str:
        """A place as messages name it."""
        return f"{self.name}:{line}:{column}" if self.columns else f"{self.name}:{line}"

    def line(self, offset: int) -> int:
        """Number of the line, from 1, that holds this character."""
        return bisect_right(self._starts, offset)

    def no_half_characters(self, text: str, line: int, column: int = 1) -> str:
        """The text itself; escapes of JSON and YAML can make halves of surrogate pairs, which are no characters.

        Raises:
            ConfigError: it holds one.
        """
        if any("\ud800" <= character <= "\udfff" for character in text):
            self.fail(line, "an escape stands for half a character, expected both halves of the pair", column)
        return text

    def fail(self, line: int, text: str, column: int = 1) -> NoReturn:
        """Gives up: what follows cannot be understood.

        Raises:
            ConfigError: always.
        """
        raise ConfigError([f"{self.at(line, column)}: {text}"])
