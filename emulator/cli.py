"""The command line. Every option can come from an environment variable ``TAP_...`` too.

Exit codes: 0 done, 1 not healthy, 2 bad usage or configuration, 3 the Tap refused.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.core import ParameterSource

import emulator.without_rich  # noqa: F401 - before anything that loads structlog
from emulator.cli_fuzz import fuzz
from emulator.cli_scenario import scenario
from emulator.commands.record import record
from emulator.links import DEFAULT_LINK
from protocol.errors import IntegrityError, RefusedError, UsageError
from protocol.firmware import Version

if TYPE_CHECKING:
    from emulator.config import Loaded

_STYLES = click.Choice(["table", "json", "markdown"])
_FILE = click.Path(path_type=Path)
_REFUSED = 3
_UNHEALTHY = 1
_LAST_ASKED = ("pty:", "serial:", "mqtt:", "mqtts:")
"""Links over which a probe of the health would disturb somebody, or has to know more than the URL says."""


class VersionType(click.ParamType[Version]):
    """A firmware version on the command line."""

    name = "version"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Version:
        try:
            return Version.parse(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tap-emulator")
def main() -> None:
    """A virtual IoTize Tap."""


@main.command()
@click.argument("config", required=False, type=_FILE, envvar="TAP_CONFIG")
@click.option("--firmware", type=VersionType(), envvar="TAP_FIRMWARE", help="Firmware to emulate, for example 1.85.")
@click.option("--listen", multiple=True, envvar="TAP_LISTEN", help=f"Link to open, repeatable [{DEFAULT_LINK}].")
@click.option("--state", default="none", envvar="TAP_STATE", help="File that keeps what is written [none].")
@click.option("--seed", type=int, envvar="TAP_SEED", help="Make all randomness, and the serial number, reproducible.")
@click.option("--announce", is_flag=True, envvar="TAP_ANNOUNCE", help="Let the TCP link be found by mDNS.")
@click.option("--log", type=click.Choice(["text", "json"]), default="text", envvar="TAP_LOG", help="Log format.")
@click.option("--verbose", "-v", is_flag=True, envvar="TAP_VERBOSE", help="Log every request and answer.")
@click.option("--scenario", envvar="TAP_SCENARIO", metavar="FILE", help="Play the script of a scenario for who comes.")
@click.option("--set", "inputs", multiple=True, metavar="NAME=VALUE", help="Value of an input of the scenario.")
@click.option("--clock", envvar="TAP_CLOCK", help="Time of the Tap: real, virtual, or faster such as 10x [real].")
@click.option("--control", default="off", envvar="TAP_CONTROL", help="Address of the control API, or off [off].")
@click.option("--control-token", envvar="TAP_CONTROL_TOKEN", hidden=True)
def serve(
    config: Path | None,
    firmware: Version | None,
    listen: tuple[str, ...],
    state: str,
    seed: int | None,
    announce: bool,
    log: str,
    verbose: bool,
    scenario: str | None,
    inputs: tuple[str, ...],
    clock: str | None,
    control: str,
    control_token: str | None,
) -> None:
    """Run a Tap made from CONFIG: device.yaml, tapconfig.json or .iotz; without it the built-in demo Tap.

    Prints one line `ready URL` per link, then `ready`, on standard output; logs go to standard error. The control API
    is announced before as `control URL token TOKEN`; TAP_CONTROL_TOKEN chooses the token. Exits with 1 if what the
    scenario verifies has not happened.
    """
    from emulator.commands.serve import StartError, run

    try:
        steering = None
        if scenario or inputs or clock or control != "off":
            from emulator.commands.steering import make_steering

            steering = make_steering(control, clock, scenario, inputs, control_token)
        passed = run(
            config,
            firmware=firmware,
            listen=listen,
            state=state,
            seed=seed,
            announce=announce,
            json_log=log == "json",
            verbose=verbose,
            steering=steering,
        )
    except StartError as error:
        _stop(str(error))
    if not passed:
        sys.exit(_UNHEALTHY)


def _visiting(command: Callable[..., None]) -> Callable[..., None]:
    """Options of a command that talks to a Tap."""
    options = (
        click.argument("url"),
        click.option("--user", envvar="TAP_USER", help="Log in with this user name first."),
        click.option("--password", envvar="TAP_PASSWORD", default="", help="Password of the user."),
        click.option("--encrypt", is_flag=True, envvar="TAP_ENCRYPT", help="Encrypt even without a SCRAM login."),
        click.option(
            "--iv-period", type=click.IntRange(0), envvar="TAP_IV_PERIOD", help="Requests between new IVs; 0 never."
        ),
        click.option(
            "--timeout", type=float, default=3.0, envvar="TAP_TIMEOUT", show_default=True, help="Seconds per answer."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@contextmanager
def _answered() -> Iterator[None]:
    """Turns what a Tap, or a file, does not allow into a message and an exit code."""
    from emulator.config import ConfigError
    from protocol.client.links import LinkError

    try:
        yield
    except RefusedError as error:
        click.echo(str(error), err=True)
        sys.exit(_REFUSED)
    except (UsageError, LinkError, IntegrityError, ConfigError) as error:
        _stop(str(error))


@main.command()
@_visiting
@click.argument("method")
@click.argument("path")
@click.argument("body", required=False)
@click.option("--json", "as_json", is_flag=True, envvar="TAP_JSON", help="Print the answer as JSON.")
def call(method: str, path: str, body: str | None, as_json: bool, **visit: Any) -> None:
    """Make one request to the Tap at URL.

    PATH is /1024//47 or /scram/initialize. BODY is hex:0102... or JSON that fits the resource.
    """
    from emulator.commands.call import print_call
    from emulator.commands.visit import Visit

    with _answered():
        print_call(Visit(**visit), method, path, body, as_json=as_json)


@main.command()
@_visiting
@click.argument("file", type=_FILE)
@click.option("--no-factory-reset", is_flag=True, help="Write over what is there.")
def configure(file: Path, no_factory_reset: bool, **visit: Any) -> None:
    """Write the configuration FILE, of any kind, to the Tap at URL."""
    from emulator.commands import tasks
    from emulator.commands.visit import Visit

    with _answered():
        tasks.configure(Visit(**visit), file, factory_reset=not no_factory_reset)


@main.command()
@_visiting
@click.argument("bundle")
@click.option("--json", "as_json", is_flag=True, envvar="TAP_JSON", help="Print the values as JSON.")
def bundle(bundle: str, as_json: bool, **visit: Any) -> None:
    """Print the values of a BUNDLE, by its name or number, of the Tap at URL."""
    from emulator.commands import tasks
    from emulator.commands.visit import Visit

    with _answered():
        tasks.print_bundle(Visit(**visit), bundle, as_json=as_json)


@main.command()
@_visiting
def log(**visit: Any) -> None:
    """Take the data log of the Tap at URL and print it, one packet per line."""
    from emulator.commands import tasks
    from emulator.commands.visit import Visit

    with _answered():
        tasks.print_log(Visit(**visit))


@main.command()
@click.option("--firmware", type=VersionType(), envvar="TAP_FIRMWARE", help="Only what this firmware has.")
@click.option("--diff", nargs=2, type=VersionType(), metavar="OLD NEW", help="What changes from firmware OLD to NEW.")
@click.option("--format", "style", type=_STYLES, default="table", envvar="TAP_FORMAT", show_default=True)
@click.pass_context
def resources(
    context: click.Context, firmware: Version | None, diff: tuple[Version, Version] | None, style: str
) -> None:
    """List the resources of the Tap."""
    from emulator.commands.resources import compare_firmware, list_resources

    if diff is not None and context.get_parameter_source("firmware") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--diff names two versions itself; leave --firmware out")
    click.echo(list_resources(firmware, style) if diff is None else compare_firmware(*diff, style))


@main.command()
@click.argument("config", required=False, type=_FILE, envvar="TAP_CONFIG")
@click.option("--user", envvar="TAP_USER", help="Name or number of a user or profile; without it all of them in short.")
@click.option("--allowed/--refused", default=None, help="Only the calls that the user may make, or may not make.")
@click.option("--firmware", type=VersionType(), envvar="TAP_FIRMWARE", help="Firmware to look at, for example 1.85.")
@click.option("--format", "style", type=_STYLES, default="table", envvar="TAP_FORMAT", show_default=True)
def access(config: Path | None, user: str | None, allowed: bool | None, firmware: Version | None, style: str) -> None:
    """Say who may do what on the Tap of CONFIG; without it on the built-in demo Tap."""
    from emulator.blueprint import demo
    from emulator.commands.access import report_groups, report_user
    from emulator.config import ConfigError, load, with_overrides

    if user is None and allowed is not None:
        raise click.UsageError("--allowed and --refused need --user")
    try:
        blueprint = with_overrides(demo() if config is None else load(config).blueprint, firmware, None)
        click.echo(report_groups(blueprint, style) if user is None else report_user(blueprint, user, style, allowed))
    except (ConfigError, UsageError) as error:
        _stop(str(error))


@main.group()
def config() -> None:
    """Check, show and convert configuration files."""


def _with_loaded(action: Callable[["Loaded"], None], file: Path) -> None:
    from emulator.config import ConfigError, load

    try:
        action(load(file))
    except ConfigError as error:
        _stop(str(error))


def _print_notes(file: Path, loaded: "Loaded") -> None:
    for note in loaded.notes:
        click.echo(f"{file}:{note.line}: {note.kind}: {note.text}", err=True)


@config.command("check")
@click.argument("file", type=_FILE)
def check_config(file: Path) -> None:
    """Read FILE, and say what has no effect and why."""
    from protocol.words import counted

    def check(loaded: "Loaded") -> None:
        _print_notes(file, loaded)
        tap = loaded.blueprint
        found = {"user": tap.groups, "bundle": tap.bundles, "variable": tap.variables, "note": loaded.notes}
        click.echo(f"{file}: ok, {', '.join(counted(len(things), name) for name, things in found.items())}")

    _with_loaded(check, file)


@config.command("show")
@click.argument("file", type=_FILE)
@click.option("--secrets", is_flag=True, envvar="TAP_SECRETS", help="Show passwords and keys.")
def show_config(file: Path, secrets: bool) -> None:
    """Print the Tap that FILE makes, and where each value comes from."""
    from emulator.config import show

    _with_loaded(lambda loaded: click.echo(show(loaded, secrets=secrets)), file)


@config.command("convert")
@click.argument("file", type=_FILE)
@click.option("--output", "-o", type=_FILE, envvar="TAP_OUTPUT", help="File to write [standard output].")
def convert_config(file: Path, output: Path | None) -> None:
    """Turn FILE of any kind into a device.yaml; what has no effect is told and left out."""
    from emulator.config import dump_yaml

    def convert(loaded: "Loaded") -> None:
        _print_notes(file, loaded)
        text = dump_yaml(loaded.blueprint, loaded.links)
        if output is None:
            click.echo(text, nl=False)
            return
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            _stop(
                f"{output}: cannot be written ({(error.strerror or str(error)).lower()}), expected a place for a file"
            )

    _with_loaded(convert, file)


@config.command("schema")
def config_schema() -> None:
    """Print the JSON Schema of device.yaml, for editors."""
    import json

    from emulator.config import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@main.group("firmware")
def firmware_files() -> None:
    """Make, show and send firmware update files."""


@firmware_files.command("pack")
@click.option("--version", type=VersionType(), required=True, envvar="TAP_UPDATE_VERSION", help="Firmware it brings.")
@click.option("--output", "-o", type=_FILE, required=True, envvar="TAP_OUTPUT", help="File to write.")
@click.option("--size", type=click.IntRange(0), envvar="TAP_UPDATE_SIZE", help="Bytes that stand for code [4096].")
def pack_firmware(version: Version, output: Path, size: int | None) -> None:
    """Make an update file, which clients send like one of the vendor's; the Tap then has this firmware."""
    from emulator.commands.firmware import pack

    _with_update_file(output, lambda: pack(version, output, size))


@firmware_files.command("show")
@click.argument("file", type=_FILE)
def show_firmware(file: Path) -> None:
    """Say which firmware the update FILE brings, and how it is sent."""
    from emulator.commands.firmware import show

    _with_update_file(file, lambda: show(file))


@firmware_files.command("update")
@_visiting
@click.argument("file", type=_FILE)
def update_firmware(file: Path, **visit: Any) -> None:
    """Send the update FILE to the Tap at URL and wait until it is back."""
    from emulator.commands import tasks
    from emulator.commands.visit import Visit

    with _answered():
        tasks.update(Visit(**visit), file)


def _with_update_file(file: Path, action: Callable[[], list[str]]) -> None:
    try:
        click.echo("\n".join(action()))
    except UsageError as error:
        _stop(str(error))
    except OSError as error:
        _stop(f"{file}: {error.strerror}")


@main.command()
@click.argument("data")
@click.option("--key", envvar="TAP_KEY", help="Session key in hex, to open encrypted frames.")
@click.option("--iv", envvar="TAP_IV", help="Initialization vector in hex [zeros].")
def decode(data: str, key: str | None, iv: str | None) -> None:
    """Explain the bytes of an APDU. DATA is hex, or a file with one APDU in hex per line."""
    from emulator.commands.decode import dissect_text

    try:
        click.echo("\n".join(dissect_text(data, key, iv)))
    except UsageError as error:
        _stop(str(error))


@main.command()
@click.argument("url", required=False, envvar="TAP_HEALTH_URL")
@click.option("--listen", multiple=True, envvar="TAP_LISTEN", hidden=True)
@click.option("--timeout", type=float, default=2.0, envvar="TAP_TIMEOUT", show_default=True, help="Seconds per answer.")
def health(url: str | None, listen: tuple[str, ...], timeout: float) -> None:
    """Exit 0 if a Tap answers at URL, be it with a refusal; without URL, at the first link of TAP_LISTEN.

    A link that others may use at the same time is asked rather than a serial line or a broker.
    """
    from emulator.links import address_of
    from protocol.client.blocking import Tap
    from protocol.client.links import LinkError

    nearest = min(listen, key=lambda link: link.startswith(_LAST_ASKED), default=DEFAULT_LINK)
    address = url or nearest
    try:
        address = url or address_of(nearest)
        with Tap(address, timeout=timeout) as tap:
            click.echo(f"{address} {tap.service.device.get_serial_number()}")
    except RefusedError as refusal:
        click.echo(f"{address} {refusal}")
    except (LinkError, IntegrityError, UsageError) as error:
        click.echo(str(error) if address in str(error) else f"{address}: {error}", err=True)
        sys.exit(_UNHEALTHY)


main.add_command(record)
main.add_command(scenario)
main.add_command(fuzz)


def _stop(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
