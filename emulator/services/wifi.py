"""The Wi-Fi service: what is more than a setting."""

from collections.abc import Callable
from typing import Any, Final

from emulator.blueprint import SERIAL_NUMBER
from emulator.exchange import Exchange
from emulator.services.binding import handles
from protocol.bodies.wifi import WifiProtocol, WifiProtocols

_ADVERTISED_DIGITS: Final = 5
"""Characters of the serial number in the name of a Tap. Source: names in the vendor's tests of NFC tags."""


def advertised_name(setting: Callable[[str], Any]) -> str:
    """The name that the Tap advertises, over Bluetooth, Wi-Fi and mDNS.

    Args:
        setting: gives what the Tap holds under a key.
    """
    return f"{setting('interface.app_name')}_{setting(SERIAL_NUMBER)[-_ADVERTISED_DIGITS:]}"


@handles("wifi.get_hostname")
def get_hostname(exchange: Exchange, _: None) -> str:
    """The name that the Tap advertises."""
    return advertised_name(exchange.state.__getitem__)


@handles("wifi.get_protocol")
def get_protocol(exchange: Exchange, _: None) -> WifiProtocol:
    """One of the variants that are stored: a mask makes the vendor's decoder throw."""
    allowed: WifiProtocols = exchange.state["wifi.protocol"]
    return allowed.newest
