"""Model of a whole scenario."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr

from emulator.blueprint import Blueprint
from emulator.config.fields import Of
from emulator.config.kinds import one_of
from scenarios.model.common import Model, Name, Short, Text, Value, choice, listed, mapped, option, wrapped
from scenarios.model.device import DeviceSpec, Input, Recorded
from scenarios.model.replay import EMULATOR_ONLY, Replay, ReplayOrSteps, Step
from scenarios.model.script import ScriptSpec
from scenarios.model.verify import Verification


def _input(value: Any) -> Any:
    """A plain value is the default of an input."""
    return value if isinstance(value, dict) or value is None else {"default": value}


class Scenario(Model):
    """A scenario: a device, what it does, what clients do, and what must have happened. All parts are optional."""

    scenario: Annotated[int, Of(one_of(1))] = Field(description="Version of the format.", examples=[1])
    name: Name = Field(
        default="", description="What reports call it; the file's name if nothing is said.", examples=["Lock-out"]
    )
    purpose: Text = Field(default="", description="What it shows.", examples=["Three wrong passwords lock the Tap."])
    evidence: Text = Field(
        default="",
        description="How we know: client, doc, sample or assumed, and the source.",
        examples=["doc: security page"],
    )
    tags: Annotated[tuple[Name, ...], wrapped(str)] = listed("Words to find it by.", examples=[["login"]])
    needs: Annotated[tuple[Annotated[Literal["emulator"], choice("emulator")], ...], wrapped(str)] = listed(
        "What it cannot do without; that a part needs the emulator is found out anyway.", examples=[["emulator"]]
    )
    include: Annotated[tuple[Name, ...], wrapped(str)] = listed(
        "Files below this file's folder whose device, tables, procedures and script are part of this one.",
        examples=[["common.yaml"]],
    )
    inputs: dict[Name, Annotated[Input, Short(_input, {"type": ["string", "number", "boolean", "array", "null"]})]] = (
        mapped("Values that are given when it is run.", examples=[{"password": {"default": "admin", "secret": True}}])
    )
    recorded: Recorded = option("Where the scenario was recorded.", examples=[{"from": "tcp://192.168.20.100:2000"}])
    device: DeviceSpec = Field(default_factory=DeviceSpec, description="The Tap.", examples=[{"firmware": "1.86"}])
    tables: dict[Name, Annotated[tuple[Value, ...], wrapped(dict)]] = mapped(
        "Rows for `for_each`.", examples=[{"users": [{"user": "admin", "password": "admin"}]}]
    )
    procedures: dict[Name, tuple[Step, ...]] = mapped(
        "Steps under a name, for `do`.", examples=[{"log in": [{"login": {"user": "admin", "password": "admin"}}]}]
    )
    script: ScriptSpec = Field(
        default_factory=ScriptSpec, description="What the device does.", examples=[{"rules": []}]
    )
    replay: ReplayOrSteps = Field(
        default_factory=Replay,
        description="What clients do: a list of steps, or several clients.",
        examples=[[{"connect": True}]],
    )
    verify: tuple[Verification, ...] = listed("What must have happened at the end.", examples=[[{"event": "locked"}]])

    _blueprint: Blueprint | None = PrivateAttr(default=None)
    _path: Path | None = PrivateAttr(default=None)
    _values: dict[str, Any] = PrivateAttr(default_factory=dict)

    def blueprint(self) -> Blueprint:
        """The Tap with firmware, seed and quirks of the scenario; the demo Tap if the file says nothing."""
        from scenarios.devices import build_blueprint

        return self._blueprint if self._blueprint is not None else build_blueprint(self.device)

    @property
    def path(self) -> Path | None:
        """The file; None if it was read from text."""
        return self._path

    @property
    def input_values(self) -> dict[str, Any]:
        """What was given for the inputs, and defaults of the others. They are filled in already."""
        return dict(self._values)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that a report must not show."""
        return tuple(
            str(self._values[name]) for name, one in self.inputs.items() if one.secret and self._values.get(name)
        )

    def emulator_parts(self) -> list[str]:
        """Parts that only an emulator can do, such as ``script``, ``check``; empty if a real Tap will do."""
        parts = {"needs": bool(self.needs), "script": bool(self.script.rules)}
        steps = [step for client in self.replay.clients for step in client.steps]
        steps += [step for procedure in self.procedures.values() for step in procedure]
        for step in steps:
            parts[step.action] = parts.get(step.action, False) or step.action in EMULATOR_ONLY
            steps += [inner for block in step.inner for inner in block]
        for one in self.verify:
            parts[f"verify {one.kind}"] = one.kind in ("setting", "variable", "event", "rule")
        return [part for part, needed in parts.items() if needed]
