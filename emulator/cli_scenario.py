"""The `scenario` commands. Exit codes: 0 all is as expected, 1 something is not, 2 bad usage or file."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from protocol.errors import UsageError

_STYLES = click.Choice(["table", "json", "markdown"])
_FILE = click.Path(path_type=Path)


@click.group()
def scenario() -> None:
    """Run scenarios: script a Tap, replay clients, verify what happened."""


def read_pairs(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """`name=value`, as often as it is said."""
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r}, expected name=value", context, parameter)
        pairs[name] = value
    return pairs


INPUTS = click.option(
    "--set",
    "inputs",
    multiple=True,
    callback=read_pairs,
    envvar="TAP_SET",
    metavar="NAME=VALUE",
    help="Value of an input.",
)


def _usable(action: Callable[[], int]) -> NoReturn:
    """Exits with what the action returns; with 2 where a file cannot be used, or nobody is there."""
    from protocol.client.links import LinkError
    from scenarios.errors import ScenarioError

    try:
        code = action()
    except (ScenarioError, UsageError, LinkError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    sys.exit(code)


@scenario.command("run")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--target", envvar="TAP_TARGET", help="URL of a Tap to run against [one that is made for the file].")
@click.option("--control", envvar="TAP_CONTROL_URL", help="URL of the control API of the target, if it is an emulator.")
@click.option("--token", default="", envvar="TAP_CONTROL_TOKEN", help="Token of the control API.")
@click.option("--seed", type=int, envvar="TAP_SEED", help="Of everything random [that of the file, or 0].")
@click.option("--repeat", type=click.IntRange(1), default=1, envvar="TAP_REPEAT", help="Runs, each with the next seed.")
@click.option("--parallel", type=click.IntRange(1), default=1, envvar="TAP_PARALLEL", help="Processes.")
@INPUTS
@click.option("--junit", type=_FILE, envvar="TAP_JUNIT", help="File for a report in JUnit XML.")
@click.option("--json", "json_file", type=_FILE, envvar="TAP_JSON_FILE", help="File for a report in JSON.")
@click.option("--verbose", "-v", is_flag=True, envvar="TAP_VERBOSE", help="Tell each step.")
def run_scenario(files: tuple[str, ...], junit: Path | None, **options: Any) -> None:
    """Run scenarios. FILE is a scenario, a folder of them, or one of the library: library:NAME.

    Exit code 0 if all is as expected, 1 if something is not, 2 for a file that cannot be used.
    """
    from emulator.commands.scenario import run_files

    _usable(lambda: run_files(files, junit_file=junit, **options))


@scenario.command("list")
@click.option("--format", "style", type=_STYLES, default="table", envvar="TAP_FORMAT", show_default=True)
def list_scenarios(style: str) -> None:
    """List the scenarios of the library, and what each is for."""
    from emulator.commands.scenario import list_library

    click.echo(list_library(style))


@scenario.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@INPUTS
def check_scenario(files: tuple[str, ...], inputs: dict[str, str]) -> None:
    """Read scenarios and say what is wrong with them; nothing runs."""
    from emulator.commands.scenario import check_files

    _usable(lambda: check_files(files, inputs))


@scenario.command("explain")
@click.argument("file")
@INPUTS
def explain_scenario(file: str, inputs: dict[str, str]) -> None:
    """Say in plain words what the scenario FILE does."""
    from emulator.commands.scenario import explain_file

    def tell() -> int:
        click.echo(explain_file(file, inputs))
        return 0

    _usable(tell)


@scenario.command("schema")
def scenario_schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from emulator.commands.scenario import schema

    click.echo(schema())


@scenario.command("diff")
@click.argument("file")
@click.option("--target", required=True, envvar="TAP_TARGET", help="URL of the Tap to compare with.")
@INPUTS
@click.option("--all", "every", is_flag=True, envvar="TAP_ALL", help="Also what is the same.")
@click.option("--json", "as_json", is_flag=True, envvar="TAP_JSON", help="Print the report as JSON.")
def diff_scenario(file: str, target: str, inputs: dict[str, str], every: bool, as_json: bool) -> None:
    """Say where a Tap differs from the recording FILE: how faithful is it?"""
    from emulator.commands.scenario import diff

    _usable(lambda: diff(file, target, inputs, every=every, as_json=as_json))
