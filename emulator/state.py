"""What a Tap remembers: settings in three layers, groups, and two flags.

A setting is looked up in what was POSTed (until reboot), then in what was PUT, then in its default. Handlers change
the state freely; `commit` hands the changes to the store before the answer leaves, `rollback` undoes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from emulator.blueprint import Blueprint, Group, factory_groups
from protocol.codes import ResultCode
from protocol.errors import PeerError
from protocol.firmware import CONFIGURATION_MODE, FACTORY_STATE, Version
from protocol.resources.model import Kept
from protocol.resources.registry import SETTINGS

CONFIG_VERSION: Final = "interface.config_version"

Key = tuple[str, str]
"""Kind and name of a record: ``("setting", "interface.app_name")``, ``("group", "65535")``, ``("flag", "erased")``."""


class StoreError(Exception):
    """The store could not keep a change; the Tap answers A4."""


class Store(Protocol):
    """Where stored records survive the process. Values are those of `State`: setting values, `Group`s and bools."""

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


@dataclass
class _Memory:
    """The part of the state that is undone together."""

    stored: dict[str, Any] = field(default_factory=dict)
    volatile: dict[str, Any] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    commissioned: bool = False

    def copy(self) -> "_Memory":
        return _Memory(dict(self.stored), dict(self.volatile), dict(self.groups), self.commissioned)


class State:
    """Settings and groups of one Tap."""

    def __init__(self, blueprint: Blueprint, store: Store) -> None:
        self._store = store
        self._defaults = {key: row.setting.default for key, row in SETTINGS.items() if row.setting}
        self._before: _Memory | None = None
        self._changes: dict[Key, Any] = {}
        self._erase = False
        hardware = {key for key, row in SETTINGS.items() if row.setting and row.setting.kept is Kept.HARDWARE}
        self._defaults.update({key: value for key, value in blueprint.settings.items() if key in hardware})
        self._memory = self._restore(blueprint, hardware, store.load())

    def _restore(self, blueprint: Blueprint, hardware: set[str], records: Mapping[Key, Any]) -> _Memory:
        if records.get(("flag", "erased")):
            memory = _Memory(groups=factory_groups())
        else:
            configured = {key: value for key, value in blueprint.settings.items() if key not in hardware}
            memory = _Memory(configured, groups=dict(blueprint.groups))
            memory.commissioned = configured.get(CONFIG_VERSION, FACTORY_STATE) != FACTORY_STATE
        for (kind, name), value in records.items():
            if kind == "setting" and name in SETTINGS:
                memory.stored[name] = value
            elif kind == "group":
                memory.groups[int(name)] = value
        memory.commissioned = records.get(("flag", "commissioned"), memory.commissioned)
        return memory

    @property
    def groups(self) -> Mapping[int, Group]:
        """All groups by id."""
        return self._memory.groups

    @property
    def factory(self) -> bool:
        """Nobody has finished a configuration yet, so everybody may write one (decision D11)."""
        return not self._memory.commissioned

    @property
    def configuring(self) -> bool:
        """Configuration mode is on."""
        version: Version = self[CONFIG_VERSION]
        return version == CONFIGURATION_MODE

    def __getitem__(self, key: str) -> Any:
        """Current value of a setting."""
        memory = self._memory
        if key in memory.volatile:
            return memory.volatile[key]
        return memory.stored[key] if key in memory.stored else self._defaults[key]

    def put(self, key: str, value: Any) -> None:
        """Stores a setting; what was POSTed over it is gone."""
        self._begin()
        self._memory.volatile.pop(key, None)
        self._memory.stored[key] = value
        self._changes["setting", key] = value

    def post(self, key: str, value: Any) -> None:
        """Changes a setting until the next reboot."""
        self._begin()
        self._memory.volatile[key] = value

    def put_group(self, group_id: int, group: Group) -> None:
        """Stores a group, new or not."""
        self._begin()
        self._memory.groups[group_id] = group
        self._changes["group", str(group_id)] = group

    def put_config_version(self, version: Version) -> None:
        """Stores the configuration version: a final one ends the factory state, 0.0.0 restores it."""
        self.put(CONFIG_VERSION, version)
        if version != CONFIGURATION_MODE:
            self._memory.commissioned = version != FACTORY_STATE
            self._changes["flag", "commissioned"] = self._memory.commissioned

    def factory_reset(self) -> None:
        """Back to the defaults of the module; what belongs to the hardware stays."""
        self._begin()
        self._memory = _Memory(groups=factory_groups())
        self._changes = {("flag", "erased"): True, ("flag", "commissioned"): False}
        self._erase = True

    def reboot(self) -> None:
        """Forgets what was POSTed."""
        self._memory.volatile.clear()

    def commit(self) -> None:
        """Keeps the changes since the last commit.

        Raises:
            PeerError: the store failed; the changes are undone and the answer is A4.
        """
        if self._before is None:
            return
        if self._changes:
            try:
                self._store.write(self._changes, self._erase)
            except StoreError as error:
                self.rollback()
                raise PeerError(f"not stored: {error}", ResultCode.NVM_ERROR) from error
        self._forget()

    def rollback(self) -> None:
        """Undoes the changes since the last commit."""
        if self._before is not None:
            self._memory = self._before
            self._forget()

    def _begin(self) -> None:
        if self._before is None:
            self._before = self._memory.copy()

    def _forget(self) -> None:
        self._before = None
        self._changes = {}
        self._erase = False
