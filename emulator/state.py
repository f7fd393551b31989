"""What a Tap remembers: settings in three layers, groups, bundles, variables, values, log packets and flags.

A setting is looked up in what was POSTed (until reboot), then in what was PUT, then in its default. Everything else is
a record of its own. Handlers change the state freely; `commit` hands the changes to the store before the answer
leaves, `rollback` undoes them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Protocol

from emulator import remembered
from emulator.blueprint import Blueprint, Bundle, Group, Variable, factory_groups
from emulator.remembered import Memory, Remembered
from protocol.codes import ResultCode
from protocol.errors import PeerError
from protocol.firmware import CONFIGURATION_MODE, FACTORY_STATE, Version
from protocol.resources.model import Kept
from protocol.resources.registry import SETTINGS

CONFIG_VERSION: Final = "interface.config_version"

Kind = Literal["setting", "group", "bundle", "variable", "value", "packet", "flag"]

Key = tuple[Kind, str]
"""Kind and name of a record: ``("setting", "interface.app_name")``, ``("group", "65535")``, ``("flag", "erased")``."""

REMOVED: Final = None
"""Stands for a record that is no more, where changes are handed to the store."""

NUMBERED: Final = frozenset({"group", "bundle", "variable", "value", "packet"})
"""Kinds whose records are named by a number."""

FIRMWARE: Final = "firmware"
"""Flag with the version that an update brought; the other flags are true or false."""
_ERASED: Final = "erased"
_COMMISSIONED: Final = "commissioned"


class StoreError(Exception):
    """The store could not keep a change; the Tap answers A4."""


class Store(Protocol):
    """Where stored records survive the process. Values are those of `State`, `REMOVED` for a record to delete."""

    def load(self) -> Mapping[Key, Any]:
        """All records."""
        ...

    def write(self, changes: Mapping[Key, Any], erase: bool) -> None:
        """Keeps the changes durably, all or none; with `erase`, after removing every record.

        Raises:
            StoreError: they could not be kept.
        """
        ...


class MemoryStore:
    """Forgets with the process."""

    def load(self) -> Mapping[Key, Any]:
        """Nothing."""
        return {}

    def write(self, changes: Mapping[Key, Any], erase: bool) -> None:
        """Nothing to do."""


class State(Remembered):
    """What one Tap remembers."""

    KEPT = remembered.kept(
        _records=remembered.in_order, _posted=remembered.container, _posted_values=remembered.container
    )
    FIXED = ("_store", "_defaults", "_changes", "_erase", "_undo", "revision")
    """Changes that are not kept yet belong to the request in hand, and a memory is made between two of them."""

    def __init__(self, blueprint: Blueprint, store: Store) -> None:
        self._store = store
        self._defaults = {key: row.setting.default for key, row in SETTINGS.items() if row.setting}
        hardware = {key for key, row in SETTINGS.items() if row.setting and row.setting.kept is Kept.HARDWARE}
        self._defaults.update({key: value for key, value in blueprint.settings.items() if key in hardware})
        self._records: dict[Kind, dict[Any, Any]] = _configured(blueprint, hardware)
        self._posted: dict[str, Any] = {}
        self._posted_values: dict[int, bytes] = {}
        self._changes: dict[Key, Any] = {}
        self._erase = False
        self._undo: list[Callable[[], None]] = []
        self.revision = 0
        """Grows with every change that is kept."""
        self._restore(store.load())

    def _restore(self, records: Mapping[Key, Any]) -> None:
        if records.get(("flag", _ERASED)):
            self._records = _erased()
        for (kind, name), value in records.items():
            self._records[kind][int(name) if kind in NUMBERED else name] = value

    @property
    def groups(self) -> Mapping[int, Group]:
        """Profiles and users by id."""
        return self._records["group"]

    @property
    def bundles(self) -> Mapping[int, Bundle]:
        """Bundles by id."""
        return self._records["bundle"]

    @property
    def variables(self) -> Mapping[int, Variable]:
        """Variables by id."""
        return self._records["variable"]

    @property
    def values(self) -> Mapping[int, bytes]:
        """Stored values of variables that live in the Tap, by id."""
        return self._records["value"]

    @property
    def posted_values(self) -> Mapping[int, bytes]:
        """Volatile values of variables, by id."""
        return self._posted_values

    @property
    def packets(self) -> Mapping[int, bytes]:
        """Log packets by sequence number."""
        return self._records["packet"]

    @property
    def firmware(self) -> Version | None:
        """The firmware that an update brought; None if there was none."""
        text = self._records["flag"].get(FIRMWARE)
        return None if text is None else Version.parse(text)

    @property
    def factory(self) -> bool:
        """Nobody has finished a configuration yet, so everybody may write one (decision D11)."""
        return not self._records["flag"][_COMMISSIONED]

    @property
    def configuring(self) -> bool:
        """Configuration mode is on."""
        version: Version = self[CONFIG_VERSION]
        return version == CONFIGURATION_MODE

    def __getitem__(self, key: str) -> Any:
        """Current value of a setting."""
        if key in self._posted:
            return self._posted[key]
        stored = self._records["setting"]
        return stored[key] if key in stored else self._defaults[key]

    def default(self, key: str) -> Any:
        """What a setting is where nobody has written it."""
        return self._defaults[key]

    def put(self, key: str, value: Any) -> None:
        """Stores a setting; what was POSTed over it is gone."""
        self._pop(self._posted, key)
        self.keep("setting", key, value)

    def post(self, key: str, value: Any) -> None:
        """Changes a setting until the next reboot."""
        self._set(self._posted, key, value)

    def post_value(self, variable_id: int, value: bytes) -> None:
        """Changes the value of a variable until the next reboot."""
        self._set(self._posted_values, variable_id, value)

    def keep(self, kind: Kind, name: int | str, value: Any) -> None:
        """Stores a record, new or not: a `Group`, `Bundle` or `Variable`, or the bytes of a value or a packet."""
        self._set(self._records[kind], name, value)
        self._changes[kind, str(name)] = value

    def remove(self, kind: Kind, name: int | str) -> None:
        """Deletes a record; it is no mistake if there is none. What the configuration brings would come back."""
        self._pop(self._records[kind], name)
        self._changes[kind, str(name)] = REMOVED

    def put_config_version(self, version: Version) -> None:
        """Stores the configuration version: a final one ends the factory state, 0.0.0 restores it."""
        self.put(CONFIG_VERSION, version)
        if version != CONFIGURATION_MODE:
            self.keep("flag", _COMMISSIONED, version != FACTORY_STATE)

    def put_firmware(self, version: Version) -> None:
        """Stores what firmware the Tap has from now on."""
        self.keep("flag", FIRMWARE, str(version))

    def factory_reset(self) -> None:
        """Back to the defaults of the module; what belongs to the hardware stays, its firmware too."""
        records, posted, values = self._records, self._posted, self._posted_values
        changes, erase = self._changes, self._erase

        def undo() -> None:
            self._records, self._posted, self._posted_values = records, posted, values
            self._changes, self._erase = changes, erase

        self._undo.append(undo)
        firmware = self.firmware
        self._records, self._posted, self._posted_values = _erased(), {}, {}
        self._changes = {("flag", name): value for name, value in self._records["flag"].items()}
        self._erase = True
        if firmware is not None:
            self.put_firmware(firmware)

    def reboot(self) -> None:
        """Forgets what was POSTed."""
        self._posted = {}
        self._posted_values = {}

    def tear(self) -> None:
        """Leaves of the changes since the last commit what a loss of power in the middle would: half of them, and of
        bytes that were just written the first half."""
        undo, written = self._undo, {key: self._record(key) for key in self._changes}
        kept = len(undo) // 2
        for one in reversed(undo[kept:]):
            one()
        self._undo, self._changes = undo[:kept], {}
        for (kind, name), new in written.items():
            old = self._record((kind, name))
            if old != new and isinstance(new, bytes) and isinstance(old, bytes):
                half = len(new) // 2
                self.keep(kind, int(name) if kind in NUMBERED else name, new[:half] + old[half:])
            else:
                self._changes[kind, name] = old

    def _record(self, key: Key) -> Any:
        kind, name = key
        return self._records[kind].get(int(name) if kind in NUMBERED else name, REMOVED)

    def commit(self) -> None:
        """Keeps the changes since the last commit.

        Raises:
            PeerError: the store failed; the changes are undone and the answer is A4.
        """
        if self._changes:
            try:
                self._store.write(self._changes, self._erase)
            except StoreError as error:
                self.rollback()
                raise PeerError(f"not stored: {error}", ResultCode.NVM_ERROR) from error
        if self._undo:
            self.revision += 1
        self._forget()

    def rollback(self) -> None:
        """Undoes the changes since the last commit."""
        for undo in reversed(self._undo):
            undo()
        self._forget()

    def recall(self, memory: Memory, shift: float) -> None:
        """Makes the state what it was; the store follows.

        Raises:
            StoreError: the store failed; nothing has changed.
        """
        records: dict[Kind, dict[Any, Any]] = memory["_records"]
        changes = {(kind, str(name)): value for kind, named in records.items() for name, value in named.items()}
        self._store.write(changes, erase=True)
        super().recall(memory, shift)
        self.revision += 1

    def _set(self, mapping: dict[Any, Any], key: Any, value: Any) -> None:
        self._remember(mapping, key)
        mapping[key] = value

    def _pop(self, mapping: dict[Any, Any], key: Any) -> None:
        if key in mapping:
            self._remember(mapping, key)
            del mapping[key]

    def _remember(self, mapping: dict[Any, Any], key: Any) -> None:
        if key in mapping:
            old = mapping[key]
            self._undo.append(lambda: mapping.__setitem__(key, old))
        else:
            self._undo.append(lambda: mapping.pop(key, None))

    def _forget(self) -> None:
        if self._undo or self._changes:
            self._undo = []
            self._changes = {}
            self._erase = False


def _configured(blueprint: Blueprint, hardware: set[str]) -> dict[Kind, dict[Any, Any]]:
    settings = {key: value for key, value in blueprint.settings.items() if key not in hardware}
    return {
        "setting": settings,
        "group": dict(blueprint.groups),
        "bundle": dict(blueprint.bundles),
        "variable": dict(blueprint.variables),
        "value": dict(blueprint.values),
        "packet": {},
        "flag": {_COMMISSIONED: settings.get(CONFIG_VERSION, FACTORY_STATE) != FACTORY_STATE},
    }


def _erased() -> dict[Kind, dict[Any, Any]]:
    return {
        "setting": {},
        "group": factory_groups(),
        "bundle": {},
        "variable": {},
        "value": {},
        "packet": {},
        "flag": {_ERASED: True, _COMMISSIONED: False},
    }
