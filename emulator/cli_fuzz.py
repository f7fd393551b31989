"""The `fuzz` commands. Exit codes: 0 nothing found, 1 findings, 2 bad usage, 130 interrupted with nothing found."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from emulator.cli_scenario import INPUTS
from emulator.commands.exits import INTERRUPTED
from protocol.errors import UsageError
from protocol.firmware import Version

_FILE = click.Path(path_type=Path)
_OUTPUT: Final = Path("findings")
_SIZES: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class _Interruptible(click.Group):
    """Ends with 130 after Ctrl-C, also while a command loads: 1 would say that it has found something."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            sys.exit(INTERRUPTED)


@click.group(cls=_Interruptible)
def fuzz() -> None:
    """Fuzz clients with a malicious Tap: right up to one point, and wrong there."""


class DurationType(click.ParamType[float]):
    """Seconds, as ``90``, ``90s``, ``10m`` or ``1h``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from scenarios.model.common import read_duration

        if isinstance(value, int | float):
            return float(value)
        try:
            seconds = float(value) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) else read_duration(value)
        except ValueError:
            seconds = 0.0
        if seconds <= 0:
            self.fail(f"{value!r}, expected a time such as 90s, 10m or 1h", param, ctx)
        return seconds


class SizeType(click.ParamType[int]):
    """Bytes, as ``512M`` or ``1G``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"([0-9]{1,9})([KMG]?)(i?B)?", value.strip(), re.IGNORECASE)
        if found is None or not int(found[1]):
            self.fail(f"{value!r}, expected a size such as 512M or 1G", param, ctx)
        return int(found[1]) * _SIZES[found[2].upper()]


def _version(context: click.Context, parameter: click.Parameter, given: str | None) -> Version | None:
    found = _versions(context, parameter, () if given is None else (given,))
    return found[0] if found else None


def _versions(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[Version, ...]:
    try:
        return tuple(map(Version.parse, given))
    except UsageError as error:
        raise click.BadParameter(str(error), context, parameter) from error


def _login(context: click.Context, parameter: click.Parameter, given: str | None) -> tuple[str, str | None] | None:
    if given is None:
        return None
    user, colon, password = given.partition(":")
    if not user:
        raise click.BadParameter("expected USER or USER:PASSWORD", context, parameter)
    return user, password if colon else None


def _client_options(command: Callable[..., None]) -> Callable[..., None]:
    """What is needed to let a client play."""
    options = (
        click.option("--client", envvar="TAP_CLIENT", metavar="COMMAND", help="Client to start; {url} is the Tap's."),
        click.option("--listen", multiple=True, envvar="TAP_LISTEN", help="Link of the Tap, repeatable [a free port]."),
        click.option("--scenario", envvar="TAP_SCENARIO", metavar="FILE", help="Which Tap, and its script [demo Tap]."),
        INPUTS,
        click.option(
            "--persistent", is_flag=True, envvar="TAP_PERSISTENT",
            help="Keep the client running; it reads a line for each case.",
        ),
        click.option("--loop", is_flag=True, envvar="TAP_LOOP", help="The client connects again and again by itself."),
        click.option(
            "--login", callback=_login, envvar="TAP_LOGIN", metavar="USER[:PASSWORD]",
            help="Log in once, and put that on each connection [password of the Tap's configuration].",
        ),
        click.option(
            "--handled", type=click.IntRange(0, 255), multiple=True, envvar="TAP_HANDLED", metavar="CODE",
            help="Exit code for an error that the client handles [all below 128].",
        ),
        click.option(
            "--hang-time", type=DurationType(), envvar="TAP_HANG_TIME", help="Time without progress, at most [5s]."
        ),
        click.option("--memory", type=SizeType(), envvar="TAP_MEMORY", help="Growth of memory, at most [512M]."),
        click.option("--seed", type=int, envvar="TAP_SEED", help="Of the plan, and of all that is random [0]."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def _usable(action: Callable[[], int]) -> NoReturn:
    """Exits with what the action returns; with 2 where something cannot be used."""
    from emulator.links import LinkError
    from scenarios.errors import ScenarioError
    from scenarios.script import ScriptError

    try:
        code = action()
    except (ScenarioError, ScriptError, UsageError, LinkError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    sys.exit(code)


@fuzz.command("client", short_help="Play case after case against a client.")
@_client_options
@click.option("--time", "seconds", type=DurationType(), envvar="TAP_TIME", help="How long [10m, or as --cases says].")
@click.option("--cases", type=click.IntRange(1), envvar="TAP_CASES", help="How many cases at most.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, envvar="TAP_WORKERS", help="Clients side by side [1]."
)
@click.option("--fresh", is_flag=True, envvar="TAP_FRESH", help="Do not go on where the last run in the folder ended.")
@click.option(
    "--only", multiple=True, envvar="TAP_ONLY", metavar="PATTERN", help="Calls, mutators or families; * is any."
)
@click.option("--bytes-only", is_flag=True, envvar="TAP_BYTES_ONLY", help="Only change bytes, blindly, to compare.")
@click.option(
    "--output", "-o", type=_FILE, default=_OUTPUT, envvar="TAP_OUTPUT", help="Folder for findings [findings]."
)
def fuzz_client(**options: Any) -> None:
    """Play case after case against a client, and keep what speaks against it.

    Ctrl-C ends it; the same command goes on later. Exit code 0 if nothing was found, 1 if something was, 2 for what
    cannot be used, 130 if it was interrupted before anything was found.
    """

    def run() -> int:
        from emulator.commands.fuzz import run_client

        return run_client(**options)

    _usable(run)


@fuzz.command("replay", short_help="Play a case again.")
@click.argument("case")
@_client_options
@click.option("--output", "-o", type=_FILE, envvar="TAP_OUTPUT", help="Folder of the findings.")
@click.option("--verbose", "-v", is_flag=True, envvar="TAP_VERBOSE", help="All that the client printed.")
def replay_case(case: str, **options: Any) -> None:
    """Play CASE again: its id, the folder of a finding, or a scenario file.

    How the client is started is known from the folder of the findings; options here are in place of what it knows.
    Exit code 0 if nothing speaks against the client any more, 1 if something does, 2 for what cannot be used.
    """

    def run() -> int:
        from emulator.commands.fuzz import replay

        return replay(case, **options)

    _usable(run)


@fuzz.command("shrink", short_help="Make a case small, and a scenario file.")
@click.argument("case")
@_client_options
@click.option("--output", "-o", type=_FILE, envvar="TAP_OUTPUT", help="Folder of the findings; it is kept there too.")
@click.option("--save", type=_FILE, envvar="TAP_SAVE", help="File for the scenario [standard output].")
@click.option("--most", type=click.IntRange(1), default=200, envvar="TAP_MOST", help="Runs at most.", show_default=True)
def shrink_case(case: str, **options: Any) -> None:
    """Find the smallest thing that goes wrong in CASE and still shows the same, as a scenario file.

    CASE is the id of a case, or the folder of a finding. How the client is started is known from the folder of the
    findings; options here are in place of what it knows. Exit code 0 if there is a scenario, 1 if nothing speaks
    against the client in this case, 2 for what cannot be used.
    """

    def run() -> int:
        from emulator.commands.fuzz import shrink

        return shrink(case, **options)

    _usable(run)


@fuzz.command("explain", short_help="Say in words what a case does.")
@click.argument("case")
@click.option("--output", "-o", type=_FILE, envvar="TAP_OUTPUT", help="Folder of the findings.")
def explain_case(case: str, output: Path | None) -> None:
    """Say in words what CASE does, without running it.

    CASE is an id, the folder of a finding, or a scenario file. With the folder of the findings, the words say what is
    wrong with the answers that this client gets.
    """

    def run() -> int:
        from emulator.commands.fuzz import explain

        return explain(case, output)

    _usable(run)


# --- a Tap for a client that somebody else drives ---------------------------------------------------------------------


@fuzz.command("serve", short_help="Misbehave towards an app on a phone.")
@click.argument("config", required=False, type=_FILE, envvar="TAP_CONFIG")
@click.option("--firmware", callback=_version, envvar="TAP_FIRMWARE", help="Firmware to emulate, for example 1.85.")
@click.option("--listen", multiple=True, envvar="TAP_LISTEN", help="Link to open, repeatable [tcp://127.0.0.1:2000].")
@click.option("--state", default="none", envvar="TAP_STATE", help="File that keeps what is written [none].")
@click.option("--seed", type=int, envvar="TAP_SEED", help="Of the plan, and of everything random in the Tap.")
@click.option("--announce", is_flag=True, envvar="TAP_ANNOUNCE", help="Let the TCP link be found by mDNS.")
@click.option(
    "--scenario", envvar="TAP_SCENARIO", metavar="FILE", help="The Tap, and what it does beside [the demo Tap]."
)
@INPUTS
@click.option("--clock", envvar="TAP_CLOCK", help="Time of the Tap: real, virtual, or faster such as 10x [real].")
@click.option("--control", default="off", envvar="TAP_CONTROL", help="Address of the control API, or off [off].")
@click.option("--control-token", envvar="TAP_CONTROL_TOKEN", hidden=True)
@click.option(
    "--next",
    "turn",
    default="connection",
    envvar="TAP_NEXT",
    show_default=True,
    metavar="WHEN",
    help="When the next case comes: with each connection, after request:20, after 30s, or by hand.",
)
@click.option("--case", envvar="TAP_CASE", metavar="ID", help="This case only, again and again.")
@click.option("--restore", is_flag=True, envvar="TAP_RESTORE", help="Put settings and values back before each case.")
@click.option("--output", "-o", type=_FILE, envvar="TAP_OUTPUT", help="Folder for what came of each case.")
@click.option("--log", type=click.Choice(["text", "json"]), default="text", envvar="TAP_LOG", help="Log format.")
@click.option("--verbose", "-v", is_flag=True, envvar="TAP_VERBOSE", help="Log every request and answer.")
def fuzz_serve(log: str, **options: Any) -> None:
    """Run a Tap that misbehaves towards a client that somebody else drives: an app on a phone.

    The first connection is served as it should be: the Tap learns what the client asks. Then one thing goes wrong after
    the other, a case with each new connection; the journal and the log say what, and `POST /v1/fuzz/next` of the
    control API moves on. What a client has written stays, unless --restore puts it back; connections and logins stay
    in any case.

    Prints one line `ready URL` per link, then `ready`, on standard output, as `serve` does.
    """
    from emulator.commands.fuzz_serve import run
    from emulator.commands.starting import StartError

    try:
        passed = run(options.pop("config"), json_log=log == "json", **options)
    except StartError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    sys.exit(0 if passed else 1)


# --- the other direction ----------------------------------------------------------------------------------------------


@fuzz.command("device", short_help="Misbehave towards a Tap.")
@click.argument("target", metavar="URL|in-process")
@click.option("--user", envvar="TAP_USER", help="Log in with this user name in some cases [admin if in-process].")
@click.option("--password", envvar="TAP_PASSWORD", help="Password of the user.")
@click.option("--config", type=_FILE, envvar="TAP_CONFIG", help="Device file of the Tap in-process.")
@click.option(
    "--firmware",
    "firmwares",
    multiple=True,
    callback=_versions,
    envvar="TAP_FIRMWARE",
    help="Of the Tap in-process, repeatable [newest].",
)
@click.option(
    "--allow-writes", is_flag=True, envvar="TAP_ALLOW_WRITES", help="At a URL: also write settings and values."
)
@click.option("--seed", type=click.IntRange(0), default=0, envvar="TAP_SEED", show_default=True)
@click.option(
    "--cases", type=click.IntRange(1), envvar="TAP_CASES", help="How many [10000, or as many as --time allows]."
)
@click.option("--time", "seconds", type=DurationType(), envvar="TAP_TIME", help="How long, for example 10m.")
@click.option(
    "--timeout", type=float, default=3.0, envvar="TAP_TIMEOUT", show_default=True, help="Seconds per answer, or case."
)
@click.option("--output", "-o", type=_FILE, envvar="TAP_OUTPUT", help="Folder for findings.")
@click.option("--replay", envvar="TAP_REPLAY", metavar="CASE", help="Play this case only, and tell all of it.")
def fuzz_device(**options: Any) -> None:
    """Misbehave towards the Tap at URL, or towards emulated ones in this process.

    Underneath is a valid session: in clear, encrypted, or logged in. Above it requests go wrong: fields of their
    bodies, methods, paths, envelopes, encrypted frames, and how the stream is cut. A Tap has to answer or to close the
    link; nothing that is refused may change it; and afterwards it has to be as good as before.

    At a URL only GET goes out, and nothing that takes data away, unless --allow-writes is given. Never sent to a URL:
    restart, factory reset, firmware, packets to execute, logins in cases (which could lock the Tap), passwords, users,
    interfaces.

    Exit code 0 if nothing speaks against the Tap, 1 if something does, 2 if it cannot be reached or used, 130 if it was
    interrupted before anything was found.
    """
    from emulator.commands.fuzz_device import run
    from emulator.config import ConfigError
    from protocol.client.links import LinkError
    from protocol.errors import IntegrityError, RefusedError

    def play() -> int:
        try:
            return run(**options)
        except (ConfigError, IntegrityError, LinkError) as error:
            raise UsageError(str(error)) from error
        except RefusedError as error:
            raise UsageError(f"{options['target']}: {error}") from error

    _usable(play)
