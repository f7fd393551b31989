"""Text of strangers, made safe to look at."""

import re
from typing import Final

_INVISIBLE: Final = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""What moves the cursor, colours, reverses or hides text, and halves of characters."""


def visible(text: str) -> str:
    """The text with everything that is no plain character written out: a terminal only shows it, whoever wrote it.

    Tabs and ends of lines stay.
    """
    return _INVISIBLE.sub(_written_out, text.replace("\r\n", "\n"))


def _written_out(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
