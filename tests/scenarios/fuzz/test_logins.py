"""Who logs in before the first case, and with which password."""

import pytest

from protocol.errors import UsageError
from protocol.scram import password_hash
from scenarios.fuzz.handover.logins import Login, complete, login_of
from scenarios.model import Scenario

HASH = password_hash("secret").hex()
USERS = {"joe": {"password": "secret"}, "ann": {"hash": f"0x{HASH}"}, "tim": {"password": None}}
HOUSE = Scenario.model_validate({"scenario": 1, "device": {"config": {"tap": 1, "users": USERS}}})


@pytest.mark.parametrize(
    ("login", "scenario", "completed"),
    [
        (("admin", None), None, ("admin", "admin")),
        (("admin", "other"), None, ("admin", "other")),
        (("nobody", ""), None, ("nobody", "")),
        (("joe", None), HOUSE, ("joe", "secret")),
    ],
)
def test_the_password_is_known_or_said(login: Login, scenario: Scenario | None, completed: tuple[str, str]) -> None:
    assert complete(login, scenario) == completed


@pytest.mark.parametrize("user", ["ann", "tim", "nobody", "anonymous"])
def test_a_password_that_nobody_knows_is_asked_for(user: str) -> None:
    with pytest.raises(UsageError, match=f"no password of this user in clear; expected --login {user}:PASSWORD"):
        complete((user, None), HOUSE)


@pytest.mark.parametrize(("about", "login"), [({"login": "joe"}, ("joe", None)), ({"login": None}, None), ({}, None)])
def test_a_folder_knows_the_user(about: dict[str, str | None], login: Login | None) -> None:
    assert login_of(about) == login
