"""Tells regular expressions that may take for ever; nothing can end a search once it has begun."""

import re
from typing import Final

_TOKEN: Final = re.compile(
    r"(?P<other>\\.|\[\^?\]?(?:\\.|[^\]\\])*\])"
    r"|(?P<repetition>(?:[*+?]|\{\d*,\d*\}|\{\d+\})(?P<possessive>\+)?\??)"
    r"|(?P<open>\((?P<atomic>\?>)?\??)|(?P<close>\))|(?P<choice>\|)",
    re.DOTALL,
)
"""Parts of a regular expression that matter here; escapes and sets hide what stands in them."""
_FIXED: Final = re.compile(r"\{(\d+)\}.*")
_LIMITED: Final = re.compile(r"\{\d*,?(\d+)\}.*")
_FEW: Final = 4
"""Repetitions of a group whose ways to match, multiplied, are still tried in no time."""


def may_take_for_ever(pattern: str) -> bool:
    """Whether a group with more than one way to match is repeated without a small limit.

    Before it fails, such a group tries all ways to divide a text, twice as many with each character. Possessive
    repetitions and atomic groups have one way only.
    """
    open_groups = [False]
    """Of each group around, the outermost first: it has several ways to match."""
    atomic: list[bool] = []
    ended = 0
    """Where the group has ended that a repetition here is about."""
    several = False
    for token in _TOKEN.finditer(pattern):
        if token["open"]:
            open_groups.append(False)
            atomic.append(token["atomic"] is not None)
        elif token["close"] and atomic:
            several, ended = open_groups.pop() and not atomic.pop(), token.end()
            open_groups[-1] |= several
        elif token["choice"]:
            open_groups[-1] = True
        elif token["repetition"] and not token["possessive"]:
            if several and token.start() == ended and not _is_small(token["repetition"]):
                return True
            open_groups[-1] |= _FIXED.fullmatch(token["repetition"]) is None
    return False


def _is_small(repetition: str) -> bool:
    if repetition.startswith("?"):
        return True
    limit = _LIMITED.fullmatch(repetition)
    return limit is not None and int(limit[1]) <= _FEW
