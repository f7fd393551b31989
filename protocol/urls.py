"""URLs of links: ``tcp://host:port``, ``pty:./tap0?baudrate=9600``, the same for the Tap and for its clients.

What may stand in the query is declared by each link as a table of `Option`s; anything else is refused by name, so that
a misspelt option never does nothing.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from protocol.errors import UsageError


@dataclass(frozen=True, slots=True)
class Option:
    """An option in the query of a URL.

    Args:
        convert: makes the value of its text; raises `ValueError` if it cannot.
        expected: what the text has to be, for people.
        default: the value where the URL does not say.
        repeated: it may stand there several times, and its value is the tuple of all.
    """

    convert: Callable[[str], Any]
    expected: str
    default: Any = None
    repeated: bool = False

    def read(self, name: str, texts: list[str]) -> Any:
        """The value of an option that is there.

        Raises:
            UsageError: a text does not fit.
        """
        if len(texts) > 1 and not self.repeated:
            raise UsageError(f"option {name} is there {len(texts)} times, expected once")
        try:
            values = tuple(self.convert(text) for text in texts)
        except ValueError as error:
            raise UsageError(f"{name}={', '.join(texts)}: expected {self.expected}") from error
        return values if self.repeated else values[0]


Options = Mapping[str, Option]


@dataclass(frozen=True, slots=True)
class LinkUrl:
    """The parts of the URL of a link; `str` gives the URL without its password.

    Args:
        name: what stands between ``//`` and the path, as written, without user and password.
        host: None if the URL names none, as in ``pty:./tap0``.
        path: without percent escapes; what follows the scheme where there is no host.
        query: texts of the options, by name.
        slashes: whether ``//`` stands behind the scheme.
        others: options that somebody else reads, for messages.
    """

    scheme: str
    name: str = ""
    host: str | None = None
    port: int | None = None
    path: str = ""
    user: str | None = None
    password: str | None = None
    query: Mapping[str, list[str]] = field(default_factory=dict)
    slashes: bool = True
    others: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, schemes: Collection[str]) -> "LinkUrl":
        """Takes a URL apart.

        Raises:
            UsageError: it is malformed, or its scheme is not among the known ones.
        """
        try:
            parts = urlsplit(text)
            port = parts.port
            pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError as error:
            if "@" in text:  # what is wrong may be a part of the password
                raise UsageError(
                    f"{_without_password(text)}: malformed, expected scheme://user:password@host:port with %2F for a /"
                ) from error
            raise UsageError(f"{text}: {error}") from error
        try:  # what cannot be looked up is refused here, not where it is tried
            (parts.hostname or "").encode("idna")
        except UnicodeError as error:
            raise UsageError(f"{_without_password(text)}: {parts.hostname} is no name that a host can have") from error
        if parts.scheme not in schemes:
            known = ", ".join(sorted(schemes))
            raise UsageError(f"{_without_password(text)}: unknown link {parts.scheme!r}, expected one of {known}")
        if parts.username is not None and parts.scheme not in _WITH_LOGIN:
            raise UsageError(f"{_without_password(text)}: has a user, expected none: this link has no login of its own")
        if "#" in text:
            raise UsageError(f"{_without_password(text)}: has a #, expected %23 in its place")
        query: dict[str, list[str]] = {}
        for name, value in pairs:
            query.setdefault(name, []).append(value)
        return cls(
            scheme=parts.scheme,
            name=parts.netloc.rpartition("@")[2],
            host=parts.hostname,
            port=port,
            path=unquote(parts.path),
            user=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            query=query,
            slashes=text.partition(":")[2].startswith("//"),
        )

    def __str__(self) -> str:
        path = quote(self.path, safe="/:@")
        return f"{self.scheme}:{'//' if self.slashes else ''}{self.name}{path}"

    def options(self, known: Options) -> dict[str, Any]:
        """Values of all known options, defaults included.

        Raises:
            UsageError: there is an option that is not known, or one whose value does not fit.
        """
        try:
            for name in self.query:
                if name not in known:
                    names = ", ".join((*sorted(known), *self.others))
                    raise UsageError(f"unknown option {name}, expected {names or 'none'}")
            return {
                name: option.read(name, self.query[name]) if name in self.query else option.default
                for name, option in known.items()
            }
        except UsageError as error:
            raise UsageError(f"{self}: {error}") from error

    def split(self, common: Options) -> tuple["LinkUrl", "LinkUrl"]:
        """Two URLs: one with those options, one with the others."""
        mine = {name: texts for name, texts in self.query.items() if name in common}
        others = {name: texts for name, texts in self.query.items() if name not in common}
        return replace(self, query=mine), replace(self, query=others, others=tuple(common))

    def address(self, host: str, port: int) -> tuple[str, int]:
        """Host and port, with these defaults.

        Raises:
            UsageError: the URL has a path, so what was meant for an address is none.
        """
        if self.path.strip("/"):
            raise UsageError(f"{self}: expected {self.scheme}://host:port")
        return self.host or host, port if self.port is None else self.port


_WITH_LOGIN: Final = frozenset({"mqtt", "mqtts"})


def _without_password(text: str) -> str:
    return re.sub(r":(//)?.*@", r":\1", text)


def authority(host: str, port: int) -> str:
    """Host and port as they stand in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# --- kinds of options


def integer(low: int, high: int, default: int | None = None) -> Option:
    """A whole number."""

    def convert(text: str) -> int:
        if not low <= (value := int(text)) <= high:
            raise ValueError
        return value

    return Option(convert, f"a whole number from {low} to {high}", default)


def choice(values: Mapping[str, Any], default: Any = None) -> Option:
    """One of some words, in any case."""

    def convert(text: str) -> Any:
        try:
            return values[text.lower()]
        except KeyError as error:
            raise ValueError from error

    return Option(convert, f"one of {', '.join(values)}", default)


def text(default: str | None = None, *, repeated: bool = False) -> Option:
    """Any text that is not empty."""

    def convert(value: str) -> str:
        if not value:
            raise ValueError
        return value

    return Option(convert, "a text", () if repeated else default, repeated)
