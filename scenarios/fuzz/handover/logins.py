"""The login of a campaign. Its folder keeps who logs in, but no password: folders are handed to others."""

from collections.abc import Mapping
from typing import Any

from emulator.blueprint import demo
from protocol.bodies.interface import NAME_SIZE
from protocol.errors import UsageError
from scenarios.model import Scenario

Login = tuple[str, str | None]
"""User, and password as far as somebody has said it."""


def login_of(about: Mapping[str, Any]) -> Login | None:
    """Who has logged in, as a folder of findings knows it."""
    user = about.get("login")
    return None if user is None else (str(user), None)


def complete(login: Login, scenario: Scenario | None) -> tuple[str, str]:
    """User and password; where nobody has said the password, that of the Tap, which is ours.

    Args:
        scenario: which Tap it is; None for the demo Tap.

    Raises:
        UsageError: the Tap has no password of that user in clear.
    """
    user, password = login
    if password is not None:
        return user, password
    groups = (demo() if scenario is None else scenario.blueprint()).groups.values()
    kept = next((group.password for group in groups if group.name == user and group.password), None)
    if kept is None or len(kept) >= NAME_SIZE:  # longer ones are hashes and keys
        raise UsageError(
            f"login as {user!r}: the Tap's configuration has no password of this user in clear; expected "
            f"--login {user}:PASSWORD, or TAP_LOGIN"
        )
    return user, kept.decode("latin-1")
