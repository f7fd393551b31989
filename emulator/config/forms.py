"""Which form in `device.yaml` each setting of the resource table and each rule has.

Forms follow from Python types, so that a new row of the table or a new rule appears in the file format by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum, IntFlag
from functools import cache
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from emulator.blueprint import Rules
from emulator.config import kinds
from emulator.config.kinds import Kind
from protocol.codes import Method
from protocol.errors import UsageError
from protocol.firmware import Version
from protocol.resources.model import Access, Resource, Setting
from protocol.resources.registry import SETTINGS
from protocol.values import Body

_UINT32: Final = range(1 << 32)


@dataclass(frozen=True, slots=True)
class Form:
    """How one setting is written: as one value, or as a mapping of parts.

    Args:
        kind: None if the setting has parts.
    """

    row: Resource
    kind: Kind[Any] | None
    parts: Mapping[str, Kind[Any]]

    @property
    def service(self) -> str:
        """First key under ``settings``."""
        return self.row.service

    @property
    def name(self) -> str:
        """Second key under ``settings``."""
        return self.row.key.removeprefix(f"{self.row.service}.")

    @property
    def setting(self) -> Setting:
        """What the table says about the value."""
        assert self.row.setting is not None
        return self.row.setting

    @property
    def doc(self) -> str:
        """Sentence for editors and documentation."""
        get = next((call.doc for call in self.row.calls if call.method is Method.GET), self.row.calls[0].doc)
        text = get.removeprefix("Reads ")
        return f"{text[:1].upper()}{text[1:]} Resource {self.row.pattern}."

    @property
    def secret(self) -> bool:
        """Whether nobody but the admin may read the value from the Tap; some cannot be read at all."""
        return all(call.access is Access.ADMIN for call in self.row.calls if call.method is Method.GET)

    def check(self, value: Any) -> Any:
        """The same value, or a ValueError if the Tap cannot hold it."""
        limit = self.setting.limit
        if limit is not None and not self.setting.allows(value):
            found = kinds.UNUSABLE if self.secret else f"is {kinds.shown(value)}"
            raise ValueError(f"{found}, expected {limit[0]} to {limit[-1]}")
        try:
            self.setting.body.encode(value)
        except UsageError as error:
            found = kinds.UNUSABLE if self.secret else f"does not fit ({error})"
            raise ValueError(f"{found}, expected {self.setting.body.name}") from error
        return value


def _form(row: Resource, setting: Setting) -> Form:
    body = setting.body
    if is_dataclass(body.type):
        parts = {name: leaf_kind(hint) for name, hint in get_type_hints(body.type).items()}
        if all(parts.values()):
            return Form(row, None, {name: kind for name, kind in parts.items() if kind is not None})
    limit = setting.limit or (_range(body) if body.type is int else None)
    form = Form(row, _BY_BODY.get(body.name) or leaf_kind(body.type, limit) or _raw(body), {})
    return replace(form, kind=replace(form.kind, secret=True)) if form.secret and form.kind is not None else form


_BY_BODY: Final[Mapping[str, Kind[Any]]] = {
    "stringIpv4": kinds.IPV4,
    "stringIpv4mask": kinds.IPV4,
    "stringMacaddress": kinds.MAC_ADDRESS,
}
"""Kinds of bodies whose Python type says too little."""


def leaf_kind(hint: Any, limit: range | None = None) -> Kind[Any] | None:
    """The kind of a Python type; None if its values are written in several parts."""
    if hint is int:
        limit = limit or _UINT32
        return kinds.integer(limit[0], limit[-1])
    if hint is str:
        return kinds.text(limit)
    if hint is bytes:
        return kinds.hexadecimal(limit)
    if get_origin(hint) is Literal:
        words = get_args(hint)
        return kinds.one_of(*words) if isinstance(words[0], int) else kinds.choice(*words)
    if get_origin(hint) is frozenset:
        return kinds.several({str(one.value): one for one in get_args(hint)[0]}, frozenset)
    if isinstance(hint, type) and issubclass(hint, IntFlag):
        return kinds.flags(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return kinds.member(hint)
    simple: dict[Any, Kind[Any]] = {bool: kinds.BOOLEAN, float: kinds.number(), Version: kinds.VERSION}
    return simple.get(hint)


def _range(body: Body[Any]) -> range:
    """The numbers that an integer body can carry."""
    top = 1 << (8 * len(body.encode(0)))
    try:
        body.encode(top - 1)
    except UsageError:
        return range(-top // 2, top // 2)
    return range(top)


def _raw(body: Body[Any]) -> Kind[Any]:
    """The bytes of the wire in hexadecimal, for types that have no form of their own."""
    plain = kinds.hexadecimal(None)
    return Kind(
        f"{body.name} in hexadecimal digits",
        lambda value: body.decode(plain.read(value)),
        lambda value: plain.write(body.encode(value)),
        plain.schema,
    )


@cache
def setting_forms() -> dict[str, Form]:
    """Forms of all settings, by key of the resource table."""
    return {key: _form(row, row.setting) for key, row in SETTINGS.items() if row.setting is not None}


@cache
def rule_kinds() -> dict[str, Kind[Any]]:
    """Kinds of all rules, by name."""
    hints = get_type_hints(Rules)
    return {rule.name: _rule_kind(rule.name, hints[rule.name]) for rule in fields(Rules)}


def _rule_kind(name: str, hint: Any) -> Kind[Any]:
    if hint is float:
        # No time at all is a fair wish for every rule but the patience with a started request.
        return kinds.seconds(zero=name != "partial_request_time")
    kind = leaf_kind(hint, range(1, 1 << 16))
    assert kind is not None, f"the rule {name} has no form in device.yaml"
    return kind
