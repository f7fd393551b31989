"""Whether a client that reports a value has understood an answer, in whatever form its language shows values."""

import json
import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import IntEnum, IntFlag
from functools import lru_cache, partial
from typing import Any, Final

from protocol.client.calls import CALLS
from protocol.client.jsonable import HEX_PREFIX, to_json
from protocol.errors import BodyError
from protocol.firmware import Version
from protocol.frames import Request, Response
from protocol.resources.registry import ENTRIES
from protocol.tlv import BundleValues
from scenarios.values import forms_of

_PRECISION: Final = 1e-6
"""Of a float32, relative."""
_BASES: Final = {form.id: entry.id for entry in ENTRIES for form in forms_of(entry.id)}
"""The calls by the names of all their forms."""
_ENCODER: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=str)
_LONGEST_NUMBER: Final = 40
_NO_LETTER: Final = re.compile(r"[\W_]+")
_BETWEEN_BYTES: Final = re.compile(r"[\s:,-]+|0x", re.IGNORECASE)
_ELEMENTS: Final = {1: "bB?", 2: "hH", 4: "iIf", 8: "qQd"}
"""Formats of numbers, by size."""
_VARIABLE_VALUES: Final = frozenset({"variable.get_value"})


def base_call(name: str) -> str | None:
    """The call that a name stands for, or a form of it; None if it is no call."""
    return _BASES.get(name)


def agrees(call: str, body: bytes, reported: Any) -> bool:
    """Whether a reported value is what the body of an answer to a call says."""
    if isinstance(reported, str | int | float):
        return _agrees_scalar(call, body, reported)
    return _agrees_text(call, body, as_key(reported))


def as_key(value: Any) -> str:
    """A value as JSON text; equal for equal values."""
    try:
        return _ENCODER.encode(value)
    except RecursionError:
        return '"nested too deeply"'


@lru_cache(maxsize=8192, typed=True)
def _agrees_scalar(call: str, body: bytes, reported: Any) -> bool:
    return _agrees(call, body, reported)


@lru_cache(maxsize=8192)
def _agrees_text(call: str, body: bytes, reported: str) -> bool:
    return _agrees(call, body, json.loads(reported))


def _agrees(call: str, body: bytes, reported: Any) -> bool:
    if _same_bytes(body, reported) or any(_same(truth, reported) for truth in truths(call, body)):
        return True
    if call in _VARIABLE_VALUES:
        return _is_decoding(body, reported)
    return _is_number(reported) and len(body) <= 8 and _same_number(int.from_bytes(body, "big"), reported)


@lru_cache(maxsize=4096)
def truths(call: str, body: bytes) -> tuple[Any, ...]:
    """What the body says, in each form of the call that fits it."""
    found: list[Any] = []
    for form in forms_of(call) if call in CALLS else ():
        if form.response is not None:
            try:
                found.append(form.response.decode(body))
            except BodyError:
                continue
    if any(isinstance(value, str) for value in found):
        found.append(body.decode("latin-1"))
    return tuple(found)


def show_truth(call: str, body: bytes) -> Any:
    """What the body says, as JSON."""
    known = truths(call, body)
    return to_json(known[0]) if known else to_json(body)


def _same(truth: Any, reported: Any) -> bool:
    match truth:
        case bool():
            return _same_bool(truth, reported)
        case IntEnum() | IntFlag():
            return _same_member(truth, reported)
        case int() | float():
            return _same_number(truth, reported)
        case str():
            return _same_text(truth, reported)
        case bytes():
            return _same_bytes(truth, reported) or _is_decoding(truth, reported)
        case list():
            return _same_items(truth, reported)
        case _:
            return _same_record(truth, reported)


def _same_record(truth: Any, reported: Any) -> bool:
    match truth:
        case Version():
            return reported == str(truth) or _same_items(truth, reported) or _same_fields(truth._asdict(), reported)
        case Request() | Response():
            return _same_fields(truth._asdict(), reported)
        case tuple():
            return _same_items(truth, reported)
        case BundleValues():
            values = _same_items(truth.values, reported)
            return values or (_has_names(reported, truth) and _same_fields(_fields(truth), reported))
        case _ if is_dataclass(truth):
            return _same_fields(_fields(truth), reported)
        case _:
            return bool(to_json(truth) == reported)


def _fields(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _has_names(reported: Any, record: Any) -> bool:
    known = {_plain(name) for name in _fields(record)}
    return isinstance(reported, Mapping) and any(_plain(name) in known for name in reported)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same_bool(truth: bool, reported: Any) -> bool:
    if isinstance(reported, str):
        return reported.strip().lower() in (("true", "1") if truth else ("false", "0"))
    return isinstance(reported, int | float) and reported == truth


def _same_number(truth: float, reported: Any) -> bool:
    if reported is None:
        return not math.isfinite(truth)  # JSON has no form for it
    number = _number_of(reported) if isinstance(reported, str) else reported
    if not isinstance(number, int | float):
        return False
    if isinstance(truth, int) and isinstance(number, int):
        return truth == number
    try:
        return math.isclose(truth, number, rel_tol=_PRECISION) or (math.isnan(truth) and math.isnan(number))
    except OverflowError:
        return False


def _number_of(text: str) -> float | None:
    text = text.strip()[:_LONGEST_NUMBER]
    readers: tuple[Callable[[str], float], ...] = (int, float, partial(int, base=16))
    for read in readers:
        try:
            return read(text)
        except ValueError:
            continue
    return None


def _same_member(truth: IntEnum | IntFlag, reported: Any) -> bool:
    if isinstance(reported, list) and all(isinstance(name, str) for name in reported):
        reported = "|".join(reported)
    if not isinstance(reported, str):
        return _same_number(int(truth), reported)
    names = {_plain(name) for name in re.split(r"[|,]", reported)} - {""}
    known = {_plain(name) for name in (truth.name or "").split("|")} - {""}
    return names == known or _same_number(int(truth), reported)


def _same_text(truth: str, reported: Any) -> bool:
    if _is_number(reported):
        return str(reported) == truth.strip("\0 ")
    if not isinstance(reported, str):
        return False
    reported = reported.rstrip("\0")
    if truth.rstrip("\0") == reported:
        return True
    raw = truth.encode("latin-1", "replace").rstrip(b"\0")
    return reported in (raw.decode("utf-8", "replace"), bytes(byte & 0x7F for byte in raw).decode("ascii"))


def _same_bytes(truth: bytes, reported: Any) -> bool:
    if isinstance(reported, Mapping):
        # Buffer and Uint8Array of JavaScript
        data = reported.get("data", None)
        reported = data if isinstance(data, list) else _items(reported)
    if isinstance(reported, str):
        return _BETWEEN_BYTES.sub("", reported.removeprefix(HEX_PREFIX)).lower() == truth.hex()
    if isinstance(reported, list) and len(reported) == len(truth):
        return all(
            isinstance(number, int) and number in (byte, byte - 0x100)
            for byte, number in zip(truth, reported, strict=True)
        )
    return False


def _items(reported: Mapping[str, Any]) -> list[Any] | None:
    keys = [str(number) for number in range(len(reported))]
    return [reported[key] for key in keys] if reported and all(key in reported for key in keys) else None


def _same_items(truth: Sequence[Any], reported: Any) -> bool:
    if isinstance(reported, Mapping):
        items = _items(reported)
        if items is not None and len(items) == len(truth):
            return _same_items(truth, items)
        return _same_pairs(truth, reported)
    if not isinstance(reported, list) or len(reported) != len(truth):
        return False
    if all(_same(each, one) for each, one in zip(truth, reported, strict=True)):
        return True
    return _are_pairs(truth) and all(any(_same(each, one) for each in truth) for one in reported)  # sorted, maybe


def _are_pairs(truth: Sequence[Any]) -> bool:
    """Ids, each with its value."""
    return bool(truth) and all(isinstance(each, tuple) and len(each) == 2 for each in truth)


def _same_pairs(truth: Sequence[Any], reported: Mapping[str, Any]) -> bool:
    """Pairs of id and value, reported as a mapping from one to the other; or one pair with names."""
    if _are_pairs(truth):
        return all(
            any(_same(key, name) and _same(value, one) for key, value in truth) for name, one in reported.items()
        )
    return len(truth) == 2 and all(any(_same(each, one) for each in truth) for one in reported.values())


def _same_fields(truth: Mapping[str, Any], reported: Any) -> bool:
    if isinstance(reported, list):
        return _same_items(list(truth.values()), reported)
    if not isinstance(reported, Mapping):
        return False
    known = {_plain(name): value for name, value in truth.items()}
    return all(_same(known[_plain(name)], value) for name, value in reported.items() if _plain(name) in known)


def _plain(name: str) -> str:
    return _NO_LETTER.sub("", name).lower()


def _is_decoding(body: bytes, reported: Any) -> bool:
    """Whether the value is one of the usual readings of bytes: a number, numbers, text."""
    if isinstance(reported, str) and _same_text(body.decode("latin-1"), reported):
        return True
    if isinstance(reported, list):
        return bool(reported) and any(_same_items(numbers, reported) for numbers in _decodings(body, len(reported)))
    return any(_same(numbers[0], reported) for numbers in _decodings(body, 1))


@lru_cache(maxsize=4096)
def _decodings(body: bytes, count: int) -> tuple[tuple[Any, ...], ...]:
    size, rest = divmod(len(body), count)
    return () if rest else tuple(struct.unpack(f">{count}{each}", body) for each in _ELEMENTS.get(size, ""))
