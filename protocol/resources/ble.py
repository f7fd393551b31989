"""The BLE service of object 1024."""

from typing import Final

from protocol.bodies.ble import MAC_ADDRESS
from protocol.resources.model import Kept, Resource, Setting, setting

RESOURCES: Final[tuple[Resource, ...]] = (
    setting(
        "ble",
        "address",
        (1024, 22),
        Setting(MAC_ADDRESS, "C1:32:E9:BF:DE:58", Kept.HARDWARE),
        "the BLE address",
    ),
)
