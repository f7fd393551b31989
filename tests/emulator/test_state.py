"""Layers of the state: POSTed over PUT over default, kept together or undone together."""

from collections.abc import Mapping
from typing import Any

import pytest

from emulator.blueprint import Blueprint, Group
from emulator.state import Key, State, StoreError
from protocol.errors import PeerError

NAME = "interface.app_name"


class ListStore:
    """Remembers what it was asked to keep."""

    def __init__(self) -> None:
        self.written: list[tuple[dict[Key, Any], bool]] = []
        self.fails = False

    def load(self) -> Mapping[Key, Any]:
        return {}

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
    state.put_group(7, Group("paul", None, 7))
    assert store.written == []
    state.commit()
    state.commit()
    assert store.written == [({("setting", NAME): "new", ("group", "7"): Group("paul", None, 7)}, False)]


def test_posted_values_are_not_stored(state: State, store: ListStore) -> None:
    state.post(NAME, "new")
    state.commit()
    assert store.written == []
    assert state[NAME] == "new"


def test_rollback_undoes_all_since_the_last_commit(state: State, store: ListStore) -> None:
    state.put(NAME, "kept")
    state.commit()
    state.put(NAME, "gone")
    state.put_group(7, Group("paul", None, 7))
    state.factory_reset()
    state.rollback()
    assert state[NAME] == "kept"
    assert 7 not in state.groups
    state.commit()
    assert len(store.written) == 1


def test_failure_of_the_store_undoes_and_answers_a4(state: State, store: ListStore) -> None:
    store.fails = True
    state.put(NAME, "lost")
    with pytest.raises(PeerError, match="no space") as caught:
        state.commit()
    assert caught.value.code == 0xA4
    assert state[NAME] == "TAP"


def test_factory_reset_erases_first(state: State, store: ListStore) -> None:
    state.put(NAME, "before")
    state.factory_reset()
    state.put(NAME, "after")
    state.commit()
    (changes, erase) = store.written[0]
    assert erase
    assert changes["setting", NAME] == "after"
    assert changes["flag", "erased"] is True
