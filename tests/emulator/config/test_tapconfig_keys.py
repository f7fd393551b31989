"""Every key for which the vendor's configurator makes a request ends in the Tap."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from emulator.config import Loaded
from protocol.bodies.cloud import CloudPlatform
from protocol.bodies.interface import LowPowerOptimizationLevel, NfcConnectionPriority, NfcPairingMode
from protocol.bodies.lora import LoraConfig
from protocol.bodies.target import TargetProtocol
from protocol.bodies.wifi import WifiKeyVisibility, WifiMode, WifiProtocols, WifiSSIDVisibility
from protocol.codes import HostProtocol
from protocol.firmware import Version

LoadText = Callable[[str], Loaded]
Problems = Callable[[str | bytes], list[tuple[int, str]]]

SETTINGS: Final[list[tuple[str, Any, str, Any]]] = [
    ("application.data", "0x0102", "interface.application_data", b"\x01\x02"),
    ("application.name", "Lamp", "interface.app_name", "Lamp"),
    ("application.productCode", "P1", "interface.product_code", "P1"),
    ("application.universalLink", "https://x", "interface.universal_link", "https://x"),
    ("application.uri", "$4/com.x", "interface.app_path", "$4/com.x"),
    ("application.uri", {"type": "AAR_2", "value": "com.x"}, "interface.app_path", "$6/com.x"),
    ("application.uri", {"type": "PRIMER_CLOUD_WEB_APP_URL", "value": "u"}, "interface.app_path", "$1/u"),
    ("cloud.dataLog.mqttPublishTopic", "a", "cloud.data_log_publish_topic", "a"),
    ("cloud.dataLog.mqttSubscribeTopic", "b", "cloud.data_log_subscribe_topic", "b"),
    ("cloud.dataLog.uploadPeriod", 5000, "cloud.data_log_upload_period", 5000),
    ("cloud.mqtt.brokerPort", "1883", "cloud.mqtt_broker_port", "1883"),
    ("cloud.mqtt.clientId", "c", "cloud.mqtt_client_id", "c"),
    ("cloud.mqtt.password", "p", "cloud.mqtt_password", "p"),
    ("cloud.mqtt.username", "u", "cloud.mqtt_username", "u"),
    ("cloud.platform", "AMAZON_AWS", "cloud.platform", CloudPlatform.AMAZON_AWS),
    ("jvm.code", "0xCAFE", "jvm.code", b"\xca\xfe"),
    ("jvm.profileId", 3, "jvm.profile_id", 3),
    ("tap.certificate.privateKey", "0x01", "interface.certificate_private_key", b"\x01"),
    ("tap.certificate.publicKey", "0x02", "interface.certificate_public_key", b"\x02"),
    (
        "tap.powerOptimization",
        "SHUTDOWN",
        "interface.power_optimisation_level",
        LowPowerOptimizationLevel.SHUTDOWN,
    ),
    ("tap.scram.hashIteration", 99, "scram.hash_iteration", 99),
    ("tap.time.ntpServer", "ntp", "time.ntp_server", "ntp"),
    ("tap.time.zone", "UTC-1", "time.time_zone", "UTC-1"),
    ("target.firmwareVersion", "1.2.3", "target.firmware_version", Version(1, 2, 3)),
    ("target.protocol.type", "GPIO", "target.protocol", TargetProtocol.DIRECT_IO),
    ("target.protocol.type", "S3P", "target.protocol", TargetProtocol.S3P),
    ("target.protocol", {"type": "CUSTOM", "config": "0x0102"}, "target.protocol_configuration", b"\x01\x02"),
    (
        "target.protocol",
        {"type": "S3P", "config": {"mode": "INDEXED", "delay": 7}},
        "target.protocol_configuration",
        b"\x07\x01",
    ),
    (
        "wireless.options.authorizedProtocols",
        ["NFC", "BLE"],
        "interface.authorized_host_protocol",
        HostProtocol.NFC | HostProtocol.BLE,
    ),
    ("wireless.options.inactivityTimeout", 30, "interface.host_inactivity_period", 30),
    (
        "wireless.protocols.lora.config",
        {"classA": True, "classB": False, "classC": False, "dataLoggingEnabled": True, "singlePacketEnabled": False},
        "lora.config",
        LoraConfig(class_a=True, data_logging_enabled=True),
    ),
    ("wireless.protocols.lora.ids", "0x" + "01" * 32, "lora.ids", b"\x01" * 32),
    ("wireless.protocols.mqtt.brokerCertificate", "0x03", "mqtt.broker_certificate", b"\x03"),
    ("wireless.protocols.mqtt.brokerHostname", "h", "mqtt.broker_hostname", "h"),
    ("wireless.protocols.mqtt.brokerPort", "1", "mqtt.broker_port", "1"),
    ("wireless.protocols.mqtt.clientId", "i", "mqtt.client_id", "i"),
    ("wireless.protocols.mqtt.password", "p", "mqtt.password", "p"),
    ("wireless.protocols.mqtt.relayNetKey", "k", "mqtt.relay_net_key", "k"),
    ("wireless.protocols.mqtt.requestTopic", "q", "mqtt.topic_prefix", "q"),
    ("wireless.protocols.mqtt.responseTopic", "r", "mqtt.response_topic", "r"),
    ("wireless.protocols.mqtt.topicPrefix", "t", "mqtt.topic_prefix", "t"),
    ("wireless.protocols.mqtt.username", "u", "mqtt.username", "u"),
    ("wireless.protocols.nfc.autoLogProfileId", 4, "interface.nfc_autolog_profile_id", 4),
    (
        "wireless.protocols.nfc.connectionPriority",
        "NFC_PRIORITY",
        "interface.nfc_connection_priority",
        NfcConnectionPriority.NFC_PRIORITY,
    ),
    (
        "wireless.protocols.nfc.pairingMode",
        "MANDATORY_FOR_LOGIN",
        "interface.nfc_pairing_mode",
        NfcPairingMode.MANDATORY_FOR_LOGIN,
    ),
    ("wireless.protocols.wifi.countryCode", 250, "wifi.country_code", 250),
    ("wireless.protocols.wifi.gatewayIp", "192.168.4.1", "wifi.gateway_ip", "192.168.4.1"),
    ("wireless.protocols.wifi.ipGateway", "192.168.4.1", "wifi.gateway_ip", "192.168.4.1"),
    ("wireless.protocols.wifi.ip", "192.168.4.2", "wifi.ip", "192.168.4.2"),
    ("wireless.protocols.wifi.key", "secret", "wifi.key", "secret"),
    ("wireless.protocols.wifi.keyVisibility", "HIDDEN", "wifi.key_visibility", WifiKeyVisibility.HIDDEN),
    ("wireless.protocols.wifi.mask", "255.255.255.0", "wifi.ip_mask", "255.255.255.0"),
    ("wireless.protocols.wifi.mode", "NETWORK", "wifi.mode", WifiMode.NETWORK),
    ("wireless.protocols.wifi.protocol", ["B", "N"], "wifi.protocol", WifiProtocols.B | WifiProtocols.N),
    ("wireless.protocols.wifi.ssid", "tap", "wifi.ssid", "tap"),
    (
        "wireless.protocols.wifi.ssidVisibility",
        "HIDDEN_FROM_SCAN",
        "wifi.ssid_visibility",
        WifiSSIDVisibility.HIDDEN_FROM_SCAN,
    ),
    ("wireless.protocols.wifi.txPower", -3, "wifi.tx_power", -3),
]

CONFIGURATOR_KEYS: Final = frozenset(
    {
        "application.data",
        "application.name",
        "application.productCode",
        "application.universalLink",
        "application.uri",
        "cloud.dataLog.mqttPublishTopic",
        "cloud.dataLog.mqttSubscribeTopic",
        "cloud.dataLog.uploadPeriod",
        "cloud.mqtt.brokerPort",
        "cloud.mqtt.clientId",
        "cloud.mqtt.password",
        "cloud.mqtt.username",
        "cloud.platform",
        "jvm.code",
        "jvm.profileId",
        "tap.certificate.privateKey",
        "tap.certificate.publicKey",
        "tap.powerOptimization",
        "tap.scram.hashIteration",
        "tap.time.ntpServer",
        "tap.time.zone",
        "target.firmwareVersion",
        "target.protocol.type",
        "wireless.options.authorizedProtocols",
        "wireless.options.inactivityTimeout",
        "wireless.protocols.lora.config",
        "wireless.protocols.lora.ids",
        "wireless.protocols.mqtt.brokerCertificate",
        "wireless.protocols.mqtt.brokerHostname",
        "wireless.protocols.mqtt.brokerPort",
        "wireless.protocols.mqtt.clientId",
        "wireless.protocols.mqtt.password",
        "wireless.protocols.mqtt.relayNetKey",
        "wireless.protocols.mqtt.requestTopic",
        "wireless.protocols.mqtt.responseTopic",
        "wireless.protocols.mqtt.topicPrefix",
        "wireless.protocols.mqtt.username",
        "wireless.protocols.nfc.autoLogProfileId",
        "wireless.protocols.nfc.connectionPriority",
        "wireless.protocols.nfc.pairingMode",
        "wireless.protocols.wifi.countryCode",
        "wireless.protocols.wifi.gatewayIp",
        "wireless.protocols.wifi.ip",
        "wireless.protocols.wifi.key",
        "wireless.protocols.wifi.keyVisibility",
        "wireless.protocols.wifi.mask",
        "wireless.protocols.wifi.mode",
        "wireless.protocols.wifi.protocol",
        "wireless.protocols.wifi.ssid",
        "wireless.protocols.wifi.ssidVisibility",
        "wireless.protocols.wifi.txPower",
    }
)
"""The keys of WRITE_CONFIGURATOR_CONFIG in @iotize/tap 2.7.0; not those of `version`, `tap.security` and
`target.protocol.config`, which tests of their own have, nor those below `data`."""


@pytest.fixture
def suffix() -> str:
    return ".tapconfig.json"


def config(path: str, value: object) -> str:
    """A configuration with one value."""
    root: dict[str, Any] = {"version": "1.0.0"}
    *outer, last = path.split(".")
    node = root
    for key in outer:
        node = node.setdefault(key, {})
    node[last] = value
    return json.dumps({"config": root}, indent=1)


def test_the_table_has_every_key_of_the_configurator() -> None:
    assert {path for path, _, _, _ in SETTINGS} >= CONFIGURATOR_KEYS


@pytest.mark.parametrize(("path", "value", "key", "expected"), SETTINGS)
def test_settings(load_text: LoadText, path: str, value: Any, key: str, expected: Any) -> None:
    loaded = load_text(config(path, value))
    assert loaded.blueprint.settings[key] == expected
    assert type(loaded.blueprint.settings[key]) is type(expected)
    # What a newer firmware does not have any more stays configured, and is told.
    assert [note.text for note in loaded.notes] == (
        [f"config.{path}: firmware 1.113.0 does not have {GONE[key]}, which is there up to 1.103.0"]
        if key in GONE
        else []
    )


GONE: Final = {
    "cloud.mqtt_broker_port": "/1024//61",
    "cloud.mqtt_client_id": "/1024//27",
    "cloud.mqtt_password": "/1024//29",
    "cloud.mqtt_username": "/1024//28",
}

SERIAL: Final = {
    "baudRate": 115200,
    "physicalPort": "RS232",
    "stopBits": "ONE",
    "bitParity": "EVEN",
    "dataBits": "_8",
    "handshakeDelimiter": "CR_LF",
    "hardwareFlowControl": "RTS_CTS",
    "timeout": 10,
}
MODBUS: Final = {"slave": 1, "offsetFirstRegister": True}
LINE_9600: Final = {
    "baudRate": 9600,
    "bitParity": "NONE",
    "dataBits": "_8",
    "handshakeDelimiter": "NONE",
    "stopBits": "ONE",
    "timeout": 10,
}


@pytest.mark.parametrize(
    ("target", "block"),
    [
        # The wire bytes of both are made by the vendor's encoder.
        ({"type": "MODBUS", "config": {"modbus": MODBUS, "serial": SERIAL}}, "0a33090100c21101"),
        (
            {"type": "MODBUS", "config": {"modbus": {"slave": 1, "offsetFirstRegister": False}, "serial": LINE_9600}},
            "0a00010080250001",
        ),
        ({"type": "SERIAL", "config": LINE_9600}, "0a00010080250000"),
        ({"type": "SERIAL", "config": {"modbus": MODBUS, "serial": LINE_9600}}, "0a00010080251001"),
        (
            {
                "config": {
                    "modbus": MODBUS,
                    "serial": {**SERIAL, "identification": True, "ledStatus": True},
                    "usb": {"aliases": [{"pid": 0x1234, "vid": 0x5678, "equ": 2}]},
                }
            },
            "0a3309a100c211011234567802",
        ),
    ],
)
def test_the_settings_block_of_a_serial_line(load_text: LoadText, target: dict[str, object], block: str) -> None:
    settings = load_text(config("target.protocol", target)).blueprint.settings
    assert settings["target.protocol_configuration"].hex() == block


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ({"type": "MODBUS", "config": 5}, "config.target.protocol.config is 5, expected an object or hexadecimal"),
        ({"type": "MODBUS", "config": {"serial": {"timeout": 256}}}, "config.serial.timeout is 256, expected a whole"),
        ({"type": "MODBUS", "config": {"serial": {"dataBits": "_6"}}}, "serial.dataBits is '_6', expected one of _7"),
        ({"type": "MODBUS", "config": {"serial": 5}}, "config.serial is 5, expected an object"),
        ({"type": "S3P", "config": {"mode": "FAST"}}, "config.mode is 'FAST', expected one of emulation, indexed"),
        ({"type": "CUSTOM", "config": "0x0"}, "config.target.protocol.config is '0x0', expected hexadecimal digits"),
        ({"config": {"usb": {"aliases": 5}}}, "config.usb.aliases is 5, expected a list"),
        ({"config": {"usb": {"aliases": [{"pid": -1}]}}}, "aliases.0.pid is -1, expected a whole number"),
        ({"type": "CARRIER PIGEON"}, "config.target.protocol.type is 'CARRIER PIGEON', expected one of swd"),
        ({"type": []}, "config.target.protocol.type is a list, expected one of swd"),
    ],
)
def test_mistakes_of_the_target(problems: Problems, target: dict[str, object], reason: str) -> None:
    (found,) = problems(config("target.protocol", target))
    assert reason in found[1]


def test_two_keys_of_one_resource_are_told(load_text: LoadText) -> None:
    loaded = load_text(config("wireless.protocols.mqtt", {"requestTopic": "q", "topicPrefix": "t"}))
    assert loaded.blueprint.settings["mqtt.topic_prefix"] == "q"
    assert [(note.line, note.kind) for note in loaded.notes] == [(8, "ignored")]


def test_a_host_protocol_without_a_bit_is_told(load_text: LoadText) -> None:
    loaded = load_text(config("wireless.options.authorizedProtocols", ["LORA", "WIFI"]))
    assert loaded.blueprint.settings["interface.authorized_host_protocol"] == HostProtocol.WIFI
    assert [note.kind for note in loaded.notes] == ["ignored"]


def test_secrets_are_not_repeated_in_messages(problems: Problems) -> None:
    (found,) = problems(config("wireless.protocols.wifi.key", "my-secret-" * 9))
    assert "my-secret" not in found[1]
