"""The MQTT service of object 1024: the broker over which hosts reach the Tap.

Up to firmware 1.86 user name and client id of the Tap are its serial number.
"""

from typing import Final

from protocol.codes import Method
from protocol.firmware import Version
from protocol.resources.interface_settings import CERTIFICATE, PRODUCT_KEY
from protocol.resources.model import CLIENT, Access, Call, Evidence, Form, Resource, Setting, setting
from protocol.values import ASCII, RAW

_OBJECT: Final = 1024
_FIRST_WITH_NAMES: Final = Version(1, 86)
_SAMPLE: Final = Evidence("sample", "the vendor's MQTT package and configurations saved by IoTize Studio")


def _mqtt(
    name: str,
    resource: int,
    default: str,
    doc: str,
    *,
    read: Access = Access.LOGGED_IN,
    since: Version | None = None,
    evidence: Evidence = CLIENT,
) -> Resource:
    value, address = Setting(ASCII, default), (_OBJECT, resource)
    return setting("mqtt", name, address, value, doc, read=read, write=Access.ADMIN, since=since, evidence=evidence)


RESOURCES: Final[tuple[Resource, ...]] = (
    _mqtt("broker-hostname", 50, "user.cloud.iotize.com", "the host name of the broker", evidence=_SAMPLE),
    _mqtt("broker-port", 51, "1883", "the port of the broker, as text", evidence=_SAMPLE),
    _mqtt("client-id", 52, "", "the client id at the broker", since=_FIRST_WITH_NAMES),
    _mqtt("username", 53, "", "the user name at the broker", since=_FIRST_WITH_NAMES),
    _mqtt("password", 54, PRODUCT_KEY, "the password at the broker", read=Access.ADMIN),
    _mqtt(
        "relay-net-key",
        55,
        "testnetkey",
        "the net key, from which a part of the topics follows",
        read=Access.ADMIN,
        evidence=_SAMPLE,
    ),
    Resource(
        "mqtt",
        "broker-certificate",
        _OBJECT,
        57,
        (
            Call(
                Method.PUT,
                "put_broker_certificate",
                "Appends a chunk of the broker's certificate (PEM); an empty one erases it.",
                RAW,
                access=Access.ADMIN,
                configures=True,
            ),
        ),
        setting=CERTIFICATE,
        since=_FIRST_WITH_NAMES,
    ),
    Resource(
        "mqtt",
        "topic-prefix",
        _OBJECT,
        58,
        (
            Call(
                Method.GET,
                "get_topic_prefix",
                "Reads the prefix of the topics, or the whole request topic.",
                response=ASCII,
                access=Access.LOGGED_IN,
                forms=(Form("get_request_topic", response=ASCII),),
            ),
            Call(
                Method.PUT,
                "put_topic_prefix",
                "Stores the prefix of the topics, or the whole request topic.",
                ASCII,
                access=Access.ADMIN,
                configures=True,
                forms=(Form("put_request_topic", ASCII),),
            ),
        ),
        setting=Setting(ASCII, ""),
        since=_FIRST_WITH_NAMES,
    ),
    _mqtt("response-topic", 59, "", "the topic of the Tap's answers", since=Version(1, 107)),
)
