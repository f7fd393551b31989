"""The interface service of object 1024: login, identity of the session, multi-request.

Its settings are in `protocol.resources.interface_settings`.
"""

from typing import Final

from protocol.bodies.interface import (
    HOST_PROTOCOL,
    LOGIN_CREDENTIAL,
    LOGIN_CREDENTIAL_HASHED,
    MAX_FRAME_SIZE,
    SECURITY_OPTIONS,
    SECURITY_OPTIONS_WRITE,
    SecurityOptions,
)
from protocol.bodies.multi_request import MULTI_REQUEST, MULTI_RESPONSE
from protocol.codes import Method
from protocol.firmware import FACTORY_STATE, Version
from protocol.resources import interface_settings
from protocol.resources.model import Access, Call, Evidence, Form, Kept, Resource, Setting, setting
from protocol.values import RAW, UINT16, UINT32, VERSION

_OBJECT: Final = 1024


def _interface(name: str, resource: int, *calls: Call, since: Version | None = None) -> Resource:
    return Resource("interface", name, _OBJECT, resource, calls, since=since)


RESOURCES: Final = (
    _interface(
        "login",
        0,
        Call(
            Method.POST,
            "login_with_hash",
            "Opens a session with a user name and a password hash.",
            LOGIN_CREDENTIAL_HASHED,
            access=Access.LOGIN,
            forms=(Form("login", LOGIN_CREDENTIAL),),
        ),
    ),
    _interface("logout", 1, Call(Method.POST, "logout", "Ends the login; the session is anonymous again.")),
    _interface(
        "current-profile/id",
        2,
        Call(
            Method.GET,
            "get_current_profile_id",
            "Reads the profile of the session: the alias of its group.",
            response=UINT16,
        ),
    ),
    _interface(
        "current-host-protocol",
        3,
        Call(
            Method.GET,
            "get_current_host_protocol",
            "Reads the interface that carries this exchange.",
            response=HOST_PROTOCOL,
        ),
        Call(
            Method.PUT,
            "put_current_host_protocol",
            "Accepted for the interface in use, refused for any other; its effect on hardware is unknown.",
            HOST_PROTOCOL,
            access=Access.ADMIN,
            evidence=Evidence("assumed", "no client uses it"),
        ),
    ),
    _interface(
        "keep-alive",
        4,
        Call(
            Method.GET,
            "keep_alive",
            "Keeps the session alive; answers its remaining seconds, 0 for none or without end.",
            response=UINT32,
            evidence=Evidence("assumed", "D7"),
        ),
    ),
    Resource(
        "interface",
        "uid",
        _OBJECT,
        5,
        (
            Call(
                Method.GET, "get_uid", "Reads the unique identifier of the hardware.", response=RAW, access=Access.ADMIN
            ),
            Call(
                Method.POST,
                "login_with_uid",
                "Opens an admin session with the unique identifier.",
                RAW,
                access=Access.LOGIN,
            ),
        ),
        setting=Setting(RAW, bytes.fromhex("00112233445566778899AABB"), Kept.HARDWARE, limit=range(1, 65)),
    ),
    setting(
        "interface",
        "security-options",
        (_OBJECT, 6),
        Setting(SECURITY_OPTIONS, SecurityOptions()),
        "the security options",
        write=Access.ADMIN,
        write_body=SECURITY_OPTIONS_WRITE,
    ),
    _interface(
        "current-group-id",
        7,
        Call(
            Method.GET,
            "get_current_group_id",
            "Reads the group of the session; 0 is anonymous, 65535 the admin.",
            response=UINT16,
        ),
    ),
    Resource(
        "interface",
        "config-version",
        _OBJECT,
        10,
        (
            Call(Method.GET, "get_config_version", "Reads the configuration version.", response=VERSION),
            Call(
                Method.PUT,
                "put_config_version",
                "Stores the configuration version; 255.255.65535 enters configuration mode, another leaves it.",
                VERSION,
                access=Access.ADMIN,
            ),
            Call(Method.POST, "reload_config", "Applies the configuration just written.", access=Access.ADMIN),
        ),
        setting=Setting(VERSION, FACTORY_STATE),
    ),
    *interface_settings.RESOURCES,
    _interface(
        "current-host-protocol-max-frame-size",
        88,
        Call(
            Method.GET,
            "get_current_host_protocol_max_frame_size",
            "Reads the largest request and response frame on this interface.",
            response=MAX_FRAME_SIZE,
        ),
        since=Version(1, 88),
    ),
    _interface(
        "multi-request-frame",
        89,
        Call(
            Method.GET,
            "execute_multi_request_frame",
            "Executes several requests in order and answers all of them in one frame.",
            MULTI_REQUEST,
            MULTI_RESPONSE,
        ),
        since=Version(1, 13),
    ),
)
