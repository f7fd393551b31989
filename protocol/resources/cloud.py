"""The cloud service of object 1024: where the phone's application uploads log packets. The Tap only keeps it."""

from typing import Final

from protocol.bodies.cloud import CLOUD_PLATFORM, CloudPlatform
from protocol.firmware import Version
from protocol.resources.interface_settings import PRODUCT_KEY
from protocol.resources.model import Access, Resource, Setting, setting
from protocol.values import ASCII, UINT32

_OBJECT: Final = 1024
_LAST_WITH_MQTT: Final = Version(1, 103)
"""Source: limits of the configurator of @iotize/tap 2.7.0."""


def _cloud(
    name: str,
    resource: int,
    value: Setting,
    doc: str,
    *,
    read: Access = Access.LOGGED_IN,
    until: Version | None = None,
) -> Resource:
    return setting("cloud", name, (_OBJECT, resource), value, doc, read=read, write=Access.ADMIN, until=until)


RESOURCES: Final[tuple[Resource, ...]] = (
    _cloud("platform", 26, Setting(CLOUD_PLATFORM, CloudPlatform.NO_PLATFORM), "the cloud platform"),
    _cloud("mqtt/client-id", 27, Setting(ASCII, ""), "the client id at the cloud's broker", until=_LAST_WITH_MQTT),
    _cloud("mqtt/username", 28, Setting(ASCII, ""), "the user name at the cloud's broker", until=_LAST_WITH_MQTT),
    _cloud(
        "mqtt/password",
        29,
        Setting(ASCII, PRODUCT_KEY),
        "the password at the cloud's broker",
        read=Access.ADMIN,
        until=_LAST_WITH_MQTT,
    ),
    _cloud(
        "data-log/upload-period",
        33,
        Setting(UINT32, 0),
        "the milliseconds between two uploads of log packets; 0 uploads none",
    ),
    _cloud(
        "mqtt/broker-port",
        61,
        Setting(ASCII, "1883"),
        "the port of the cloud's broker, as text",
        until=_LAST_WITH_MQTT,
    ),
    _cloud("data-log/publish-topic", 68, Setting(ASCII, ""), "the topic to which log packets are published"),
    _cloud("data-log/subscribe-topic", 69, Setting(ASCII, ""), "the topic from which the cloud's answers come"),
)
