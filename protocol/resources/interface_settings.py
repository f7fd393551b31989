"""The settings of the interface service of object 1024: application, NFC, interfaces, energy, special features.

The limits of texts are those of the JSON schema of @iotize/tap 2.7.0; what a Tap may have none of may be empty.
"""

from dataclasses import replace
from typing import Any, Final

from protocol.bodies.interface import (
    HOST_PROTOCOLS,
    INACTIVITY_PERIOD_WRITE,
    LOW_POWER_OPTIMIZATION_LEVEL,
    NFC_CONNECTION_PRIORITY,
    NFC_PAIRING_MODE,
    SERVICE_CODES,
    LowPowerOptimizationLevel,
    NfcConnectionPriority,
    NfcPairingMode,
    ServiceCode,
)
from protocol.codes import HostProtocol, Method, SpecialFeature
from protocol.firmware import Version
from protocol.resources.model import CLIENT, Access, Call, Evidence, Kept, Resource, Setting, setting
from protocol.values import ASCII, RAW, UINT16, Body

_OBJECT: Final = 1024
_FIRST_WITH_CERTIFICATES: Final = Version(1, 86)
_FIRST_WITH_FEATURES: Final = Version(1, 23)
_STUDIO: Final = Evidence("sample", "configurations saved by IoTize Studio")

PRODUCT_KEY: Final = "0000000000"
"""Registration secret of a Tap, with which the vendor's sample programs log in at the broker."""

CERTIFICATE: Final = Setting(RAW, b"", limit=range(16 * 1024 + 1), appended=True)
"""A certificate or its key, PEM; clients send it in chunks."""

_EVERY_PROTOCOL: Final = HostProtocol(0xFFFF)


def _stored(
    name: str,
    resource: int,
    value: Setting,
    doc: str,
    *,
    read: Access = Access.LOGGED_IN,
    write_body: Body[Any] | None = None,
    since: Version | None = None,
    evidence: Evidence = CLIENT,
) -> Resource:
    return setting(
        "interface",
        name,
        (_OBJECT, resource),
        value,
        doc,
        read=read,
        write=Access.ADMIN,
        write_body=write_body,
        since=since,
        evidence=evidence,
    )


def _text(longest: int, default: str = "", shortest: int = 0) -> Setting:
    return Setting(ASCII, default, limit=range(shortest, longest + 1))


def _until_reboot(row: Resource, name: str) -> Resource:
    """The row with a POST, which changes the value until the next reboot."""
    put = row.calls[-1]
    doc = put.doc.replace("Stores", "Changes").removesuffix(".") + " until the next reboot."
    post = replace(put, method=Method.POST, name=name, doc=doc, configures=False)
    return replace(row, calls=(*row.calls[:-1], post, put))


def _certificate(name: str, resource: int, doc: str) -> Resource:
    call = Call(
        Method.PUT,
        f"put_{name.replace('-', '_').replace('/', '_')}",
        f"Appends a chunk of {doc} (PEM); an empty one erases it.",
        RAW,
        access=Access.ADMIN,
        configures=True,
    )
    return Resource("interface", name, _OBJECT, resource, (call,), setting=CERTIFICATE, since=_FIRST_WITH_CERTIFICATES)


def _special_feature(feature: SpecialFeature) -> Resource:
    name = f"{feature.name.lower()}_bundle"
    doc = f"the bundle (0 for none) whose rights decide about {feature.name}"
    row = _stored(name.replace("_", "-"), feature, Setting(UINT16, 0), doc, since=_FIRST_WITH_FEATURES)
    return _until_reboot(row, f"set_{name}")


RESOURCES: Final[tuple[Resource, ...]] = (
    _stored(
        "config-format-version",
        8,
        Setting(UINT16, 1),
        "the number of the configuration format",
        read=Access.ANYONE,
    ),
    _stored(
        "app-name",
        9,
        _text(32, "TAP", shortest=1),
        "the name of the application, which the Tap also advertises",
        read=Access.ANYONE,
    ),
    _stored("app-path", 11, _text(128), "the path or URI of the application", read=Access.ANYONE),
    _stored(
        "nfc/pairing-mode",
        13,
        Setting(NFC_PAIRING_MODE, NfcPairingMode.NO),
        "whether the Tap has to be paired by NFC first",
    ),
    _stored(
        "power-optimisation-level",
        14,
        Setting(LOW_POWER_OPTIMIZATION_LEVEL, LowPowerOptimizationLevel.NO),
        "the power saving level",
    ),
    _stored(
        "authorized-host-protocol",
        17,
        Setting(HOST_PROTOCOLS, _EVERY_PROTOCOL),
        "the interfaces over which hosts may connect",
        evidence=_STUDIO,
    ),
    setting(
        "interface",
        "config-format-firmware-version",
        (_OBJECT, 18),
        Setting(UINT16, 1, Kept.HARDWARE),
        "the number of the configuration format of the firmware that wrote the configuration",
    ),
    _stored(
        "universal-link",
        19,
        _text(128, "http://www.iotize.com"),
        "the universal link (iOS)",
        read=Access.ANYONE,
    ),
    setting(
        "interface",
        "available-host-protocols",
        (_OBJECT, 21),
        Setting(HOST_PROTOCOLS, HostProtocol(0), Kept.HARDWARE),
        "the interfaces that the hardware has; those of the links are there by themselves",
    ),
    _until_reboot(
        _stored(
            "nfc_connection_priority",
            24,
            Setting(NFC_CONNECTION_PRIORITY, NfcConnectionPriority.NFC_NON_PRIORITY),
            "whether NFC goes before the other interfaces",
            since=Version(1, 85),
        ),
        "post_nfc_connection_priority",
    ),
    _stored(
        "host-inactivity-period",
        34,
        Setting(UINT16, 30),
        "the seconds after which a silent host is disconnected",
        read=Access.ANYONE,
        write_body=INACTIVITY_PERIOD_WRITE,
    ),
    _stored("application-data", 36, Setting(RAW, b""), "the data of the application, opaque to the Tap"),
    _certificate("certificate/public-key", 37, "the certificate of the Tap"),
    _certificate("certificate/private-key", 38, "the private key of the Tap"),
    _stored(
        "nfc-autolog-profile-id",
        43,
        Setting(UINT16, 0),
        "the profile that an encrypted NFC session logs in by itself",
        since=Version(1, 55),
    ),
    setting(
        "interface",
        "product-key",
        (_OBJECT, 60),
        Setting(ASCII, PRODUCT_KEY, Kept.HARDWARE),
        "the registration secret of the Tap, which is also the default of its broker passwords",
        read=Access.ADMIN,
        evidence=Evidence("sample", "broker passwords of the vendor's sample programs"),
    ),
    Resource(
        "interface",
        "disabled-services",
        _OBJECT,
        75,
        (
            Call(
                Method.GET,
                "get_disabled_services",
                "Reads the services that are switched off.",
                response=SERVICE_CODES,
                access=Access.LOGGED_IN,
            ),
            Call(
                Method.POST,
                "post_disabled_services",
                "Switches services off until the next reboot, and all others on.",
                SERVICE_CODES,
                access=Access.ADMIN,
            ),
        ),
        setting=Setting(SERVICE_CODES, ServiceCode(0), Kept.VOLATILE),
        since=Version(1, 107),
    ),
    _stored("product-code", 84, _text(32), "the code of the product that the Tap is part of", since=Version(1, 113)),
    *(_special_feature(feature) for feature in SpecialFeature),
)
