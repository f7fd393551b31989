"""Looks into a Tap of this process: its settings, and its variables by name."""

from collections.abc import Callable
from typing import Any, Final

from emulator.blueprint import Variable
from emulator.device import Device
from protocol.client.jsonable import to_json
from protocol.errors import PeerError
from protocol.resources.registry import SETTINGS
from scenarios.run.wishes import NotHereError


def setting(device: Device, key: str) -> Any:
    """What the Tap holds under a key, as JSON can hold it.

    Raises:
        NotHereError: no setting has that key.
    """
    if key not in SETTINGS:
        raise NotHereError(f"no setting is named {key!r}; `tap-emulator resources` lists them")
    return to_json(device.state[key])


def variable(device: Device, name: str) -> Any:
    """Value of a variable, found by name or number, as JSON can hold it; its bytes where they fit no type.

    Raises:
        NotHereError: the Tap has no such variable, or its target cannot be read.
    """
    number, found = find_variable(device, name)
    try:
        return to_json(found.type.decode(device.variables.read(number, found)))
    except PeerError as error:
        raise NotHereError(f"the variable {name!r} cannot be read: {error}") from error


def find_variable(device: Device, name: str) -> tuple[int, Variable]:
    """Number and description of a variable.

    Raises:
        NotHereError: the Tap has no such variable.
    """
    variables = device.state.variables
    for number, each in variables.items():
        if name == str(number) or each.name == name:
            return number, each
    known = ", ".join(each.name or str(number) for number, each in variables.items()) or "none"
    raise NotHereError(f"the Tap has no variable {name!r}; it has {known}")


LOOKS: Final[dict[str, Callable[[Device, str], Any]]] = {"setting": setting, "variable": variable}
