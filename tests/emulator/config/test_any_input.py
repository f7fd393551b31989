"""Whatever a file holds, it is a Tap or a ConfigError."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.config import ConfigError, Loaded, device_yaml, iotz, model, show, tapconfig, writer
from emulator.config.source import Source

HEAVY = (model, writer)
"""Imported before the first example is timed."""

READERS = [device_yaml.read, iotz.read, tapconfig.read]
HASH = "00112233445566778899AABBCCDDEEFF"

SAMPLES = {
    device_yaml.read: f"""tap: 1
base: factory
firmware: 1.86
settings:
  interface: {{app_name: "Lamp", security_options: {{scram_activated: true}}}}
  scram: {{hash_iteration: 10}}
users:
  admin: &a {{password: secret, lifetime: 0}}
  tech: {{id: 4, hash: {HASH}}}
  paul: {{alias: tech}}
rules: {{quirks: [lenient_login], lockout_time: 1.5}}
links: [tcp://127.0.0.1:0]
""",
    iotz.read: f"""<?xml version="1.0"?>
<IOTizeConfiguration Version="1.2.0" Lock="24">
<IOTizeApp Name="A &amp; B" DevIoTizeSN="IoTize004100000007" InterfaceLock="24" Scram_Hash_It="5000" NFCLogin="0">
<WIFI_Info Network="P2P" /><GUI_x a="1" a="1" /></IOTizeApp>
<IOTizeProfile GroupId="1" Id="1" Name="tech" LifeTime="300" Pwd="{HASH}" Scram_Pwd="{HASH}{HASH}0000002A">
<IOTizeUser Id="3" Name="paul" Scram_User_Salt="42" /></IOTizeProfile>
<IOTizeBundle Id="1" GUI_Name="b"><IOTizeVariable Id="1" /><IOTizeAccessControl><IOTizeACL Rights="read" />
</IOTizeAccessControl></IOTizeBundle><!-- end -->
</IOTizeConfiguration>
""",
    tapconfig.read: f"""{{"meta": {{"version": "1.0.0"}},
"config": {{"version": "1.0.0", "application": {{"name": "A"}},
"data": {{"bundles": [{{"id": 1, "name": "b",
"variables": [{{"id": 0, "meta": {{"name": "v"}}}}],
"acls": {{"a": 1}}}}],
"profiles": [{{"username": "admin", "key": "0x{HASH}", "users": [{{"username": "u", "id": 3, "password": "x"}}]}}]}},
"tap": {{"security": {{"scramActivated": true}}, "scram": {{"hashIteration": 1}}}},
"wireless": {{"protocols": {{}}}}}}}}
""",
}


def check_problems(problems: list[str], text: str) -> None:
    """Each problem is proper text and has a line of the file."""
    assert problems
    for problem in problems:
        found = re.match(r"tap:(\d+): .*, expected ", problem, re.DOTALL)
        assert found is not None, problem
        assert 1 <= int(found[1]) <= text.count("\n") + 2
        problem.encode()


def read_anything(reader: object, text: str) -> None:
    """Loads and shows a text; only a ConfigError with proper lines may come out."""
    assert callable(reader)
    try:
        loaded: Loaded = reader(Source("tap", text)).build()
    except ConfigError as error:
        check_problems(error.problems, text)
    else:
        show(loaded, secrets=True).encode()


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    with contextlib.suppress(ConfigError):
        source = Source.decode("tap", data)
        for reader in READERS:
            read_anything(reader, source.text)


@pytest.mark.parametrize("reader", READERS)
@given(data=st.data())
def test_any_text_of_the_right_characters(reader: object, data: st.DataObject) -> None:
    text = data.draw(st.text("abtp1:,-?&*!|>'\"%@`{}[]<>/=#\\ \n\tu0é\ud7ff\U0001f600", max_size=80))
    read_anything(reader, text)


@pytest.mark.parametrize("reader", READERS)
@given(data=st.data())
def test_changed_configurations(reader: object, data: st.DataObject) -> None:
    """Parts of a sample are cut out, doubled, or replaced by parts of it or by something else."""
    text = SAMPLES[reader]  # type: ignore[index]
    position = st.integers(0, len(text))
    for _ in range(data.draw(st.integers(1, 4))):
        start, end, source, size = (data.draw(position) for _ in range(4))
        inserted = data.draw(
            st.sampled_from(
                ["", "-1", "70000", '"', "{", "}", "[", "<a>", "</a>", "&", "\\ud800", "null", "\ufeff", "é"]
            )
            | st.just(text[source : source + size % 40])
            | st.text(max_size=5).filter(lambda drawn: drawn.isprintable())
        )
        text = text[:start] + inserted + text[max(start, min(end, start + 30)) :]
    read_anything(reader, text)


@pytest.mark.parametrize("reader", READERS)
def test_samples_load_and_each_beginning_of_them_is_refused_or_loads(reader: object) -> None:
    text = SAMPLES[reader]  # type: ignore[index]
    assert callable(reader)
    assert reader(Source("tap", text)).build().blueprint.groups
    for end in range(0, len(text), 3):
        read_anything(reader, text[:end])
