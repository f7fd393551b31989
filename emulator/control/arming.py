"""The part of the control API that knows scenarios: reads them, sets them to work, checks what happened."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from emulator.control import models
from emulator.control.errors import ControlError
from emulator.device import Device
from emulator.direction import Director
from emulator.directors import Directors
from emulator.journal import Entry
from protocol.errors import UsageError

if TYPE_CHECKING:
    from scenarios.fuzz.live import Live
    from scenarios.model.scenario import Scenario


FUZZ: Final = "fuzz"
"""Name under which a client is fuzzed."""


def read(given: models.Arming) -> "Scenario":
    """The scenario of a call.

    Raises:
        ControlError: 422, with everything that is wrong with it.
    """
    content = given.scenario if given.text is None else given.text
    if content is None or (given.text is not None and given.scenario is not None):
        raise ControlError(422, "expected either text or scenario")
    return _read(content, given.inputs)


def read_rule(rule: dict[str, Any]) -> "Scenario":
    """A scenario with one rule."""
    return _read({"scenario": 1, "script": {"rules": [rule]}}, {})


def _read(content: str | dict[str, Any], inputs: dict[str, Any]) -> "Scenario":
    import yaml

    from scenarios.loading import ScenarioError, loads

    text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
    try:
        return loads(text, inputs=inputs)
    except ScenarioError as error:
        raise ControlError(422, str(error)) from error


def script(scenario: "Scenario", tap: Device, seed: int) -> Director:
    """What a scenario does, ready to be armed.

    Raises:
        ControlError: 422, its rules have no meaning on this Tap.
    """
    from scenarios.script import Script, ScriptError

    try:
        return Script(scenario.script, tap, seed=seed, inputs=scenario.input_values)
    except ScriptError as error:
        raise ControlError(422, str(error)) from error


def disarm(director: Director) -> None:
    """Undoes what a script had set for a while."""
    from scenarios.script import Script

    if isinstance(director, Script):
        director.disarm()


def armed(name: str, director: Director) -> models.Armed:
    """What an armed script has done so far."""
    from scenarios.script import Script

    if not isinstance(director, Script):
        return models.Armed(name=name)
    states = director.states()
    return models.Armed(
        name=name,
        rules=[models.Rule(**rule) for rule in states["rules"]],
        machines=states["machines"],
    )


def verified(items: list[dict[str, Any]], tap: Device, armed: Directors) -> models.Verdicts:
    """Says of each item of a section `verify` whether it holds for the journal and the Tap."""
    return verdicts(_read({"scenario": 1, "verify": items}, {}), tap.journal.entries, tap, armed)


def verdicts(
    scenario: "Scenario", entries: Iterable[Entry], tap: Device, armed: Directors, origin: float = 0.0
) -> models.Verdicts:
    """Says of each item of the section `verify` of a scenario whether it holds.

    Args:
        entries: what happened.
        armed: whose rules may be asked for.
        origin: when it began, in the clock of the Tap.
    """
    from scenarios.run.filters import Evidence
    from scenarios.run.verifying import verify
    from scenarios.script import Script

    scripts = [each for each in armed.values() if isinstance(each, Script)]
    acted = {rule.name: rule.acted for each in scripts for rule in each.rules}
    results = verify(scenario.verify, Evidence(list(entries), tap, origin, rules=acted))
    return models.Verdicts(
        passed=all(each.status != "failed" for each in results),
        results=[
            models.Verdict(item=each.text, passed=each.status != "failed", message=each.message if each.reason else "")
            for each in results
        ],
    )


def fuzzing(armed: Directors) -> "Live":
    """What fuzzes the client.

    Raises:
        ControlError: 409, nothing does.
    """
    director = _live(armed, FUZZ)
    if director is not None:
        return director
    raise ControlError(409, "nothing is fuzzed here; expected a Tap that was started with `tap-emulator fuzz serve`")


def is_fuzzing(armed: Directors, name: str) -> bool:
    """Whether what is armed under a name fuzzes the client, and is no scenario."""
    return _live(armed, name) is not None


def _live(armed: Directors, name: str) -> "Live | None":
    if name != FUZZ or name not in armed:
        return None
    from scenarios.fuzz.live import Live

    director = armed[name]
    return director if isinstance(director, Live) else None


def fuzz_next(live: "Live", case: str | None) -> None:
    """Arms the next case, or one of an id.

    Raises:
        ControlError: 422, it is no id.
    """
    from scenarios.fuzz.case import Case

    try:
        chosen = None if case is None else Case.parse(case)
    except UsageError as error:
        raise ControlError(422, str(error)) from error
    live.move_on(chosen)


def fuzz_state(live: "Live") -> models.Fuzzing:
    """The case that is armed."""
    now = live.now
    return models.Fuzzing(
        case=now.case.id,
        number=now.number,
        moves=str(live.turn),
        known=live.known,
        since=now.began,
        requests=now.requests,
        faults=now.faults,
        done=now.done,
    )
