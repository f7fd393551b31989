"""Everything that people write: files, values and URLs."""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from emulator.blueprint import demo
from emulator.config import ConfigError, device_yaml, dump_yaml, iotz, model, show, signals, tapconfig, writer
from emulator.config.source import Source
from emulator.device import Device
from emulator.links import LinkError, open_links
from protocol.client.jsonable import from_json, to_json
from protocol.errors import BodyError, UsageError
from scenarios.errors import ScenarioError
from scenarios.explaining import explain, summarize
from scenarios.loading import loads
from scenarios.script import Script
from tests.fuzz.targets.wire import BODIES, same, seeds_body

LOADED: Final = (model, signals, writer)
"""Imported before the first input is timed."""
FOLDER: Final = Path(__file__).parents[2]
_MOST: Final = 20_000
"""Bytes of a text; what is larger is slow, and not another case."""


def read_configuration(read: Any, data: bytes) -> None:
    """A ConfigError with lines of the file, or a Tap that is shown, and converted to an equal one."""
    try:
        source = Source.decode("tap", data[:_MOST])
        loaded = read(source).build()
    except ConfigError as error:
        tells_where(error.problems, r"tap:\d+: .*, expected ")
        return
    show(loaded, secrets=True).encode()
    converted = device_yaml.read(Source("device.yaml", dump_yaml(loaded.blueprint, loaded.links))).build()
    assert (converted.blueprint, converted.links) == (loaded.blueprint, loaded.links)


def tells_where(problems: list[str], place: str) -> None:
    """Each problem has its place in the file."""
    assert problems
    assert all(re.match(place, problem, re.DOTALL) for problem in problems), problems


def check_iotz(data: bytes) -> None:
    read_configuration(iotz.read, data)


def seeds_iotz() -> list[bytes]:
    """What the tests of any input begin with."""
    return [_sample(iotz.read)]


def check_tapconfig(data: bytes) -> None:
    read_configuration(tapconfig.read, data)


def seeds_tapconfig() -> list[bytes]:
    """What the tests with the vendor's clients configure, and what those of any input begin with."""
    files = sorted((FOLDER / "vendor" / "configurations").glob("*.json"))
    return [_sample(tapconfig.read), *(json.dumps(json.loads(file.read_bytes())).encode() for file in files)]


def check_device_yaml(data: bytes) -> None:
    read_configuration(device_yaml.read, data)


def seeds_device_yaml() -> list[bytes]:
    """The demo Tap, and what the tests of any input begin with."""
    return [_sample(device_yaml.read), dump_yaml(demo()).encode()]


def _sample(read: Any) -> bytes:
    from tests.emulator.config.test_any_input import SAMPLES

    return SAMPLES[read].encode()


def check_scenario(data: bytes) -> None:
    try:
        scenario = loads(data[:_MOST].decode("utf-8", "surrogateescape"))
    except ScenarioError as error:
        tells_where(error.problems, r"scenario:\d+(:\d+)?: ")
        return
    "\n".join([summarize(scenario), *explain(scenario)]).encode()
    with suppress(ConfigError, ScenarioError):
        Script(scenario.script, Device(scenario.blueprint()), seed=0)


def seeds_scenario() -> list[bytes]:
    """The library."""
    return [file.read_bytes() for file in sorted((FOLDER.parent / "scenarios" / "library").glob("*.yaml"))]


def check_value(data: bytes) -> None:
    if not data:
        return
    schema = BODIES[data[0] % len(BODIES)]
    with suppress(UsageError):
        value = from_json(schema, data[1:].decode("latin-1"))
        written = schema.encode(value)
        shown = json.dumps(to_json(value))
        with suppress(BodyError):
            read = schema.decode(written)
            again = from_json(schema, shown)
            assert same(to_json(read), to_json(schema.decode(schema.encode(again)))), (schema, shown)


def seeds_value() -> list[bytes]:
    """Bodies as JSON."""
    seeds = []
    for data in seeds_body():
        with suppress(BodyError):
            seeds.append(data[:1] + json.dumps(to_json(BODIES[data[0]].decode(data[1:]))).encode())
    return seeds


def check_url(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    if not text.startswith("pty"):  # those make a folder
        with suppress(LinkError):
            (link,) = open_links((text,))
            assert link.url.encode()


def seeds_url() -> list[bytes]:
    """One of each kind."""
    return [
        b"tcp://127.0.0.1:2000?max_request=100",
        b"ws://[::1]:80/path?origin=https://app.example&origin=null",
        b"ws://h:443?cert=a.pem&key=b.pem",
        b"serial:/dev/ttyS0?baudrate=115200&parity=even",
        b"rfc2217://127.0.0.1:2217",
        b"mqtt://user:p%40ss@broker:1883/topic?netkey=1&required=yes",
    ]
