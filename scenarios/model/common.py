"""What all parts of a scenario are made of: strict models that know their place in the file, and kinds of values."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from emulator.config import kinds
from emulator.config.fields import Of, Strict
from emulator.config.kinds import Kind, Plain
from protocol.codes import Method, ResultCode
from protocol.firmware import Version

T = TypeVar("T")

HEX_PREFIX: Final = "hex:"

_REFERENCE = re.compile(r"\$\{[^{}]*\}")
_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)(ms|s|m|h)?", re.ASCII)
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_LONGEST: Final = 366 * 86400.0
_NUMBER = re.compile(r"[+-]?(0|[1-9]\d{0,19})", re.ASCII)
_HEX_NUMBER = re.compile(r"0x[0-9a-fA-F]{1,16}", re.ASCII)
_FRACTION = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+(\.\d*)?[eE][+-]?\d+)", re.ASCII)
_FIRMWARE = re.compile(r"(>=|<=|>|<|==|=|!=)?\s*(\d{1,3}\.\d{1,3}(?:\.\d{1,5})?)", re.ASCII)


if TYPE_CHECKING:
    Maybe: TypeAlias = T | None
else:

    class Maybe:
        """A field that may be left out but not be null: X to pydantic, X or None to a type checker."""

        def __class_getitem__(cls, kind: Any) -> Any:
            return kind


class Model(Strict):
    """A mapping of the file. Unknown keys are refused; a model cannot be changed after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)

    _node: Any = PrivateAttr(default=None)

    @model_validator(mode="wrap")
    @classmethod
    def _remember(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        model = handler(value)
        if isinstance(value, dict):
            model._node = value
        return model

    @property
    def where(self) -> str:
        """``file:line:column`` of this mapping; empty if it comes from no file."""
        return str(getattr(self._node, "where", ""))

    def place(self, key: str) -> str:
        """``file:line:column`` of one of its keys; of the mapping if the key is not there."""
        places = getattr(self._node, "places", {})
        return str(places.get(key, self.where))

    @property
    def written(self) -> dict[str, Any]:
        """The mapping as the file has it, its keys in the order of the file."""
        return self._node if isinstance(self._node, dict) else {}


def option(description: str, *, alias: str | None = None, examples: list[Any] | None = None) -> Any:
    """A field that may be left out; it is None then."""
    return Field(default_factory=_nothing, description=description, alias=alias, examples=examples)


def _nothing() -> None:
    """As a factory it keeps "default: null" out of the JSON Schema."""


def listed(description: str, *, examples: list[Any] | None = None) -> Any:
    """A field with a list that may be left out; it is empty then."""
    return Field(default_factory=tuple, description=description, examples=examples)


def mapped(description: str, *, examples: list[Any] | None = None) -> Any:
    """A field with a mapping that may be left out; it is empty then."""
    return Field(default_factory=dict, description=description, examples=examples)


def has_reference(value: object) -> bool:
    """Whether there is a ``${name}`` anywhere in the value."""
    if isinstance(value, str):
        return _REFERENCE.search(value) is not None
    if isinstance(value, dict):
        return any(has_reference(one) for pair in value.items() for one in pair)
    return isinstance(value, list | tuple) and any(map(has_reference, value))


def plain_value(value: Any) -> Any:
    """A value of any type as JSON has it: unquoted words become numbers, true, false or text."""
    if isinstance(value, Plain):
        return _word(str(value))
    if isinstance(value, dict):
        return {str(key): plain_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(one) for one in value]
    return value


def _word(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if _NUMBER.fullmatch(text):
        return int(text)
    if _HEX_NUMBER.fullmatch(text):
        return int(text, 16)
    if _FRACTION.fullmatch(text):
        return float(text)
    return text


def or_reference(kind: Kind[T]) -> Kind[Any]:
    """A value of this kind, or text with a ``${name}`` in it, which is filled in when the step is made."""

    def read(value: Any) -> Any:
        return str(value) if isinstance(value, str) and has_reference(value) else kind.read(value)

    schema = {"anyOf": [dict(kind.schema), {"type": "string", "pattern": r"\$\{.+\}"}]}
    return Kind(kind.expected, read, str, schema, kind.secret)


@dataclass(frozen=True, slots=True)
class Short:
    """A shorter way to write a field.

    Args:
        spell_out: makes the long form of a short one, and leaves everything else as it is.
        schema: the short form as JSON Schema.
    """

    spell_out: Callable[[Any], Any]
    schema: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.spell_out, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(schema), dict(self.schema)]}


def wrapped(*types: type) -> Short:
    """A single value of these types stands for a list of one."""
    schema = {"type": "string" if str in types else "object"}
    return Short(lambda given: [given] if isinstance(given, types) else given, schema)


def read_duration(value: Any) -> float:
    """Seconds of ``200ms``, ``5s``, ``2m``, ``1h`` or a number.

    Raises:
        ValueError: it is none of them.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = format(value, "f")
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None or (seconds := float(found[1]) * _UNITS[found[2]]) > _LONGEST:
        raise ValueError
    return seconds


_DURATION_SCHEMA: Final = {
    "anyOf": [{"type": "string", "pattern": r"^(\d+\.?\d*|\.\d+)(ms|s|m|h)?$"}, {"type": "number", "minimum": 0}],
    "examples": ["200ms", "5s", "2m", "1h"],
}
DURATION: Final = Kind(
    "a duration such as 200ms, 5s, 2m, 1h or a number of seconds", read_duration, str, _DURATION_SCHEMA
)


def show_duration(seconds: float) -> str:
    """Seconds as a file writes them."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:g}{unit}"
    return f"{seconds:g}s"


def _read_code(value: Any) -> int:
    if isinstance(value, str) and value.upper() in ResultCode.__members__:
        return int(ResultCode[value.upper()])
    if isinstance(value, Plain):
        value = _word(str(value))
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 0xFF:
        raise ValueError
    return value


CODE_EXPECTED: Final = "a result code by name or number, such as UNAUTHORIZED or 0x81"
_CODE_SCHEMA: Final = {
    "anyOf": [{"enum": list(ResultCode.__members__)}, {"type": "integer", "minimum": 0, "maximum": 255}]
}
CODE: Final = Kind(CODE_EXPECTED, _read_code, str, _CODE_SCHEMA)


def _read_outcome(value: Any) -> int | str:
    word = value.lower() if isinstance(value, str) else ""
    return word if word in ("ok", "refused", "any") else _read_code(value)


OUTCOME: Final = Kind(
    f"ok, refused, any or {CODE_EXPECTED}",
    _read_outcome,
    str,
    {"anyOf": [{"enum": ["ok", "refused", "any"]}, _CODE_SCHEMA]},
)


def _read_hex(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError
    return bytes.fromhex(value.removeprefix(HEX_PREFIX))


HEX: Final = Kind(
    'bytes such as "hex:0102"', _read_hex, str, {"type": "string", "pattern": "^(hex:)?([0-9a-fA-F]{2} ?)*$"}
)


def _read_text(value: Any) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise ValueError
    return str(value)


TEXT: Final = Kind("text", _read_text, str, {"type": ["string", "number"]})


def _read_name(value: Any) -> str:
    text = _read_text(value)
    if not text.strip() or not text.isprintable() or len(text) > 200:
        raise ValueError
    return text


NAME: Final = Kind("a name of printable characters", _read_name, str, {"type": "string", "minLength": 1})


class FirmwareRange:
    """Versions of firmware, such as ``>=1.86`` or ``1.85`` (which is every 1.85.x)."""

    __slots__ = ("operator", "text", "version")

    def __init__(self, operator: str, version: Version, text: str) -> None:
        self.operator, self.version, self.text = operator, version, text

    def __contains__(self, version: Version) -> bool:
        size = 2 if self.text.count(".") == 1 else 3
        ours, theirs = tuple(version)[:size], tuple(self.version)[:size]
        return bool(_COMPARE[self.operator](ours, theirs))

    def __str__(self) -> str:
        return self.text


_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def _read_firmware_range(value: Any) -> FirmwareRange:
    found = _FIRMWARE.fullmatch(str(value)) if isinstance(value, str | float) else None
    if found is None:
        raise ValueError
    operator = {"=": "==", None: "=="}.get(found[1], found[1])
    return FirmwareRange(operator, Version.parse(found[2]), str(value))


FIRMWARE_RANGE: Final = Kind(
    "versions such as 1.85 or >=1.86", _read_firmware_range, str, {"type": ["string", "number"], "examples": [">=1.86"]}
)

ANY: Final = Kind("a value", plain_value, str, {})

Duration = Annotated[float, Of(DURATION)]
"""Seconds."""
DurationOrReference = Annotated[float | str, Of(or_reference(DURATION))]
Code = Annotated[int, Of(CODE)]
"""A result code as number."""
Outcome = Annotated[int | Literal["ok", "refused", "any"], Of(OUTCOME)]
"""A result code as number, ``ok`` (any with bit 7 clear), ``refused`` (any with bit 7 set) or ``any``."""
Hex = Annotated[bytes, Of(HEX)]
HexOrReference = Annotated[bytes | str, Of(or_reference(HEX))]
Name = Annotated[str, Of(NAME)]
Text = Annotated[str, Of(TEXT)]
Value = Annotated[Any, Of(ANY)]
"""JSON-like: numbers, text, lists, mappings; bytes as ``"hex:.."``."""
Flag = Annotated[bool, Of(kinds.BOOLEAN)]
MethodName = Annotated[Method, Of(kinds.member(Method))]
FirmwareVersion = Annotated[Version, Of(kinds.VERSION)]
Firmwares = Annotated[FirmwareRange, Of(FIRMWARE_RANGE)]
MOST_ROUNDS: Final = 1_000_000
Count = Annotated[int, Of(kinds.integer(1, MOST_ROUNDS))]
Natural = Annotated[int, Of(kinds.integer(0, 1_000_000))]
Index = Annotated[int, Of(kinds.integer(-100_000, 100_000))]
InstanceOrReference = Annotated[int | str, Of(or_reference(kinds.integer(0, 0xFFFF)))]
CountOrReference = Annotated[int | str, Of(or_reference(kinds.integer(1, MOST_ROUNDS)))]


def _read_true(value: Any) -> bool:
    if kinds.BOOLEAN.read(value) is not True:
        raise ValueError
    return True


OnlyTrue = Annotated[Literal[True], Of(Kind("true", _read_true, str, {"const": True}))]
"""An action without parameters."""


def choice(*words: str) -> Of:
    """One of a few words."""
    return Of(kinds.choice(*words))
