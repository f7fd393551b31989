"""The values of variables: in the Tap, on its pins, or on the target behind it."""

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from emulator import access, remembered
from emulator.blueprint import Blueprint, Simulation, Variable
from emulator.remembered import Remembered
from emulator.signals import Signal
from emulator.targets.base import Play
from protocol.bodies.variable import DataType, Domain
from protocol.codes import ResultCode, Rights
from protocol.errors import PeerError, UsageError

if TYPE_CHECKING:
    from emulator.device import Device

_UNTOUCHED: Final = Simulation()
_IN_TAP: Final = (Domain.IN_TAP_STATIC, Domain.IN_TAP_VOLATILE)
_LARGEST_FLOAT: Final = 3.4028234663852886e38
"""Of 32 bits."""
_FLOAT32: Final = struct.Struct(">f")

Read = Callable[[int, Variable], bytes]
"""`Variables.read`, as `Variables.reader` prepares it."""

_Led = dict[int, tuple[Signal, float]]


def _copy_led(led: _Led, shift: float) -> _Led:
    return {variable_id: (signal, start + shift) for variable_id, (signal, start) in led.items()}


class Variables(Remembered):
    """Reads and writes variables, wherever their values are.

    A variable with a signal follows it until somebody writes the variable; after a reboot it follows it again. A
    simulation belongs to the variable of the blueprint: another one that a client makes under its id goes without.
    """

    KEPT = remembered.kept(_written=remembered.container, _led=_copy_led, _start=remembered.instant)
    FIXED = ("_device", "_simulations")

    def __init__(self, device: "Device", blueprint: Blueprint) -> None:
        self._device = device
        self._simulations = {
            key: (blueprint.variables[key], simulation)
            for key, simulation in blueprint.simulations.items()
            if key in blueprint.variables
        }
        self._written: set[int] = set()
        """Variables that do not follow their signal any more."""
        self._led: _Led = {}
        """What the world makes of variables for a while: a signal, and the time of the clock from which it counts."""
        self._start = device.clock.now()
        for variable_id, value in blueprint.values.items():
            variable = blueprint.variables.get(variable_id)
            if variable is not None and variable.type.domain in (Domain.TARGET, Domain.GPIO):
                device.target.poke(variable, value)

    def read(self, variable_id: int, variable: Variable) -> bytes:
        """Its `size` bytes.

        Raises:
            PeerError: the target cannot be read.
        """
        return self.reader()(variable_id, variable)

    def reader(self) -> Read:
        """`read` for many variables in a row, which are read as of now; nobody may do anything else meanwhile."""
        return partial(self._read, self._device.clock.now(), self._device.target.player())

    def _read(self, now: float, play: Play, variable_id: int, variable: Variable) -> bytes:
        followed = self._followed(variable_id, variable, now)
        if variable.type.domain in _IN_TAP:
            return self._kept(variable_id, variable) if followed is None else followed
        return self._device.target.read_variable(variable) if followed is None else play(variable, followed)

    def _kept(self, variable_id: int, variable: Variable) -> bytes:
        """What the Tap itself keeps as the value of a variable."""
        state = self._device.state
        value = state.values.get(variable_id, b"")
        if variable.type.domain is Domain.IN_TAP_VOLATILE:
            value = state.posted_values.get(variable_id, value)
        return value[: variable.size].ljust(variable.size, b"\0")

    def write(self, variable_id: int, variable: Variable, value: bytes) -> None:
        """Writes its value; it then stays as it is until the next reboot, signal or not.

        Text may be shorter than the variable, as the vendor's data manager sends it.

        Raises:
            PeerError: 80, its length is wrong; 86, it is out of range; or the target refuses.
        """
        if variable.type.data is DataType.ASCII:
            value = value.ljust(variable.size, b"\0")
        if len(value) != variable.size:
            raise PeerError(f"variable {variable_id} has {variable.size} bytes, {len(value)} came")
        self._check_range(variable_id, variable, value)
        self._put(variable_id, variable, value, self._device.target.write_variable)

    def poke(self, variable_id: int, variable: Variable, value: bytes) -> None:
        """The world changes a value, whatever the limits of the variable; signals do not move it any more.

        A value that is kept in the state has to be committed.
        """
        self._put(variable_id, variable, value, self._device.target.poke)

    def _put(
        self, variable_id: int, variable: Variable, value: bytes, on_target: Callable[[Variable, bytes], None]
    ) -> None:
        """Puts a value where the variable lives; no signal moves it any more."""
        if variable.type.domain is Domain.IN_TAP_STATIC:
            self._device.state.keep("value", variable_id, value)
        elif variable.type.domain is Domain.IN_TAP_VOLATILE:
            self._device.state.post_value(variable_id, value)
        else:
            on_target(variable, value)
        self._leave(variable_id, variable)

    def follow(self, variable_id: int, signal: Signal | None) -> None:
        """From now on the variable follows this signal, until somebody writes it; None ends that.

        The signal counts from now, goes before that of the simulation, and goes on when the Tap reboots.
        """
        if signal is None:
            self._led.pop(variable_id, None)
        else:
            self._led[variable_id] = (signal, self._device.clock.now())

    def readable(self, group_id: int) -> Iterator[tuple[int, Variable]]:
        """The variables that a group may read, by id."""
        state = self._device.state
        for variable_id, variable in sorted(state.variables.items()):
            if Rights.READ in access.bundle_rights(state, group_id, variable.bundle):
                yield variable_id, variable

    def of_bundle(self, bundle_id: int) -> Iterator[tuple[int, Variable]]:
        """The variables of a bundle, by id."""
        for variable_id, variable in sorted(self._device.state.variables.items()):
            if variable.bundle == bundle_id:
                yield variable_id, variable

    def refresh_target(self) -> None:
        """Brings what the target holds up to date with the signals, before it is read by address."""
        now = self._device.clock.now()
        for variable_id in self._simulations.keys() | self._led.keys():
            variable = self._device.state.variables.get(variable_id)
            if variable is None or variable.type.domain is not Domain.TARGET:
                continue
            followed = self._followed(variable_id, variable, now)
            if followed is not None:
                self._device.target.poke(variable, followed)

    def has_signal(self, variable_id: int, variable: Variable) -> bool:
        """Whether a signal moves it until somebody writes it."""
        return self._simulation(variable_id, variable).signal is not None

    def restart(self) -> None:
        """The Tap starts: signals hold again. The world that they stand for went on meanwhile."""
        self._written.clear()

    def _simulation(self, variable_id: int, variable: Variable) -> Simulation:
        found = self._simulations.get(variable_id)
        return found[1] if found is not None and _is_same(found[0], variable) else _UNTOUCHED

    def _followed(self, variable_id: int, variable: Variable, now: float) -> bytes | None:
        """What the signal of a variable says at this time, on each of its elements; None if it has none."""
        if variable_id in self._led:
            signal, start = self._led[variable_id]
        else:
            found = None if variable_id in self._written else self._simulation(variable_id, variable).signal
            if found is None:
                return None
            signal, start = found, self._start
        return encode_number(variable, signal.at(now - start)) * variable.length

    def _leave(self, variable_id: int, variable: Variable) -> None:
        """The variable stays as it is, whatever moved it before."""
        self._led.pop(variable_id, None)
        if self.has_signal(variable_id, variable):
            self._written.add(variable_id)

    def _check_range(self, variable_id: int, variable: Variable, value: bytes) -> None:
        simulation = self._simulation(variable_id, variable)
        if simulation.minimum is None and simulation.maximum is None:
            return
        try:
            decoded = variable.type.decode(value)
        except UsageError as error:
            raise PeerError(str(error)) from error
        low = -math.inf if simulation.minimum is None else simulation.minimum
        high = math.inf if simulation.maximum is None else simulation.maximum
        for element in decoded if isinstance(decoded, list) else [decoded]:
            if isinstance(element, str) or not low <= element <= high:
                raise PeerError(
                    f"variable {variable_id}: {element!r} is outside {low}..{high}", ResultCode.NOT_ACCEPTABLE
                )


def _is_same(one: Variable, other: Variable) -> bool:
    """Whether they have their name, place and form in common, whatever their bundle."""
    return one is other or replace(one, bundle=other.bundle) == other


def encode_number(variable: Variable, value: float) -> bytes:
    """One element with the nearest value that the type of the variable can hold."""
    data = variable.type.data
    if data is DataType.FLOAT32 and -math.inf < value < math.inf:
        return _FLOAT32.pack(
            value if -_LARGEST_FLOAT <= value <= _LARGEST_FLOAT else math.copysign(_LARGEST_FLOAT, value)
        )
    if data is DataType.BOOLEAN:
        return variable.type.encode(value >= 0.5)
    if data is DataType.ASCII:
        return bytes([min(max(round(value), 0), 255)])
    bits = 8 * variable.type.size
    signed = data in (DataType.INT8, DataType.INT16, DataType.INT32)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return variable.type.encode(min(max(round(value), low), high))
