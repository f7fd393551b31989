"""Whatever a file holds, it is a Tap or a ConfigError."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.config import ConfigError, Loaded, device_yaml, dump_yaml, iotz, model, show, signals, tapconfig, writer
from emulator.config.source import Source

HEAVY = (model, signals, writer)
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
bundles:
  Climate:
    rights: {{anonymous: read, tech: [read, write]}}
    log: {{period: on_change, key_group: admin}}
    features: [serial_access]
    variables:
      temp: {{type: float32, unit: °C, value: 21.5, minimum: 0, signal: {{ramp: {{start: 2, end: 1, period: 9}}}}}}
      text: {{id: 7, type: ascii, length: 8, domain: stored, value: "on"}}
      level: {{modbus: {{function: 3, slave: 1, address: 258}}, length: 2, value: [1], signal: {{constant: 5}}}}
      raw: {{meta: 00ff, meta_size: 9, value: {{hex: 01}}, signal: {{recording: {{samples: "0:1 5:2"}}}}}}
target:
  memory: [{{start: 0x20000000, size: 16, content: 00ff}}]
  core_registers: {{15: 0x100}}
  modbus: [{{address: 1, coils: {{0: 1}}}}]
  serial: {{mode: script, answers: [{{pattern: 61, answer: 62}}]}}
rules: {{quirks: [lenient_login], lockout_time: 1.5}}
links: [tcp://127.0.0.1:0]
""",
    iotz.read: f"""<?xml version="1.0"?>
<IOTizeConfiguration Version="1.2.0" Lock="24">
<IOTizeApp Name="A &amp; B" DevIoTizeSN="IoTize004100000007" InterfaceLock="24" Scram_Hash_It="5000" NFCLogin="0"
TargetProtocol="Modbus" TargetProtocolConfDataLen="8" TargetProtocolConfData="0001000a01002580" HostProtocol="41">
<WIFI_Info Network="P2P" Module_AP_SSID="x" Wifi_Protocol="7" /><GUI_x a="1" a="1" />
<CloudServices CloudMqttPeriod="5"><CloudServiceName Name="1883" /></CloudServices></IOTizeApp>
<IOTizeProfile GroupId="1" Id="1" Name="tech" LifeTime="300" Pwd="{HASH}" Scram_Pwd="{HASH}{HASH}0000002A">
<IOTizeUser Id="3" Name="paul" Scram_User_Salt="42" /></IOTizeProfile>
<IOTizeBundle Id="1" GUI_Name="b" DataLogPeriod="0x0000003C">
<IOTizeVariable Id="1" GUI_Name="v" Unit="3" Quantity="2" Address="0x10" GUI_DispUnit="V" />
<IOTizeVariable Id="2" GUI_Name="w" UnitType="float" Unit="3" IsInTap="1" InTap_InitialValueString="0.5;" />
<IOTizeAccessControl><IOTizeACL ProfileName="tech" Rights="read" /></IOTizeAccessControl>
<Feature FeatureObjId="1024" FeatureResId="101" /></IOTizeBundle><!-- end -->
</IOTizeConfiguration>
""",
    tapconfig.read: f"""{{"meta": {{"version": "1.0.0"}},
"config": {{"version": "1.0.0", "application": {{"name": "A", "uri": {{"type": "URL", "value": "x"}}}},
"data": {{"bundles": [{{"id": 1, "name": "b", "dataLog": {{"period": 9}}, "features": ["SERIAL_ACCESS"],
"variables": [{{"id": 0, "meta": {{"name": "v", "unit": "V"}}, "dataType": "INT16", "address": "0x10", "length": 2}},
{{"id": 1, "name": "w", "type": "UINT32", "kind": "IN_TAP_STATIC", "value": [1]}},
{{"id": 2, "rawMeta": "0x00FF", "modbusAddress": {{"functionCode": 3, "slave": 1, "address": 5}}}}],
"acls": {{"u": {{"read": true, "write": false}}}}}}],
"profiles": [{{"username": "admin", "key": "0x{HASH}", "users": [{{"username": "u", "id": 3, "password": "x"}}]}}]}},
"tap": {{"security": {{"scramActivated": true}}, "scram": {{"hashIteration": 1}}}},
"target": {{"protocol": {{"type": "MODBUS", "config": {{"modbus": {{"slave": 1}}, "serial": {{"baudRate": 9600}}}}}}}},
"wireless": {{"protocols": {{"wifi": {{"protocol": ["B"]}}}}, "options": {{"authorizedProtocols": ["NFC"]}}}}}}}}
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
    """Loads, shows and converts a text; only a ConfigError with proper lines may come out, or an equal Tap."""
    assert callable(reader)
    try:
        loaded: Loaded = reader(Source("tap", text)).build()
    except ConfigError as error:
        check_problems(error.problems, text)
    else:
        show(loaded, secrets=True).encode()
        converted = device_yaml.read(Source("device.yaml", dump_yaml(loaded.blueprint, loaded.links))).build()
        assert (converted.blueprint, converted.links) == (loaded.blueprint, loaded.links)


@pytest.mark.parametrize(
    "link", ["tcp:t//127.0.0.1:0", "tcp://h:99999", "tcp://a..b", "tcp://h?max_request=1", "ws://[::1"]
)
def test_link_that_is_none_is_explained(link: str) -> None:
    read_anything(device_yaml.read, f"tap: 1\nlinks:\n- '{link}'\n")


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
                [
                    "",
                    "-1",
                    "70000",
                    '"',
                    "{",
                    "}",
                    "[",
                    "<a>",
                    "</a>",
                    "&",
                    "\\ud800",
                    "null",
                    "\ufeff",
                    "é",
                    "nan",
                    ":",
                ]
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
    assert reader(Source("tap", text)).build().blueprint.variables
    for end in range(0, len(text), 3):
        read_anything(reader, text[:end])
