"""Bundles and their variables as lines of `device.yaml`."""

from collections.abc import Iterator
from typing import Final

from emulator.access import FEATURE_SETTINGS
from emulator.blueprint import Blueprint, Bundle, Simulation, Variable
from emulator.config.bundles import BUNDLE_NAME, LOG_PERIOD, NO_BUNDLE, RIGHTS
from emulator.config.keys import Keys
from emulator.config.lines import Line, record_lines
from emulator.config.loaded import KeyPath
from emulator.config.signals import RECORDS, SAMPLES
from emulator.config.variables import (
    ADDRESS,
    DOMAIN,
    LIMIT,
    META,
    META_SIZE,
    NAME,
    TYPE,
    UNIT,
    describe_meta,
    write_value,
)
from emulator.signals import Recording, Signal
from protocol.bodies.target import TargetProtocol
from protocol.bodies.variable import MODBUS_VARIABLE_ADDRESS, Domain, VariableMeta

_TARGET_PROTOCOL: Final = "target.protocol"
_SIGNAL_NAMES: Final = {record: name for name, record in RECORDS.items()}


def claimed_features(blueprint: Blueprint) -> dict[str, int]:
    """Special features that stand at a bundle and not among the settings: bundles by the key of the setting."""
    return {
        key: blueprint.settings[key]
        for key in FEATURE_SETTINGS.values()
        if blueprint.settings.get(key, NO_BUNDLE) != NO_BUNDLE and blueprint.settings[key] in blueprint.bundles
    }


def bundle_lines(blueprint: Blueprint) -> Iterator[Line]:
    """The lines of all bundles."""
    if not blueprint.bundles:
        return
    yield Line(("bundles",), None)
    keys = Keys("bundle", BUNDLE_NAME)
    variables: dict[int, list[int]] = {number: [] for number in blueprint.bundles}
    for variable_id, variable in blueprint.variables.items():
        assert variable.bundle is not None, "a file has no variables outside of bundles"
        variables[variable.bundle].append(variable_id)
    for number, bundle in blueprint.bundles.items():
        key = keys.of(bundle.name, number)
        path: KeyPath = ("bundles", key)
        yield Line(path, None)
        yield from _bundle(blueprint, path, number, bundle)
        if variables[number]:
            yield Line((*path, "variables"), None)
            writer = _VariableWriter(blueprint, (*path, "variables"))
            for variable_id in variables[number]:
                yield from writer.lines(variable_id)


def _bundle(blueprint: Blueprint, path: KeyPath, number: int, bundle: Bundle) -> Iterator[Line]:
    yield Line((*path, "id"), str(number))
    if bundle.name != path[-1]:
        yield Line((*path, "name"), BUNDLE_NAME.write(bundle.name))
    if bundle.rights:
        yield Line((*path, "rights"), None)
        for group, rights in bundle.rights.items():
            # Where a name looks like an id, the name counts.
            yield Line((*path, "rights", blueprint.groups[group].name), RIGHTS.write(rights))
    if bundle.log_period or bundle.log_key_group:
        yield Line((*path, "log"), None)
    if bundle.log_period:
        yield Line((*path, "log", "period"), LOG_PERIOD.write(bundle.log_period))
    if bundle.log_key_group:
        yield Line((*path, "log", "key_group"), str(bundle.log_key_group))
    features = [key for key, owner in claimed_features(blueprint).items() if owner == number]
    if features:
        words = [feature.name.lower() for feature, key in FEATURE_SETTINGS.items() if key in features]
        yield Line((*path, "features"), f"[{', '.join(words)}]")


class _VariableWriter:
    """Writes the variables of one bundle."""

    def __init__(self, blueprint: Blueprint, path: KeyPath) -> None:
        self._blueprint = blueprint
        self._path = path
        self._keys = Keys("variable", NAME)
        self._modbus = blueprint.settings.get(_TARGET_PROTOCOL) is TargetProtocol.MODBUS

    def lines(self, number: int) -> Iterator[Line]:
        """The lines of a variable."""
        variable = self._blueprint.variables[number]
        meta = describe_meta(variable.meta)
        path: KeyPath = (*self._path, self._keys.of(None if meta is None else meta.name, number))
        yield Line(path, None)
        yield Line((*path, "id"), str(number))
        yield Line((*path, "type"), TYPE.write(variable.type.data))
        if variable.type.domain is not Domain.TARGET:
            yield Line((*path, "domain"), DOMAIN.write(variable.type.domain))
        yield from self._address(path, variable)
        value = self._blueprint.values.get(number)
        if variable.length != 1 or value is not None:
            yield Line((*path, "length"), str(variable.length))
        yield from _meta_lines(path, variable, meta)
        if value is not None:
            yield Line((*path, "value"), write_value(variable, value))
        yield from _simulation(path, self._blueprint.simulations.get(number))

    def _address(self, path: KeyPath, variable: Variable) -> Iterator[Line]:
        if self._modbus and variable.type.domain is Domain.TARGET:
            address = MODBUS_VARIABLE_ADDRESS.decode(variable.address.to_bytes(4, "big"))
            parts = f"function: {address.function_code}, slave: {address.slave}, address: {address.address}"
            yield Line((*path, "modbus"), f"{{{parts}}}")
        elif variable.address or variable.type.domain is Domain.TARGET:
            yield Line((*path, "address"), ADDRESS.write(variable.address))


def _meta_lines(path: KeyPath, variable: Variable, meta: VariableMeta | None) -> Iterator[Line]:
    if meta is None:
        yield Line((*path, "meta"), META.write(variable.meta))
    else:
        if meta.name != path[-1]:
            yield Line((*path, "name"), NAME.write(meta.name))
        if meta.unit:
            yield Line((*path, "unit"), UNIT.write(meta.unit))
    if variable.meta_size != (len(variable.meta) or None):
        yield Line((*path, "meta_size"), META_SIZE.write(variable.meta_size))


def _simulation(path: KeyPath, simulation: Simulation | None) -> Iterator[Line]:
    if simulation is None:
        return
    for name, limit in (("minimum", simulation.minimum), ("maximum", simulation.maximum)):
        if limit is not None:
            yield Line((*path, name), LIMIT.write(limit))
    if simulation.signal is not None:
        yield Line((*path, "signal"), None)
        yield from _signal((*path, "signal"), simulation.signal)


def _signal(path: KeyPath, signal: Signal) -> Iterator[Line]:
    if isinstance(signal, Recording):
        path = (*path, "recording")
        yield Line(path, None)
        yield Line((*path, "samples"), SAMPLES.write((signal.times, signal.values)))
        yield Line((*path, "speed"), repr(signal.speed))
        yield Line((*path, "repeat"), str(signal.repeat).lower())
    else:
        path = (*path, _SIGNAL_NAMES[type(signal)])
        yield Line(path, None)
        yield from record_lines(path, signal, every=False)
