"""Bundles of `device.yaml`: their form, and the Tap's bundles, variables and special features that they make."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, NamedTuple

from emulator.access import FEATURE_SETTINGS
from emulator.blueprint import Bundle, Simulation, Variable
from emulator.config import kinds
from emulator.config.draft import Fault
from emulator.config.fields import Of, Strict, empty_is, optional
from emulator.config.keys import KEY
from emulator.config.kinds import Kind, Plain
from emulator.config.loaded import KeyPath
from emulator.config.variables import VariableEntry, VariableReader
from emulator.signals import Signal
from protocol.codes import DEBUG_BUNDLE, LOG_ON_CHANGE, Rights, SpecialFeature

NO_BUNDLE: Final = 0
"""What a special feature says that no bundle has; so a bundle with this id can have none."""

BUNDLE_NAME: Final = kinds.text(range(65))
"""A bundle's name; `emulator.services.bundle` takes as much."""
BUNDLE_ID: Final = kinds.integer(0, DEBUG_BUNDLE)

_RIGHTS_BY_WORD: Final = {"read": Rights.READ, "write": Rights.WRITE}
_ON_CHANGE: Final = "on_change"


def _read_rights(value: Any) -> Rights:
    rights = Rights.NONE
    for word in value if isinstance(value, list) else [value]:
        if not isinstance(word, str) or word.lower() not in _RIGHTS_BY_WORD:
            raise ValueError
        rights |= _RIGHTS_BY_WORD[word.lower()]
    return rights


def _write_rights(rights: Rights) -> str:
    words = [word for word, right in _RIGHTS_BY_WORD.items() if right in rights]
    return words[0] if len(words) == 1 else f"[{', '.join(words)}]"


RIGHTS: Final = Kind(
    "read, write or [read, write]",
    _read_rights,
    _write_rights,
    {
        "anyOf": [
            {"enum": list(_RIGHTS_BY_WORD)},
            {"type": "array", "items": {"enum": list(_RIGHTS_BY_WORD)}, "uniqueItems": True},
        ]
    },
)

_SECONDS: Final = kinds.integer(0, LOG_ON_CHANGE)

LOG_PERIOD: Final = Kind(
    f"seconds, 0 for off, or {_ON_CHANGE}",
    lambda value: LOG_ON_CHANGE if value == _ON_CHANGE else _SECONDS.read(value),
    lambda period: _ON_CHANGE if period == LOG_ON_CHANGE else str(period),
    {"anyOf": [_SECONDS.schema, {"enum": [_ON_CHANGE]}]},
)

_GROUP_ID: Final = kinds.integer(0, 0xFFFF)


def _read_group(value: Any) -> int | str:
    """An unquoted number is an id, everything else a name."""
    if isinstance(value, str) and value and not (isinstance(value, Plain) and value.isdecimal()):
        return value
    return _GROUP_ID.read(value)


GROUP: Final = Kind("the name or id of a user", _read_group, str, {"type": ["string", "integer"]})


class LogEntry(Strict):
    """How a bundle is logged."""

    period: Annotated[Any, Of(LOG_PERIOD)] = optional("Seconds between two log packets; 0 is off.")
    key_group: Annotated[Any, Of(GROUP)] = optional("User whose key encrypts the packets, by name or id.")


class BundleEntry(Strict):
    """Variables that share rights and a data-log period."""

    id: Annotated[Any, Of(BUNDLE_ID)] = optional("Else the lowest that is free, from 1 on.")
    name: Annotated[Any, Of(BUNDLE_NAME)] = optional("Where it differs from the key.")
    rights: Annotated[dict[str, Annotated[Any, Of(RIGHTS)]], empty_is({})] = optional(
        "What users may do with the variables, by name or id. The admin may do everything."
    )
    log: LogEntry | None = optional("How the variables are logged.")
    features: Annotated[list[Annotated[Any, Of(kinds.member(SpecialFeature))]], empty_is([])] = optional(
        "Special features whose right is that of this bundle."
    )
    variables: Annotated[dict[Annotated[str, Of(KEY)], VariableEntry], empty_is({})] = optional("Variables by name.")


@dataclass(slots=True)
class Contents:
    """What the bundles of a file make."""

    bundles: dict[int, Bundle] = field(default_factory=dict)
    variables: dict[int, Variable] = field(default_factory=dict)
    values: dict[int, bytes] = field(default_factory=dict)
    simulations: dict[int, Simulation] = field(default_factory=dict)
    features: dict[str, int] = field(default_factory=dict)
    """Bundles by the key of the setting that names them."""
    faults: list[Fault] = field(default_factory=list)


class Named(NamedTuple):
    """What bundles refer to.

    Args:
        groups: ids of all groups, by name.
        settings: the settings that the file itself names.
    """

    groups: Mapping[str, int]
    settings: Mapping[str, Any]


def build_bundles(entries: Mapping[str, BundleEntry], signals: Mapping[KeyPath, Signal], named: Named) -> Contents:
    """The bundles of a file and what is in them; contradictions are among the faults."""
    return _Builder(entries, signals, named).run()


class _Builder:
    """Makes the contents of a Tap, bundle by bundle."""

    def __init__(self, entries: Mapping[str, BundleEntry], signals: Mapping[KeyPath, Signal], named: Named) -> None:
        self._entries = entries
        self._signals = signals
        self._named = named
        self._made = Contents()
        self._claims: dict[SpecialFeature, KeyPath] = {}
        self._simulations: dict[Simulation, Simulation] = {}

    def run(self) -> Contents:
        ids = self._assign("a bundle", {("bundles", key): entry.id for key, entry in self._entries.items()})
        variables: dict[KeyPath, int | None] = {
            ("bundles", key, "variables", name): variable.id
            for key, entry in self._entries.items()
            for name, variable in (entry.variables or {}).items()
        }
        variable_ids = self._assign("a variable", variables)
        for key, entry in self._entries.items():
            path: KeyPath = ("bundles", key)
            self._bundle(path, ids[path], entry)
            for name, variable in (entry.variables or {}).items():
                variable_path = (*path, "variables", name)
                self._variable(variable_path, variable_ids[variable_path], ids[path], variable)
        return self._made

    def _fault(self, path: KeyPath, text: str, other: KeyPath | None = None) -> None:
        self._made.faults.append(Fault(path, text, other))

    def _assign(self, thing: str, given: Mapping[KeyPath, int | None]) -> dict[KeyPath, int]:
        """Ids of all entries: as given, else the lowest that are free."""
        owners: dict[int, KeyPath] = {}
        for path, number in given.items():
            if number is None:
                continue
            owner = owners.setdefault(number, path)
            if owner != path:
                text = f"is {number}, which {thing[2:]} {kinds.shown(Plain(owner[-1]))} has already, expected {thing}"
                self._fault((*path, "id"), f"{text} id of its own", (*owner, "id"))
        free = _free(owners)
        return {path: next(free) if number is None else number for path, number in given.items()}

    def _bundle(self, path: KeyPath, number: int, entry: BundleEntry) -> None:
        name = entry.name
        if name is None:
            name = self._name_of_key(path, BUNDLE_NAME)
        rights = {}
        for user, right in (entry.rights or {}).items():
            group = self._group((*path, "rights", user), Plain(user))
            if group in rights:
                self._fault((*path, "rights", user), f"is the user {group} again, expected each user once")
            elif group is not None:
                rights[group] = right
        log = entry.log or LogEntry()
        key_group = 0 if log.key_group is None else self._group((*path, "log", "key_group"), log.key_group)
        self._made.bundles[number] = Bundle(name, rights, log.period or 0, key_group or 0)
        for position, feature in enumerate(entry.features or []):
            self._claim((*path, "features", position), feature, number)

    def _name_of_key(self, path: KeyPath, kind: Kind[str]) -> str:
        try:
            return kind.parse(path[-1])
        except ValueError as error:
            self._fault(path, f"{error}, or a name: beside the id")
            return ""

    def _group(self, path: KeyPath, user: int | str) -> int | None:
        """Id of a user who is there; a key is always text, so one that is no name may be an id."""
        number = self._named.groups.get(user) if isinstance(user, str) else user
        if number is None and isinstance(user, Plain) and user.isdecimal():
            number = int(user)
        if number is None or number not in self._named.groups.values():
            label = f"is {kinds.shown(user)}, " if path[-2] == "log" else "is no user, "
            self._fault(path, f"{label}expected the name or id of a user")
            return None
        return number

    def _claim(self, path: KeyPath, feature: SpecialFeature, bundle: int) -> None:
        key = FEATURE_SETTINGS[feature]
        word = feature.name.lower()
        said = self._named.settings.get(key)
        setting: KeyPath = ("settings", *key.split("."))
        if bundle == NO_BUNDLE:
            self._fault(path, f"is {word}, expected no feature in bundle {NO_BUNDLE}, whose id stands for none")
        elif feature in self._claims:
            owner = kinds.shown(Plain(self._claims[feature][1]))
            text = f"is {word}, which bundle {owner} has already, expected it only once"
            self._fault(path, text, self._claims[feature])
        elif said is not None and said != bundle:
            self._fault(path, f"is {word}, which {'.'.join(map(str, setting))} gives to {said}, expected one", setting)
        else:
            self._claims[feature] = path
            self._made.features[key] = bundle

    def _variable(self, path: KeyPath, number: int, bundle: int, entry: VariableEntry) -> None:
        reader = VariableReader(entry, path)
        variable = reader.variable(bundle)
        value = reader.value(variable)
        simulation = reader.simulation(variable, self._signals.get((*path, "signal")))
        self._made.faults += reader.faults
        self._made.variables[number] = variable
        if value is not None:
            self._made.values[number] = value
        if simulation is not None:
            # Many variables behave alike; one object for all of them keeps a Tap small.
            self._made.simulations[number] = self._simulations.setdefault(simulation, simulation)


def _free(taken: Mapping[int, object]) -> Iterator[int]:
    return (number for number in range(1, DEBUG_BUNDLE) if number not in taken)
