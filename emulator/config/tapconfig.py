"""Reads the vendor's `tapconfig.json`, of @iotize/tap 2.7.0 and of its older dialect.

What sets up the Tap is taken out of the tree of values. What is left in the end is listed, so that nothing is dropped
silently. Evidence: schema and configurator of @iotize/tap 2.7.0.
"""

from typing import Any, Final

from emulator.blueprint import ADMIN, SUPERVISOR
from emulator.config.draft import Draft, Place
from emulator.config.json_reader import Node, parse
from emulator.config.json_tree import NO_CALL, Tree, describe, plain, scalar
from emulator.config.kinds import Plain
from emulator.config.source import Source
from emulator.config.tapconfig_data import read_bundles, read_profiles
from emulator.config.vendor import put_setting
from emulator.config.vendor_target import TARGET_PROTOCOLS, protocol_block

_SETTINGS: Final = {
    "version": "interface.config_version",
    "application.data": "interface.application_data",
    "application.name": "interface.app_name",
    "application.productCode": "interface.product_code",
    "application.universalLink": "interface.universal_link",
    "cloud.dataLog.mqttPublishTopic": "cloud.data_log_publish_topic",
    "cloud.dataLog.mqttSubscribeTopic": "cloud.data_log_subscribe_topic",
    "cloud.dataLog.uploadPeriod": "cloud.data_log_upload_period",
    "cloud.mqtt.brokerPort": "cloud.mqtt_broker_port",
    "cloud.mqtt.clientId": "cloud.mqtt_client_id",
    "cloud.mqtt.password": "cloud.mqtt_password",
    "cloud.mqtt.username": "cloud.mqtt_username",
    "cloud.platform": "cloud.platform",
    "jvm.code": "jvm.code",
    "jvm.profileId": "jvm.profile_id",
    "tap.certificate.privateKey": "interface.certificate_private_key",
    "tap.certificate.publicKey": "interface.certificate_public_key",
    "tap.powerOptimization": "interface.power_optimisation_level",
    "tap.scram.hashIteration": "scram.hash_iteration",
    "tap.time.ntpServer": "time.ntp_server",
    "tap.time.zone": "time.time_zone",
    "target.firmwareVersion": "target.firmware_version",
    "wireless.options.inactivityTimeout": "interface.host_inactivity_period",
    "wireless.protocols.lora.ids": "lora.ids",
    "wireless.protocols.mqtt.brokerCertificate": "mqtt.broker_certificate",
    "wireless.protocols.mqtt.brokerHostname": "mqtt.broker_hostname",
    "wireless.protocols.mqtt.brokerPort": "mqtt.broker_port",
    "wireless.protocols.mqtt.clientId": "mqtt.client_id",
    "wireless.protocols.mqtt.password": "mqtt.password",
    "wireless.protocols.mqtt.relayNetKey": "mqtt.relay_net_key",
    "wireless.protocols.mqtt.topicPrefix": "mqtt.topic_prefix",
    "wireless.protocols.mqtt.requestTopic": "mqtt.topic_prefix",
    "wireless.protocols.mqtt.responseTopic": "mqtt.response_topic",
    "wireless.protocols.mqtt.username": "mqtt.username",
    "wireless.protocols.nfc.autoLogProfileId": "interface.nfc_autolog_profile_id",
    "wireless.protocols.nfc.connectionPriority": "interface.nfc_connection_priority",
    "wireless.protocols.nfc.pairingMode": "interface.nfc_pairing_mode",
    "wireless.protocols.wifi.countryCode": "wifi.country_code",
    "wireless.protocols.wifi.gatewayIp": "wifi.gateway_ip",
    "wireless.protocols.wifi.ipGateway": "wifi.gateway_ip",
    "wireless.protocols.wifi.ip": "wifi.ip",
    "wireless.protocols.wifi.key": "wifi.key",
    "wireless.protocols.wifi.keyVisibility": "wifi.key_visibility",
    "wireless.protocols.wifi.mask": "wifi.ip_mask",
    "wireless.protocols.wifi.mode": "wifi.mode",
    "wireless.protocols.wifi.ssid": "wifi.ssid",
    "wireless.protocols.wifi.ssidVisibility": "wifi.ssid_visibility",
    "wireless.protocols.wifi.txPower": "wifi.tx_power",
}
"""Settings of the Tap by their place under ``config``. `ipGateway` is what the vendor's converter writes."""

_PARTS: Final = {
    "tap.security": (
        "interface.security_options",
        {
            "scramActivated": "scram_activated",
            "hashPassword": "hash_password",
            "disableHardwareFactoryReset": "disable_hardware_factory_reset",
            "disableLoginWithUID": "disable_login_with_uid",
            "disableResourceFactoryReset": "disable_resource_factory_reset",
        },
    ),
    "wireless.protocols.lora.config": (
        "lora.config",
        {
            "classA": "class_a",
            "classB": "class_b",
            "classC": "class_c",
            "dataLoggingEnabled": "data_logging_enabled",
            "singlePacketEnabled": "single_packet_enabled",
        },
    ),
}
"""Settings that have parts: their key, and their parts by the name in the file."""

_LISTS: Final = {
    "wireless.options.authorizedProtocols": "interface.authorized_host_protocol",
    "wireless.protocols.wifi.protocol": "wifi.protocol",
}
"""Settings that are lists of words."""

_APP_PATHS: Final = {
    "PRIMER_CLOUD_WEB_APP_URL": "$1/",
    "URL": "$2/",
    "ANDROID_APP_ID": "$4/",
    "PRIMER_CLOUD_CONFIG_URL": "$5/",
    "AAR_2": "$6/",
}
"""What an application's path starts with, by its type. Source: AppPathType of @iotize/tap 2.7.0."""

_CONFIGURATOR_LIFETIME: Final = 30
"""Seconds of a session of admin and supervisor, if the file does not name them. Source: configurator of 2.7.0."""

_REASONS: Final = {
    "meta.version": "the version of the file's own form",
    "meta.options.skipFactoryReset": "a configuration always starts from a Tap that nobody has configured",
    "config.target.type": "it says which tool to use, and no request carries it",
    "config.wireless.protocols.ble.pairing": NO_CALL,
    "config.wireless.protocols.wifi.region": NO_CALL,
    "config.wireless.protocols.mqtt.netKey": f"{NO_CALL}; relayNetKey is the key of the relay",
    "config.data.profiles.salt": "the salt is part of the key",
    "config.data.profiles.users.salt": "the salt is part of the key",
    "config.data.bundles.variables.gpio": f"{NO_CALL}; domain and address choose a pin",
}


def read(source: Source) -> Draft:
    """Reads the values of a file.

    Raises:
        ConfigError: it cannot be understood.
    """
    draft = Draft(source)
    root = parse(draft)
    config = root.value.pop("config", None) if isinstance(root.value, dict) else None
    if config is None or not isinstance(config.value, dict):
        line = config.line if config else root.line
        source.fail(line, "the file has no object config, expected the vendor's configuration of a Tap")
    draft.data = {"tap": 1, "base": "factory"}
    tree = Tree(draft, _REASONS)
    _Importer(tree, config).run()
    tree.list_rest(root, "")
    return draft


class _Importer:
    """Takes values out of the tree and puts them into the draft."""

    def __init__(self, tree: Tree, config: Node) -> None:
        self._tree = tree
        self._draft = tree.draft
        self._config = config

    def run(self) -> None:
        if "version" not in self._config.value:
            self._draft.problem(self._config.line, "config.version is missing, expected a version such as 1.0.0")
        for path, key in _SETTINGS.items():
            self._setting(path, key, self._take(path))
        for path, (key, names) in _PARTS.items():
            self._parts(path, key, names)
        for path, key in _LISTS.items():
            self._words(path, key)
        self._app_path()
        self._target()
        read_profiles(self._tree, self._config)
        self._always_written()
        read_bundles(self._tree, self._config)
        self._tree.list_rest(self._config, "config")

    def _take(self, path: str) -> Node | None:
        return self._tree.take(self._config, "config", path)

    def _setting(self, path: str, key: str, node: Node | None) -> None:
        if node is None:
            return
        place = Place(node.line, f"config.{path}")
        before = self._draft.places.get(("settings", *key.split(".")))
        if before is not None:
            self._draft.ignored(before.line, f"{before.label}: {place.label} is the same resource, and counts")
        put_setting(self._draft, key, scalar(node), place)

    def _parts(self, path: str, key: str, names: dict[str, str]) -> None:
        label = f"config.{path}"
        node = self._take(path)
        if node is None or not self._tree.is_object(node, label):
            return
        given = {ours: node.value.pop(theirs) for theirs, ours in names.items() if theirs in node.value}
        labels = {ours: f"{label}.{theirs}" for theirs, ours in names.items()}
        for name, part in given.items():
            put_setting(self._draft, f"{key}.{name}", part.value, Place(part.line, labels[name]))
        if given.get("scram_activated") is not None and given["scram_activated"].value is True:
            self._hash_too(given["scram_activated"], given.get("hash_password"), labels["hash_password"])
        self._tree.list_rest(node, label)

    def _hash_too(self, scram: Node, hashed: Node | None, label: str) -> None:
        """The vendor's configurator writes both bits as soon as SCRAM is on."""
        if hashed is None or hashed.value is False:
            put_setting(self._draft, "interface.security_options.hash_password", True, Place(scram.line, label))
            if hashed is not None:
                self._draft.ignored(hashed.line, f"{label}: scramActivated switches it on")

    def _words(self, path: str, key: str) -> None:
        node = self._take(path)
        if node is None:
            return
        place = Place(node.line, f"config.{path}")
        if not isinstance(node.value, list):
            put_setting(self._draft, key, scalar(node), place)
            return
        words = [scalar(one) for one in node.value]
        if "LORA" in words:
            # The vendor's schema has it, but the enumeration that its configurator looks into has not.
            words.remove("LORA")
            self._draft.ignored(node.line, f"{place.label}: LORA has no bit in the mask of host protocols")
        put_setting(self._draft, key, words, place)

    def _app_path(self) -> None:
        node = self._take("application.uri")
        label = "config.application.uri"
        if node is not None and isinstance(node.value, dict):
            kind, value = node.value.get("type"), node.value.get("value")
            start = _APP_PATHS.get(str(kind.value)) if kind is not None else None
            if start is None or value is None or not isinstance(value.value, str):
                expected = f"an object with type (one of {', '.join(_APP_PATHS)}) and value"
                self._draft.problem(node.line, f"{label} is {describe(node)}, expected text, or {expected}")
                return
            node = Node(f"{start}{value.value}", node.line)
        self._setting("application.uri", "interface.app_path", node)

    def _target(self) -> None:
        kind = self._take("target.protocol.type")
        word = ""
        if kind is not None:
            word = str(kind.value).upper()
            place = Place(kind.line, "config.target.protocol.type")
            put_setting(self._draft, "target.protocol", TARGET_PROTOCOLS.get(word, scalar(kind)), place)
        config = self._take("target.protocol.config")
        if config is None:
            return
        label = "config.target.protocol.config"
        values: Any = plain(config)
        try:
            block = protocol_block(word, values)
        except ValueError as error:
            self._draft.problem(config.line, f"{label}{error}")
        else:
            put_setting(self._draft, "target.protocol_configuration", block.hex(), Place(config.line, label))

    def _always_written(self) -> None:
        """The vendor's configurator writes admin and supervisor even if the file does not name them."""
        named = self._draft.data.get("users", {})
        ids = {str(user.get("id")) for user in named.values()}
        for name, number in (("admin", ADMIN), ("supervisor", SUPERVISOR)):
            if name not in named and str(number) not in ids:
                place = Place(self._config.line, f"the lifetime of {name}")
                self._draft.put(("users", name, "lifetime"), Plain(str(_CONFIGURATOR_LIFETIME)), place)
