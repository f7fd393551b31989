"""Resources that only clients older than @iotize/tap 2.7.0 know, in the services to which these clients add them.

What the vendor's texts say of them is hardly more than their names; how they behave is mostly assumed.
"""

from dataclasses import replace
from typing import Final

from protocol.bodies.legacy import ACL_ENTRIES, AVAILABLE_FUNCTION, AclEntry
from protocol.codes import NO_INSTANCE, Method
from protocol.firmware import Version
from protocol.resources.model import Access, Call, Evidence, Resource, Setting, setting
from protocol.values import ASCII, RAW, UINT16, UINT32

_ALPHA_105: Final = Evidence("client", "@iotize/device-client.js 0.0.1-alpha.105")
_GROUPS: Final = Evidence("assumed", "device-client.js alpha.90 names it; the iterations are those of /1024//42")
_SALTS: Final = Evidence("assumed", "device-client.js alpha.90 names it; what a write does is assumed")
_ACL: Final = Evidence("assumed", "device-client.js alpha.90 names it; entries are like those of LwM2M object 2")


def _acl(name: str, resource: int, *calls: Call, value: Setting | None = None) -> Resource:
    marked = tuple(replace(call, evidence=_ACL) for call in calls)
    return Resource("acl", name, 2, resource, marked, instance="object_id", setting=value)


def _read(name: str, doc: str) -> Call:
    return Call(Method.GET, name, doc, response=UINT16, access=Access.LOGGED_IN)


_ROWS: Final[tuple[Resource, ...]] = (
    setting(
        "interface",
        "cloud-gateway-url",
        (1024, 12),
        Setting(ASCII, ""),
        "the address of the web server to which log packets are uploaded",
        read=Access.LOGGED_IN,
        write=Access.ADMIN,
        evidence=_ALPHA_105,
    ),
    Resource(
        "interface",
        "functions",
        1024,
        20,
        (
            Call(
                Method.GET,
                "get_functions",
                "Reads what the firmware offers: debugging and data log.",
                response=AVAILABLE_FUNCTION,
                access=Access.LOGGED_IN,
                evidence=_ALPHA_105,
            ),
        ),
    ),
    Resource(
        "interface",
        "rand",
        1024,
        49,
        (
            Call(
                Method.GET,
                "get_rand",
                "Reads four random bytes; how many a Tap answers is assumed.",
                response=RAW,
                access=Access.LOGGED_IN,
                evidence=_ALPHA_105,
            ),
        ),
        until=Version(1, 83),
    ),
    Resource(
        "device",
        "public-password",
        3,
        17,
        (
            Call(
                Method.GET,
                "get_public_password",
                "Reads the registration secret, which is the product key of /1024//60.",
                response=ASCII,
                access=Access.ADMIN,
                evidence=Evidence("client", "@iotize/device-client.js 0.0.1-alpha.57"),
            ),
        ),
    ),
    Resource(
        "secure_element",
        "config",
        1024,
        70,
        (
            Call(
                Method.GET,
                "get_config",
                "Reads the configuration of the secure element, as it was written.",
                response=RAW,
                access=Access.ADMIN,
                evidence=_ALPHA_105,
            ),
            Call(
                Method.PUT,
                "set_config",
                "Stores the configuration of the secure element.",
                RAW,
                access=Access.ADMIN,
                configures=True,
                evidence=_ALPHA_105,
            ),
        ),
        setting=Setting(RAW, b""),
    ),
    Resource(
        "secure_element",
        "send",
        1024,
        71,
        (
            Call(
                Method.GET,
                "send",
                "Exchanges a message with the secure element. This Tap has none, so it answers A1.",
                RAW,
                RAW,
                access=Access.LOGGED_IN,
                evidence=Evidence("assumed", "no vendor text says which Taps have a secure element (OQ39)"),
            ),
        ),
    ),
    _acl("object-id", 0, _read("get_object_id", "Reads the object that the entry is about.")),
    _acl("instance-id", 1, _read("get_instance_id", "Reads the instance that the entry is about; 65535 is all.")),
    _acl(
        "list",
        2,
        Call(
            Method.GET,
            "get_list",
            "Reads the rights of the entry. All entries share them, and they decide nothing.",
            response=ACL_ENTRIES,
            access=Access.LOGGED_IN,
        ),
        Call(
            Method.PUT,
            "put_list",
            "Stores the rights of all entries.",
            ACL_ENTRIES,
            access=Access.ADMIN,
            configures=True,
        ),
        value=Setting(ACL_ENTRIES, [AclEntry(True, True, True, True, True)]),
    ),
    _acl(
        "owner",
        3,
        _read("get_owner", "Reads the owner of the entry: a group. All entries share it, and it decides nothing."),
        Call(
            Method.PUT,
            "put_owner",
            "Stores the owner of all entries.",
            UINT32,
            access=Access.ADMIN,
            configures=True,
        ),
        value=Setting(UINT16, NO_INSTANCE, limit=range(1 << 16)),
    ),
    Resource(
        "group",
        "scram-user-iteration",
        1025,
        7,
        (
            Call(
                Method.GET,
                "get_scram_user_iteration",
                "Reads the SCRAM iterations of the group, which are those of the Tap.",
                response=UINT32,
                access=Access.LOGGED_IN,
                evidence=_GROUPS,
            ),
            Call(
                Method.PUT,
                "put_scram_user_iteration",
                "Accepts the iterations of the Tap and refuses others: a stored key has none of its own.",
                UINT32,
                access=Access.SUPERVISOR,
                configures=True,
                evidence=_GROUPS,
            ),
        ),
        instance="group_id",
    ),
    Resource(
        "group",
        "scram-user-salt",
        1025,
        16,
        (
            Call(
                Method.GET,
                "get_scram_user_salt",
                "Reads the SCRAM salt of the group, as a login answers it.",
                response=UINT32,
                access=Access.LOGGED_IN,
                evidence=_SALTS,
            ),
            Call(
                Method.PUT,
                "put_scram_user_salt",
                "Stores the SCRAM salt of the group; 0 disables its login, and a SCRAM key needs a new password.",
                UINT32,
                access=Access.SUPERVISOR,
                configures=True,
                evidence=_SALTS,
            ),
        ),
        instance="group_id",
    ),
)

RESOURCES: Final[tuple[Resource, ...]] = tuple(
    replace(row, calls=tuple(replace(call, legacy=True) for call in row.calls)) for row in _ROWS
)
