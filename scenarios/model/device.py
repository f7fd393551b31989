"""Model of the head of a scenario and of the device that it needs."""

import re
from typing import Annotated, Any, Final

from pydantic import Field

from emulator.blueprint import Quirk
from emulator.config import kinds
from emulator.config.fields import Of
from emulator.config.kinds import Kind
from scenarios.model.common import FirmwareVersion, Flag, Maybe, Model, Name, Text, Value, listed, option, wrapped

_RATE = re.compile(r"(\d+\.?\d*)x", re.ASCII)
FASTEST: Final = 1_000_000.0


def _read_clock(value: Any) -> float:
    if value in ("virtual", "real"):
        return 0.0 if value == "virtual" else 1.0
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None or not 0 < float(found[1]) <= FASTEST:
        raise ValueError
    return float(found[1])


CLOCK: Final = Kind(
    "virtual, real, or how much faster than real such as 10x",
    _read_clock,
    str,
    {"anyOf": [{"enum": ["virtual", "real"]}, {"type": "string", "pattern": r"^\d+\.?\d*x$"}]},
)


def _read_config(value: Any) -> Any:
    if isinstance(value, dict) or (isinstance(value, str) and value):
        return value
    raise ValueError


CONFIG: Final = Kind(
    "the name of a file, or the content of a device.yaml",
    _read_config,
    str,
    {"anyOf": [{"type": "string"}, {"type": "object"}]},
)


class Input(Model):
    """A value that is given when the scenario is run: ``--set name=value``."""

    default: Value = option("Used if none is given; without a default one has to be given.", examples=["admin"])
    secret: Flag = Field(default=False, description="Not shown in reports.", examples=[True])
    about: Text = Field(default="", description="What it is for.", examples=["password of the admin"])


class Recorded(Model):
    """Where a recording comes from; for people."""

    from_: Text = Field(default="", alias="from", description="URL of the Tap.", examples=["tcp://192.168.20.100:2000"])
    at: Text = Field(default="", description="When it was begun.", examples=["2026-03-01T12:00:00+00:00"])
    by: Text = Field(default="", description="Who recorded it.", examples=["tap-emulator record"])


class DeviceSpec(Model):
    """The Tap that the emulator makes for the scenario."""

    firmware: Maybe[FirmwareVersion] = option("Version of its firmware.", examples=["1.86"])
    config: Maybe[Annotated[str | dict[str, Any], Of(CONFIG)]] = option(
        "How it is configured: a file of any kind below the scenario's folder, or the content of a device.yaml.",
        examples=["thermostat.yaml"],
    )
    seed: Maybe[Annotated[int, Of(kinds.integer(0, 0xFFFFFFFF))]] = option(
        "Makes everything random repeatable.", examples=[7]
    )
    clock: Annotated[float, Of(CLOCK)] = Field(
        default=0.0,
        description="virtual (time moves when a step waits), real, or faster than real such as 10x.",
        examples=["virtual"],
    )
    links: Annotated[tuple[Name, ...], wrapped(str)] = listed(
        "URLs on which it listens. Without any a link is made that needs no port.", examples=[["tcp://127.0.0.1:2000"]]
    )
    quirks: Annotated[tuple[Annotated[Quirk, Of(kinds.member(Quirk))], ...], wrapped(str)] = listed(
        "Behaviour that some hardware may have.", examples=[["response_too_large"]]
    )
