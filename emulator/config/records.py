"""Models of plain dataclasses: a new field of a dataclass appears in the file format by itself.

class: MemoryRegion(start: int, size: int, ...)    file: {start: 0x20000000, size: 1024}
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Final, Self, get_args, get_origin, get_type_hints

import pydantic
from pydantic import BeforeValidator, model_validator

from emulator.config import kinds
from emulator.config.fields import Of, Strict, empty_is, optional, strict_model
from emulator.config.forms import leaf_kind
from emulator.config.keys import fits
from emulator.config.kinds import Kind, Plain

_KINDS: Final[Mapping[tuple[str, str], Kind[Any]]] = {
    ("MemoryRegion", "start"): kinds.address(),
    ("MemoryRegion", "size"): kinds.integer(1, 1 << 32),
    ("RandomWalk", "seed"): kinds.integer(-(1 << 63), (1 << 64) - 1),
    ("TargetFault", "first"): kinds.or_null(kinds.address()),
    ("TargetFault", "last"): kinds.or_null(kinds.address()),
}
"""Kinds of fields whose Python type says too little, by class and field."""


class Record(Strict):
    """A model with a field for each field of a dataclass; the dataclass itself has the last word."""

    record: ClassVar[type]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        try:
            self.build()
        except ValueError as error:
            raise ValueError(f"cannot be so ({error}), expected values that fit together") from error
        return self

    def build(self) -> Any:
        """The dataclass.

        Raises:
            ValueError: the values do not fit together.
        """
        return self.record(**self.built())

    def built(self) -> dict[str, Any]:
        """The values that the file names, by field."""
        return {name: _built(value) for name, value in self.said().items()}


def _built(value: Any) -> Any:
    if isinstance(value, Record):
        return value.build()
    return tuple(map(_built, value)) if isinstance(value, list) else value


@cache
def record_model(record: type) -> type[Record]:
    """The model of a dataclass."""
    doc = (record.__doc__ or "").partition("\n")[0]
    members = {field.name: _member(record, field) for field in _settable(record)}
    model: type[Record] = strict_model(record.__name__, doc, members, base=Record)  # type: ignore[assignment]
    model.record = record
    return model


def _settable(record: type) -> list[Field[Any]]:
    return [field for field in fields(record) if field.init]


def _member(record: type, field: Field[Any]) -> tuple[Any, Any]:
    annotation = _annotation(record, field.name)
    required = field.default is MISSING and field.default_factory is MISSING
    return annotation, pydantic.Field() if required else optional()


def _annotation(record: type, name: str) -> Any:
    kind = field_kind(record, name)
    if kind is not None:
        return Annotated[Any, Of(kind)]
    hint = get_type_hints(record)[name]
    if is_dataclass(hint):
        return record_model(hint)  # type: ignore[arg-type]
    if get_origin(hint) is tuple:
        element = get_args(hint)[0]
        if is_dataclass(element):
            return Annotated[list[record_model(element)], empty_is([])]  # type: ignore[arg-type, misc]
        return Annotated[list[Annotated[Any, Of(element_kind(hint))]], _ONE_IS_A_LIST]
    key, value = map(_leaf, get_args(hint))
    numbers = _of_text(key)
    return Annotated[dict[Annotated[Any, Of(numbers)], Annotated[Any, Of(value)]], _each_once(numbers), empty_is({})]


def field_kind(record: type, name: str) -> Kind[Any] | None:
    """The kind of a field that is a single value; None for a nested dataclass, a list or a mapping."""
    special = _KINDS.get((record.__name__, name))
    if special is not None:
        return special
    hint = get_type_hints(record)[name]
    if get_origin(hint) is UnionType:
        inner = next(one for one in get_args(hint) if one is not NoneType)
        return kinds.or_null(_leaf(inner))
    return None if is_dataclass(hint) or get_origin(hint) in (tuple, Mapping, _ABSTRACT_MAPPING) else _leaf(hint)


def element_kind(hint: Any) -> Kind[Any]:
    """The kind of the elements of a tuple, or of the values of a mapping."""
    return _leaf(get_args(hint)[0] if get_origin(hint) is tuple else get_args(hint)[1])


def _leaf(hint: Any) -> Kind[Any]:
    kind = leaf_kind(hint)
    assert kind is not None, f"{hint} has no form in device.yaml"
    return kind


def _of_text(kind: Kind[Any]) -> Kind[Any]:
    """Keys are always text; what they stand for decides their kind."""
    return Kind(kind.expected, lambda key: kind.read(Plain(key)), kind.write, kind.schema)


def _each_once(kind: Kind[Any]) -> BeforeValidator:
    """Refuses keys that look different and stand for the same: 16 and 0x10."""

    def check(given: Any) -> Any:
        seen: dict[Any, str] = {}
        for key in given if isinstance(given, dict) else ():
            if not fits(kind, key):
                continue
            first = seen.setdefault(kind.read(key), key)
            if first is not key:
                raise ValueError(f"has {key}, which is {first} again, expected each only once")
        return given

    return BeforeValidator(check)


_ABSTRACT_MAPPING: Final = get_origin(Mapping[int, int])
_ONE_IS_A_LIST: Final = BeforeValidator(
    lambda given: given if isinstance(given, list) else [] if given is None else [given]
)
