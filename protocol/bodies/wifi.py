"""Bodies of the Wi-Fi service: modes, addresses, variants of 802.11."""

from enum import STRICT, IntEnum, IntFlag
from ipaddress import IPv4Address
from typing import Any, Final

from construct import Adapter, Bytes

from protocol.values import Body, enumeration

_ADDRESS_SIZE: Final = 4


class WifiMode(IntEnum):
    """Who makes the network."""

    PEER_TO_PEER = 0
    """The Tap is an access point."""
    NETWORK = 1
    """The Tap joins a network."""
    INFRASTRUCTURE_CLOUD = 2
    """Known to @iotize/device-client.js only."""


class WifiProtocol(IntEnum):
    """One variant of 802.11."""

    B = 1
    G = 2
    N = 4


class WifiProtocols(IntFlag, boundary=STRICT):
    """The variants of 802.11 that the Tap may use."""

    B = 1
    G = 2
    N = 4

    @property
    def newest(self) -> WifiProtocol:
        """The newest one of them; of none it is B."""
        return max((each for each in WifiProtocol if each & self), default=WifiProtocol.B)


class WifiSSIDVisibility(IntEnum):
    """Who sees the name of the network."""

    VISIBLE = 0
    HIDDEN_FROM_SCAN = 1
    HIDDEN = 2


class WifiKeyVisibility(IntEnum):
    """Whether the key of the network is shown."""

    VISIBLE = 0
    HIDDEN = 1


class _DottedAddress(Adapter):  # type: ignore[misc]
    """An IPv4 address as text: ``192.168.4.1``."""

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        return str(IPv4Address(obj))

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        return IPv4Address(obj).packed


IPV4: Final = Body("stringIpv4", _DottedAddress(Bytes(_ADDRESS_SIZE)), str)
IPV4_MASK: Final = Body("stringIpv4mask", _DottedAddress(Bytes(_ADDRESS_SIZE)), str)
WIFI_MODE: Final = enumeration("wifiMode", WifiMode)
WIFI_PROTOCOL: Final = enumeration("wifiProtocol", WifiProtocol)
"""One variant: the vendor's decoder throws on a mask."""
WIFI_PROTOCOLS: Final = enumeration("wifiProtocolArray", WifiProtocols)
WIFI_SSID_VISIBILITY: Final = enumeration("wifiSSIDVisibility", WifiSSIDVisibility)
WIFI_KEY_VISIBILITY: Final = enumeration("wifiKeyVisibility", WifiKeyVisibility)
