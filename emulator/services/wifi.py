"""The Wi-Fi service: what is more than a setting."""

from typing import Final

from emulator.blueprint import SERIAL_NUMBER
from emulator.exchange import Exchange
from emulator.services.binding import handles
from protocol.bodies.wifi import WifiProtocol, WifiProtocols

_ADVERTISED_DIGITS: Final = 5
"""Characters of the serial number in the name of a Tap. Source: names in the vendor's tests of NFC tags."""


@handles("wifi.get_hostname")
def get_hostname(exchange: Exchange, _: None) -> str:
    """The name that the Tap advertises."""
    return f"{exchange.state['interface.app_name']}_{exchange.state[SERIAL_NUMBER][-_ADVERTISED_DIGITS:]}"


@handles("wifi.get_protocol")
def get_protocol(exchange: Exchange, _: None) -> WifiProtocol:
    """One of the variants that are stored: a mask makes the vendor's decoder throw."""
    allowed: WifiProtocols = exchange.state["wifi.protocol"]
    return allowed.newest
