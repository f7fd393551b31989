"""Object 1028: bundles of variables, with rights and a data-log period. The instance is the bundle's id."""

from typing import Final

from protocol.bodies.bundle import READ_WRITE_RIGHTS
from protocol.codes import CREATE, Method
from protocol.resources.model import Access, Call, Evidence, Resource
from protocol.tlv import BUNDLE_VALUES
from protocol.values import ASCII, UINT16, UINT32

_OBJECT: Final = 1028
_PAGE: Final = Evidence("doc", "vendor's service page; the width of the number is assumed")


def _bundle(name: str, resource: int, *calls: Call) -> Resource:
    return Resource("bundle", name, _OBJECT, resource, calls, instance="bundle_id")


def _put(name: str, doc: str, body: object, **more: object) -> Call:
    return Call(Method.PUT, name, doc, body, access=Access.ADMIN, configures=True, **more)  # type: ignore[arg-type]


RESOURCES: Final = (
    _bundle(
        "acl",
        0,
        Call(
            Method.GET,
            "get_acl",
            "Reads the rights of one group on the bundle.",
            UINT16,
            READ_WRITE_RIGHTS,
            access=Access.LOGGED_IN,
            legacy=True,
            evidence=Evidence("client", "@iotize/device-client.js; the form of the answer is assumed"),
        ),
        _put("put_acl", "Adds or replaces the rights of one group on the bundle.", READ_WRITE_RIGHTS),
    ),
    _bundle(
        "values",
        1,
        Call(
            Method.GET,
            "get_values",
            "Reads the values of all variables of the bundle.",
            response=BUNDLE_VALUES,
            access=Access.BUNDLE,
        ),
    ),
    _bundle(
        "data-log-period",
        2,
        Call(
            Method.GET,
            "get_data_log_period",
            "Reads the data-log period in seconds; 0 is off, FFFFFFFF logs what changes.",
            response=UINT32,
            access=Access.LOGGED_IN,
        ),
        _put("put_data_log_period", "Stores the data-log period in seconds.", UINT32),
    ),
    _bundle(
        "data-log-crypto-group-id",
        3,
        Call(
            Method.GET,
            "get_data_log_crypto_group_id",
            "Reads the group whose key encrypts the log packets of the bundle; 0 for none.",
            response=UINT16,
            access=Access.LOGGED_IN,
            evidence=_PAGE,
        ),
        _put(
            "put_data_log_crypto_group_id",
            "Stores the group whose key encrypts the log packets of the bundle.",
            UINT16,
            evidence=_PAGE,
        ),
    ),
    _bundle(
        "name",
        4,
        Call(Method.GET, "get_name", "Reads the name of the bundle.", response=ASCII),
        _put("put_name", "Stores the name of the bundle.", ASCII),
    ),
    _bundle(
        "create",
        CREATE,
        Call(
            Method.POST,
            "create",
            "Creates the bundle whose id is the instance.",
            access=Access.ADMIN,
            configures=True,
        ),
    ),
)
