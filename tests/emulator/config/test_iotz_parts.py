"""What each attribute of an IoTize Studio project does to the Tap."""

from collections.abc import Callable
from typing import Any

import pytest

from emulator.blueprint import Bundle, Variable
from emulator.config import Loaded
from protocol.bodies.interface import LowPowerOptimizationLevel, NfcConnectionPriority, NfcPairingMode
from protocol.bodies.target import TargetProtocol
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.bodies.wifi import WifiKeyVisibility, WifiMode, WifiProtocols, WifiSSIDVisibility
from protocol.codes import LOG_ON_CHANGE, HostProtocol, Rights
from protocol.firmware import Version

LoadText = Callable[[str], Loaded]
Problems = Callable[[str | bytes], list[tuple[int, str]]]

BLOCK = 'TargetProtocolConfDataLen="8" TargetProtocolConfData="0001000a01002580"'
WIRE = bytes.fromhex("0a00010080250001")


@pytest.fixture
def suffix() -> str:
    return ".iotz"


def project(app: str = "", inside: str = "", after: str = "") -> str:
    """A project with the interesting part on line 2."""
    return f"<IOTizeConfiguration>\n<IOTizeApp {app}>{inside}</IOTizeApp>{after}\n</IOTizeConfiguration>\n"


def wifi(attributes: str) -> str:
    return project(inside=f"<WIFI_Info {attributes} />")


def bundle(attributes: str = "", inside: str = "") -> str:
    return project(after=f'<IOTizeBundle Id="1" GUI_Name="b" {attributes}>{inside}</IOTizeBundle>')


def variable(attributes: str, inside: str = "") -> str:
    return bundle(inside=f'<IOTizeVariable Id="2" GUI_Name="v" {attributes}>{inside}</IOTizeVariable>')


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        (project('ProductCode="P1"'), "interface.product_code", "P1"),
        (project('ProductCode=""'), "interface.product_code", ""),
        (project('WebLink="https://x"'), "interface.universal_link", "https://x"),
        (project('GUI_Path="$4/a" Path="$6/b"'), "interface.app_path", "$4/a"),
        (project('GUI_Path="" Path="$6/b"'), "interface.app_path", "$6/b"),
        (project('Path="$6/b"'), "interface.app_path", "$6/b"),
        (project('TimeZoneStr="UTC-1"'), "time.time_zone", "UTC-1"),
        (project('Firmware="1.2.3"'), "target.firmware_version", Version(1, 2, 3)),
        (project('LowPowerHostTimeout="30"'), "interface.host_inactivity_period", 30),
        (project('LowPowerLevel="0"'), "interface.power_optimisation_level", LowPowerOptimizationLevel.NO),
        (project('LowPowerLevel="1"'), "interface.power_optimisation_level", LowPowerOptimizationLevel.SHUTDOWN),
        (project('LowPowerLevel="2"'), "interface.power_optimisation_level", LowPowerOptimizationLevel.STANDBY),
        (project('NFCPairingMandatory="No"'), "interface.nfc_pairing_mode", NfcPairingMode.NO),
        (project('NFCPairingMandatory="Pairing"'), "interface.nfc_pairing_mode", NfcPairingMode.MANDATORY),
        (
            project('NFCPairingMandatory="Pairing+Login"'),
            "interface.nfc_pairing_mode",
            NfcPairingMode.MANDATORY_FOR_LOGIN,
        ),
        (
            project('NFCInterruptionLock="1"'),
            "interface.nfc_connection_priority",
            NfcConnectionPriority.NFC_PRIORITY,
        ),
        (project('HostProtocol="FFFF"'), "interface.authorized_host_protocol", HostProtocol(0xFFFF)),
        (project('HostProtocol="ALL"'), "interface.authorized_host_protocol", HostProtocol(0xFFFF)),
        (project('HostProtocol="0x41"'), "interface.authorized_host_protocol", HostProtocol.NFC | HostProtocol.BLE),
        (project('HostProtocol="nfc, ble"'), "interface.authorized_host_protocol", HostProtocol.NFC | HostProtocol.BLE),
        (project('TargetProtocol="DirectIO"'), "target.protocol", TargetProtocol.DIRECT_IO),
        (project('TargetProtocol="Serial standard"'), "target.protocol", TargetProtocol.SERIAL),
        (project(f'TargetProtocol="Modbus" {BLOCK}'), "target.protocol_configuration", WIRE),
        (project(f'TargetProtocol="Serial" {BLOCK}'), "target.protocol_configuration", WIRE),
        (project(f'TargetProtocol="SWD" GUI_TargetType="1" {BLOCK}'), "target.protocol_configuration", WIRE),
        (
            project('TargetProtocol="Modbus" TargetProtocolConfData="0001000a010025801234567802"'),
            "target.protocol_configuration",
            WIRE + bytes.fromhex("1234567802"),
        ),
        (project('TargetProtocol="S3P" S3Pmode="1" S3PDelay="7"'), "target.protocol_configuration", b"\x07\x01"),
        (project('TargetProtocol="S3P"'), "target.protocol_configuration", b"\x01\x00"),
        (wifi('Network="P2P"'), "wifi.mode", WifiMode.PEER_TO_PEER),
        (wifi('Network="Network"'), "wifi.mode", WifiMode.NETWORK),
        (wifi('Network="Infra"'), "wifi.mode", WifiMode.NETWORK),
        (wifi('Module_AP_SSID="ap" ModuleSSID="net"'), "wifi.ssid", "ap"),
        (wifi('Network="Network" Module_AP_SSID="ap" ModuleSSID="net"'), "wifi.ssid", "net"),
        (wifi('Network="Network" Module_AP_WEPKey="ap" ModuleWEPKey=""'), "wifi.key", ""),
        (wifi('ModuleIPAddress="192.168.1.2"'), "wifi.ip", "192.168.1.2"),
        (wifi('ModuleIPGateway="192.168.1.1"'), "wifi.gateway_ip", "192.168.1.1"),
        (wifi('ModuleIPMask="255.255.0.0"'), "wifi.ip_mask", "255.255.0.0"),
        (wifi('Wifi_SSID_Hidden="1"'), "wifi.ssid_visibility", WifiSSIDVisibility.HIDDEN),
        (wifi('Wifi_SSID_Hidden="2"'), "wifi.ssid_visibility", WifiSSIDVisibility.HIDDEN_FROM_SCAN),
        (wifi('Wifi_WEPKey_Hidden="1"'), "wifi.key_visibility", WifiKeyVisibility.HIDDEN),
        (wifi('Wifi_Protocol="3"'), "wifi.protocol", WifiProtocols.B | WifiProtocols.G),
        (wifi('Wifi_TxLevel="-5"'), "wifi.tx_power", -5),
        (wifi('Cloud_Publish_Topic="p"'), "cloud.data_log_publish_topic", "p"),
        (wifi('Cloud_Subscribe_Topic=""'), "cloud.data_log_subscribe_topic", ""),
        (wifi('MQTTRelay_URL="h"'), "mqtt.broker_hostname", "h"),
        (wifi('MQTTRelay_Service="1883"'), "mqtt.broker_port", "1883"),
        (wifi('MQTTRelay_Client_ID="c"'), "mqtt.client_id", "c"),
        (wifi('MQTTRelay_Broker_Login="u"'), "mqtt.username", "u"),
        (wifi('MQTTRelay_Passwd="p"'), "mqtt.password", "p"),
        (wifi('MQTTRelay_Topic_Prefix="t"'), "mqtt.topic_prefix", "t"),
        (project(inside='<CloudServices CloudMqttPeriod="5" />'), "cloud.data_log_upload_period", 5),
        (
            project(inside='<CloudServices><CloudServiceName Name="1883" /></CloudServices>'),
            "cloud.mqtt_broker_port",
            "1883",
        ),
        (project(inside='<CloudServices><CloudMQTT_UID Name="p" /></CloudServices>'), "cloud.mqtt_password", "p"),
        (project(inside='<CloudServices><CloudMQTT_USERNAME Name="u" /></CloudServices>'), "cloud.mqtt_username", "u"),
        (bundle(inside='<Feature FeatureResId="103" />'), "interface.tapnpass_control_access_bundle", 1),
    ],
)
def test_settings(load_text: LoadText, text: str, key: str, value: Any) -> None:
    assert load_text(text).blueprint.settings[key] == value


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (bundle(), Bundle("b")),
        (bundle('DataLogPeriod="0x0000003D"'), Bundle("b", log_period=61)),
        (bundle('DataLogPeriod="0xFFFFFFFF"'), Bundle("b", log_period=LOG_ON_CHANGE)),
        (
            bundle(
                inside='<IOTizeAccessControl><IOTizeACL ProfileName="admin" Rights="read, write" />'
                "</IOTizeAccessControl>"
            ),
            Bundle("b", {65535: Rights.READ | Rights.WRITE}),
        ),
        (
            bundle(inside='<IOTizeAccessControl><IOTizeACL ProfileName="anonymous" Rights=""/></IOTizeAccessControl>'),
            Bundle("b", {0: Rights.NONE}),
        ),
    ],
)
def test_bundles(load_text: LoadText, text: str, made: Bundle) -> None:
    assert load_text(text).blueprint.bundles == {1: made}


def kind(data: DataType, domain: Domain = Domain.TARGET) -> VariableType:
    return VariableType(domain, data)


@pytest.mark.parametrize(
    ("attributes", "type", "length", "address", "value"),
    [
        ("", kind(DataType.INT8), 1, 0, None),
        ('Unit="0"', kind(DataType.BOOLEAN), 1, 0, None),
        ('Unit="2"', kind(DataType.INT16), 1, 0, None),
        ('Unit="3" GUI_unsigned="1"', kind(DataType.UINT32), 1, 0, None),
        ('Unit="3" GUI_float="1"', kind(DataType.FLOAT32), 1, 0, None),
        ('Unit="3" GUI_float="0"', kind(DataType.INT32), 1, 0, None),
        ('Unit="1" UnitType="unsigned integer"', kind(DataType.UINT8), 1, 0, None),
        ('Unit="3" UnitType="float"', kind(DataType.FLOAT32), 1, 0, None),
        ('Unit="1" UnitType="boolean"', kind(DataType.BOOLEAN), 1, 0, None),
        ('Unit="1" UnitType="ASCII" Quantity="8"', kind(DataType.ASCII), 8, 0, None),
        ('Unit="1" Address="0x20000010"', kind(DataType.INT8), 1, 0x20000010, None),
        ('Unit="1" Address="16" IsInTap="0"', kind(DataType.INT8), 1, 16, None),
        ('Unit="1" IsInTap="1"', kind(DataType.INT8, Domain.IN_TAP_STATIC), 1, 0, None),
        ('Unit="1" IsInTap="1" IsInTapVolatile="1"', kind(DataType.INT8, Domain.IN_TAP_VOLATILE), 1, 0, None),
        ('Unit="1" IsInTap="1" IsInTapVolatile="No"', kind(DataType.INT8, Domain.IN_TAP_STATIC), 1, 0, None),
        (
            'Unit="2" Quantity="3" IsInTap="1" InTap_InitialValueString="0x0001;-2;"',
            kind(DataType.INT16, Domain.IN_TAP_STATIC),
            3,
            0,
            b"\0\x01\xff\xfe\0\0",
        ),
        (
            'Unit="3" GUI_float="1" IsInTap="1" InTap_InitialValueString="0.500000;"',
            kind(DataType.FLOAT32, Domain.IN_TAP_STATIC),
            1,
            0,
            b"\x3f\0\0\0",
        ),
        ('IsInTap="1" InTap_InitialValueString=";"', kind(DataType.INT8, Domain.IN_TAP_STATIC), 1, 0, None),
    ],
)
def test_variables(
    load_text: LoadText, attributes: str, type: VariableType, length: int, address: int, value: bytes | None
) -> None:
    blueprint = load_text(variable(attributes)).blueprint
    assert blueprint.variables == {2: Variable(type, length, 1, address, b"v:", 2)}
    assert blueprint.values == ({} if value is None else {2: value})


def test_name_and_unit(load_text: LoadText) -> None:
    made = load_text(variable('GUI_DispUnit="°C"')).blueprint.variables[2]
    assert (made.meta.decode(), made.meta_size) == ("v:°C", 5)
    nameless = load_text(bundle(inside='<IOTizeVariable Id="2" />')).blueprint.variables[2]
    assert (nameless.meta, nameless.meta_size) == (b"", None)


@pytest.mark.parametrize("protocol", ["SWD", "Modbus"])
def test_no_settings_block_where_there_is_none(load_text: LoadText, protocol: str) -> None:
    block = BLOCK if protocol == "SWD" else BLOCK.replace('Len="8"', 'Len="0"')
    loaded = load_text(project(f'TargetProtocol="{protocol}" {block}'))
    assert "target.protocol_configuration" not in loaded.blueprint.settings


def test_a_length_that_is_not_that_of_the_block_is_told(load_text: LoadText) -> None:
    notes = load_text(project(f'TargetProtocol="Modbus" {BLOCK.replace(chr(56), "9", 1)}')).notes
    assert [(note.line, note.kind) for note in notes] == [(2, "ignored")]
    assert notes[0].text == "TargetProtocolConfDataLen 9: TargetProtocolConfData has 8 bytes"


def test_an_unknown_type_is_taken_for_a_signed_integer_and_told(load_text: LoadText) -> None:
    loaded = load_text(variable('Unit="2" UnitType="complex"'))
    assert loaded.blueprint.variables[2].type == VariableType(Domain.TARGET, DataType.INT16)
    assert [(note.line, note.kind) for note in loaded.notes if "complex" in note.text] == [(2, "ignored")]


def test_an_address_in_the_tap_is_told(load_text: LoadText) -> None:
    notes = load_text(variable('IsInTap="1" Address="5"')).notes
    assert [note.text for note in notes if "Address" in note.text] == ["Address of variable v: it is in the Tap"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (project('LowPowerLevel="3"'), "LowPowerLevel is 3, expected one of 0, 1, 2"),
        (project('TargetProtocol="Pigeon"'), "TargetProtocol is Pigeon, expected one of JTAG"),
        (project('HostProtocol="pigeon"'), "HostProtocol is a list, expected a list of nfc"),
        (project('TargetProtocol="S3P" S3PDelay="256"'), "S3PDelay is 256, expected a whole number from 0 to 255"),
        (project('TargetProtocol="S3P" S3Pmode="2"'), "S3Pmode is 2, expected one of 0, 1"),
        (project('TargetProtocol="Modbus" TargetProtocolConfData="00"'), "TargetProtocolConfData is 00, expected hex"),
        (wifi('Wifi_Protocol="9"'), "Wifi_Protocol is 9, expected a list of b, g, n or their number"),
        (wifi('ModuleIPAddress="home"'), "ModuleIPAddress is home, expected an IPv4 address"),
        (project(after='<IOTizeBundle GUI_Name="b" />'), "<IOTizeBundle> has no attribute Id, expected a number"),
        (bundle('DataLogPeriod="often"'), "DataLogPeriod of bundle b is often, expected seconds, 0 for off"),
        (
            bundle(inside='<Feature FeatureResId="99" />'),
            "FeatureResId of bundle b is 99, expected one of swd_direct_access",
        ),
        (bundle(inside="<Feature />"), "FeatureResId of bundle b is empty, expected one of swd_direct_access"),
        (
            bundle(inside='<Feature FeatureResId="101" /><Feature FeatureResId="101" />'),
            "FeatureResId of bundle b is serial_access, which FeatureResId of bundle b has already, expected it only",
        ),
        (
            bundle(inside='<IOTizeAccessControl><IOTizeACL Rights="read" /></IOTizeAccessControl>'),
            "<IOTizeACL> says too little, expected ProfileName and Rights",
        ),
        (
            bundle(inside='<IOTizeAccessControl><IOTizeACL ProfileName="x" Rights="read" /></IOTizeAccessControl>'),
            "IOTizeACL x of bundle b is no user, expected the name or id of a user",
        ),
        (
            bundle(inside='<IOTizeAccessControl><IOTizeACL ProfileName="admin" Rights="fly" /></IOTizeAccessControl>'),
            "IOTizeACL admin of bundle b is a list, expected read, write or [read, write]",
        ),
        (bundle(inside='<IOTizeVariable Id="x" />'), "Id of variable variable-0 is x, expected a whole number"),
        (variable('Unit="4"'), "Unit of variable v is 4, expected a whole number from 0 to 3"),
        (variable('Quantity="0"'), "Quantity of variable v is 0, expected a whole number from 1 to 255"),
        (variable('Address="here"'), "Address of variable v is here, expected a whole number"),
        (
            variable('IsInTap="1" InTap_InitialValueString="one"'),
            "InTap_InitialValueString of variable v is 'one', expected a number or hexadecimal digits",
        ),
        (
            variable('IsInTap="1" InTap_InitialValueString="1;2;"'),
            "InTap_InitialValueString of variable v has 2 bytes, expected at most 1",
        ),
        (variable('IsInTap="1" InTap_InitialValueString="inf;"'), "InTap_InitialValueString of variable v is inf, exp"),
    ],
)
def test_mistakes(problems: Problems, text: str, reason: str) -> None:
    found = problems(text)
    assert len(found) == 1
    assert found[0][0] == 2
    assert reason in found[0][1]
