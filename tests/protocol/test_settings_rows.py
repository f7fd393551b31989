"""Settings of the services ble, wifi, mqtt, cloud, lora, time, jvm and interface: bytes, defaults, firmware, names."""

from typing import Any

import pytest

from protocol.bodies.ble import MAC_ADDRESS
from protocol.bodies.cloud import CLOUD_PLATFORM, CloudPlatform
from protocol.bodies.interface import (
    HOST_PROTOCOLS,
    INACTIVITY_PERIOD_WRITE,
    LOW_POWER_OPTIMIZATION_LEVEL,
    NFC_CONNECTION_PRIORITY,
    NFC_PAIRING_MODE,
    SERVICE_CODES,
    LowPowerOptimizationLevel,
    NfcConnectionPriority,
    NfcPairingMode,
    ServiceCode,
)
from protocol.bodies.legacy import ACL_ENTRIES, AVAILABLE_FUNCTION, AclEntry, AvailableFunction
from protocol.bodies.lora import LORA_CONFIG, LoraConfig
from protocol.bodies.time import LOCAL_TIME, LocalTime
from protocol.bodies.wifi import (
    IPV4,
    IPV4_MASK,
    WIFI_KEY_VISIBILITY,
    WIFI_MODE,
    WIFI_PROTOCOL,
    WIFI_PROTOCOLS,
    WIFI_SSID_VISIBILITY,
    WifiKeyVisibility,
    WifiMode,
    WifiProtocol,
    WifiProtocols,
    WifiSSIDVisibility,
)
from protocol.client.calls import name_calls
from protocol.codes import HostProtocol, Method
from protocol.errors import BodyError, UsageError
from protocol.firmware import Version
from protocol.resources.registry import ENTRIES, RESOURCES, SETTINGS, Catalogue, Entry, parse_path
from protocol.values import INT8, Body

VENDOR_BYTES: list[tuple[Body[Any], Any, str]] = [
    (INT8, -5, "fb"),
    (INT8, 20, "14"),
    (MAC_ADDRESS, "C1:32:E9:BF:DE:58", "c132e9bfde58"),
    (IPV4, "192.168.4.1", "c0a80401"),
    (IPV4_MASK, "255.255.255.0", "ffffff00"),
    (HOST_PROTOCOLS, HostProtocol.NFC | HostProtocol.BLE | HostProtocol.WIFI, "0061"),
    (HOST_PROTOCOLS, HostProtocol(0xFFFF), "ffff"),
    (NFC_PAIRING_MODE, NfcPairingMode.MANDATORY_FOR_LOGIN, "02"),
    (LOW_POWER_OPTIMIZATION_LEVEL, LowPowerOptimizationLevel.SHUTDOWN, "03"),
    (SERVICE_CODES, ServiceCode.DATALOG | ServiceCode.JVM, "03"),
    (NFC_CONNECTION_PRIORITY, NfcConnectionPriority.NFC_NON_PRIORITY, "01"),
    (INACTIVITY_PERIOD_WRITE, 30, "001e"),
    (CLOUD_PLATFORM, CloudPlatform.AMAZON_AWS, "03"),
    (WIFI_MODE, WifiMode.NETWORK, "01"),
    (WIFI_PROTOCOL, WifiProtocol.N, "04"),
    (WIFI_PROTOCOLS, WifiProtocols.B | WifiProtocols.G | WifiProtocols.N, "07"),
    (WIFI_SSID_VISIBILITY, WifiSSIDVisibility.HIDDEN_FROM_SCAN, "01"),
    (WIFI_KEY_VISIBILITY, WifiKeyVisibility.HIDDEN, "01"),
    (LORA_CONFIG, LoraConfig(class_a=True, data_logging_enabled=True), "90"),
    (
        LOCAL_TIME,
        LocalTime(1, 2, 3, 4, 5, 121, 6, 154, 1),
        "000000010000000200000003000000040000000500000079000000060000009a00000001",
    ),
    (AVAILABLE_FUNCTION, AvailableFunction(debug=True, data_log=True), "03"),
    (AVAILABLE_FUNCTION, AvailableFunction(debug=False, data_log=True), "01"),
    (ACL_ENTRIES, [AclEntry(create=True, delete=False, execute=True, write=True, read=True)], "17"),
    (ACL_ENTRIES, [], ""),
    (ACL_ENTRIES, [AclEntry(delete=True), AclEntry(read=True)], "0801"),
]


@pytest.mark.parametrize(("body", "value", "data"), VENDOR_BYTES, ids=lambda case: getattr(case, "name", None))
def test_vendor_bytes_in_both_directions(body: Body[Any], value: Any, data: str) -> None:
    assert body.encode(value).hex() == data
    assert body.decode(bytes.fromhex(data)) == value


DAMAGED: list[tuple[Body[Any], str]] = [
    (MAC_ADDRESS, "c132e9bfde"),
    (MAC_ADDRESS, "c132e9bfde5800"),
    (IPV4, "c0a804"),
    (IPV4_MASK, "ffffff0000"),
    (HOST_PROTOCOLS, "61"),
    (NFC_PAIRING_MODE, "03"),
    (LOW_POWER_OPTIMIZATION_LEVEL, "01"),
    (SERVICE_CODES, "04"),
    (NFC_CONNECTION_PRIORITY, "02"),
    (INACTIVITY_PERIOD_WRITE, ""),
    (INACTIVITY_PERIOD_WRITE, "00001e"),
    (CLOUD_PLATFORM, "05"),
    (WIFI_MODE, "03"),
    (WIFI_PROTOCOL, "07"),
    (WIFI_PROTOCOLS, "08"),
    (WIFI_SSID_VISIBILITY, "03"),
    (WIFI_KEY_VISIBILITY, "02"),
    (LORA_CONFIG, ""),
    (LOCAL_TIME, "00" * 35),
]


@pytest.mark.parametrize(("body", "data"), DAMAGED)
def test_body_that_does_not_fit(body: Body[Any], data: str) -> None:
    with pytest.raises(BodyError):
        body.decode(bytes.fromhex(data))


UNFIT: list[tuple[Body[Any], Any]] = [
    (INT8, 128),
    (INT8, -129),
    (MAC_ADDRESS, "C1:32:E9:BF:DE"),
    (MAC_ADDRESS, "C1:32:E9:BF:DE:100"),
    (MAC_ADDRESS, "nothing"),
    (IPV4, "192.168.4"),
    (IPV4, "192.168.4.256"),
    (IPV4, "router"),
    (WIFI_PROTOCOL, 3),
    (SERVICE_CODES, 8),
]


@pytest.mark.parametrize(("body", "value"), UNFIT)
def test_value_that_does_not_fit_is_our_mistake(body: Body[Any], value: Any) -> None:
    with pytest.raises(UsageError, match=r"is no "):
        body.encode(value)


def test_inactivity_period_is_read_in_one_byte_or_two() -> None:
    assert INACTIVITY_PERIOD_WRITE.decode(b"\x1e") == 30
    assert INACTIVITY_PERIOD_WRITE.decode(b"\x01\x2c") == 300


@pytest.mark.parametrize(("mask", "newest"), [(1, 1), (2, 2), (3, 2), (4, 4), (5, 4), (7, 4)])
def test_newest_variant_of_a_mask(mask: int, newest: int) -> None:
    assert WifiProtocols(mask).newest == newest


DEFAULTS = {
    # path: default as the Tap answers it
    "/1024//8": "0001",
    "/1024//9": b"TAP".hex(),
    "/1024//11": "",
    "/1024//12": "",
    "/1024//13": "00",
    "/1024//14": "00",
    "/1024//15": "00",
    "/1024//16": b"ABCD1234".hex(),
    "/1024//17": "ffff",
    "/1024//18": "0001",
    "/1024//19": b"http://www.iotize.com".hex(),
    "/1024//21": "0000",
    "/1024//22": "c132e9bfde58",
    "/1024//24": "01",
    "/1024//25": b"TAP".hex(),
    "/1024//26": "00",
    "/1024//27": "",
    "/1024//28": "",
    "/1024//29": b"0000000000".hex(),
    "/1024//30": "00000000",
    "/1024//31": "00000000",
    "/1024//32": "ffffff00",
    "/1024//33": "00000000",
    "/1024//34": "001e",
    "/1024//36": "",
    "/1024//37": "",
    "/1024//38": "",
    "/1024//43": "0000",
    "/1024//50": b"user.cloud.iotize.com".hex(),
    "/1024//51": b"1883".hex(),
    "/1024//52": "",
    "/1024//53": "",
    "/1024//54": b"0000000000".hex(),
    "/1024//55": b"testnetkey".hex(),
    "/1024//57": "",
    "/1024//58": "",
    "/1024//59": "",
    "/1024//60": b"0000000000".hex(),
    "/1024//61": b"1883".hex(),
    "/1024//66": "0000",
    "/1024//68": "",
    "/1024//69": "",
    "/1024//70": "",
    "/1024//73": "00010000",
    "/1024//74": "",
    "/1024//75": "00",
    "/1024//77": "",
    "/1024//78": "",
    "/1024//84": "",
    "/1024//90": "00" * 32,
    "/1024//91": "00",
    "/1024//95": "0000",
    "/1024//96": "07",
    "/1024//97": "14",
    "/1024//98": "00",
    "/1024//99": "00",
    "/1024//121": "",
    **{f"/1024//{feature}": "0000" for feature in range(100, 106)},
    "/2/5/2": "1f",
    "/2/5/3": "ffff",
}


@pytest.mark.parametrize(("path", "data"), DEFAULTS.items())
def test_default_of_a_setting(path: str, data: str) -> None:
    (row,) = [row for row in SETTINGS.values() if str(row.path(5 if row.instance else None)) == path]
    assert row.setting is not None
    assert row.setting.body.encode(row.setting.default).hex() == data


SINCE = {
    "1.23": [f"/1024//{feature}" for feature in range(100, 106)],
    "1.55": ["/1024//43"],
    "1.85": ["/1024//24"],
    "1.86": ["/1024//37", "/1024//38", "/1024//52", "/1024//53", "/1024//57", "/1024//58"],
    "1.88": ["/1024//95", "/1024//96", "/1024//97", "/1024//98", "/1024//99"],
    "1.90": ["/1024//73", "/1024//74"],
    "1.107": ["/1024//59", "/1024//75", "/1024//77", "/1024//78", "/1024//79"],
    "1.113": ["/1024//84"],
}
"""First firmware, from the version tags of @iotize/tap 2.7.0 and the vendor's pages."""

UNTIL = {
    "1.83": ["/1024//49"],
    "1.103": ["/1024//27", "/1024//28", "/1024//29", "/1024//61"],
}

OURS = ("ble", "wifi", "mqtt", "cloud", "lora", "time", "jvm", "secure_element", "acl")


def paths_of(firmware: Version) -> set[str]:
    return {str(entry.resource.path(5 if entry.resource.instance else None)) for entry in Catalogue(firmware)}


@pytest.mark.parametrize(("firmware", "paths"), SINCE.items())
def test_first_firmware(firmware: str, paths: list[str]) -> None:
    version = Version.parse(firmware)
    assert set(paths) <= paths_of(version)
    assert not set(paths) & paths_of(Version(version.major, version.minor - 1))


@pytest.mark.parametrize(("firmware", "paths"), UNTIL.items())
def test_last_firmware(firmware: str, paths: list[str]) -> None:
    version = Version.parse(firmware)
    assert set(paths) <= paths_of(version)
    assert not set(paths) & paths_of(Version(version.major, version.minor + 1))


def test_no_other_row_depends_on_the_firmware() -> None:
    named = {path for paths in (*SINCE.values(), *UNTIL.values()) for path in paths}
    gated = {
        str(row.path(5 if row.instance else None))
        for row in RESOURCES
        if row.service in OURS and (row.since is not None or row.until is not None)
    }
    assert gated <= named


def test_topic_prefix_and_request_topic_are_one_setting() -> None:
    calls = list(name_calls([SETTINGS["mqtt.topic_prefix"]]))
    assert [call.id for call in calls] == [
        "mqtt.get_topic_prefix",
        "mqtt.get_request_topic",
        "mqtt.put_topic_prefix",
        "mqtt.put_request_topic",
    ]
    assert [bool(call.request) for call in calls] == [False, False, True, True]
    assert [bool(call.response) for call in calls] == [True, True, False, False]


def test_special_features_have_names_of_their_own() -> None:
    found = {
        entry.resource.key: [call.name for call in entry.resource.calls]
        for entry in ENTRIES
        if entry.resource.object == 1024 and 100 <= entry.resource.resource <= 105
    }
    assert list(found) == [
        "interface.swd_direct_access_bundle",
        "interface.serial_access_bundle",
        "interface.modbus_direct_access_bundle",
        "interface.tapnpass_control_access_bundle",
        "interface.sp_codeexec_access_bundle",
        "interface.mqtt_ids_access_bundle",
    ]
    assert found["interface.serial_access_bundle"] == [
        "get_serial_access_bundle",
        "set_serial_access_bundle",
        "put_serial_access_bundle",
    ]


LEGACY = {
    "/3//17",
    "/1024//12",
    "/1024//20",
    "/1024//49",
    "/1024//70",
    "/1024//71",
    *(f"/2/5/{number}" for number in range(4)),
    "/1025/5/7",
    "/1025/5/16",
}


def test_legacy_calls_are_marked() -> None:
    ours = {*OURS, "interface", "device", "group"}
    marked = {
        str(entry.resource.path(5 if entry.resource.instance else None))
        for entry in ENTRIES
        if entry.call.legacy and entry.resource.service in ours
    }
    assert marked == LEGACY


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ("/wifi/ssid-visibility", "/1024//98"),
        ("/cloud/data-log/publish-topic", "/1024//68"),
        ("/interface/nfc/pairing-mode", "/1024//13"),
        ("/interface/nfc_connection_priority", "/1024//24"),
        ("/interface/certificate/private-key", "/1024//38"),
        ("/secure-element/send", "/1024//71"),
        ("/acl/1024/owner", "/2/1024/3"),
        ("/group/3/scram-user-salt", "/1025/3/16"),
    ],
)
def test_words_of_the_vendor(words: str, path: str) -> None:
    assert str(parse_path(words)) == path


@pytest.mark.parametrize("path", ["/1024//37", "/1024//38", "/1024//57", "/1024//74"])
def test_what_comes_in_chunks_cannot_be_read(path: str) -> None:
    found = Catalogue(Version(1, 113)).find(Method.GET, parse_path(path))
    assert not isinstance(found, Entry)
