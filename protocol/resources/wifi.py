"""The Wi-Fi service of object 1024. The limits of network name and key are those of 802.11."""

from typing import Final

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
    WifiProtocols,
    WifiSSIDVisibility,
)
from protocol.codes import Method
from protocol.firmware import Version
from protocol.resources.model import CLIENT, Access, Call, Evidence, Resource, Setting, setting
from protocol.values import ASCII, INT8, UINT16

_OBJECT: Final = 1024
_FIRST_WITH_RADIO_OPTIONS: Final = Version(1, 88)
_ALL_PROTOCOLS: Final = WifiProtocols.B | WifiProtocols.G | WifiProtocols.N
_SAMPLE: Final = Evidence("sample", "configurations saved by IoTize Studio")


def _wifi(
    name: str,
    resource: int,
    value: Setting,
    doc: str,
    *,
    read: Access = Access.LOGGED_IN,
    since: Version | None = None,
    evidence: Evidence = CLIENT,
) -> Resource:
    return setting(
        "wifi", name, (_OBJECT, resource), value, doc, read=read, write=Access.ADMIN, since=since, evidence=evidence
    )


RESOURCES: Final[tuple[Resource, ...]] = (
    _wifi("mode", 15, Setting(WIFI_MODE, WifiMode.PEER_TO_PEER), "who makes the network, the Tap or a router"),
    _wifi(
        "key",
        16,
        Setting(ASCII, "ABCD1234", limit=range(65)),
        "the key of the network",
        read=Access.ADMIN,
        evidence=_SAMPLE,
    ),
    _wifi("ssid", 25, Setting(ASCII, "TAP", limit=range(33)), "the name of the network", evidence=_SAMPLE),
    _wifi("ip", 30, Setting(IPV4, "0.0.0.0"), "the IPv4 address; 0.0.0.0 asks DHCP for one"),
    _wifi("gateway-ip", 31, Setting(IPV4, "0.0.0.0"), "the IPv4 gateway"),
    _wifi("ip-mask", 32, Setting(IPV4_MASK, "255.255.255.0"), "the IPv4 netmask"),
    Resource(
        "wifi",
        "hostname",
        _OBJECT,
        35,
        (
            Call(
                Method.GET,
                "get_hostname",
                "Reads the host name: application name and last five characters of the serial number.",
                response=ASCII,
                access=Access.LOGGED_IN,
                evidence=Evidence("assumed", "it is the name that a Tap advertises"),
            ),
        ),
    ),
    _wifi(
        "country-code",
        95,
        Setting(UINT16, 0, limit=range(1000)),
        "the country, as a number of ISO 3166",
        since=_FIRST_WITH_RADIO_OPTIONS,
    ),
    Resource(
        "wifi",
        "protocol",
        _OBJECT,
        96,
        (
            Call(
                Method.GET,
                "get_protocol",
                "Reads the newest variant of 802.11 that is allowed; the vendor's decoder takes only one.",
                response=WIFI_PROTOCOL,
                access=Access.LOGGED_IN,
            ),
            Call(
                Method.PUT,
                "put_protocol",
                "Stores the variants of 802.11 that are allowed.",
                WIFI_PROTOCOLS,
                access=Access.ADMIN,
                configures=True,
            ),
        ),
        setting=Setting(WIFI_PROTOCOLS, _ALL_PROTOCOLS, limit=range(1, _ALL_PROTOCOLS + 1)),
        since=_FIRST_WITH_RADIO_OPTIONS,
    ),
    _wifi("tx-power", 97, Setting(INT8, 20), "the highest transmit power in dBm", since=_FIRST_WITH_RADIO_OPTIONS),
    _wifi(
        "ssid-visibility",
        98,
        Setting(WIFI_SSID_VISIBILITY, WifiSSIDVisibility.VISIBLE),
        "who sees the name of the network",
        since=_FIRST_WITH_RADIO_OPTIONS,
    ),
    _wifi(
        "key-visibility",
        99,
        Setting(WIFI_KEY_VISIBILITY, WifiKeyVisibility.VISIBLE),
        "whether the key of the network is shown",
        since=_FIRST_WITH_RADIO_OPTIONS,
    ),
)
