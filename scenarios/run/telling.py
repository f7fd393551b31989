"""Requests, answers and entries of the journal in words."""

import json
from collections.abc import Iterable
from typing import Any, Final

from emulator.journal import Event, Record
from protocol.client.jsonable import HEX_PREFIX
from protocol.codes import describe_code
from protocol.frames import Request, Response
from scenarios.model import Step
from scenarios.model.common import show_duration
from scenarios.values import instance_of, request_value, response_value

_LONGEST: Final = 200
"""Characters of a value in a message."""


def shown(value: Any) -> str:
    """A value as JSON text, cut where it is long."""
    is_hex = isinstance(value, str) and value.startswith(HEX_PREFIX)
    text = value if is_hex else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 2]} …"


def tell_request(call: str | None, request: Request) -> str:
    """``group.change_password/3 "x"``; in numbers where the Tap does not know it."""
    value = request_value(call, request)
    brings = "" if value is None else f" {shown(value)}"
    instance = instance_of(request)
    where = "" if instance is None else f"/{instance}"
    return f"{request}{brings}" if call is None else f"{call}{where}{brings}"


def tell_response(call: str | None, response: Response) -> str:
    """``OK "IoTize0041"``, ``UNAUTHORIZED (0x81)``."""
    value = response_value(call if response.success else None, response)
    brings = "" if value is None else f" {shown(value)}"
    return f"{describe_code(response.code)}{brings}"


def tell(entry: Record | Event, origin: float = 0.0) -> str:
    """An entry of the journal in one line; its time counts from the origin."""
    time = f"{entry.time - origin:10.3f} s  "
    if isinstance(entry, Event):
        who = "" if entry.connection is None else f"connection {entry.connection}: "
        return f"{time}{who}{entry.kind}{f' ({entry.detail})' if entry.detail else ''}"
    who = f"connection {entry.connection}: "
    if entry.request is None:
        return f"{time}{who}no request: {entry.reason}"
    carrier = "" if entry.carrier.value == "clear" else " (encrypted)"
    answer = "no answer" if entry.response is None else tell_response(entry.call, entry.response)
    reason = f", {entry.reason}" if entry.reason else ""
    rules = f"  [{', '.join(entry.rules)}]" if entry.rules else ""
    return f"{time}{who}{tell_request(entry.call, entry.request)}{carrier} -> {answer}{reason}{rules}"


def tell_all(entries: Iterable[Record | Event], origin: float = 0.0) -> list[str]:
    """Entries of the journal, a line each."""
    return [tell(entry, origin) for entry in entries]


def words_of(step: Step) -> tuple[str, str]:
    """A step in words of its file, and its place there."""
    action = step.action
    parameter = step.parameter
    match action:
        case "request":
            text = str(parameter)
            if step.instance is not None:
                text += f" (instance {step.instance})"
        case "login":
            text = f"login {parameter.user}"
        case "check":
            text = f"check {parameter.variable or parameter.setting}"
        case "wait":
            text = f"wait {parameter if isinstance(parameter, str) else show_duration(parameter)}"
        case "raw":
            text = f"raw {parameter if isinstance(parameter, str) else parameter.hex()}"
        case "note":
            text = f"note: {parameter}"
        case "for_each" | "repeat" | "parallel":
            text = action
        case _:
            text = action if parameter is True else f"{action} {parameter}"
    return (text if step.note is None or action == "note" else f"{text} ({step.note})"), step.where
