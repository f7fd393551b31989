"""What a recording does not show: passwords, keys and what is as good as a key."""

import re
from typing import Any, Final

from protocol.bodies.multi_request import MULTI_REQUEST
from protocol.errors import PeerError
from protocol.frames import Request
from protocol.resources.registry import find_entry

_SECRET: Final = re.compile(
    r"\.(get|put|set|change|login_with)_(\w+_)?(password|key|uid|password_key|hash)$|^interface\.login$|^lora\.\w+_(ids|config)$"
)
_SESSION: Final = re.compile(
    r"^scram\.(login|login_proof|initialize|set_initialization_vector|get_random|send|send_with_iv)$"
)
MULTI_REQUEST_CALL: Final = "interface.execute_multi_request_frame"


def is_secret(call: str | None) -> bool:
    """Whether the body of a call, or its answer, is a password or a key."""
    return call is not None and _SECRET.search(call) is not None


def is_session(call: str | None) -> bool:
    """Whether a call carries nonces, session keys or initialization vectors: new ones in each session."""
    return call is not None and _SESSION.search(call) is not None


def items_of(request: Request, call: str | None) -> list[Request]:
    """The requests in a multi-request; none if it is none."""
    if call != MULTI_REQUEST_CALL:
        return []
    try:
        return [item.request for item in MULTI_REQUEST.decode(request.body)]
    except PeerError:
        return []


def hides(request: Request, call: str | None) -> bool:
    """Whether a request, its answer or one of its items is not for everybody's eyes."""
    calls = [call]
    for item in items_of(request, call):
        entry = find_entry(item.method, item.path)
        calls.append(None if entry is None else entry.id)
    return any(is_secret(each) or is_session(each) for each in calls)


class Inputs:
    """Secrets of a recording, each under a name that stands for it in the file.

    Args:
        shown: whether the file gives them as defaults.
    """

    def __init__(self, shown: bool) -> None:
        self._shown = shown
        self._names: dict[tuple[str, Any], str] = {}
        self._lines: dict[str, dict[str, Any]] = {}

    def name(self, kind: str, value: Any, about: str) -> str:
        """The name of a secret; the same one for the same secret.

        Args:
            kind: beginning of the name: ``password_admin``.
            value: as it stands in the file where it is shown; None if it is not known.
            about: what it is for, for people.
        """
        known = self._names.get((kind, repr(value)))
        if known is not None:
            return known
        word = re.sub(r"\W", "_", kind)
        name, number = word, 1
        while name in self._lines:
            number += 1
            name = f"{word}_{number}"
        self._names[kind, repr(value)] = name
        line: dict[str, Any] = {"secret": True, "about": about}
        if self._shown and value is not None:
            line["default"] = value
        self._lines[name] = line
        return name

    def made_up(self, name: str, default: str, about: str) -> str:
        """An input whose value is of our own making, so that it is no secret."""
        self._lines.setdefault(name, {"default": default, "about": about})
        return name

    @property
    def lines(self) -> dict[str, dict[str, Any]]:
        """The inputs as the file has them, by name."""
        return self._lines
