"""Too many failed logins lock the whole Tap for a while (decision D5)."""

from emulator import remembered
from emulator.blueprint import Rules
from emulator.remembered import Remembered


class Lockout(Remembered):
    """Counts failed logins in a row; a success forgets them, a reboot does not."""

    __slots__ = ("_failures", "_rules", "_until")

    KEPT = remembered.kept(_failures=remembered.value, _until=remembered.instant)
    FIXED = ("_rules",)

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._failures = 0
        self._until = float("-inf")

    def remaining(self, now: float) -> float:
        """Seconds until logins are possible again; 0 if they are."""
        return max(0.0, self._until - now)

    def fail(self, now: float) -> bool:
        """Notes a failed login; True if it is the one that locks the Tap."""
        self._failures += 1
        if self._failures < self._rules.lockout_attempts:
            return False
        self._failures = 0
        self._until = now + self._rules.lockout_time
        return True

    def succeed(self) -> None:
        """Notes a login."""
        self._failures = 0
