"""Object 1025: profiles and users. The instance is the group's id; 65535 is the admin."""

from typing import Final

from protocol.codes import CREATE, Method
from protocol.resources.model import Access, Call, Form, Resource
from protocol.values import ASCII, RAW, UINT16

_OBJECT: Final = 1025


def _group(name: str, resource: int, *calls: Call) -> Resource:
    return Resource("group", name, _OBJECT, resource, calls, instance="group_id")


RESOURCES: Final = (
    _group(
        "name",
        0,
        Call(Method.GET, "get_name", "Reads the name of the group.", response=ASCII),
        Call(Method.PUT, "put_name", "Stores the name of the group.", ASCII, access=Access.SUPERVISOR, configures=True),
    ),
    _group(
        "password",
        2,
        Call(
            Method.POST,
            "change_password_key",
            "Replaces the password: a 16-byte hash, a 64-byte hash of which 16 count, or a 36-byte SCRAM key.",
            RAW,
            access=Access.SUPERVISOR,
            forms=(Form("change_password", ASCII),),
        ),
    ),
    _group(
        "session-lifetime",
        4,
        Call(Method.GET, "get_session_lifetime", "Reads the session lifetime in seconds.", response=UINT16),
        Call(
            Method.PUT,
            "put_session_lifetime",
            "Stores the session lifetime in seconds; 0 is without end.",
            UINT16,
            access=Access.ADMIN,
            configures=True,
        ),
    ),
    _group(
        "alias",
        5,
        Call(Method.GET, "get_alias", "Reads the profile whose rights the group has.", response=UINT16),
        Call(
            Method.PUT,
            "put_alias",
            "Stores the profile whose rights the group has; its own id makes it a profile.",
            UINT16,
            access=Access.ADMIN,
            configures=True,
        ),
    ),
    _group(
        "create",
        CREATE,
        Call(Method.POST, "create", "Creates the group whose id is the instance.", access=Access.SUPERVISOR),
    ),
)
