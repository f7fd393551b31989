"""Versions of firmware and configuration, and their order."""

import re
from typing import NamedTuple

from protocol.errors import UsageError

_VERSION = re.compile(r"\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:\s.*)?")


class Version(NamedTuple):
    """Three numbers that sort as versions do; on the wire one byte, one byte, two bytes."""

    major: int
    minor: int = 0
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Reads ``1.86``, ``1.86.2`` or the dated text of real modules, ``1.15 May 29 2018 17:07:18``.

        Raises:
            UsageError: the text is no version, or a number does not fit its field on the wire.
        """
        match = _VERSION.fullmatch(text)
        if match is None:
            raise UsageError(f"{text!r} is not a version; expected MAJOR.MINOR or MAJOR.MINOR.PATCH")
        major, minor, patch = (int(part or 0) for part in match.groups())
        if major > 0xFF or minor > 0xFF or patch > 0xFFFF:
            raise UsageError(f"version {text!r} does not fit the wire; the limit is 255.255.65535")
        return cls(major, minor, patch)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


FIRST_WITH_IV = Version(1, 86)
"""Initialization vectors exist from here on (vendor's security page; the client tags say 1.85, decision D1)."""

FACTORY_STATE = Version(0, 0, 0)
"""Configuration version of a Tap that nobody has configured."""

CONFIGURATION_MODE = Version(255, 255, 65535)
"""Configuration version that says: configuration in progress."""
