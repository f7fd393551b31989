"""Plays the Tap's half of a recording: a client finds what the recorded client found, without the recorded Tap.

Logins, session keys and initialization vectors are the emulator's own, since they are new in every session.
"""

from collections import Counter, deque
from dataclasses import replace

from emulator.blueprint import Blueprint, Group
from emulator.exchange import Exchange
from emulator.journal import Event
from protocol.client.calls import CALLS
from protocol.codes import NO_INSTANCE
from protocol.errors import PeerError, UsageError
from protocol.frames import Request, Response
from scenarios.model import Scenario
from scenarios.recording.secrets import is_session
from scenarios.recording.spoken import login_of, spoken

_RULE = "recording"
_SECURITY_OPTIONS = "interface.security_options"
_GROUP = "interface.get_current_group_id"
_FIRST_GROUP = 2
_NOT_PLAYED = frozenset(
    {"interface.login", "interface.login_with_hash", "interface.login_with_uid", "interface.logout"}
)


class OfflineHalf:
    """A `Director` that answers as the recorded Tap did.

    The answers to the same request come in their order, and the last one from then on. What was not recorded is left to
    the Tap, and counted in `unrecorded`.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._answers: dict[Request, deque[Response]] = {}
        for each in spoken(scenario):
            if each.response is not None:
                self._answers.setdefault(each.request, deque()).append(each.response)
        self.unrecorded: Counter[str] = Counter()
        """Requests that the recording does not hold, and how often they came."""

    def before(self, exchange: Exchange) -> Response | None:
        """The recorded answer, if there is one that fits its carrier."""
        call = exchange.device.call_id(exchange.request)
        if is_session(call) or call in _NOT_PLAYED:
            return None
        answers = self._answers.get(exchange.request)
        if answers is None:
            if not exchange.in_multi_request:
                self.unrecorded[f"{call or 'unknown'}: {exchange.request}"] += 1
            return None
        response = answers.popleft() if len(answers) > 1 else answers[0]
        if len(bytes(response)) > exchange.room:
            return None
        exchange.applied_rules.append(_RULE)
        return response

    def after(self, exchange: Exchange, response: Response) -> Response:
        """Leaves what the Tap answers."""
        return response

    def happened(self, event: Event) -> None:
        """Nothing depends on events."""

    def next_deadline(self) -> float | None:
        """Nothing is ever due."""
        return None

    def tick(self) -> None:
        """Nothing is ever due."""


def prepared(blueprint: Blueprint, scenario: Scenario) -> Blueprint:
    """The Tap on which the recorded logins succeed: it has their users, passwords and security options."""
    groups = dict(blueprint.groups)
    for user, (password, recorded) in _users(scenario).items():
        number = next((number for number, group in groups.items() if group.name == user), recorded)
        if number is None:
            number = next(number for number in range(_FIRST_GROUP, NO_INSTANCE) if number not in groups)
        group = groups.get(number, Group(user, None, number))
        groups[number] = replace(group, name=user, password=password.encode("latin-1", "replace"))
    return replace(blueprint, groups=groups, settings={**blueprint.settings, **_options(scenario)})


def _users(scenario: Scenario) -> dict[str, tuple[str, int | None]]:
    """Password of each user who has logged in, and the group that the Tap then said, if it was asked."""
    users: dict[str, tuple[str, int | None]] = {}
    for client in scenario.replay.clients:
        user = ""
        for step in client.steps:
            if step.action == "login" and step.expect is None:
                try:
                    user, password = login_of(step, scenario.input_values)
                except UsageError:
                    continue
                users.setdefault(user, (password, None))
            elif step.action in ("connect", "disconnect", "logout"):
                user = ""
            elif step.request == _GROUP and user and step.expect is not None and isinstance(step.expect.value, int):
                users[user] = users[user][0], step.expect.value
    return users


def _options(scenario: Scenario) -> dict[str, object]:
    call = CALLS["interface.get_security_options"]
    for each in spoken(scenario):
        if each.request == call.ask() and each.response is not None and each.response.success and call.response:
            try:
                return {_SECURITY_OPTIONS: call.response.decode(each.response.body)}
            except PeerError:
                return {}
    return {}
