"""State machines of hypothesis that `python -m tests.fuzz` plays, too."""

from importlib import import_module
from typing import Final, NamedTuple

from hypothesis.stateful import RuleBasedStateMachine


class Machine(NamedTuple):
    """Where one is."""

    module: str
    name: str
    words: str

    def load(self) -> type[RuleBasedStateMachine]:
        """Its class."""
        machine: type[RuleBasedStateMachine] = getattr(import_module(self.module), self.name)
        return machine


MACHINES: Final = {
    "conversation": Machine(
        "tests.robustness.test_conversations",
        "Conversation",
        "logins, lock-out, expiry, keys and vectors do as a small model says, whatever garbage comes between",
    ),
    "rights": Machine(
        "tests.fuzz.test_rights", "RightsOfGroups", "what several clients may read and write is what a small model says"
    ),
}
"""By name."""
