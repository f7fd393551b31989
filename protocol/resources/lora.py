"""The LoRa service of object 1024."""

from typing import Final

from protocol.bodies.lora import LORA_CONFIG, LoraConfig
from protocol.resources.model import Access, Resource, Setting, setting
from protocol.values import RAW

_OBJECT: Final = 1024
_IDS_SIZE: Final = 32
"""DevEUI, AppEUI and AppKey: 8, 8 and 16 bytes. Source: texts of @iotize/device-client.js."""

RESOURCES: Final[tuple[Resource, ...]] = (
    setting(
        "lora",
        "ids",
        (_OBJECT, 90),
        Setting(RAW, bytes(_IDS_SIZE), limit=range(_IDS_SIZE + 1)),
        "the identifiers: DevEUI, AppEUI and AppKey",
        read=Access.ADMIN,
        write=Access.ADMIN,
    ),
    setting(
        "lora",
        "config",
        (_OBJECT, 91),
        Setting(LORA_CONFIG, LoraConfig()),
        "the device classes, and what travels over LoRa",
        read=Access.LOGGED_IN,
        write=Access.ADMIN,
    ),
)
