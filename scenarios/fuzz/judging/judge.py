"""What speaks against a client, judged from what was seen of it in a case and what it does when nothing goes wrong."""

import json
import signal
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

from protocol.bodies.multi_request import MULTI_REQUEST, MULTI_RESPONSE
from protocol.errors import PeerError
from protocol.frames import Request
from protocol.resources.registry import ENTRIES, find_entry
from protocol.tlv import BUNDLE_VALUES
from scenarios.fuzz.judging.readings import agrees, as_key, base_call, show_truth, truths
from scenarios.fuzz.judging.traces import Trace, find_trace, without_values
from scenarios.fuzz.judging.violations import find_violations
from scenarios.fuzz.judging.visible import visible
from scenarios.fuzz.mutation import Nature, said_body
from scenarios.fuzz.observation import Judgement, Observation, Reading, Verdict
from scenarios.fuzz.saboteur import Applied
from scenarios.run.telling import shown

_SIGNALS_FROM: Final = 128
"""Exit codes of a shell and others for a child that a signal has ended."""
_MEMORY_SLACK: Final = 128 << 20
"""Bytes that a client may have more than in the clean runs, or as much as it had then."""
_MOST_SHOWN: Final = 3
_LONGEST_VALUE: Final = 200
_MULTI_REQUEST: Final = "interface.execute_multi_request_frame"
_VARIABLE_VALUE: Final = "variable.get_value"
_CONTAINERS: Final = frozenset(
    entry.id for entry in ENTRIES if entry.call.response is BUNDLE_VALUES or entry.id == _MULTI_REQUEST
)
"""Calls whose answers say what other calls answer."""
_MULTI_REQUESTS: Final = frozenset({_MULTI_REQUEST})
_BRINGING: Final = {_VARIABLE_VALUE: _CONTAINERS}
"""Which of them may say what a call answers; for most calls, multi-requests alone."""
_BY_US: Final = {"stalled": Verdict.HANG, "swollen": Verdict.MEMORY, "flooded": Verdict.FLOOD}


@dataclass(frozen=True)
class Baseline:
    """What a client does when nothing goes wrong.

    Args:
        memory: most bytes of memory; 0 where that is not known.
        readings: values that it reported, as JSON text, by name.
        volatile: names whose values differ from run to run.
        foreign: names of calls under which it reports something else than the answer says: in another unit, say.
        known: what speaks against it in clean runs already; it is not counted case by case.
        accepted_exit_codes: those that it uses for errors; None for all below 128.
    """

    memory: int = 0
    readings: dict[str, frozenset[str]] = field(default_factory=dict)
    volatile: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()
    known: tuple[Judgement, ...] = ()
    accepted_exit_codes: frozenset[int] | None = None

    @classmethod
    def of(cls, observations: Sequence[Observation], accepted_exit_codes: Collection[int] | None = None) -> "Baseline":
        """What clean runs have shown; two show more than one, since they tell what changes from run to run."""
        codes = None if accepted_exit_codes is None else frozenset(accepted_exit_codes)
        values: dict[str, set[str]] = {}
        foreign: set[str] = set()
        for observation in observations:
            for name, value in observation.readings:
                values.setdefault(name, set()).add(as_key(value))
                if _contradicts(observation, name, value):
                    foreign.add(name)
        bare = cls(readings={name: frozenset(each) for name, each in values.items()}, accepted_exit_codes=codes)
        known = {(each.verdict, each.signature): each for clean in observations for each in _against(clean, bare)}
        return replace(
            bare,
            memory=max((each.memory for each in observations), default=0),
            volatile=frozenset(name for name, each in values.items() if len(each) > 1),
            foreign=frozenset(foreign),
            known=tuple(known.values()),
        )

    def knows(self, judgement: Judgement) -> bool:
        """The clean runs show it too."""
        return (judgement.verdict, judgement.signature) in self._known

    def is_usual(self, reading: Reading) -> bool:
        """The clean runs reported the same value under the same name."""
        value = reading.value
        if isinstance(value, str | int | float):
            return reading in self._scalars
        return as_key(value) in self.readings.get(reading.name, ())

    @cached_property
    def _scalars(self) -> frozenset[tuple[str, Any]]:
        values = ((name, json.loads(text)) for name, texts in self.readings.items() for text in texts)
        return frozenset((name, value) for name, value in values if isinstance(value, str | int | float))

    @cached_property
    def _known(self) -> frozenset[tuple[Verdict, str]]:
        return frozenset((each.verdict, each.signature) for each in self.known)


def judge(observation: Observation, baseline: Baseline) -> list[Judgement]:
    """What speaks against the client; nothing that it does in clean runs too."""
    found = _against(observation, baseline)
    return [each for each in found if not baseline.knows(each)] if baseline.known else found


def _against(observation: Observation, baseline: Baseline) -> list[Judgement]:
    found = list(_ending(observation, baseline))
    if observation.readings:
        found += _wrong_data(observation, baseline)
    for rule, violation in find_violations(observation.entries, observation.applied):
        what = f"{rule.name}: {violation.what}" if violation.what else rule.name
        found.append(Judgement(Verdict.VIOLATION, f"{rule.words}: {violation.detail}", what))
    return [Judgement(each.verdict, visible(each.detail), visible(each.signature)) for each in found]


# --- how it ended -----------------------------------------------------------------------------------------------------


def _ending(observation: Observation, baseline: Baseline) -> Iterator[Judgement]:
    ending = observation.ending
    verdict = _BY_US.get(ending.kind)
    trace = find_trace(observation.output) if observation.output else None
    if verdict is not None:
        yield Judgement(verdict, _with_faults(ending.detail or ending.kind, observation), _last_fault(observation))
        return
    code = ending.code
    accepted = baseline.accepted_exit_codes
    if code is not None and (code < 0 or code >= _SIGNALS_FROM):
        said = f": {trace.line}" if trace else ""
        yield Judgement(
            Verdict.CRASH,
            _with_faults(f"ended by {_signal_of(code)}{said}", observation),
            trace.signature if trace else f"{_signal_of(code)} {_last_fault(observation)}",
        )
    elif trace is not None or ending.unhandled:
        yield _unhandled(observation, trace)
    elif code and accepted is not None and code not in accepted:
        detail = _with_faults(f"ended with exit code {code}, which it does not use for errors", observation)
        yield Judgement(Verdict.CRASH, detail, f"exit code {code} {_last_fault(observation)}")
    if observation.memory and baseline.memory:
        more = observation.memory - baseline.memory
        if more > max(_MEMORY_SLACK, baseline.memory):
            detail = f"{observation.memory >> 20} MiB of memory, {baseline.memory >> 20} MiB in clean runs"
            yield Judgement(Verdict.MEMORY, _with_faults(detail, observation), _last_fault(observation))


def _unhandled(observation: Observation, trace: Trace | None) -> Judgement:
    error = observation.ending.error
    line = error or (trace.line if trace else "an error that it says nobody expected")
    if trace is not None:
        signature = trace.signature
    else:
        signature = without_values(error.partition("\n")[0]) or _last_fault(observation)
    where = f" in {trace.place}" if trace and trace.place else ""
    return Judgement(Verdict.UNHANDLED, _with_faults(f"{_one_line(line)}{where}", observation), signature)


def _signal_of(code: int) -> str:
    number = -code if code < 0 else code - _SIGNALS_FROM
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"exit code {code}" if code >= 0 else f"signal {number}"


def _last_fault(observation: Observation) -> str:
    """The call whose answer was mutated last, and how."""
    if not observation.applied:
        return "without a mutation"
    last = observation.applied[-1]
    return f"{last.answer.call} {last.fault.mutator.family}"


def _with_faults(text: str, observation: Observation) -> str:
    return f"{text}{_words_of(observation.applied)}"


def _words_of(applied: Sequence[Applied]) -> str:
    if not applied:
        return ""
    told = [f"{each.answer.call}: {each.mutation.words}" for each in applied[-_MOST_SHOWN:]]
    more = len(applied) - len(told)
    return f"; mutated was {'; '.join(told)}{f'; and {more} before' if more else ''}"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


# --- what it has read -------------------------------------------------------------------------------------------------


def _wrong_data(observation: Observation, baseline: Baseline) -> list[Judgement]:
    wrong = [
        reading
        for reading in observation.readings
        if not baseline.is_usual(reading) and not _is_allowed(reading, observation, baseline)
    ]
    if not wrong:
        return []
    name, value = wrong[0]
    call, _ = _called(name)
    culprit = next((each for each in reversed(observation.applied) if each.answer.call == call), None)
    if culprit is None and observation.applied:
        culprit = observation.applied[-1]
    natures = {each.mutation.nature for each in observation.applied}
    kind = "tampered" if Nature.FORGED in natures else "malformed" if Nature.MALFORMED in natures else "wrong"
    others = f"; and {len(wrong) - 1} more values" if len(wrong) > 1 else ""
    allowed = ", ".join(_allowed(name, observation, baseline)) or "none"
    detail = f"reported {_cut(name)} = {_cut(as_key(value))}, allowed were {allowed}; {kind} data was accepted"
    how = culprit.fault.mutator.name if culprit else "without a mutation"
    # Who does not look at the envelope of one answer looks at that of none; a body is looked at call by call.
    is_forged = culprit is not None and culprit.mutation.nature is Nature.FORGED
    signature = f"tampered {how}" if is_forged else f"{_cut(name.partition('/')[0])} {how}"
    return [Judgement(Verdict.WRONG_DATA, _with_faults(detail + others, observation), signature)]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]} …"


def _is_allowed(reading: Reading, observation: Observation, baseline: Baseline) -> bool:
    name, value = reading
    if value is None:
        return True  # it says that it has read nothing
    told = _told_by_tap(observation, name)
    if any(agrees(call, body, value) for call, body in told):
        return True
    is_known = bool(told) and name not in baseline.foreign
    call, instance = _called(name)
    for applied in observation.applied:
        if applied.mutation.nature is Nature.SOUND:
            body = said_body(applied.mutation)
            if not is_known or (body is None and applied.answer.call in (call, *_CONTAINERS)):
                return True  # nobody knows what a client that believes it may report
            if body is not None and any(
                agrees(each.call, each.body, value)
                for each in _values_in(applied.answer.call, applied.answer.request, body)
                if each.call == call and instance in (None, each.instance)
            ):
                return True
    return not is_known and (name in baseline.volatile or name not in baseline.readings)


class _Told(NamedTuple):
    """What an answer says about a call, maybe the answer to another one."""

    call: str
    instance: int
    body: bytes


def _told_by_tap(observation: Observation, name: str) -> list[tuple[str, bytes]]:
    """The call of a name and the bodies of all true answers to it."""
    call, instance = _called(name)
    if call is None:
        return []
    bringing = _BRINGING.get(call, _MULTI_REQUESTS)
    told: list[tuple[str, bytes]] = []
    for answer in observation.answers:
        if answer.call == call and answer.response.success:
            if instance in (None, answer.request.path.instance):
                told.append((call, answer.response.body))
        elif answer.call in bringing and answer.response.success:
            values = _values_in(answer.call, answer.request, answer.response.body)
            told += [(call, each.body) for each in values if each.call == call and instance in (None, each.instance)]
    return told


@lru_cache(maxsize=4096)
def _values_in(call: str | None, request: Request, body: bytes) -> tuple[_Told, ...]:
    """What an answer says about its own call, and about others if it brings their answers."""
    if call is None:
        return ()
    told = [_Told(call, request.path.instance, body)]
    try:
        if call == _MULTI_REQUEST:
            items = zip(MULTI_REQUEST.decode(request.body), MULTI_RESPONSE.decode(body), strict=False)
            for item, response in items:
                entry = find_entry(item.request.method, item.request.path)
                if entry is not None and response.success:
                    told.append(_Told(entry.id, item.request.path.instance, response.body))
        elif call in _CONTAINERS:
            told += [_Told(_VARIABLE_VALUE, variable, value) for variable, value in _bundle(call, body)]
    except PeerError:
        pass
    return tuple(told)


def _bundle(call: str, body: bytes) -> tuple[tuple[int, bytes], ...]:
    """Numbers of variables and their values; none if the body is no bundle."""
    known = truths(call, body)
    return known[0].values if known else ()


def _contradicts(observation: Observation, name: str, value: Any) -> bool:
    """There are answers to the call, and none of them says this."""
    told = _told_by_tap(observation, name)
    return value is not None and bool(told) and not any(agrees(call, body, value) for call, body in told)


@lru_cache(maxsize=4096)
def _called(name: str) -> tuple[str | None, int | None]:
    """The call and the instance that a name says."""
    text, slash, number = name.partition("/")
    call = base_call(text)
    if call is None or (slash and not (number.isascii() and number.isdecimal())):
        return None, None
    return call, int(number) if slash else None


def _allowed(name: str, observation: Observation, baseline: Baseline) -> list[str]:
    """The values that were allowed, in words."""
    found = [] if name in baseline.foreign else _told_by_tap(observation, name)
    told = {f"{shown(show_truth(call, body))} (the Tap said so)": None for call, body in found}
    call, instance = _called(name)
    for each in observation.applied:
        body = said_body(each.mutation) if each.mutation.nature is Nature.SOUND else None
        for one in () if body is None else _values_in(each.answer.call, each.answer.request, body):
            if one.call == call and instance in (None, one.instance):
                told[f"{shown(show_truth(one.call, one.body))} (mutated, but a proper answer)"] = None
    if not told:
        told = {f"{text} (as in the clean runs)": None for text in sorted(baseline.readings.get(name, ()))}
    values = list(told)
    more = len(values) - _MOST_SHOWN
    return values[:_MOST_SHOWN] + ([f"and {more} more"] if more > 0 else [])
