"""State machines of a script: each has one state for the Tap, or one for each session."""

from dataclasses import dataclass, field

from emulator.remembered import Remembered, container, kept
from emulator.sessions import Session


@dataclass
class Machine(Remembered):
    """One machine; it starts in its first state.

    Args:
        states: their names.
        per_session: each session has a state of its own.
    """

    states: tuple[str, ...]
    per_session: bool = False
    _entered: dict[Session | None, str] = field(default_factory=dict)

    KEPT = kept(_entered=container)

    def state(self, session: Session | None) -> str:
        """Where it is; without a session its first state, if it goes by sessions."""
        return self._entered.get(session if self.per_session else None, self.states[0])

    def enter(self, session: Session | None, state: str) -> bool:
        """Changes the state; False if there is no session whose state it could be."""
        if self.per_session and session is None:
            return False
        self._entered[session if self.per_session else None] = state
        return True

    def forget(self, session: Session) -> None:
        """The session is over."""
        self._entered.pop(session, None)
