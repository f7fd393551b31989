"""What `tap-emulator record` does: stands between clients and a Tap and writes down what they say, as a scenario."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from emulator.links import LinkError, open_links
from protocol.errors import UsageError

if TYPE_CHECKING:
    from scenarios.recording.proxy import Proxy
    from scenarios.recording.recorder import Recorder

_DEFAULT_LISTEN: Final = "tcp://127.0.0.1:2001"
_FILE: Final = click.Path(path_type=Path)


class RecordError(Exception):
    """The recording cannot be made; the message says what is wrong and what was expected."""


def run(
    upstream: str,
    listen: tuple[str, ...],
    output: Path,
    *,
    passwords: Mapping[str, str],
    secrets: bool = False,
    pcap: Path | None = None,
    json_log: bool = False,
) -> None:
    """Records until SIGTERM or SIGINT.

    Args:
        passwords: by user name; with them encrypted sessions are opened.
        secrets: write passwords and keys too.

    Raises:
        RecordError: a URL or a file cannot be used.
    """
    from emulator.commands.serve import configure_logging

    configure_logging(json_log, verbose=False)
    try:
        asyncio.run(_record(upstream, listen or (_DEFAULT_LISTEN,), output, passwords, secrets, pcap))
    except (UsageError, LinkError) as error:
        raise RecordError(str(error)) from error
    except OSError as error:
        place = error.filename or output
        reason = (error.strerror or str(error)).lower()
        raise RecordError(f"{place}: cannot be written ({reason}), expected a place for a file") from error


async def _record(
    upstream: str,
    listen: tuple[str, ...],
    output: Path,
    passwords: Mapping[str, str],
    secrets: bool,
    pcap: Path | None,
) -> None:
    from scenarios.recording.recorder import assemble

    stopped = asyncio.Event()
    failures: list[OSError] = []

    def failed(error: OSError) -> None:
        failures.append(error)
        stopped.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    proxy, recorder = assemble(
        upstream, open_links(listen), output, passwords=passwords, secrets=secrets, pcap=pcap, failed=failed
    )
    try:
        await _serve(proxy, recorder, stopped)
    finally:
        recorder.close()
    if failures:
        raise failures[0]


async def _serve(proxy: "Proxy", recorder: "Recorder", stopped: asyncio.Event) -> None:
    import structlog

    await proxy.start()
    for link in proxy.links:
        click.echo(f"ready {link.url}")
    click.echo("ready")
    await stopped.wait()
    await proxy.stop()
    structlog.get_logger("record").info("stopped", exchanges=recorder.recording.exchanges)


def _passwords(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Passwords by user of ``user=password``."""
    found = {}
    for text in given:
        user, equals, password = text.partition("=")
        if not (user and equals):
            raise click.BadParameter("expected user=password", context, parameter)
        found[user] = password
    return found


@click.command()
@click.option("--upstream", required=True, envvar="TAP_UPSTREAM", help="The Tap that is recorded: any URL of a link.")
@click.option("--listen", multiple=True, envvar="TAP_LISTEN", help=f"Link for clients, repeatable [{_DEFAULT_LISTEN}].")
@click.option("--output", "-o", type=_FILE, required=True, envvar="TAP_OUTPUT", help="Scenario file to write.")
@click.option(
    "--user-password",
    "passwords",
    multiple=True,
    callback=_passwords,
    envvar="TAP_USER_PASSWORD",
    metavar="USER=PASSWORD",
    help="Password of a user, repeatable; with it the sessions of that user are opened.",
)
@click.option("--secrets", is_flag=True, envvar="TAP_SECRETS", help="Write passwords and keys too.")
@click.option("--pcap", type=_FILE, envvar="TAP_PCAP", help="Also write what went over the line, for Wireshark.")
@click.option("--log", type=click.Choice(["text", "json"]), default="text", envvar="TAP_LOG", help="Log format.")
def record(log: str, **options: Any) -> None:
    """Record what clients and a Tap say to each other, as a scenario that can be edited and replayed.

    Stands between the two and passes everything on unchanged. Prints one line `ready URL` per link, then `ready`, on
    standard output; logs go to standard error.
    """
    try:
        run(options.pop("upstream"), options.pop("listen"), options.pop("output"), json_log=log == "json", **options)
    except RecordError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
