"""Plays single cases: once more, smaller, or only in words."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from protocol.errors import UsageError
from scenarios.fuzz.campaign.campaign import CLEAN_RUNS
from scenarios.fuzz.campaign.clean import check_clean
from scenarios.fuzz.campaign.endurance import endure, tell
from scenarios.fuzz.campaign.lanes import Site
from scenarios.fuzz.campaign.planning import Planner
from scenarios.fuzz.campaign.settings import CampaignSettings
from scenarios.fuzz.campaign.worker import Worker
from scenarios.fuzz.case import EVERY, Case, Fault
from scenarios.fuzz.clients import Limits
from scenarios.fuzz.findings import visible
from scenarios.fuzz.findings.files import read_json
from scenarios.fuzz.findings.folder import check_about
from scenarios.fuzz.judging.judge import Baseline, judge
from scenarios.fuzz.observation import Judgement, Observation
from scenarios.loading import load
from scenarios.model import Scenario

_ABOUT: Final = "findings.json"
_YAML: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to see again.

    Args:
        case: by its id; one without faults where a scenario does all.
        scenario: file that does it; None if the case does.
        folder: of the campaign that found it, as far as that is known.
        name: of its finding in the folder.
        told: what went wrong when it was found, in words.
    """

    case: Case
    scenario: Path | None = None
    folder: Path | None = None
    name: str | None = None
    told: tuple[str, ...] = ()


def find(text: str, output: Path | None) -> Wanted:
    """What is meant by an id, by the folder of a finding or its name, or by a scenario file.

    Args:
        output: folder of the campaign; None if nobody has said.

    Raises:
        UsageError: nothing is.
    """
    path = Path(text)
    if output is not None and not path.exists() and (output / text).is_dir():
        path = output / text
    if path.is_dir():
        return _find_finding(path, output)
    if path.suffix in _YAML:
        if not path.is_file():
            raise UsageError(f"{path}: there is no such file, expected a scenario, a finding, or the id of a case")
        parent = path.absolute().parent.parent
        return Wanted(Case(), path, output or (parent if (parent / _ABOUT).is_file() else None))
    if path.name != text:
        raise UsageError(f"{path}: there is no such folder, expected that of a finding, or the id of a case")
    return Wanted(Case.parse(text), None, output)


def _find_finding(path: Path, output: Path | None) -> Wanted:
    folder = output or path.absolute().parent
    try:
        kept = read_json(path / "finding.json")
        case, told = str(kept["case"]), tuple(map(str, kept.get("faults", ())))
    except (ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        if (path / _ABOUT).is_file():
            raise UsageError(
                f"{path} holds all findings, expected the folder of one of them, or the id of a case"
            ) from None
        raise UsageError(f"{path} is no folder of a finding ({error}), expected one with finding.json") from error
    try:
        return Wanted(Case.parse(case), None, folder, path.name, told)
    except UsageError:
        for name in ("shrunk.yaml", "scenario.yaml"):
            if (path / name).is_file():
                return Wanted(Case(), path / name, folder, path.name)
        raise


def about(folder: Path) -> dict[str, Any]:
    """What a folder of findings is about; it may be in use.

    Raises:
        UsageError: it is none, or one of another version.
    """
    if not (folder / _ABOUT).is_file():
        raise UsageError(f"{folder} is no folder of findings, expected one that `fuzz client -o` has made")
    try:
        kept = read_json(folder / _ABOUT)
    except ValueError as error:
        raise UsageError(
            f"{folder / _ABOUT} is damaged ({error}), expected what `fuzz client -o` has written"
        ) from error
    return dict(check_about(folder / _ABOUT, kept))


def settings_of(known: dict[str, Any], output: Path) -> CampaignSettings:
    """The settings with which the cases of a folder were played, but for the login, whose password nobody has kept.

    Raises:
        UsageError: they cannot be read.
    """
    try:
        limits = Limits()
        return CampaignSettings(
            client=str(known["client"]),
            output=output,
            mode=known.get("mode", "spawn"),
            scenario=None if known.get("scenario") is None else Path(known["scenario"]),
            inputs=dict(known.get("inputs") or {}),
            seed=int(known.get("seed", 0)),
            handled=None if known.get("handled") is None else tuple(map(int, known["handled"])),
            limits=replace(
                limits,
                progress=float(known.get("hang_time", limits.progress)),
                memory=int(known.get("memory", limits.memory)),
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{output / _ABOUT} does not say how its cases were played ({error!r})") from error


class Player:
    """Plays cases against a client whose clean runs are known; `playing` makes one.

    Args:
        scripted: what goes wrong does so by a scenario, so that nobody knows the right answers.
    """

    def __init__(self, worker: Worker, settings: CampaignSettings, baseline: Baseline, *, scripted: bool) -> None:
        self._worker = worker
        self._lives_on = settings.mode != "spawn"
        self._baseline = baseline
        self._scripted = scripted

    async def play(self, case: Case) -> tuple[Observation, list[Judgement]]:
        """What was seen in one run, and what speaks against the client."""
        if case.endurance:
            observation = (await endure(self._worker, case, self._baseline)).observation
        else:
            observation = (await self._worker.play(case))[-1]
        if self._lives_on and observation.ending.kind == "done":  # what it dies of shows in the turn after it
            later = await self._worker.play(Case())
            observation = later[0] if len(later) > 1 else observation
        if self._scripted:
            observation = replace(observation, answers=[])
        return observation, judge(observation, self._baseline)


@asynccontextmanager
async def playing(settings: CampaignSettings, script: Path | None = None) -> AsyncIterator[Player]:
    """Somebody who plays cases.

    Args:
        script: scenario that goes wrong by itself; the clean runs are those without it.

    Raises:
        UsageError: the client cannot be used, or fails where nothing goes wrong.
        ScenarioError: a scenario cannot be used.
        LinkError: a link cannot be opened.
    """
    clean_scenario = settings.load_scenario()
    scenario = clean_scenario if script is None else load(script)
    if clean_scenario is None and scenario is not None:
        clean_scenario = _without_script(scenario)
    async with _working(settings, clean_scenario) as worker:
        clean = [seen for _ in range(CLEAN_RUNS) for seen in await worker.play(Case())]
        baseline = check_clean(clean, worker.url, settings)
        if script is None:
            yield Player(worker, settings, baseline, scripted=False)
            return
    async with _working(settings, scenario) as worker:
        yield Player(worker, settings, baseline, scripted=True)


@asynccontextmanager
async def _working(settings: CampaignSettings, scenario: Scenario | None) -> AsyncIterator[Worker]:
    worker = Worker(settings, scenario, settings.links()[0])
    try:
        await worker.start()
        yield worker
    finally:
        await worker.stop()


def _without_script(scenario: Scenario) -> Scenario:
    return scenario.model_copy(update={"script": Scenario.model_validate({"scenario": 1}).script})


def explain(wanted: Wanted) -> list[str]:
    """A case in words; with a folder that knows the answers of the Tap, also what is wrong with them."""
    case, folder = wanted.case, wanted.folder
    sites: Sequence[Site] = ()
    if folder is not None and (folder / "progress.json").is_file():
        try:
            sites = Planner.resume(read_json(folder / "progress.json")["planner"]).sites
        except (ValueError, KeyError, TypeError, UsageError):
            sites = ()
    if not case.faults:
        return [tell(case) if case.endurance else "nothing goes wrong"]
    lines = [line for fault in case.faults for line in _explain(fault, sites)]
    return lines if len(lines) > len(case.faults) else [*lines, *(f"  {visible(each)}" for each in wanted.told)]


def _explain(fault: Fault, sites: Sequence[Site]) -> list[str]:
    which = "every answer" if fault.nth == EVERY else f"answer {fault.nth}"
    mutator = fault.mutator
    lines = [f"{which} to {fault.call}: {mutator.name} (family {mutator.family}), variant {fault.variant}"]
    near = [site for site in sites if site.call == fault.call]
    site = next((site for site in near if site.nth == fault.nth), near[0] if near else None)
    if site is not None:
        mutations = mutator.mutations(site.seen_by(mutator))
        if fault.variant < len(mutations):
            mutation = mutations[fault.variant]
            lines.append(f"  {mutation.words} ({mutation.nature.value})")
    return lines
