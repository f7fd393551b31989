"""The element `IOTizeApp` of an `.iotz`: application, target, radio, cloud."""

from collections.abc import Callable, Mapping
from typing import Final

from emulator.config import kinds
from emulator.config.draft import Draft, Place
from emulator.config.kinds import Plain, shown
from emulator.config.vendor import put_setting
from emulator.config.vendor_target import TARGET_PROTOCOLS, s3p_block, studio_block
from emulator.config.xml_reader import Attribute, Element, take

_APP: Final = {
    "Name": "interface.app_name",
    "ProductCode": "interface.product_code",
    "DevIoTizeSN": "device.serial_number",
    "WebLink": "interface.universal_link",
    "Scram_Hash_It": "scram.hash_iteration",
    "NFCLogin": "interface.nfc_autolog_profile_id",
    "LowPowerHostTimeout": "interface.host_inactivity_period",
    "TimeZoneStr": "time.time_zone",
    "Firmware": "target.firmware_version",
}
"""Settings by their attribute of IOTizeApp."""

_WIFI: Final = {
    "ModuleIPAddress": "wifi.ip",
    "ModuleIPGateway": "wifi.gateway_ip",
    "ModuleIPMask": "wifi.ip_mask",
    "Wifi_TxLevel": "wifi.tx_power",
    "Cloud_Publish_Topic": "cloud.data_log_publish_topic",
    "Cloud_Subscribe_Topic": "cloud.data_log_subscribe_topic",
    "MQTTRelay_URL": "mqtt.broker_hostname",
    "MQTTRelay_Service": "mqtt.broker_port",
    "MQTTRelay_Client_ID": "mqtt.client_id",
    "MQTTRelay_Broker_Login": "mqtt.username",
    "MQTTRelay_Passwd": "mqtt.password",
    "MQTTRelay_Topic_Prefix": "mqtt.topic_prefix",
}
"""Settings by their attribute of WIFI_Info. Which of them are the relay's is what the converter's comments say."""

_CLOUD: Final = {
    "CloudServiceName": "cloud.mqtt_broker_port",
    "CloudMQTT_UID": "cloud.mqtt_password",
    "CloudMQTT_USERNAME": "cloud.mqtt_username",
}
"""Settings by the element within CloudServices whose attribute Name they are."""

_CLEARED: Final = frozenset(
    {
        "ProductCode",
        "WebLink",
        *(name for name in _WIFI if name.startswith(("Cloud_", "MQTTRelay_"))),
        *_CLOUD,
    }
)
"""Texts that say something even if they are empty: that there is none."""

_WORDS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "TargetProtocol": ("target.protocol", TARGET_PROTOCOLS),
    "NFCPairingMandatory": (
        "interface.nfc_pairing_mode",
        {"NO": "no", "PAIRING": "mandatory", "PAIRING+LOGIN": "mandatory_for_login"},
    ),
    "NFCInterruptionLock": ("interface.nfc_connection_priority", {"0": "nfc_non_priority", "1": "nfc_priority"}),
    "LowPowerLevel": ("interface.power_optimisation_level", {"0": "no", "1": "shutdown", "2": "standby"}),
    "Network": (
        "wifi.mode",
        {"P2P": "peer_to_peer", "NETWORK": "network", "INFRA": "network", "INFRA_CLOUD": "network"},
    ),
    "Wifi_SSID_Hidden": ("wifi.ssid_visibility", {"0": "visible", "1": "hidden", "2": "hidden_from_scan"}),
    "Wifi_WEPKey_Hidden": ("wifi.key_visibility", {"0": "visible", "1": "hidden"}),
}
"""Settings with words of their own. Source: converter of @iotize/tap 2.7.0."""

_WIFI_PROTOCOLS: Final = {"1": ["b"], "3": ["b", "g"], "7": ["b", "g", "n"]}
_ACCESS_POINT: Final = {"Module_AP_SSID": "wifi.ssid", "Module_AP_WEPKey": "wifi.key"}
_STATION: Final = {"ModuleSSID": "wifi.ssid", "ModuleWEPKey": "wifi.key"}
_SERIAL_PROTOCOLS: Final = frozenset({"modbus", "serial"})
_TAPNPASS: Final = "1"
_BYTE: Final = kinds.integer(0, 0xFF)
_HEX_DIGITS: Final = frozenset("0123456789ABCDEF")


class AppImporter:
    """Takes the settings of one application out of the tree."""

    def __init__(self, draft: Draft, app: Element) -> None:
        self._draft = draft
        self._app = app

    def run(self) -> None:
        """Enters all of them."""
        self._settings(self._app, _APP)
        self._words(self._app)
        self._app_path()
        self._host_protocols()
        self._target()
        for wifi in self._app.named("WIFI_Info"):
            self._wifi(wifi)
        for cloud in self._app.named("CloudServices"):
            self._settings(cloud, {"CloudMqttPeriod": "cloud.data_log_upload_period"})
            for element in cloud.children:
                if element.name in _CLOUD and (name := _take_text(element, "Name", element.name)) is not None:
                    self._put(_CLOUD[element.name], name, element.name)

    def _put(self, key: str, value: Attribute, label: str, word: object = None) -> None:
        put_setting(self._draft, key, Plain(value.value) if word is None else word, Place(value.line, label))

    def _settings(self, element: Element, names: Mapping[str, str]) -> None:
        for name, key in names.items():
            value = _take_text(element, name, name)
            if value is not None:
                self._put(key, value, name)

    def _words(self, element: Element) -> None:
        for name, (key, words) in _WORDS.items():
            value = take(element, name)
            if value is None:
                continue
            word = words.get(value.value.replace(" ", "_").upper())
            if word is None:
                expected = ", ".join(words)
                self._draft.problem(value.line, f"{name} is {shown(Plain(value.value))}, expected one of {expected}")
            else:
                self._put(key, value, name, word)

    def _app_path(self) -> None:
        """The vendor's converter writes the path of the app, if there is one, to the Tap."""
        app_path, path = take(self._app, "GUI_Path"), self._app.attributes.get("Path")
        if app_path is not None:
            self._put("interface.app_path", app_path, "GUI_Path")
            if path is not None and path.value:
                take(self._app, "Path")
                self._draft.unused(path.line, "Path of <IOTizeApp>: GUI_Path counts")
        elif path is not None and path.value:
            take(self._app, "Path")
            self._put("interface.app_path", path, "Path")

    def _host_protocols(self) -> None:
        """A mask in hexadecimal digits, or names."""
        value = take(self._app, "HostProtocol")
        if value is None:
            return
        text = value.value.upper()
        if text == "ALL":
            text = "FFFF"
        digits = text.removeprefix("0X")
        mask = Plain(f"0x{digits}") if set(digits) <= _HEX_DIGITS and len(digits) <= 4 else None
        names = [name.strip() for name in text.split(",")]
        self._put("interface.authorized_host_protocol", value, "HostProtocol", mask or names)

    def _target(self) -> None:
        protocol = self._draft.data.get("settings", {}).get("target", {}).get("protocol")
        kind = take(self._app, "GUI_TargetType")
        adapter = kind is not None and kind.value == _TAPNPASS
        if protocol == "s3p" and not adapter:
            self._s3p()
        elif protocol in _SERIAL_PROTOCOLS or adapter:
            self._serial()

    def _s3p(self) -> None:
        mode, delay = take(self._app, "S3Pmode"), take(self._app, "S3PDelay")
        known = delay or mode
        try:
            block = s3p_block(
                _number(delay, "S3PDelay", _BYTE.parse, 1), _number(mode, "S3Pmode", kinds.one_of(0, 1).parse, 0)
            )
        except ValueError as error:
            assert known is not None
            self._draft.problem(known.line, str(error))
            return
        line = self._app.line if known is None else known.line
        self._put("target.protocol_configuration", Attribute(block.hex(), line), "S3PDelay")

    def _serial(self) -> None:
        length, data = take(self._app, "TargetProtocolConfDataLen"), take(self._app, "TargetProtocolConfData")
        if data is None or (length is not None and length.value == "0"):
            return
        try:
            block = studio_block(data.value)
        except ValueError as error:
            self._draft.problem(data.line, f"TargetProtocolConfData {error}")
            return
        if length is not None and length.value != str(len(block)):
            text = (
                f"TargetProtocolConfDataLen {shown(Plain(length.value))}: TargetProtocolConfData has {len(block)} bytes"
            )
            self._draft.ignored(length.line, text)
        self._put("target.protocol_configuration", Attribute(block.hex(), data.line), "TargetProtocolConfData")

    def _wifi(self, wifi: Element) -> None:
        self._words(wifi)
        self._settings(wifi, _WIFI)
        mode = self._draft.data.get("settings", {}).get("wifi", {}).get("mode", "peer_to_peer")
        own, other = (_ACCESS_POINT, _STATION) if mode == "peer_to_peer" else (_STATION, _ACCESS_POINT)
        for name, key in own.items():
            value = wifi.attributes.pop(name, None)
            if value is not None:
                self._put(key, value, name)
        for name in other:
            value = take(wifi, name)
            if value is not None:
                self._draft.unused(value.line, f"{name} of <WIFI_Info>: it is for the other mode of the network")
        protocol = take(wifi, "Wifi_Protocol")
        if protocol is not None:
            words = _WIFI_PROTOCOLS.get(protocol.value)
            self._put("wifi.protocol", protocol, "Wifi_Protocol", words or Plain(protocol.value))


def _take_text(element: Element, attribute: str, name: str) -> Attribute | None:
    """An attribute that is about to be used; an empty one only where that says something."""
    return element.attributes.pop(attribute, None) if name in _CLEARED else take(element, attribute)


def _number(value: Attribute | None, name: str, read: Callable[[object], int], missing: int) -> int:
    try:
        return missing if value is None else read(Plain(value.value))
    except ValueError as error:
        raise ValueError(f"{name} {error}") from error
