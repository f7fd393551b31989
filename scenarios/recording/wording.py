"""Says what was heard as steps of a scenario: `login`, `encrypt`, `request`.."""

import json
from typing import Any, Final, NamedTuple

from emulator.exchange import Carrier
from protocol import apdu
from protocol.bodies.interface import LOGIN_CREDENTIAL, NAME_SIZE
from protocol.bodies.scram import SCRAM_LOGIN
from protocol.client.calls import CALLS, NamedCall
from protocol.client.core import DEFAULT_IV_REFRESH_PERIOD
from protocol.client.jsonable import HEX_PREFIX, from_json, to_json
from protocol.codes import Method, ResultCode
from protocol.errors import IntegrityError, PeerError, ProtocolError, UsageError
from protocol.frames import Request, Response
from protocol.resources.registry import find_entry
from protocol.values import Body
from scenarios.model.expectations import OPERATORS
from scenarios.recording.eavesdropper import Heard
from scenarios.recording.keyring import Keyring
from scenarios.recording.pcap import Side
from scenarios.recording.secrets import MULTI_REQUEST_CALL, Inputs, hides, is_secret, is_session, items_of
from scenarios.recording.text import writable

_SILENCE: Final = 1.0
"""Seconds of silence of a client from which on the recording has it wait too."""
_ENDED: Final = {Side.HOST: "", Side.TAP: "closed by the Tap", None: "the recording ended"}
_EXCHANGE_IVS: Final = "scram.set_initialization_vector"
_NO_BYTES: Final = "bytes not shown"


class Line(NamedTuple):
    """A step, and what stands behind it for people."""

    step: dict[str, Any]
    comment: str = ""


class _Session:
    """What the session that replays the steps does by itself, as `protocol.client.core.Session`."""

    def __init__(self) -> None:
        self.period = DEFAULT_IV_REFRESH_PERIOD
        self.reset()

    def reset(self) -> None:
        """A new connection, or a logout."""
        self.encrypted = self.has_key = False
        self.answers = 0
        """Encrypted answers since the vectors were exchanged."""

    @property
    def refreshes(self) -> bool:
        """Whether it exchanges vectors before its next encrypted request, unasked."""
        return 1 < self.period <= self.answers


class Speaker:
    """One client of a recording.

    It keeps account of what the session that replays the steps does by itself, so that each request goes out as it did.

    Args:
        keyring: passwords that are known.
        inputs: takes what is secret.
        shown: whether bytes of secrets may be shown.
    """

    def __init__(self, keyring: Keyring, inputs: Inputs, shown: bool) -> None:
        self._keyring = keyring
        self._inputs = inputs
        self._shown = shown
        self._last: float | None = None
        self._session = _Session()
        self._key: Heard | None = None
        """A key was made in clear; vectors may be exchanged next, which is one step with it."""
        self._user = ""
        """Who has begun a SCRAM login."""

    def connected(self, time: float) -> list[Line]:
        """The client connects."""
        self._session.reset()
        return [*self._silence(time), Line({"connect": True})]

    def closed(self, time: float, side: Side | None) -> list[Line]:
        """The connection was ended by that side, or with the recording (None)."""
        silence = self._silence(time) if side is Side.HOST else []
        lines = [*self._unfinished_key(), *self._unfinished_login(), *silence]
        self._last = time
        return [*lines, Line({"disconnect": True}, _ENDED[side])]

    def say(self, heard: Heard) -> list[Line]:
        """The steps that make an exchange happen again."""
        if self._key is not None and heard.call == _EXCHANGE_IVS and heard.carrier is Carrier.CLEAR:
            self._last = heard.time if heard.answered is None else heard.answered
            return self._encrypt(with_ivs=True)
        lines = [*self._unfinished_key(), *self._silence(heard.time)]
        self._last = heard.time if heard.answered is None else heard.answered
        if heard.call != "scram.login_proof":
            lines += self._unfinished_login()
        if heard.request is None:
            return [*lines, self._unknown(heard)]
        if heard.carrier is Carrier.CLEAR and heard.call == "scram.initialize":
            self._key = heard
            return lines
        if heard.call == _EXCHANGE_IVS:
            return [*lines, *self._refresh(heard)]
        return [*lines, *self._carrier(heard), *self._step(heard, heard.request)]

    def _step(self, heard: Heard, request: Request) -> list[Line]:
        success = heard.response is not None and heard.response.success
        match heard.call:
            case "scram.login":
                user = _scram_user(request)
                if not success:
                    return [self._login(heard, user)]
                self._user = user
                return []
            case "scram.login_proof" if self._user:
                return [self._login(heard, self._user)]
            case "interface.login" | "interface.login_with_hash" if len(request.body) == 2 * NAME_SIZE:
                return [self._login(heard, request.body[:NAME_SIZE].rstrip(b"\0").decode("latin-1"))]
            case "interface.logout" if success:
                self._session.reset()
                return [Line({"logout": True}, self._bytes(heard))]
            case call if is_session(call):
                return [Line({"note": f"{call}, which belongs to no login or key of this recording"}, _NO_BYTES)]
            case _:
                return [self._request(heard, request)]

    # --- the session

    def _silence(self, time: float) -> list[Line]:
        gap = 0.0 if self._last is None else time - self._last
        return [Line({"wait": f"{gap:.1f}s"})] if gap > _SILENCE else []

    def _unfinished_login(self) -> list[Line]:
        user, self._user = self._user, ""
        return [Line({"note": f"a login as {user!r} was begun and not finished"})] if user else []

    def _unfinished_key(self) -> list[Line]:
        return [] if self._key is None else self._encrypt(with_ivs=False)

    def _encrypt(self, *, with_ivs: bool) -> list[Line]:
        """A key made in clear, with the vectors that are exchanged right after it."""
        assert self._key is not None
        expect = self._expect(self._key)
        again = self._session.has_key
        self._key = None
        lines = []
        if with_ivs != (self._session.period > 0):
            lines = self._set_period(DEFAULT_IV_REFRESH_PERIOD if with_ivs else 0)
        if not expect:
            self._session.encrypted = self._session.has_key = True
            self._session.answers = 0
        return [*lines, Line({"encrypt": True, **expect}, "a new key, which the replay does without" if again else "")]

    def _set_period(self, period: int) -> list[Line]:
        if period == self._session.period:
            return []
        self._session.period = period
        return [Line({"iv_period": period})]

    def _refresh(self, heard: Heard) -> list[Line]:
        """Vectors are exchanged: by the session itself when it is time, else by a step."""
        refused = self._expect(heard)
        if heard.carrier is Carrier.ENCRYPTED and self._session.refreshes and not refused:
            self._session.answers = 0
            return []
        lines = self._carrier(heard)
        self._session.answers = 0
        return [*lines, Line({"refresh_iv": True, **refused}, _NO_BYTES)]

    def _carrier(self, heard: Heard) -> list[Line]:
        """Switches the session to how the request was carried."""
        lines, session = [], self._session
        encrypted = heard.carrier is not Carrier.CLEAR
        if encrypted and not session.encrypted:
            lines.append(Line({"encrypt": True}, "" if session.has_key else "goes on with an earlier key"))
            session.has_key = True
        elif session.encrypted and not encrypted:
            lines.append(Line({"encrypt": False}))
        session.encrypted = encrypted
        if not encrypted:
            return lines
        if heard.carrier is Carrier.ENCRYPTED_WITH_IV:
            lines += self._set_period(1)
        elif session.period == 1 or session.refreshes:
            lines += self._set_period(0)
        session.answers += 1
        return lines

    def _login(self, heard: Heard, user: str) -> Line:
        self._user = ""
        response, request = heard.response, heard.request
        assert request is not None
        scram = (heard.call or "").startswith("scram.")
        if response is not None and response.success:
            password = self._keyring.passwords.get(user)
            if heard.call == "interface.login":
                password = LOGIN_CREDENTIAL.decode(request.body).password
            name = self._inputs.name(f"password_{user}", password, f"password of {user}")
            if scram:
                self._session.encrypted = self._session.has_key = True
            comment = "" if heard.key_known else "with a password that is not known: what follows cannot be opened"
            return Line({"login": {"user": user, "password": f"${{{name}}}"}}, comment)
        name = self._inputs.made_up(
            "wrong_password", "wrong", "a password that is refused, in place of the recorded one"
        )
        return Line({"login": {"user": user, "password": f"${{{name}}}"}, **self._expect(heard)})

    # --- other requests

    def _unknown(self, heard: Heard) -> Line:
        shown = f"{heard.raw_request.hex().upper() or 'nothing'} -> {heard.raw_answer.hex().upper() or 'nothing'}"
        if not heard.opened:
            if heard.carrier is Carrier.ENCRYPTED_WITH_IV:
                shown = _NO_BYTES
            return Line({"note": f"an encrypted exchange that could not be opened: {heard.note}"}, shown)
        if not heard.raw_request:
            return Line({"note": heard.note or ""}, shown)
        step: dict[str, Any] = {"raw": HEX_PREFIX + heard.raw_request.hex()}
        if heard.raw_answer:
            return Line({**step, "expect": {"raw": HEX_PREFIX + heard.raw_answer.hex()}}, heard.note or "")
        return Line({**step, "expect": {"error": "any"}}, heard.note or "")

    def _request(self, heard: Heard, request: Request) -> Line:
        named = None if heard.call is None else CALLS[heard.call]
        if named is None and request.method not in list(Method):
            return self._unknown(heard._replace(request=None))
        step: dict[str, Any] = {"request": str(request) if named is None else named.id}
        if named is not None and named.resource.instance is not None:
            step["instance"] = request.path.instance
        step |= self._body(named, request)
        step |= self._expect(heard)
        return Line(step, self._bytes(heard))

    def _body(self, named: NamedCall | None, request: Request) -> dict[str, Any]:
        """`value` or `body`, with secrets in the form of references."""
        if not request.body:
            return {}
        value = _typed(None if named is None else named.request, request.body)
        if named is not None and is_secret(named.id) and not self._shown:
            kind = named.id.partition(".")[2].removeprefix("put_").removeprefix("change_")
            kind = kind if named.resource.instance is None else f"{kind}_{request.path.instance}"
            name = self._inputs.name(kind, value, f"what {named.id} sends")
            return {"value": f"${{{name}}}"}
        if named is not None and named.id == MULTI_REQUEST_CALL and not self._shown and isinstance(value, list):
            return {
                "value": [self._item(item, each) for item, each in zip(items_of(request, named.id), value, strict=True)]
            }
        if value is None or not writable(value):
            return {"body": HEX_PREFIX + request.body.hex()}
        return {"value": value}

    def _item(self, request: Request, value: dict[str, Any]) -> dict[str, Any]:
        """An item of a multi-request; its body is a reference where it is secret."""
        entry = find_entry(request.method, request.path)
        if not request.body or entry is None or not hides(request, entry.id):
            return value
        name = self._inputs.name(entry.call.name, value["request"]["body"], f"what {entry.id} sends")
        return {**value, "request": {**value["request"], "body": f"${{{name}}}"}}

    def _expect(self, heard: Heard) -> dict[str, Any]:
        """What came back: a step succeeds where nothing is said."""
        response, request = heard.response, heard.request
        if response is None or request is None:
            return {"expect": {"error": _error(heard)}}
        expect: dict[str, Any] = {}
        if response.code != ResultCode.OK:
            expect["status"] = ResultCode(response.code).name if response.code in list(ResultCode) else response.code
        if response.body and not (hides(request, heard.call) and not (self._shown and is_secret(heard.call))):
            expect |= _answered(heard.call, response)
        return {"expect": expect} if expect else {}

    def _bytes(self, heard: Heard) -> str:
        request = heard.request
        assert request is not None
        if hides(request, heard.call) and not (self._shown and is_secret(heard.call)):
            return _NO_BYTES
        if heard.carrier is Carrier.CLEAR:
            return f"{heard.raw_request.hex().upper()} -> {heard.raw_answer.hex().upper() or 'nothing'}"
        answer = "nothing" if heard.response is None else apdu.build_answer(bytes(heard.response)).hex().upper()
        asked = bytes(request)
        sent = apdu.build_request(asked) if len(asked) <= 0xFF else asked
        return f"encrypted: {sent.hex().upper()} -> {answer}"


def _answered(call: str | None, response: Response) -> dict[str, Any]:
    """`value` or `body` of an expectation."""
    body = None if call is None or not response.success else CALLS[call].response
    value = _typed(body, response.body)
    if value is None or not writable(value):
        return {"body": HEX_PREFIX + response.body.hex()}
    return {"value": {"equals": value} if isinstance(value, dict) and {*value} <= {*OPERATORS} else value}


def _typed(body: Body[Any] | None, data: bytes) -> Any:
    """The value of a body as JSON can hold it; None if it would not become the same bytes again."""
    if body is None:
        return None
    try:
        value = to_json(body.decode(data))
        same: bytes = body.encode(from_json(body, value if isinstance(value, str) else json.dumps(value)))
    except (PeerError, UsageError, ValueError):
        return None
    return value if same == data else None


def _error(heard: Heard) -> str:
    """How the answer failed, as an expectation says it."""
    if not heard.raw_answer:
        return "any"
    try:
        apdu.split_answer(heard.raw_answer)
    except IntegrityError:
        return "any"
    return "integrity"


def _scram_user(request: Request) -> str:
    try:
        login = SCRAM_LOGIN.decode(request.body)
    except ProtocolError:
        return ""
    return login.username
