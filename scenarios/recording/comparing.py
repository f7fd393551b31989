"""Runs the client's half of a recording against a Tap, and says where that Tap answers otherwise than the recorded one.

Unlike `scenario run`, a difference ends nothing: everything is compared.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from protocol.client.core import Conversation, Session
from protocol.client.links import Link, LinkError, open_link
from protocol.codes import describe_code
from protocol.errors import IntegrityError, ProtocolError, RefusedError, UsageError
from protocol.frames import Response
from scenarios.expectations import compile_expectation
from scenarios.model import Scenario, Step
from scenarios.model.common import read_duration
from scenarios.recording.spoken import as_bytes, login_of, request_of, response_of
from scenarios.values import capture, parse_request, response_value, substitute

Verdict = Literal["same", "different", "no answer", "skipped"]
_SESSION_ACTIONS: Final = frozenset({"login", "logout", "encrypt", "refresh_iv"})
_NESTED: Final = frozenset({"for_each", "repeat", "parallel", "do"})


@dataclass(frozen=True, slots=True)
class Compared:
    """One exchange of the recording.

    Args:
        text: what was asked, in words of the file.
        where: ``file:line:column``.
        difference: the first difference, decoded; or why there is no answer.
    """

    client: str
    text: str
    where: str
    verdict: Verdict
    difference: str = ""

    def __str__(self) -> str:
        reason = f", {self.difference}" if self.difference else ""
        return f"{self.where}: {self.client}: {self.text}: {self.verdict}{reason}"


@dataclass(slots=True)
class Comparison:
    """All exchanges of a recording, held against a Tap."""

    target: str
    exchanges: list[Compared] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Nothing was different."""
        return all(each.verdict in ("same", "skipped") for each in self.exchanges)

    @property
    def summary(self) -> str:
        """How many of what, in one line."""
        counts = Counter(each.verdict for each in self.exchanges)
        kinds: tuple[Verdict, ...] = ("same", "different", "no answer", "skipped")
        return f"{self.target}: {', '.join(f'{counts[kind]} {kind}' for kind in kinds)}"

    def lines(self, *, every: bool = False) -> Iterator[str]:
        """The report for people.

        Args:
            every: also what is the same.
        """
        yield from (str(each) for each in self.exchanges if every or each.verdict != "same")
        yield self.summary

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        names = ("client", "text", "where", "verdict", "difference")
        exchanges = [{name: getattr(each, name) for name in names} for each in self.exchanges]
        return {"target": self.target, "same": self.same, "exchanges": exchanges}


def compare(scenario: Scenario, url: str, *, timeout: float = 3.0, waits: bool = True) -> Comparison:
    """Says everything that the recorded clients said to the Tap at a URL, one client after the other.

    Args:
        timeout: seconds for the connection to be made, and for each answer.
        waits: wait where the recorded clients were silent.

    Raises:
        UsageError: it is no URL of a known transport.
        LinkError: nobody is there.
    """
    open_link(url, timeout).close()
    comparison = Comparison(url)
    for client in scenario.replay.clients:
        caller = _Caller(client.name, url, timeout, dict(scenario.input_values), waits)
        try:
            comparison.exchanges += [found for step in client.steps if (found := caller.perform(step)) is not None]
        finally:
            caller.hang_up()
    return comparison


class _Caller:
    """One recorded client, as it speaks again."""

    def __init__(self, name: str, url: str, timeout: float, names: dict[str, Any], waits: bool) -> None:
        self._name = name
        self._url = url
        self._timeout = timeout
        self._names = names
        self._waits = waits
        self._session = Session(os.urandom)
        self._link: Link | None = None

    def perform(self, step: Step) -> Compared | None:
        """What came of a step; None if it asks nothing of the Tap."""
        text = _text(step)
        try:
            difference = self._difference(step)
        except (LinkError, IntegrityError) as error:
            if step.expect is not None and step.expect.error is not None:
                return self._compared(step, text, "same")
            return self._compared(step, text, "no answer", str(error))
        except RefusedError as refusal:
            difference = _refused(step, refusal)
        except UsageError as error:
            return self._compared(step, text, "skipped", str(error))
        if difference is None and step.action not in _SESSION_ACTIONS | {"request", "raw"}:
            return None
        return self._compared(step, text, "different" if difference else "same", difference or "")

    def hang_up(self) -> None:
        """Ends the connection."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _compared(self, step: Step, text: str, verdict: Verdict, difference: str = "") -> Compared:
        return Compared(self._name, text, step.where, verdict, difference)

    def _difference(self, step: Step) -> str | None:
        """The first difference, if there is one; steps that ask nothing are done."""
        match step.action:
            case "connect":
                self.hang_up()
                self._session.reset()
                self._link = open_link(self._url, self._timeout)
            case "disconnect":
                self.hang_up()
            case "wait":
                if self._waits:
                    time.sleep(read_duration(substitute(step.wait, self._names)))
            case "iv_period":
                self._session.set_initialization_vector_refresh_period(step.iv_period or 0)
            case "request":
                return self._request(step)
            case "raw":
                return self._raw(step)
            case action if action in _SESSION_ACTIONS:
                self._hold(self._conversation(step))
                expected = None if step.expect is None else step.expect.status
                return None if expected in (None, "ok", "any") else f"recorded {_status(expected)}, now it succeeds"
            case action if action in _NESTED:
                raise UsageError(f"{action} is no part of a recording; `scenario run` does it")
        return None

    def _conversation(self, step: Step) -> Conversation[Any]:
        match step.action:
            case "login":
                return self._session.login(*login_of(step, self._names), refresh_session_state=False)
            case "logout":
                return self._session.logout()
            case "encrypt":
                return self._session.encryption(bool(step.encrypt))
            case _:
                return self._session.refresh_encryption_initialization_vector()

    def _request(self, step: Step) -> str | None:
        request = request_of(step, self._names)
        response: Response = self._hold(self._session.exchange(request))
        call = parse_request(str(substitute(step.request, self._names))).call
        name = None if call is None else call.id
        value = response_value(name, response) if response.success else None
        if step.capture and response.success:
            self._names.update({name: capture(value, path) for name, path in step.capture.items()})
        if step.expect is not None and step.expect.error is not None:
            return f"recorded no sound answer, now {describe_code(response.code)}"
        return _difference(step, name, response, value, self._names)

    def _raw(self, step: Step) -> str | None:
        answer = self._exchange(as_bytes(substitute(step.raw, self._names)) or b"")
        expected = None if step.expect is None else as_bytes(substitute(step.expect.raw, self._names))
        return None if expected in (None, answer) else f"recorded hex:{(expected or b'').hex()}, now hex:{answer.hex()}"

    def _hold(self, conversation: Conversation[Any]) -> Any:
        try:
            request = next(conversation)
            while True:
                request = conversation.send(self._exchange(request))
        except StopIteration as end:
            return end.value

    def _exchange(self, request: bytes) -> bytes:
        if self._link is None:
            raise LinkError(f"{self._url}: not connected")
        try:
            self._link.send(request)
            return self._link.receive()
        except ProtocolError:
            self.hang_up()
            raise


def _difference(step: Step, call: str | None, response: Response, value: Any, names: Mapping[str, Any]) -> str | None:
    """Code first, then the decoded value field by field, then bytes."""
    expect = step.expect
    status: int | str = "ok" if expect is None else expect.status
    met = {"ok": response.success, "refused": not response.success, "any": True}.get(
        str(status), response.code == status
    )
    if not met:
        return f"recorded {_status(status)}, now {describe_code(response.code)}"
    recorded = response_of(step, names)
    if recorded is not None and recorded == response:
        return None
    if expect is not None and "value" in expect.model_fields_set:
        found = compile_expectation(substitute(expect.value, names)).check(value)
        return str(found[0]) if found else None
    body = None if expect is None else as_bytes(substitute(expect.body, names))
    if body is None or body == response.body:
        return None
    if call is not None and response.success:
        decoded = response_value(call, response._replace(body=body))
        differences = compile_expectation({"equals": decoded}).check(value)
        fields = compile_expectation(decoded).check(value) if isinstance(decoded, dict) else differences
        if fields or differences:
            return str((fields or differences)[0])
    return f"recorded hex:{body.hex()}, now hex:{response.body.hex()}"


def _refused(step: Step, refusal: RefusedError) -> str | None:
    """What a refused login, key or frame means."""
    expected = "ok" if step.expect is None else step.expect.status
    if expected in ("any", "refused", refusal.code):
        return None
    return f"recorded {_status(expected)}, now {refusal}"


def _status(status: int | str) -> str:
    return describe_code(status) if isinstance(status, int) else status


def _text(step: Step) -> str:
    if step.action == "request" and step.instance is not None:
        return f"{step.request} of {step.instance}"
    if step.login is not None:
        return f"login as {step.login.user}"
    return step.request or step.action
