"""Model of `then`: what a rule of the script does."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from emulator.config import kinds
from emulator.config.fields import Of
from emulator.config.kinds import Kind, Plain
from protocol.client.jsonable import HEX_PREFIX
from protocol.crypto import BLOCK
from scenarios.model.common import (
    CODE,
    DURATION,
    Code,
    Count,
    Duration,
    FirmwareVersion,
    Hex,
    Index,
    Maybe,
    Model,
    Name,
    Short,
    Text,
    Value,
    choice,
    option,
    read_duration,
)


class Answer(Model):
    """An answer in place of the Tap's own."""

    code: Maybe[Code] = option("Result code; without it the one that a success has.", examples=["BUSY"])
    value: Value = option("Value of the body, by field names.", examples=[42])
    body: Maybe[Hex] = option("Bytes of the body.", examples=["hex:0102"])

    @model_validator(mode="after")
    def _one_body(self) -> "Answer":
        if {"value", "body"} <= self.model_fields_set:
            raise ValueError("has value and body, expected one of them")
        return self


class AnswerTo(Model):
    """The answer that another request would get."""

    request: Name = Field(description="Name of the other call.", examples=["device.get_serial_number"])
    value: Value = option("Value of its body.", examples=[1])
    body: Maybe[Hex] = option("Bytes of its body.", examples=["hex:0102"])
    instance: Maybe[Annotated[int, Of(kinds.integer(0, 0xFFFF))]] = option("Instance in its path.", examples=[5])


class Split(Model):
    """An answer in several segments."""

    sizes: tuple[Count, ...] = Field(description="Bytes of the first segments; the rest follows.", examples=[[1, 3]])
    gap: Duration = Field(default=0.0, description="Time between two segments.", examples=["10ms"])


_BYTE: Final = Of(kinds.integer(0, 255))
DAMAGES: Final = ("xor", "set", "replace", "insert", "remove", "repeat", "swap", "append", "truncate")
"""Ways to damage bytes, by the key of each."""


class Corrupt(Model):
    """Damage to the bytes of an answer."""

    level: Annotated[
        Literal["clear", "frame", "ciphertext", "apdu"], choice("clear", "frame", "ciphertext", "apdu")
    ] = Field(
        default="apdu",
        description="Where: clear (code and body inside the encryption), frame (decrypted, nothing is repaired), "
        "ciphertext, or apdu (as it is sent).",
        examples=["frame"],
    )
    byte: Maybe[Index] = option(
        "Which byte, from 0; negative from the end. A random one if nothing is said.", examples=[3]
    )
    xor: Maybe[Annotated[int, _BYTE]] = option("Flips these bits; 0xFF if nothing else is said.", examples=[255])
    set: Maybe[Annotated[int, _BYTE]] = option("Replaces the byte.", examples=[0])
    replace: Maybe[Hex] = option("Puts bytes in the place of as many from there on.", examples=["hex:0102"])
    insert: Maybe[Hex] = option("Puts bytes before it.", examples=["hex:00"])
    remove: Maybe[Count] = option("Takes out so many bytes.", examples=[1])
    repeat: Maybe[Count] = option("So many bytes are there twice.", examples=[16])
    swap: Maybe[Count] = option("So many bytes and as many after them change places.", examples=[16])
    append: Maybe[Hex] = option("Puts bytes at the end.", examples=["hex:9000"])
    truncate: Maybe[Count] = option("Takes away so many bytes at the end.", examples=[2])

    @model_validator(mode="after")
    def _one_way(self) -> "Corrupt":
        ways = [key for key in DAMAGES if getattr(self, key) is not None]
        if len(ways) > 1:
            raise ValueError(f"has {' and '.join(ways)}, expected one kind of damage")
        return self

    @property
    def way(self) -> str:
        """One of `DAMAGES`."""
        return next((key for key in DAMAGES if getattr(self, key) is not None), "xor")


WrongPart = Literal["crc", "id", "length", "padding", "inner-status", "iv", "stale-iv", "key", "status"]
WRONG: Final = ("crc", "id", "length", "padding", "inner-status", "iv", "stale-iv", "key", "status")


class Wrong(Model):
    """One part of an answer that is wrong, with everything around it right."""

    part: Annotated[WrongPart, choice(*WRONG)] = Field(description="What is wrong.", examples=["crc"])
    value: Maybe[Annotated[int | bytes | None, Of(Kind("a number, or bytes", lambda v: v, str, {}))]] = option(
        "The wrong value: a number for id, length and crc, two bytes for status and inner-status, 16 for iv and key. "
        "An id, iv or key that would be right is made wrong.",
        examples=[7],
    )


def _bytes_of(size: int) -> Kind[bytes]:
    def read(value: Any) -> bytes:
        return form.read(value.removeprefix(HEX_PREFIX) if isinstance(value, str) else value)

    form = kinds.hexadecimal(range(size, size + 1))
    return Kind(form.expected, read, str, form.schema)


_WRONG_VALUES: Final[Mapping[str, Kind[Any]]] = {
    "id": kinds.integer(0, 0xFFFF),
    "length": kinds.integer(0, 0xFFFF),
    "crc": kinds.integer(0, 0xFFFFFFFF),
    "status": _bytes_of(2),
    "inner-status": _bytes_of(2),
    "iv": _bytes_of(BLOCK),
    "key": _bytes_of(BLOCK),
}


def _wrongs(value: Any) -> Any:
    if not isinstance(value, list):
        value = [value]
    parts: list[Any] = []
    for one in value:
        parts += _wrong_parts(one)
    return parts


def _wrong_parts(one: Any) -> list[Any]:
    if not isinstance(one, dict) or "part" in one:
        return [one if isinstance(one, dict) else {"part": one}]
    found = []
    for part, value in one.items():
        reader = _WRONG_VALUES.get(part)
        if reader is None:
            raise ValueError(f"has {kinds.shown(Plain(part))} with a value, expected one of {', '.join(_WRONG_VALUES)}")
        found.append({"part": part, "value": reader.parse(value)})
    return found


class Busy(Model):
    """BUSY for a while: as long, or as many requests."""

    seconds: Maybe[Duration] = option("How long.", examples=["2s"])
    requests: Maybe[Count] = option("How many requests.", examples=[3])


def _busy(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    word = str(value)
    return {"requests": value} if word.isdecimal() else {"seconds": value}


class Ramp(Model):
    """A variable that moves evenly from one value to another."""

    variable: Name = Field(description="Name of the variable.", examples=["temperature"])
    from_: Maybe[Annotated[float, Of(kinds.number())]] = option(
        "Where it starts; where it is if nothing is said.", alias="from", examples=[20]
    )
    to: Annotated[float, Of(kinds.number())] = Field(description="Where it ends.", examples=[80])
    over: Duration = Field(description="How long it takes.", examples=["1m"])


class TargetError(Model):
    """What the target answers from now on."""

    code: Maybe[Code] = option("Result code; without it the target is well again.", examples=["TARGET_PROTOCOL_COM"])
    for_: Maybe[Duration] = option("For so long; without it until it is turned off.", alias="for", examples=["5s"])


def _target_error(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    return {} if value in ("off", False) else {"code": value}


def _answer(value: Any) -> Any:
    return value if isinstance(value, dict) else {"code": value}


def _answer_to(value: Any) -> Any:
    return {"request": value} if isinstance(value, str) else value


def _split(value: Any) -> Any:
    return {"sizes": value} if isinstance(value, list) else value


def _read_span(value: Any) -> tuple[float, float]:
    ends = [read_duration(one) for one in (value if isinstance(value, list) else [value, value])]
    if len(ends) != 2 or ends[0] > ends[1]:
        raise ValueError
    return ends[0], ends[1]


SPAN: Final = Kind(
    "a duration such as 2s, or the shortest and the longest as [100ms, 2s]",
    _read_span,
    str,
    {"anyOf": [*DURATION.schema["anyOf"], {"type": "array", "minItems": 2, "maxItems": 2}]},
)


def _read_moment(value: Any) -> str:
    if value is True or (isinstance(value, str) and value.lower() == "true"):
        return "after"
    if value in ("before", "after"):
        return str(value)
    raise ValueError


MOMENT: Final = Kind("true (after the answer) or before", _read_moment, str, {"enum": [True, "before", "after"]})


def _read_true_or_duration(value: Any) -> float | Literal[True]:
    if value is True or (isinstance(value, str) and value.lower() == "true"):
        return True
    return read_duration(value)


TRUE_OR_DURATION: Final = Kind(
    "true, or a duration such as 5s",
    _read_true_or_duration,
    str,
    {"anyOf": [{"const": True}, *DURATION.schema["anyOf"]]},
)
TrueOrDuration = Annotated[float | Literal[True], Of(TRUE_OR_DURATION)]
Moment = Annotated[Literal["before", "after"], Of(MOMENT)]


class Action(Model):
    """What a rule does: one thing or several, in the order of the file."""

    answer: Maybe[Annotated[Answer, Short(_answer, CODE.schema)]] = option(
        "Answers this instead of executing the request: a code, or code with value or body.", examples=["BUSY"]
    )
    answer_to: Maybe[Annotated[AnswerTo, Short(_answer_to, {"type": "string"})]] = option(
        "Answers what another request would get.", examples=["device.get_serial_number"]
    )
    delay: Maybe[Annotated[tuple[float, float], Of(SPAN)]] = option(
        "Sends the answer later; of a range each time a random part.", examples=["2s", ["100ms", "2s"]]
    )
    drop: Maybe[Annotated[Literal["request", "answer"], choice("request", "answer")]] = option(
        "Loses the request (it is not executed) or the answer (it is).", examples=["answer"]
    )
    duplicate: Maybe[Annotated[int, Of(kinds.integer(2, 100))]] = option(
        "Sends the answer so many times.", examples=[2]
    )
    split: Maybe[Annotated[Split, Short(_split, {"type": "array", "items": {"type": "integer", "minimum": 1}})]] = (
        option("Sends the answer in segments of these sizes; the rest is the last.", examples=[[1, 3]])
    )
    cut: Maybe[Index] = option("Sends only the first n bytes; negative: all but the last n.", examples=[5])
    merge: Maybe[TrueOrDuration] = option(
        "Sends the answer together with the next one, or so long before it.", examples=[True, "10ms"]
    )
    corrupt: Maybe[Corrupt] = option("Damages bytes of the answer.", examples=[{"level": "frame", "byte": 3}])
    wrong: Maybe[
        Annotated[
            tuple[Wrong, ...], Short(_wrongs, {"anyOf": [{"enum": list(WRONG)}, {"type": "object"}, {"type": "array"}]})
        ]
    ] = option(
        f"Makes a part wrong: {', '.join(WRONG)}; with its value as {{id: 7}}.",
        examples=["crc", {"status": "6F00"}],
    )
    send: Maybe[Hex] = option("Sends these bytes instead of the answer, as they are.", examples=["hex:6F00"])
    replay: Maybe[Count] = option(
        "Sends the n-th last answer of the connection again instead, as it was sent.", examples=[1]
    )
    close: Maybe[Moment] = option(
        "Closes the connection: true is after the answer, before is without it.", examples=[True]
    )
    reset: Maybe[Moment] = option("As close, with a reset.", examples=["before"])
    busy: Maybe[Annotated[Busy, Short(_busy, {"type": ["string", "integer"]})]] = option(
        "Answers BUSY for a time (2s), or to so many requests (3).", examples=["2s", 3]
    )
    reboot: Maybe[TrueOrDuration] = option("Reboots; a time says how long it is away.", examples=[True])
    power_failure: Maybe[Annotated[Literal["lost", "kept", "torn"], choice("lost", "kept", "torn")]] = option(
        "Power fails during the write: what was written is lost, kept, or torn.", examples=["torn"]
    )
    unreachable: Maybe[Duration] = option(
        "Nobody can connect for so long, and all connections are lost.", examples=["5s"]
    )
    set: Maybe[dict[Name, Value]] = option("Sets variables by name.", examples=[{"lamp": 1}])
    settings: Maybe[dict[Name, Value]] = option("Changes settings by key.", examples=[{"interface.app_name": "x"}])
    ramp: Maybe[Ramp] = option(
        "Moves a variable evenly.", examples=[{"variable": "temperature", "to": 80, "over": "1m"}]
    )
    target_error: Maybe[Annotated[TargetError, Short(_target_error, {"anyOf": [{"const": "off"}, CODE.schema]})]] = (
        option("The target answers with this code from now on; off ends it.", examples=["TARGET_PROTOCOL_COM"])
    )
    expire: Maybe[Annotated[Literal["session", "all"], choice("session", "all")]] = option(
        "Ends the session, or all of them.", examples=["session"]
    )
    firmware: Maybe[FirmwareVersion] = option("Changes the firmware.", examples=["1.85"])
    enter: Maybe[dict[Name, Name]] = option("Puts machines into states.", examples=[{"download": "running"}])
    note: Maybe[Text] = option("A line for the journal.", examples=["half of the file is there"])

    @model_validator(mode="after")
    def _not_empty(self) -> "Action":
        if not self.model_fields_set:
            raise ValueError(f"does nothing, expected one of {', '.join(type(self).model_fields)}")
        return self

    def ordered(self) -> list[tuple[str, Any]]:
        """Name and value of each action, in the order of the file."""
        names = list(self.written) or [name for name in type(self).model_fields if name in self.model_fields_set]
        return [(name, getattr(self, name)) for name in names]
