"""Fuzzes a Python client in the same process: no sockets, virtual time, the login made once::

from scenarios import fuzz

def read(link, session):
    tap = Tap(link=link)
    if session:
        tap.session.resume(session.key, session.request_iv, session.answer_iv)
    yield "device.get_serial_number", tap.service.device.get_serial_number()

target = fuzz.target(read, login="admin:admin")
for finding in target.fuzz(cases=10_000):
    print(finding.verdict, finding.detail, finding.command)
"""

import time
import traceback
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

from emulator.snapshots import Snapshot
from protocol.client.blocking import Tap
from protocol.client.jsonable import to_json
from protocol.errors import ProtocolError, UsageError
from scenarios.fuzz.campaign.lanes import Pool, Site
from scenarios.fuzz.campaign.planning import Planner
from scenarios.fuzz.case import Case, Fault
from scenarios.fuzz.findings import Finding
from scenarios.fuzz.grammar import MUTATORS
from scenarios.fuzz.inprocess.hunting import findings_of, hunt
from scenarios.fuzz.inprocess.memory import Line, Patience, RigLink, TurnOverError
from scenarios.fuzz.inprocess.watching import Growth, Watch
from scenarios.fuzz.judging.judge import Baseline, judge
from scenarios.fuzz.observation import Ending, Judgement, Observation, Reading
from scenarios.fuzz.rig import Rig, SessionKeys
from scenarios.loading import load
from scenarios.model import Scenario

T = TypeVar("T")

Factory = Callable[[RigLink, SessionKeys | None], object]
"""Makes a client for a link, and for the session that waits there; see `target`."""

HANDLED: Final = (ProtocolError, OSError)
"""Errors that a client may end with: of the protocol, and of connections and time-outs."""
TIMEOUT: Final = 3.0
_DONE: Final = Ending("done")
_CLEAN_RUNS: Final = 3
_MOST_FAULTS: Final = 3
_FAULT_SIZE: Final = 4


def target(
    factory: Factory,
    *,
    scenario: Scenario | str | Path | None = None,
    login: str | None = None,
    handled: Sequence[type[Exception]] = HANDLED,
    seed: int = 0,
    timeout: float = TIMEOUT,
    patience: Patience | None = None,
) -> "Target":
    """A client in this process that can be fuzzed.

    Args:
        factory: is called for each case with a link (`send`, `receive`, `close`, as `protocol.client.links.Link`; also
            `read` and `write` of bytes, and `again` for a new connection) and with the session that waits there, None
            without a login. It may run the client, or return a function that does. Names and values that are
            returned or yielded, as pairs or a mapping, are readings: a reading by the id of a call, maybe with an
            instance (``variable.get_value/5``), is compared with what was true.
        scenario: whose device is the Tap, and whose script acts too; or its file. None for the demo Tap.
        login: ``USER:PASSWORD``; made once with the reference client, and put back for each case.
        handled: exceptions that the client may end with. All others count against it.
        seed: of the Tap, and of the plan of `fuzz`.
        timeout: virtual seconds that a link waits for an answer.
        patience: when a client is ended that does not end.

    Raises:
        UsageError: the login has no colon.
        ScenarioError: the file is no scenario.
        LoginError: the Tap refuses it.
    """
    if login is not None and ":" not in login:
        raise UsageError("a login without a colon; expected USER:PASSWORD")
    if isinstance(scenario, str | Path):
        scenario = load(scenario)
    return Target(factory, scenario, login, tuple(handled), seed, timeout, patience or Patience())


class Target:
    """A client that can be fuzzed in this process; made by `target`. Belongs to one thread at a time."""

    def __init__(
        self,
        factory: Factory,
        scenario: Scenario | None,
        login: str | None,
        handled: tuple[type[Exception], ...],
        seed: int,
        timeout: float,
        patience: Patience,
    ) -> None:
        self.seed = seed
        self._factory = factory
        self._scenario = scenario
        self._handled = handled
        self._watch = Watch(patience.working)
        self._growth = Growth()
        self._rig = Rig(scenario, seed=seed)
        self._line = Line(self._rig.device, timeout, patience)
        self._line.reset()
        link = self._line.connect()
        self._home = next(self._rig.device.connections)
        self._home_id = self._home.id
        if login is not None:
            user, _, password = login.partition(":")
            Tap(link=link).login(user, password)
        self._saved: Snapshot = self._rig.save()
        self._keys = self._rig.adopt(self._home, self._saved, self._home_id)

    # --- one case -------------------------------------------------------------------------------------------------

    def observe(self, case: Case | str) -> Observation:
        """Runs the client in a case, given itself or by its id, and says what was seen.

        Raises:
            UsageError: the id is none, or that of a case for one client that is kept.
        """
        case = Case.parse(case) if isinstance(case, str) else case
        if case.endurance:
            raise UsageError(
                f"case {case.id} is for a client that keeps its session; here each case makes a new client"
            )
        if not self._home.open:
            self._come_home()
        self._rig.begin(case)
        self._line.reset()
        readings: list[Reading] = []
        self._growth.begin()
        started = time.perf_counter()
        ending, output = self._play(self._line.attach(self._home), readings)
        seconds = time.perf_counter() - started
        grown = self._growth.end()
        trace = self._rig.end()
        return Observation(
            case, trace.answers, trace.applied, trace.entries, ending, readings, output, memory=grown, seconds=seconds
        )

    def _come_home(self) -> None:
        """A connection in place of one that has ended, with the same session."""
        self._rig.begin(Case())
        self._line.reset()
        self._line.connect()
        *_, self._home = self._rig.device.connections
        self._rig.adopt(self._home, self._saved, self._home_id)
        self._rig.save()

    def _play(self, link: RigLink, readings: list[Reading]) -> tuple[Ending, str]:
        try:
            with self._watch:
                for name, value in _readings(self._factory(link, self._keys)):
                    readings.append(Reading(str(name), to_json(value)))
        except TurnOverError as over:
            return over.ending, ""
        except Exception as error:  # noqa: BLE001 - whatever a client fails with is what we are after
            if self._line.mistake is not None:
                raise self._line.mistake from None
            text = f"{type(error).__name__}: {error}"
            if isinstance(error, self._handled):
                return Ending("done", error=text), ""
            return Ending("done", error=text, unhandled=True), _trace(error)
        except SystemExit as ended:
            return Ending("done", error=f"SystemExit: {ended.code}") if ended.code else _DONE, ""
        return _DONE, ""

    def run(self, case: Case | str) -> list[Judgement]:
        """Runs the client in a case, and says what speaks against it.

        Raises:
            UsageError: the id is none, or the client fails where nothing goes wrong.
        """
        return judge(self.observe(case), self.baseline)

    def check(self, case: Case | str) -> None:
        """Runs the client in a case.

        Raises:
            AssertionError: something speaks against it. The message says what, after which faults, and how to
                repeat it.
            UsageError: the id is none, or the client fails where nothing goes wrong.
        """
        observation = self.observe(case)
        found = judge(observation, self.baseline)
        if found:
            raise AssertionError(_told(findings_of(observation, found)))

    def harness(self, data: bytes) -> None:
        """Runs the client in the case that any bytes stand for; for `atheris.Setup(sys.argv, target.harness)`.

        Raises:
            AssertionError: as `check`.
            UsageError: the client fails where nothing goes wrong.
        """
        self.check(self.case_of(data))

    def case_of(self, data: bytes) -> Case:
        """The case that any bytes stand for: four for each fault, at which answer, of which mutator, which variant."""
        sites, mutators = self.sites, tuple(MUTATORS.values())
        faults: dict[Site, Fault] = {}
        for start in range(0, min(len(data), _MOST_FAULTS * _FAULT_SIZE), _FAULT_SIZE):
            place, number, *variant = data[start : start + _FAULT_SIZE].ljust(_FAULT_SIZE, b"\0")
            site, mutator = sites[place % len(sites)], mutators[number % len(mutators)]
            pool = Pool(site, (mutator,))
            if len(pool):  # two at one answer may cancel each other out
                faults.setdefault(site, pool[int.from_bytes(variant, "big") % len(pool)])
        return Case(tuple(faults.values()))

    # --- where nothing goes wrong ---------------------------------------------------------------------------------

    @cached_property
    def baseline(self) -> Baseline:
        """What the client does where nothing goes wrong.

        Raises:
            UsageError: it fails even there.
        """
        return Baseline.of(self._clean)

    @cached_property
    def _clean(self) -> list[Observation]:
        clean = [self.observe(Case()) for _ in range(_CLEAN_RUNS)]
        for each in clean:
            if each.ending != _DONE:
                text = each.output.rstrip() or each.ending.error or each.ending.detail
                raise UsageError(f"the client fails although nothing goes wrong:\n{text}")
        return clean

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """Answers that the client gets where nothing goes wrong: those at which faults are of interest.

        Raises:
            UsageError: the client fails even there, or asks for nothing.
        """
        return self._plan().sites

    def _plan(self) -> Planner:
        planner = Planner(self.seed)
        planner.learn(self._clean[0].answers)
        if not planner.sites:
            raise UsageError("the client asks the Tap for nothing; expected requests over the link")
        return planner

    # --- many cases -----------------------------------------------------------------------------------------------

    def fuzz(self, *, cases: int | None = None, seconds: float | None = None, workers: int = 1) -> list[Finding]:
        """Runs many cases, planned by the seed, and returns the first finding of each kind.

        Workers are processes, forked from this one. How many there are changes neither which cases are run nor what
        is found, as long as the client does not remember one case in another: the plan is made here, in one place. The
        price is that what a case teaches the plan counts only for the case that comes 128 later, with one worker too.
        A worker that the client takes down with it, by a signal, say, is a crash, and another one goes on. With one
        worker the client runs in this process, and takes this one down.

        Args:
            cases: how many at most.
            seconds: for how long at most.
            workers: how many play, best one for each core.

        Raises:
            UsageError: neither is given, or the client fails where nothing goes wrong, or the platform cannot fork.
        """
        if cases is None and seconds is None:
            raise UsageError("fuzz() would never end; expected cases=, seconds=, or both")
        return hunt(self.observe, self.baseline, self._plan(), cases=cases, seconds=seconds, workers=workers)

    def shrink(self, case: Case | str, *, most: int = 200) -> Case:
        """The smallest case with a verdict that this one has, too.

        Args:
            most: runs.

        Raises:
            UsageError: the id is none, or nothing speaks against the client in this case.
        """
        observation = self.observe(case)
        verdicts = {each.verdict for each in judge(observation, self.baseline)}
        if not verdicts:
            raise UsageError(f"case {observation.case.id}: nothing speaks against the client, nothing to shrink")

        from scenarios.fuzz.handover.shrinking import shrink

        async def fails(smaller: Case) -> bool:
            return any(each.verdict in verdicts for each in self.run(smaller))

        return _drive(shrink(observation.applied, fails, most=most))

    def to_scenario(self, case: Case | str, *, name: str = "", purpose: str = "") -> str:
        """A scenario, as YAML, that does the same to a client as the case does.

        Raises:
            UsageError: the id is none, or no fault of the case comes true.
        """
        from scenarios.fuzz.handover.as_scenario import to_scenario

        observation = self.observe(case)
        if not observation.applied:
            raise UsageError(f"case {observation.case.id}: no fault of it comes true, nothing to write down")
        found = judge(observation, self.baseline)
        return to_scenario(
            observation.applied,
            base=self._scenario,
            seed=self.seed,
            name=name or f"case {observation.case.id}",
            purpose=purpose or "; ".join(f"{each.verdict}: {each.detail}" for each in found),
        )


def _told(findings: Iterable[Finding]) -> str:
    """Findings as the message of an error has them."""
    lines: list[str] = []
    output = ""
    for each in findings:
        lines += [f"{each.verdict}: {each.detail}", *(f"  after: {words}" for words in each.faults)]
        lines.append(f"  again: {each.command}")
        output = each.output.rstrip()
    return "\n".join([*lines, output] if output else lines)


def _readings(result: object) -> Iterable[tuple[object, object]]:
    """What a client has returned or yields."""
    if callable(result):
        result = result()
    if result is None:
        return ()
    if isinstance(result, Mapping):
        return result.items()
    if isinstance(result, tuple) and isinstance(result[0], str):
        return (result,)
    if isinstance(result, Iterable):
        return result
    raise UsageError(f"the client returned {result!r}; expected readings: pairs of name and value, a mapping, or None")


def _trace(error: Exception) -> str:
    """Its traceback, from the client's first line on."""
    own = error.__traceback__
    while own is not None and own.tb_frame.f_code.co_filename == __file__:
        own = own.tb_next
    return "".join(traceback.format_exception(type(error), error, own))


def _drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine that never waits; unlike `asyncio.run`, also inside of a running loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError("it waits for something")
