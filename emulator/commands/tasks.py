"""What takes many requests, from the command line: configure a Tap, update it, read a bundle, take its log."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from emulator.commands.visit import Visit
from emulator.config import load, with_overrides
from emulator.config.steps import plan
from protocol.client.data import Progress
from protocol.client.jsonable import to_json
from protocol.errors import BodyError, UsageError
from protocol.firmware import Version
from protocol.packets import SinglePacket, SinglePacketPayload, decode_packet
from protocol.tlv import decode_bundle

_BAR_WIDTH: Final = 40


def configure(visit: Visit, file: Path, *, factory_reset: bool) -> None:
    """Writes a configuration file of any kind to a Tap; says what no request can write.

    Raises:
        ConfigError: the file cannot be used.
        RefusedError: the Tap refused a step.
        LinkError, IntegrityError: there is no proper answer.
    """
    loaded = load(file)
    with visit.tap() as tap:
        firmware = Version.parse(tap.service.device.get_firmware_version())
        steps, left_out = plan(with_overrides(loaded.blueprint, firmware))
        with _bar(f"configure {file.name}") as progress:
            tap.configure(steps, progress, factory_reset=factory_reset)
    for reason in left_out:
        click.echo(f"not written: {reason}", err=True)
    click.echo(f"{len(steps)} requests written to firmware {firmware}")


def update(visit: Visit, file: Path) -> None:
    """Sends an update file and prints the firmware with which the Tap comes back.

    Raises:
        UsageError: the file cannot be used.
        RefusedError: the Tap refused it.
        LinkError, IntegrityError: there is no proper answer, or the Tap did not come back.
    """
    try:
        data = file.read_bytes()
        decode_packet(data)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    except BodyError as error:
        raise UsageError(f"{file}: no update file: {error}") from error
    with visit.tap() as tap, _bar(f"update with {file.name}") as progress:
        version = tap.update_firmware(data, progress)
    click.echo(version)


def print_bundle(visit: Visit, bundle: str, *, as_json: bool) -> None:
    """Prints the values of a bundle, named or numbered, with their units.

    Raises:
        UsageError: there is no such bundle.
        RefusedError: the Tap refused.
        LinkError, IntegrityError: there is no proper answer.
    """
    with visit.tap() as tap:
        values = tap.read_bundle(int(bundle) if bundle.isdecimal() else bundle)
    if as_json:
        click.echo(json.dumps(values, ensure_ascii=False))
    else:
        click.echo("\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()))


def print_log(visit: Visit) -> None:
    """Takes the data log and prints each packet as one line of JSON.

    Raises:
        RefusedError: the Tap refused.
        LinkError, IntegrityError: there is no proper answer.
    """
    with visit.tap() as tap, _bar("download") as progress:
        packets = tap.download_log(progress)
    for packet in packets:
        click.echo(json.dumps(_described(packet)))


def _described(packet: SinglePacket) -> dict[str, Any]:
    line: dict[str, Any] = {"id": packet.header.packet_id, "sender": packet.header.sender_id}
    if not isinstance(packet.payload, SinglePacketPayload):
        return line | {"encrypted": to_json(packet.payload)}
    line["age"] = packet.send_time - packet.payload.log_time
    try:
        bundle_id, values = decode_bundle(packet.payload.data)
    except BodyError:
        return line | {"data": to_json(packet.payload.data)}
    return line | {"bundle": bundle_id, "values": {str(number): value.hex() for number, value in values}}


@contextmanager
def _bar(label: str) -> Iterator[Progress]:
    """A progress bar on standard error, if that is a terminal."""
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=1, label=label, width=_BAR_WIDTH, hidden=hidden, file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield progress
