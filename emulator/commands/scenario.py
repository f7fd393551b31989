"""What `tap-emulator scenario run`, `list`, `check`, `explain`, `schema` and `diff` do."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from emulator.commands.exits import FAILED
from protocol.errors import UsageError
from scenarios.errors import ScenarioError
from scenarios.run.outcome import Outcome

if TYPE_CHECKING:
    from scenarios.model import Scenario
    from scenarios.reports.terminal import Terminal

LIBRARY: Final = "library:"
"""What the name of a scenario begins with that comes with the emulator; alone it means all of them."""
_SUFFIXES: Final = (".yaml", ".yml")
_UNUSABLE: Final = 2


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one file.

    Args:
        target: URL; None for a Tap that is made for the file.
        inputs: values by name.
        control, token: of the control API of the target; None for hardware.
    """

    file: Path
    target: str | None = None
    seed: int | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    control: str | None = None
    token: str = ""

    def run(self, scenario: "Scenario | None" = None) -> Outcome:
        """What came of it.

        Args:
            scenario: the file, where it is read already.

        Raises:
            ScenarioError, UsageError: the file, or the control API, cannot be used.
        """
        from scenarios.loading import load
        from scenarios.run.running import run
        from scenarios.run.targets import Target

        scenario = scenario or load(self.file, inputs=dict(self.inputs))
        if self.target is None or self.control is None:
            return run(scenario, None if self.target is None else Target(self.target), self.seed)

        from httpx import HTTPError

        from emulator.commands.steering_scenario import ApiController
        from emulator.control.client import ControlClient
        from emulator.control.errors import ControlError

        try:
            with ControlClient(self.control, self.token) as client:
                return run(scenario, Target(self.target, controller=ApiController(client)), self.seed)
        except (ControlError, HTTPError) as error:
            raise UsageError(f"{self.control}: {error}") from error


def run_files(
    names: Sequence[str],
    *,
    target: str | None,
    control: str | None,
    token: str,
    seed: int | None,
    repeat: int,
    parallel: int,
    inputs: Mapping[str, str],
    junit_file: Path | None,
    json_file: Path | None,
    verbose: bool,
) -> int:
    """Runs scenarios, tells of them, and returns the exit code: 0 all is well, 1 something has failed, 2 a script
    has no meaning on its Tap.

    Args:
        names: files, folders, or names of the library.
        control, token: of the control API of the target.
        repeat: how often each runs, with seeds that follow each other.
        parallel: processes.

    Raises:
        ScenarioError, UsageError: a file cannot be used; nothing has run then.
    """
    from protocol.client.links.opening import SCHEMES
    from protocol.urls import LinkUrl
    from scenarios.reports.terminal import Terminal

    if control is not None and target is None:
        raise UsageError("--control steers the Tap of --target, expected both")
    if target is not None:
        LinkUrl.parse(target, SCHEMES)
    loaded = _load_all(find_files(names), inputs)
    jobs = [
        Job(file, target, each, inputs, control, token)
        for file, scenario in loaded.items()
        for each in _seeds(scenario, seed, repeat)
    ]
    _check_reports(junit_file, json_file)
    terminal = Terminal(sys.stdout, verbose=verbose)
    outcomes = []
    for outcome in _outcomes(jobs, loaded, parallel, terminal):
        terminal.done(outcome)
        outcomes.append(outcome)
    terminal.end()
    write_reports(outcomes, junit_file, json_file)
    if any(outcome.error for outcome in outcomes):
        return _UNUSABLE
    return 0 if all(outcome.ok for outcome in outcomes) else FAILED


def _load_all(files: Iterable[Path], inputs: Mapping[str, str]) -> dict[Path, "Scenario"]:
    """All scenarios, so that nothing runs if one of them is bad.

    Raises:
        ScenarioError: with what is wrong with all of them.
    """
    from scenarios.loading import load

    loaded, problems = {}, []
    for file in files:
        try:
            loaded[file] = load(file, inputs=dict(inputs))
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(problems)
    return loaded


def _seeds(scenario: "Scenario", seed: int | None, repeat: int) -> list[int | None]:
    """Seeds of the runs of a scenario; None is that of the file."""
    if repeat == 1:
        return [seed]
    first = next((each for each in (seed, scenario.device.seed) if each is not None), 0)
    return list(range(first, first + repeat))


def _outcomes(
    jobs: Sequence[Job], loaded: Mapping[Path, "Scenario"], parallel: int, terminal: "Terminal"
) -> Iterator[Outcome]:
    """Outcomes in the order of the jobs; processes read the files anew."""
    if parallel > 1 and len(jobs) > 1:
        with ProcessPoolExecutor(min(parallel, len(jobs))) as pool:
            yield from pool.map(Job.run, jobs)
        return
    for number, job in enumerate(jobs, start=1):
        with terminal.running(f"{job.file} ({number} of {len(jobs)})"):
            outcome = job.run(loaded[job.file])
        yield outcome


def _check_reports(*files: Path | None) -> None:
    """Opens the files of reports, so that nothing runs if one of them cannot be written.

    Raises:
        UsageError: one cannot.
    """
    for file in files:
        if file is not None:
            with _writing(file):
                file.open("ab").close()


@contextmanager
def _writing(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{file}: cannot be written ({error.strerror}), expected a place for a file") from error


def write_reports(outcomes: Sequence[Outcome], junit_file: Path | None, json_file: Path | None) -> None:
    """Writes the reports that were asked for.

    Raises:
        UsageError: a file cannot be written.
    """
    from scenarios.reports.as_json import as_json
    from scenarios.reports.junit import junit

    for file, write in ((junit_file, junit), (json_file, as_json)):
        if file is not None:
            with _writing(file):
                file.write_text(write(outcomes), encoding="utf-8")


# --- files ------------------------------------------------------------------------------------------------------------


def library() -> Path:
    """Folder of the scenarios that come with the emulator."""
    import scenarios

    return Path(scenarios.__file__).parent / "library"


def find_files(names: Iterable[str]) -> list[Path]:
    """The files that names mean: files, folders with all that is below them, or ``library:lockout``.

    Raises:
        UsageError: there is no such file, or a folder has none.
    """
    return [file for name in names for file in _files(name)]


def _files(name: str) -> list[Path]:
    if name.startswith(LIBRARY):
        return _library_files(name.removeprefix(LIBRARY))
    path = Path(name)
    if not path.is_dir():
        if not path.is_file():
            raise UsageError(f"{name}: there is no such file, expected a scenario, a folder, or {LIBRARY}NAME")
        return [path]
    found = _below(path)
    if not found:
        raise UsageError(f"{name}: there is no scenario below this folder, expected files that end with .yaml")
    return found


def _library_files(name: str) -> list[Path]:
    known = {file.stem: file for file in _below(library())}
    if not name:
        return list(known.values())
    if name not in known:
        from difflib import get_close_matches

        near = [each for each in known if name in each][:3] or get_close_matches(name, known, n=3) or list(known)[:3]
        raise UsageError(f"the library has no scenario {name!r}, expected for example {' or '.join(near) or 'none'}")
    return [known[name]]


def _below(folder: Path) -> list[Path]:
    """Scenarios in a folder; a file that is only included by others says no version, and is none."""
    files = sorted(file for file in folder.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
    return [file for file in files if _is_scenario(file)]


def _is_scenario(file: Path) -> bool:
    with file.open("rb") as content:
        return any(line.startswith(b"scenario:") for line, _ in zip(content, count(), strict=False))


# --- looking at files -------------------------------------------------------------------------------------------------


def list_library(style: str) -> str:
    """Names and purposes of the library."""
    from emulator.commands.tables import aligned_table, markdown_table
    from scenarios.loading import load

    rows = []
    for file in _below(library()):
        scenario = load(file)
        rows.append((f"{LIBRARY}{file.stem}", scenario.purpose, ", ".join(scenario.tags)))
    header = ("name", "purpose", "tags")
    if style == "json":
        return json.dumps([dict(zip(header, row, strict=True)) for row in rows], indent=2)
    return markdown_table(header, rows) if style == "markdown" else aligned_table(header, rows)


def check_files(names: Sequence[str], inputs: Mapping[str, str]) -> int:
    """Reads files and tells what is wrong with them; the exit code is 2 if something is."""
    from scenarios.explaining import summarize
    from scenarios.loading import load

    bad = False
    for file in find_files(names):
        try:
            scenario = load(file, inputs=dict(inputs))
        except ScenarioError as error:
            click.echo(str(error), err=True)
            bad = True
        else:
            click.echo(f"{file}: ok, {summarize(scenario)}")
    return _UNUSABLE if bad else 0


def schema() -> str:
    """JSON Schema of scenario files, for editors."""
    from scenarios.schema import json_schema

    return json.dumps(json_schema(), indent=2)


def explain_file(name: str, inputs: Mapping[str, str]) -> str:
    """A scenario in plain sentences."""
    from scenarios.explaining import explain
    from scenarios.loading import load
    from scenarios.reports.terminal import printable

    explained = (explain(load(file, inputs=dict(inputs))) for file in find_files([name]))
    return "\n\n".join("\n".join(map(printable, lines)) for lines in explained)


def diff(name: str, target: str, inputs: Mapping[str, str], *, every: bool, as_json: bool) -> int:
    """Holds a recording against a Tap, and prints the report; the exit code is 1 if something differs."""
    from scenarios.loading import load
    from scenarios.recording.comparing import compare

    same = True
    for file in find_files([name]):
        comparison = compare(load(file, inputs=dict(inputs)), target)
        text = json.dumps(comparison.as_json(), indent=2) if as_json else "\n".join(comparison.lines(every=every))
        click.echo(text)
        same = same and comparison.same
    return 0 if same else FAILED
