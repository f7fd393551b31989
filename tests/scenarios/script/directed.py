"""A device whose director is the script of a YAML text, and clients in the same process."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from emulator.blueprint import demo
from emulator.clock import VirtualClock
from emulator.device import Device
from emulator.journal import Event
from emulator.links.memory import register
from protocol.client.blocking import Tap
from protocol.client.links import unregister_memory_peer
from scenarios.model import ScriptSpec
from scenarios.script import Script
from tests.hosts import make_device

NAME = "interface.get_app_name"
SERIAL = "device.get_serial_number"


def spec_of(text: str) -> ScriptSpec:
    """The script of a text: a list of rules, or rules and machines."""
    given = yaml.safe_load(text)
    return ScriptSpec.model_validate({"rules": given} if isinstance(given, list) else given)


def furnished(**changes: Any) -> tuple[Device, VirtualClock]:
    """The demo Tap with its variables and target."""
    base = demo()
    parts = {name: getattr(base, name) for name in ("bundles", "variables", "values", "simulations", "target")}
    return make_device(**{**parts, **changes})


def direct(device: Device, text: str, *, seed: int = 1, **inputs: Any) -> Script:
    script = Script(spec_of(text), device, seed=seed, inputs=inputs)
    device.director = script
    return script


def directed(text: str, **changes: Any) -> tuple[Device, VirtualClock, Script]:
    device, clock = furnished(**changes)
    return device, clock, direct(device, text)


@contextmanager
def visit(device: Device, *, encrypted: bool = True) -> Iterator[Tap]:
    """A client of the device, with a session key and initialization vectors."""
    register(device, "directed")
    try:
        with Tap("mem://directed") as tap:
            if encrypted:
                tap.encryption(True)
            yield tap
    finally:
        unregister_memory_peer("directed")


def notes(device: Device) -> list[str]:
    """What the script wrote into the journal."""
    return [entry.detail for entry in device.journal.entries if isinstance(entry, Event) and entry.kind == "script"]
