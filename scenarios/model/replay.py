"""Model of `replay`: what clients say, step by step."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field, model_validator

from emulator.config import kinds
from emulator.config.fields import Of
from emulator.config.kinds import Kind
from scenarios.model.common import (
    CountOrReference,
    Duration,
    DurationOrReference,
    Flag,
    HexOrReference,
    InstanceOrReference,
    Maybe,
    Model,
    Name,
    OnlyTrue,
    Short,
    Text,
    Value,
    listed,
    mapped,
    option,
    plain_value,
)
from scenarios.model.expectations import Comparison, Expect

ACTIONS: Final[Mapping[str, frozenset[str]]] = {
    "connect": frozenset({"expect", "timeout"}),
    "disconnect": frozenset(),
    "login": frozenset({"expect", "timeout"}),
    "logout": frozenset({"expect", "timeout"}),
    "encrypt": frozenset({"expect", "timeout"}),
    "iv_period": frozenset({"expect", "timeout"}),
    "refresh_iv": frozenset({"expect", "timeout"}),
    "request": frozenset({"value", "body", "instance", "expect", "capture", "timeout"}),
    "raw": frozenset({"expect", "capture", "timeout"}),
    "wait": frozenset(),
    "for_each": frozenset(),
    "repeat": frozenset(),
    "parallel": frozenset(),
    "do": frozenset(),
    "check": frozenset(),
    "snapshot": frozenset(),
    "restore": frozenset(),
}
"""What a step can do, and which options go with it. A `note` goes with all, and may stand alone."""

EMULATOR_ONLY: Final = frozenset({"check", "snapshot", "restore"})
"""Actions that a real Tap has no part in."""


def _read_link(value: Any) -> Any:
    if isinstance(value, str) and value.lower() == "true":
        return True
    if value is True or (isinstance(value, str) and value and value.lower() != "false"):
        return value if value is True else str(value)
    raise ValueError


LINK: Final = Kind("true, or the scheme or URL of a link", _read_link, str, {"type": ["boolean", "string"]})


class Login(Model):
    """User and password; without a password an empty one."""

    user: Text = Field(description="Name of the user.", examples=["admin"])
    password: Text = Field(default="", description="Password of the user.", examples=["admin"])


def _read_table(value: Any) -> Any:
    if isinstance(value, list):
        return plain_value(value)
    if not isinstance(value, str) or not value:
        raise ValueError
    return str(value)


TABLE: Final = Kind(
    "the name of a table, or a list", _read_table, str, {"anyOf": [{"type": "string"}, {"type": "array"}]}
)


class ForEach(Model):
    """Steps for each row of a table."""

    table: Annotated[str | list[Any], Of(TABLE)] = Field(
        description="Name of a table, or a list of values.", examples=["users"]
    )
    as_: Name = Field(default="row", alias="as", description="Name of the row in `${..}`.", examples=["row"])
    do: tuple["Step", ...] = Field(
        description="What is done with each row.", examples=[[{"login": {"user": "${row.user}"}}]]
    )


class Repeat(Model):
    """Steps several times; `${round}` counts from 1."""

    times: CountOrReference = Field(description="How often.", examples=[5])
    do: tuple["Step", ...] = Field(
        description="What is repeated.", examples=[[{"request": "device.get_serial_number"}]]
    )


class Check(Comparison):
    """A value of the Tap itself, not of an answer."""

    variable: Maybe[Name] = option("Name of a variable whose value is checked.", examples=["lamp"])
    setting: Maybe[Name] = option("Key of a setting that is checked.", examples=["interface.app_name"])

    @model_validator(mode="after")
    def _complete(self) -> "Check":
        if (self.variable is None) == (self.setting is None):
            raise ValueError("has no subject, expected either variable or setting")
        if self.expectation is None:
            raise ValueError("compares nothing, expected for example equals")
        return self


def _steps_of_parallel(value: Any) -> Any:
    return [[one] if isinstance(one, dict) else one for one in value] if isinstance(value, list) else value


class Step(Model):
    """One thing that a client does: exactly one action, and its options."""

    connect: Maybe[Annotated[bool | str, Of(LINK)]] = option(
        "Connects: true, or a link of the device.", examples=[True]
    )
    disconnect: Maybe[OnlyTrue] = option("Closes the connection.", examples=[True])
    login: Maybe[Login] = option("Logs in with user and password.", examples=[{"user": "admin", "password": "admin"}])
    logout: Maybe[OnlyTrue] = option("Logs out.", examples=[True])
    encrypt: Maybe[Flag] = option("Turns encryption on or off.", examples=[True])
    iv_period: Maybe[Annotated[int, Of(kinds.integer(0, 0xFFFF))]] = option(
        "Changes the initialization vector after so many frames; 0 is never.", examples=[3]
    )
    refresh_iv: Maybe[OnlyTrue] = option("Makes a new initialization vector now.", examples=[True])
    request: Maybe[Name] = option(
        "Name of a call, or method and path.", examples=["device.get_serial_number", "GET /1024//47"]
    )
    raw: Maybe[HexOrReference] = option("Bytes that are sent as they are.", examples=["hex:00010203"])
    wait: Maybe[DurationOrReference] = option("Lets time pass; on a virtual clock it is moved.", examples=["5s"])
    for_each: Maybe[ForEach] = option("Makes steps for each row of a table.", examples=[{"table": "users", "do": []}])
    repeat: Maybe[Repeat] = option("Steps several times.", examples=[{"times": 5, "do": []}])
    parallel: Maybe[
        Annotated[
            tuple[tuple["Step", ...], ...],
            Short(_steps_of_parallel, {"type": "array", "items": {"$ref": "#/$defs/Step"}}),
        ]
    ] = option("Lists of steps that are made side by side, over one connection each.", examples=[[[{"connect": True}]]])
    do: Maybe[Name] = option("Name of a procedure whose steps are made.", examples=["log in"])
    check: Maybe[Check] = option(
        "Checks a value of the Tap itself (emulator only).", examples=[{"variable": "lamp", "equals": 1}]
    )
    snapshot: Maybe[Name] = option("Keeps the state of the Tap under a name (emulator only).", examples=["before"])
    restore: Maybe[Name] = option("Goes back to a state that was kept (emulator only).", examples=["before"])
    note: Maybe[Text] = option("A line for the report; beside an action, or alone.", examples=["now the lamp is on"])

    value: Value = option("With `request`: the value that is sent, by field names.", examples=[{"name": "x"}])
    body: Maybe[HexOrReference] = option("With `request`: the bytes that are sent.", examples=["hex:0102"])
    instance: Maybe[InstanceOrReference] = option("With `request`: the instance in the path.", examples=[5])
    expect: Maybe[Expect] = option(
        "What has to come back; a success if nothing is said.", examples=[{"status": "UNAUTHORIZED"}]
    )
    capture: dict[Name, Text] = mapped(
        "Names for parts of the answer, used as `${name}` later: empty for the whole value, or field.path.",
        examples=[{"serial": ""}],
    )
    timeout: Maybe[Duration] = option("How long the client waits.", examples=["500ms"])

    @model_validator(mode="after")
    def _one_action(self) -> "Step":
        actions = [key for key in ACTIONS if key in self.model_fields_set]
        if len(actions) > 1:
            raise ValueError(f"does {' and '.join(actions)}, expected one action in each step")
        if not actions:
            if self.model_fields_set == {"note"}:
                return self
            raise ValueError(f"does nothing, expected one of {', '.join(ACTIONS)}, note")
        options = self.model_fields_set - {*actions, "note"}
        for key in sorted(options - ACTIONS[actions[0]]):
            allowed = ", ".join(sorted(ACTIONS[actions[0]])) or "no option"
            raise ValueError(f"has {key}, which {actions[0]} does not have, expected {allowed}")
        if {"value", "body"} <= options:
            raise ValueError("has value and body, expected one of them")
        return self

    @property
    def action(self) -> str:
        """Key of the action."""
        return next((key for key in ACTIONS if key in self.model_fields_set), "note")

    @property
    def parameter(self) -> Any:
        """Value of the action's key."""
        return getattr(self, self.action)

    @property
    def inner(self) -> tuple[tuple["Step", ...], ...]:
        """Lists of steps within this one."""
        match self.action:
            case "for_each" | "repeat":
                return (self.parameter.do,)
            case "parallel":
                return self.parameter  # type: ignore[no-any-return]
            case _:
                return ()


class Client(Model):
    """One client with its own connection."""

    name: Name = Field(default="client", description="What reports call it.", examples=["phone"])
    link: Maybe[Name] = option("Link over which it connects: a scheme or URL of `device.links`.", examples=["tcp"])
    steps: tuple[Step, ...] = listed("What it does, in order.", examples=[[{"connect": True}]])


def _clients(value: Any) -> Any:
    """A list of steps is one client."""
    if isinstance(value, list):
        return {"clients": [{"steps": value}]}
    return value


class Replay(Model):
    """What clients do; several at the same time."""

    clients: tuple[Client, ...] = listed("Clients that run side by side.", examples=[[{"name": "phone", "steps": []}]])

    @model_validator(mode="after")
    def _names_differ(self) -> "Replay":
        names = [client.name for client in self.clients]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"has {names.count(name)} clients called {name}, expected a name of its own for each")
        return self


ReplayOrSteps = Annotated[Replay, Short(_clients, {"type": "array", "items": {"$ref": "#/$defs/Step"}})]
