"""What `tap-emulator fuzz client`, `replay`, `shrink` and `explain` do."""

import asyncio
import logging
import shlex
import signal
import sys
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import structlog

from emulator.commands.exits import FAILED, INTERRUPTED
from emulator.commands.scenario import find_files
from emulator.commands.tables import aligned_table
from protocol.errors import UsageError
from protocol.resources.registry import ENTRIES
from protocol.words import counted
from scenarios.fuzz.campaign.campaign import Summary, run_campaign
from scenarios.fuzz.campaign.settings import DEFAULT_SECONDS, CampaignSettings
from scenarios.fuzz.campaign.terminal import Terminal
from scenarios.fuzz.case import ENDURANCE, Case
from scenarios.fuzz.clients import Limits, Mode
from scenarios.fuzz.findings import Folder, visible
from scenarios.fuzz.grammar import BY_NAME
from scenarios.fuzz.handover.as_scenario import to_scenario
from scenarios.fuzz.handover.logins import Login, complete, login_of
from scenarios.fuzz.handover.replaying import Wanted, about, find, playing, settings_of
from scenarios.fuzz.handover.replaying import explain as explain_words
from scenarios.fuzz.observation import Judgement, Observation
from scenarios.run.telling import tell_all

T = TypeVar("T")

_MOST_ROWS: Final = 15
_MOST_LINES: Final = 20
"""Lines of output that are shown of a replay, without --verbose."""


# --- client -----------------------------------------------------------------------------------------------------------


def run_client(*, client: str | None, seconds: float | None, cases: int | None, output: Path, **options: Any) -> int:
    """Runs a campaign, tells of it, and returns the exit code.

    Raises:
        UsageError, ScenarioError, LinkError: something cannot be used.
    """
    if client is None:
        raise UsageError(
            "expected --client with the command that starts the client, such as --client 'node app.js {url}'"
        )
    seconds = DEFAULT_SECONDS if seconds is None and cases is None else seconds
    settings = _settings(CampaignSettings(client, output, seconds=seconds, cases=cases), **options)
    for pattern in settings.only:
        _check_pattern(pattern)
    settings.check(Folder.look(output))
    _quiet()
    with Terminal(sys.stdout, settings) as terminal:
        summary = asyncio.run(_campaign(settings, terminal))
    if not (summary.cases or summary.statistics.cases) and (summary.interrupted or summary.exhausted):
        return _nothing_played(summary, settings)
    click.echo("\n".join(_summary(summary, settings)))
    if summary.findings:
        return FAILED
    return INTERRUPTED if summary.interrupted else 0


async def _campaign(settings: CampaignSettings, terminal: Terminal) -> Summary:
    return await run_campaign(settings, terminal, _stop_on_signal())


def _check_pattern(pattern: str) -> None:
    """Refuses what fits nothing that there is: a campaign without a case finds nothing, and would pass."""
    names = {name for each in BY_NAME.values() for name in (each.name, each.family)} | {each.id for each in ENTRIES}
    names.add(ENDURANCE)
    if not any(fnmatchcase(name, pattern) for name in names):
        like = " or ".join(get_close_matches(pattern, names)) or "frame.* or session"
        raise UsageError(f"--only {pattern} fits no call, mutator or family, expected such as {like}")


def _nothing_played(summary: Summary, settings: CampaignSettings) -> int:
    """Tells why there was no case."""
    if summary.interrupted:
        click.echo("interrupted before the first case")
        return INTERRUPTED
    calls = ", ".join(sorted({row.request for row in summary.statistics.coverage}))
    patterns = ", ".join(settings.only) or "--bytes-only"
    raise UsageError(f"there is no case: {patterns} fits no answer that the client gets; it calls {calls}")


def _settings(
    known: CampaignSettings,
    *,
    listen: tuple[str, ...],
    scenario: str | None,
    inputs: Mapping[str, str],
    persistent: bool,
    loop: bool,
    login: Login | None,
    handled: tuple[int, ...],
    hang_time: float | None,
    memory: int | None,
    seed: int | None,
    **others: Any,
) -> CampaignSettings:
    """Settings with what was said on the command line in place of what is known."""
    if persistent and loop:
        raise UsageError("--persistent and --loop are two ways to drive a client, expected one of them")
    if inputs and scenario is None and known.scenario is None:
        raise UsageError(f"--set {next(iter(inputs))}: expected --scenario too, whose inputs these are")
    mode: Mode = "persistent" if persistent else "loop" if loop else known.mode
    limits = Limits(
        progress=known.limits.progress if hang_time is None else hang_time,
        turn=max(known.limits.turn, 2 * (hang_time or 0.0)),
        memory=known.limits.memory if memory is None else memory,
    )
    settings = replace(
        known,
        mode=mode,
        listen=listen,
        scenario=known.scenario if scenario is None else _scenario_file(scenario),
        inputs=inputs or known.inputs,
        handled=handled or known.handled,
        limits=limits,
        seed=known.seed if seed is None else seed,
        **others,
    )
    return settings if login is None else replace(settings, login=complete(login, settings.load_scenario()))


def _scenario_file(name: str) -> Path:
    file, *others = find_files([name])
    if others:
        raise UsageError(f"{name}: these are {1 + len(others)} scenarios, expected one")
    return file


def _summary(summary: Summary, settings: CampaignSettings) -> list[str]:
    statistics, count = summary.statistics, len(summary.findings)
    earlier = "" if summary.new == count else f" ({count} in the folder)"
    rate = summary.cases / summary.seconds if summary.seconds else 0.0
    end = "interrupted: " if summary.interrupted else "no more cases: " if summary.exhausted else ""
    lines = [
        f"{end}{counted(summary.cases, 'case')} in {summary.seconds:.1f} s ({rate:.1f}/s), "
        f"{counted(summary.new, 'finding')}{earlier}, {len(statistics.coverage)} kinds of answers by request and state",
    ]
    found = [finding.calls for finding in summary.findings.values()]
    calls = [
        (name, str(cases), str(sum(name in each for each in found) or ""))
        for name, cases in sorted(statistics.by_call.items(), key=lambda row: -row[1])[:_MOST_ROWS]
    ]
    if calls:
        lines += ["", aligned_table(("call", "cases", "findings"), calls)]
    families = [(name, str(cases)) for name, cases in sorted(summary.by_family.items(), key=lambda row: -row[1])]
    if families:
        lines += ["", aligned_table(("family", "cases"), families)]
    if statistics.by_verdict:
        verdicts = [(name, str(cases)) for name, cases in statistics.by_verdict.items()]
        lines += ["", aligned_table(("verdict", "cases"), verdicts)]
    if summary.mistakes:
        lines += [
            "",
            f"the Tap itself failed in {counted(len(summary.mistakes), 'case')}, which say nothing: "
            f"{summary.mistakes[0]}",
        ]
    return [*lines, "", *_what_next(summary, settings)]


def _what_next(summary: Summary, settings: CampaignSettings) -> list[str]:
    folder = settings.output
    where = f"{folder}: index.md is the overview, report.html the same with a filter"
    name = next(iter(summary.findings), None)
    if name is None:
        return [f"nothing found; {where}"]
    first, output = summary.findings[name].case, shlex.quote(str(folder))
    return [where, f"  tap-emulator fuzz replay {first} -o {output}", f"  tap-emulator fuzz shrink {first} -o {output}"]


# --- single cases -----------------------------------------------------------------------------------------------------


def replay(case: str, *, output: Path | None, verbose: bool, **options: Any) -> int:
    """Plays a case again and tells what happens; 1 if something still speaks against the client.

    Raises:
        UsageError, ScenarioError, LinkError: something cannot be used.
    """
    wanted = find(case, output)
    settings = _settings_for(wanted, **options)
    _quiet()

    async def play() -> tuple[Observation, list[Judgement]]:
        async with playing(settings, wanted.scenario) as player:
            return await player.play(wanted.case)

    observation, judgements = _run(play())
    name = wanted.case.id if wanted.scenario is None else str(wanted.scenario)
    click.echo(visible("\n".join(_told(name, observation, judgements, verbose=verbose))))
    return FAILED if judgements else 0


def _settings_for(wanted: Wanted, *, client: str | None, **options: Any) -> CampaignSettings:
    """How the client is started: as the folder knows, or as the command line says."""
    if wanted.folder is not None and (client is None or wanted.folder.exists()):
        kept = about(wanted.folder)
        known = settings_of(kept, wanted.folder)
        options["login"] = options["login"] or login_of(kept)
    elif client is None:
        raise UsageError("expected -o with the folder of the findings, or --client with the command of the client")
    else:
        known = CampaignSettings(client, Path())
    return _settings(known if client is None else replace(known, client=client), **options)


def _told(name: str, observation: Observation, judgements: list[Judgement], *, verbose: bool) -> list[str]:
    ending = observation.ending
    applied = [f"  answer {each.nth} to {each.answer.call}: {each.mutation.words}" for each in observation.applied]
    origin = observation.entries[0].time if observation.entries else 0.0
    printed = observation.output.rstrip().splitlines()
    left_out = 0 if verbose else max(len(printed) - _MOST_LINES, 0)
    how = " ".join(
        str(each) for each in (ending.kind, ending.code, ending.detail or ending.error) if each not in (None, "")
    )
    return [
        f"case {name}",
        "went wrong:"
        if applied
        else "nothing went wrong"
        if observation.answers
        else "went wrong as the scenario says",
        *applied,
        "",
        "the Tap:",
        *(f"  {line}" for line in tell_all(observation.entries, origin)),
        "",
        f"the client: {how}, {observation.seconds:.2f} s",
        *([f"  | ... {left_out} lines more, -v shows them"] if left_out else []),
        *(f"  | {line}" for line in printed[left_out:]),
        *(f"  read {name} = {value!r}" for name, value in observation.readings),
        "",
        *(f"{each.verdict.upper()}: {each.detail}" for each in judgements),
        *(["nothing speaks against the client"] if not judgements else []),
    ]


def shrink(case: str, *, output: Path | None, save: Path | None, most: int, **options: Any) -> int:
    """Makes a case as small as it gets, and writes it as a scenario; 1 if nothing speaks against the client in it.

    Raises:
        UsageError, ScenarioError, LinkError: something cannot be used.
    """
    wanted = find(case, output)
    if wanted.scenario is not None:
        raise UsageError(
            f"{wanted.scenario}: a scenario cannot be made smaller, expected the id of a case or a finding"
        )
    if not wanted.case.faults:
        raise UsageError(f"case {wanted.case}: nothing goes wrong in it, so nothing can be made smaller")
    settings = _settings_for(wanted, **options)
    _quiet()
    text, judgements, runs = _run(_shrink(wanted, settings, most))
    if not judgements:
        click.echo("nothing speaks against the client in this case, so there is nothing to make smaller", err=True)
        return FAILED
    click.echo(f"{counted(runs, 'run')}; still: {visible('; '.join(each.detail for each in judgements))}", err=True)
    if wanted.folder is not None:
        _keep(wanted, text, judgements)
    if save is None:
        click.echo(text, nl=False)
    else:
        try:
            save.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{save}: cannot be written ({error.strerror}), expected a place for a file") from error
    return 0


async def _shrink(wanted: Wanted, settings: CampaignSettings, most: int) -> tuple[str, list[Judgement], int]:
    """The smallest case as a scenario, what speaks against the client in it, and how often it was played."""
    from scenarios.fuzz.handover.shrinking import shrink as find_smallest

    runs = 0
    async with playing(settings) as player:
        observation, judgements = await player.play(wanted.case)
        verdicts = {each.verdict for each in judgements}
        signatures = {(each.verdict, each.signature) for each in judgements}
        if not judgements or not observation.applied:
            return "", [], 1

        async def fails(smaller: Case) -> bool:
            nonlocal runs
            runs += 1
            _, found = await player.play(smaller)
            return any(each.verdict in verdicts for each in found)

        smallest = await find_smallest(observation.applied, fails, most=most)
        last, found = await player.play(smallest)
        if last.applied and any(each.verdict in verdicts for each in found):
            observation, judgements = last, found
    judgements = [each for each in judgements if (each.verdict, each.signature) in signatures] or judgements
    text = to_scenario(
        observation.applied,
        base=settings.load_scenario(),
        seed=settings.seed,
        name=f"fuzz case {wanted.case.id}, shrunk",
        purpose="; ".join(f"{each.verdict}: {each.detail}" for each in judgements),
    )
    return text, judgements, runs + 2


def _keep(wanted: Wanted, text: str, judgements: list[Judgement]) -> None:
    """Writes the smaller scenario to the findings that the case has made."""
    assert wanted.folder is not None
    verdicts = {each.verdict for each in judgements}
    with Folder.open(wanted.folder, about={}) as folder:
        for name, finding in folder.findings.items():
            if finding.case == wanted.case.id and finding.verdict in verdicts and wanted.name in (None, name):
                finding.shrunk = text
                folder.update(finding)
                click.echo(f"{wanted.folder / name / 'shrunk.yaml'}", err=True)


def explain(case: str, output: Path | None) -> int:
    """Says what a case does.

    Raises:
        UsageError: it is none.
    """
    wanted = find(case, output)
    if wanted.scenario is not None:
        from emulator.commands.scenario import explain_file

        click.echo(explain_file(str(wanted.scenario), {}))
        return 0
    click.echo("\n".join(explain_words(wanted)))
    return 0


# --- running ----------------------------------------------------------------------------------------------------------


def _run(work: Coroutine[Any, Any, T]) -> T:
    """What comes of it.

    Raises:
        KeyboardInterrupt: SIGINT or SIGTERM has ended it.
    """

    async def run() -> T:
        stop, task = _stop_on_signal(), asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise KeyboardInterrupt

    return asyncio.run(run())


def _stop_on_signal() -> asyncio.Event:
    """Is set by SIGINT and SIGTERM."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def _quiet() -> None:
    """The Tap's log would be in the way: it is provoked all the time, and its journal says it all."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
