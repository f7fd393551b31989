"""The initialization vectors that sessions had, for answers that use one too long."""

from emulator.remembered import Remembered, container, kept
from emulator.sessions import Session


class Vectors(Remembered):
    """The vector of answers of each session, and the one before it."""

    KEPT = kept(_known=container)

    def __init__(self) -> None:
        self._known: dict[Session, tuple[bytes, bytes | None]] = {}

    def look(self, session: Session) -> None:
        """Notes the vector that the session has now."""
        present = session.ivs.answer
        known = self._known.get(session)
        if known is None:
            self._known[session] = (present, None)
        elif known[0] != present:
            self._known[session] = (present, known[0])

    def before(self, session: Session) -> bytes | None:
        """The vector before the present one; None if there was none."""
        known = self._known.get(session)
        return None if known is None else known[1]

    def forget(self, session: Session) -> None:
        """The session is over."""
        self._known.pop(session, None)
