"""Object 1029: variables, on the target or in the Tap. The instance is the variable's id."""

from typing import Any, Final

from protocol.bodies.bundle import READ_WRITE_RIGHTS
from protocol.bodies.gpio import GPIO_MODE
from protocol.bodies.variable import META_SIZE, MODBUS_VARIABLE_ADDRESS, VARIABLE_META, VARIABLE_TYPE
from protocol.codes import CREATE, Method
from protocol.firmware import Version
from protocol.resources.model import Access, Call, Form, Resource
from protocol.tlv import BUNDLE_VALUES
from protocol.values import ASCII, RAW, UINT8, UINT16, UINT32, Body

_OBJECT: Final = 1029


def _variable(name: str, resource: int, *calls: Call, since: Version | None = None) -> Resource:
    return Resource("variable", name, _OBJECT, resource, calls, instance="variable_id", since=since)


def _description(
    name: str,
    resource: int,
    body: Body[Any],
    doc: str,
    *forms: Form,
    read: Access = Access.ANYONE,
    since: Version | None = None,
) -> Resource:
    """What a client reads to know a variable, and what only a configuration writes."""
    word = name.replace("-", "_").replace("/", "_")
    written = tuple(form for form in forms if form.request is not None)
    return _variable(
        name,
        resource,
        Call(
            Method.GET,
            f"get_{word}",
            f"Reads {doc}.",
            response=body,
            access=read,
            forms=tuple(form for form in forms if form.response is not None),
        ),
        Call(Method.PUT, f"put_{word}", f"Stores {doc}.", body, access=Access.ADMIN, configures=True, forms=written),
        since=since,
    )


RESOURCES: Final = (
    _description(
        "variable-address",
        0,
        UINT32,
        "the address of the variable on the target",
        Form("put_modbus_variable_address", request=MODBUS_VARIABLE_ADDRESS),
        Form("get_modbus_variable_address", response=MODBUS_VARIABLE_ADDRESS),
        read=Access.LOGGED_IN,
    ),
    _description("type", 1, VARIABLE_TYPE, "where the variable lives and what its elements are"),
    _description("number-of-elements", 2, UINT8, "the number of elements of the variable"),
    _variable(
        "current-access",
        3,
        Call(
            Method.GET,
            "get_current_access",
            "Reads the rights of the session on the variable.",
            response=READ_WRITE_RIGHTS,
        ),
    ),
    Resource(
        "variable",
        "read-profile",
        _OBJECT,
        4,
        (
            Call(
                Method.GET,
                "read_profile",
                "Reads the values of all variables that the session may read.",
                response=BUNDLE_VALUES,
            ),
        ),
    ),
    _variable(
        "value",
        4,
        Call(
            Method.GET,
            "get_value",
            "Reads the value of the variable, elements one after the other.",
            response=RAW,
            access=Access.BUNDLE,
            forms=(Form("get_gpio_mode", response=GPIO_MODE),),
        ),
        Call(
            Method.PUT,
            "put_value",
            "Writes the value of the variable and, in the Tap, keeps it.",
            RAW,
            access=Access.BUNDLE,
        ),
    ),
    _variable(
        "set-value",
        5,
        Call(Method.POST, "set_value", "Writes the value of the variable.", RAW, access=Access.BUNDLE),
    ),
    _description("bundle/id", 6, UINT16, "the bundle that the variable belongs to"),
    _variable(
        "bundle/values",
        7,
        Call(
            Method.GET,
            "get_bundle_values",
            "Reads the values of all variables of the bundle that the variable belongs to.",
            response=BUNDLE_VALUES,
            access=Access.BUNDLE,
        ),
    ),
    _description(
        "raw-meta",
        8,
        RAW,
        "the meta block of the variable",
        Form("get_meta", response=VARIABLE_META),
        Form("put_meta", request=VARIABLE_META),
        since=Version(1, 73),
    ),
    _description("unit", 9, ASCII, "the unit of the variable", since=Version(1, 60)),
    _variable(
        "create",
        CREATE,
        Call(
            Method.POST,
            "create",
            "Creates the variable whose id is the instance; the body reserves bytes for its meta block.",
            META_SIZE,
            access=Access.ADMIN,
            configures=True,
        ),
    ),
)
