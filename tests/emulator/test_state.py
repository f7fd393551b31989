"""Layers of the state: POSTed over PUT over default, kept together or undone together."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from emulator.blueprint import Blueprint, Bundle, Group, Variable
from emulator.state import REMOVED, Key, Kind, State, StoreError
from protocol.codes import Rights
from protocol.errors import PeerError
from protocol.firmware import CONFIGURATION_MODE, FACTORY_STATE, Version

NAME = "interface.app_name"
PAUL = Group("paul", None, 7)
RECORDS: dict[Kind, tuple[Any, Any]] = {
    "group": (PAUL, Group("anna", b"secret", 0)),
    "bundle": (Bundle("first"), Bundle("second", {0: Rights.READ}, 60, 5)),
    "variable": (Variable(), Variable(length=3, bundle=1, meta=b"t:C")),
    "value": (b"\x01\x02", b"\x03"),
    "packet": (b"log", b"other"),
}
"""Two different records of each kind that is named by a number."""


class ListStore:
    """Remembers what it was asked to keep."""

    def __init__(self, records: Mapping[Key, Any] | None = None) -> None:
        self.records = records or {}
        self.written: list[tuple[dict[Key, Any], bool]] = []
        self.fails = False

    def load(self) -> Mapping[Key, Any]:
        return self.records

    def write(self, changes: Mapping[Key, Any], erase: bool) -> None:
        if self.fails:
            raise StoreError("no space")
        self.written.append((dict(changes), erase))


@pytest.fixture
def store() -> ListStore:
    return ListStore()


@pytest.fixture
def state(store: ListStore) -> State:
    return State(Blueprint(), store)


def records(state: State, kind: Kind) -> Mapping[int, Any]:
    views: dict[Kind, Mapping[int, Any]] = {
        "group": state.groups,
        "bundle": state.bundles,
        "variable": state.variables,
        "value": state.values,
        "packet": state.packets,
    }
    return views[kind]


def seen(state: State) -> object:
    """All that a handler can see."""
    return (
        state[NAME],
        {kind: dict(records(state, kind)) for kind in RECORDS},
        dict(state.posted_values),
        state.firmware,
        state.factory,
    )


def test_layers(state: State) -> None:
    assert state[NAME] == "TAP"
    state.put(NAME, "stored")
    state.post(NAME, "until reboot")
    assert state[NAME] == "until reboot"
    state.reboot()
    assert state[NAME] == "stored"
    state.post(NAME, "until reboot")
    state.put(NAME, "stored again")
    assert state[NAME] == "stored again", "what was POSTed before a PUT is gone"


def test_changes_are_kept_together(state: State, store: ListStore) -> None:
    state.put(NAME, "new")
    state.keep("group", 7, PAUL)
    assert store.written == []
    state.commit()
    state.commit()
    assert store.written == [({("setting", NAME): "new", ("group", "7"): PAUL}, False)]


def test_posted_values_are_not_stored(state: State, store: ListStore) -> None:
    state.post(NAME, "new")
    state.post_value(3, b"\x01")
    state.commit()
    assert store.written == []
    assert state[NAME] == "new"
    assert state.posted_values == {3: b"\x01"}
    state.reboot()
    assert state.posted_values == {}


@pytest.mark.parametrize("kind", RECORDS)
def test_record_is_kept_replaced_and_removed(state: State, store: ListStore, kind: Kind) -> None:
    first, second = RECORDS[kind]
    state.keep(kind, 9, first)
    assert records(state, kind)[9] == first
    state.commit()
    state.keep(kind, 9, second)
    assert records(state, kind)[9] == second
    state.commit()
    state.remove(kind, 9)
    assert 9 not in records(state, kind)
    state.commit()
    assert store.written == [({(kind, "9"): value}, False) for value in (first, second, REMOVED)]


@pytest.mark.parametrize("kind", RECORDS)
def test_last_change_of_a_record_counts(state: State, store: ListStore, kind: Kind) -> None:
    first, second = RECORDS[kind]
    state.keep(kind, 9, first)
    state.remove(kind, 9)
    state.keep(kind, 9, second)
    state.commit()
    assert store.written == [({(kind, "9"): second}, False)]
    assert records(state, kind)[9] == second


def test_removing_what_is_not_there_leaves_nothing_behind(state: State, store: ListStore) -> None:
    state.remove("packet", 9)
    state.commit()
    state.commit()
    assert len(store.written) <= 1
    state.remove("packet", 9)
    state.rollback()
    state.commit()
    assert len(store.written) <= 1


def replace_all(state: State) -> None:
    for kind, (_, second) in RECORDS.items():
        state.keep(kind, 9, second)


def remove_all(state: State) -> None:
    for kind in RECORDS:
        state.remove(kind, 9)


def put_and_post(state: State) -> None:
    state.put(NAME, "gone")
    state.put(NAME, "gone too")
    state.post(NAME, "gone as well")
    state.post_value(9, b"gone")
    state.post_value(9, b"gone too")
    state.post_value(10, b"gone")


def reset_and_write(state: State) -> None:
    state.put(NAME, "before the reset")
    state.factory_reset()
    put_and_post(state)
    replace_all(state)
    state.put_firmware(Version(1, 90))


def update(state: State) -> None:
    state.put_firmware(Version(1, 90))


def end_the_configuration(state: State) -> None:
    state.put_config_version(Version(2))


@pytest.mark.parametrize(
    "change", [replace_all, remove_all, put_and_post, reset_and_write, update, end_the_configuration]
)
def test_rollback_undoes_all_since_the_last_commit(
    state: State, store: ListStore, change: Callable[[State], None]
) -> None:
    state.put(NAME, "kept")
    state.post_value(9, b"kept")
    for kind, (first, _) in RECORDS.items():
        state.keep(kind, 9, first)
    state.put_firmware(Version(1, 86))
    state.commit()
    before = seen(state)
    change(state)
    assert seen(state) != before
    state.rollback()
    assert seen(state) == before
    state.commit()
    assert len(store.written) == 1


def test_failure_of_the_store_undoes_and_answers_a4(state: State, store: ListStore) -> None:
    store.fails = True
    state.put(NAME, "lost")
    replace_all(state)
    with pytest.raises(PeerError, match="no space") as caught:
        state.commit()
    assert caught.value.code == 0xA4
    assert state[NAME] == "TAP"
    assert 9 not in state.bundles


def test_factory_reset_erases_first(state: State, store: ListStore) -> None:
    state.put(NAME, "before")
    replace_all(state)
    state.factory_reset()
    assert (state.bundles, state.variables, state.values, state.packets) == ({}, {}, {}, {})
    state.put(NAME, "after")
    state.commit()
    (changes, erase) = store.written[0]
    assert erase
    assert changes["setting", NAME] == "after"
    assert changes["flag", "erased"] is True
    assert not [key for key in changes if key[0] in RECORDS]


def test_factory_reset_keeps_the_firmware(state: State, store: ListStore) -> None:
    state.put_firmware(Version(1, 90))
    state.commit()
    state.factory_reset()
    state.commit()
    assert state.firmware == Version(1, 90)
    changes, _ = store.written[-1]
    restored = State(Blueprint(), ListStore(changes))
    assert restored.firmware == Version(1, 90)
    assert restored.factory


def test_configuration_ends_with_a_final_version(state: State) -> None:
    def mode() -> tuple[bool, bool]:
        return state.factory, state.configuring

    assert mode() == (True, False)
    for version, expected in [
        (CONFIGURATION_MODE, (True, True)),
        (Version(1), (False, False)),
        (CONFIGURATION_MODE, (False, True)),
        (FACTORY_STATE, (True, False)),
    ]:
        state.put_config_version(version)
        assert mode() == expected


CONFIGURED = Blueprint(
    settings={NAME: "configured", "interface.config_version": Version(1)},
    groups={7: PAUL},
    bundles={1: Bundle("one")},
    variables={1: Variable(bundle=1)},
    values={1: b"\x05"},
)


def test_configuration_is_the_start() -> None:
    state = State(CONFIGURED, ListStore())
    assert (state[NAME], state.factory) == ("configured", False)
    assert (state.bundles[1].name, state.values[1]) == ("one", b"\x05")


def test_stored_records_win_over_the_configuration() -> None:
    stored: dict[Key, Any] = {
        ("setting", NAME): "stored",
        ("bundle", "1"): Bundle("stored"),
        ("bundle", "2"): Bundle("new"),
        ("value", "1"): b"\x06",
        ("packet", "12"): b"log",
    }
    state = State(CONFIGURED, ListStore(stored))
    assert state[NAME] == "stored"
    assert [bundle.name for bundle in state.bundles.values()] == ["stored", "new"]
    assert (state.values, state.packets) == ({1: b"\x06"}, {12: b"log"})
    assert state.variables == CONFIGURED.variables


def test_erased_state_knows_nothing_of_the_configuration() -> None:
    flags: dict[Key, Any] = {("flag", "erased"): True, ("flag", "commissioned"): False}
    state = State(CONFIGURED, ListStore({**flags, ("bundle", "2"): Bundle("new")}))
    assert (state[NAME], state.factory) == ("TAP", True)
    assert (dict(state.bundles), state.values) == ({2: Bundle("new")}, {})
    assert 7 not in state.groups
