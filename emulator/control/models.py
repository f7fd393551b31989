"""What goes into the control API and what comes out of it. Times are in seconds, bytes are ``hex:0102``."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_SECONDS: Final = 86_400.0
"""By which time is moved in one call: the Tap answers nobody meanwhile."""
MOST_WAIT: Final = 300.0
MOST_ENTRIES: Final = 10_000

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")]
"""Of a snapshot, scenario or fault."""
Count = Annotated[int, Field(ge=0, le=2**53)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Message(_Model):
    """Why something was refused."""

    message: str


class Health(_Model):
    """The Tap is there; `ready` once all of its links are open."""

    ready: bool
    version: str
    links: list[str]


class User(_Model):
    """A profile or a user, without its password."""

    id: int
    name: str
    profile: int
    has_password: bool
    lifetime: int


class Bundle(_Model):
    """A bundle; rights by user id, such as ``READ|WRITE``."""

    id: int
    name: str
    log_period: int
    rights: dict[int, str | int]


class Variable(_Model):
    """A variable; `error` says why there is no value."""

    id: int
    name: str
    unit: str
    type: str
    domain: str
    length: int
    bundle: int | None
    value: Any = None
    error: str | None = None


class Device(_Model):
    """The whole Tap. Settings that are secrets are left out."""

    firmware: str
    serial_number: str
    factory: bool
    configuring: bool
    locked_for: float
    wall_time: int
    settings: dict[str, Any]
    users: list[User]
    bundles: list[Bundle]
    variables: list[Variable]


class DeviceChange(_Model):
    """What to change: settings by key, variables by name or id, the firmware. All of it, or nothing."""

    settings: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    firmware: str | None = None


class Value(_Model):
    """The value of a variable: one element, a list of them, or text."""

    value: Any


class SnapshotInfo(_Model):
    """A state that was kept."""

    name: str
    time: float


class Change(_Model):
    """One difference between two states."""

    what: str
    before: Any
    after: Any


class Clock(_Model):
    """The time of the Tap: `rate` 1 is real, 0 stands still, 10 is ten times as fast."""

    rate: float
    now: float
    wall: float
    next_deadline: float | None


class Rate(_Model):
    """How fast time goes."""

    rate: float = Field(ge=0, le=1000)


class Seconds(_Model):
    """How far to move the time."""

    seconds: float = Field(ge=0, le=MOST_SECONDS)


class Arming(_Model):
    """A scenario, as the text of a file or as its content; it may not include files."""

    name: Name | None = None
    text: str | None = None
    scenario: dict[str, Any] | None = None
    inputs: dict[str, Any] = {}
    seed: Annotated[int, Field(ge=0, lt=2**64)] = 0


class Rule(_Model):
    """A rule of a script: how often what it waits for has come, and how often it did something."""

    name: str
    matched: int
    acted: int


class Armed(_Model):
    """A scenario or fault that is at work; machines that go by sessions have a state for each connection."""

    name: str
    rules: list[Rule] = []
    machines: dict[str, str | dict[str, str]] = {}


class Entry(_Model):
    """One entry of the journal: a request with its answer, or an event."""

    number: int
    time: float
    type: Literal["request", "event"]
    connection: int | None = None
    link: str | None = None
    call: str | None = None
    method: str | int | None = None
    path: str | None = None
    value: Any = None
    body: str | None = None
    user: str | None = None
    carrier: str | None = None
    code: str | None = None
    answer: Any = None
    answer_body: str | None = None
    reason: str | None = None
    rules: list[str] = []
    kind: str | None = None
    detail: str | None = None


class Query(_Model):
    """Which entries: those for which all that is given holds.

    Args:
        request: id or pattern of a call (``device.*``) or a path (``/1025/*/3``).
        kind: ``request``, ``event`` or the kind of an event, ``login-failed``.
        code: of the answer, ``81`` or its name, ``refused`` for any but OK.
        since: only entries with a greater number.
    """

    request: str | None = Field(default=None, max_length=200)
    kind: str | None = Field(default=None, max_length=40)
    connection: Count | None = None
    link: str | None = Field(default=None, max_length=200)
    code: str | None = Field(default=None, max_length=60)
    since: Count = 0


class Wait(Query):
    """What to wait for: so many entries; those that are in the journal already count."""

    count: int = Field(default=1, ge=1, le=MOST_ENTRIES)
    timeout: float = Field(default=5.0, ge=0, le=MOST_WAIT)


class Waited(_Model):
    """What came; `complete` if it was enough."""

    complete: bool
    entries: list[Entry]


class Verification(_Model):
    """Items of the section `verify` of a scenario."""

    verify: list[dict[str, Any]] = Field(min_length=1, max_length=1000)


class Verdict(_Model):
    """Whether one item held; the message tells the nearest requests of one that did not."""

    item: str
    passed: bool
    message: str


class Verdicts(_Model):
    """Whether all held."""

    passed: bool
    results: list[Verdict]


class Seed(_Model):
    """Where random numbers come from; null is the operating system."""

    seed: Annotated[int, Field(ge=0, lt=2**64)] | None


class Session(_Model):
    """Who is connected and logged in."""

    connection: int
    link: str
    protocol: str
    user_id: int
    user: str
    encryption: str
    lifetime: int
    idle: float


class Link(_Model):
    """A way in."""

    url: str
    connections: int


class NextCase(_Model):
    """Which case is next; null leaves that to the plan."""

    case: str | None = Field(default=None, min_length=1, max_length=200)


class Fuzzing(_Model):
    """The case that is armed: what is to go wrong, and what has gone wrong so far.

    Args:
        number: how many cases have been armed, this one too; 0 before the first.
        moves: when the next one is armed: ``connection``, ``request:20``, ``30s``, ``hand``.
        known: answers that the client gets and that can go wrong, as far as they are known.
        since: when it was armed, in the time of the Tap.
        requests: that came since.
    """

    case: str
    number: int
    moves: str
    known: int
    since: float
    requests: int
    faults: list[str]
    done: list[str]
