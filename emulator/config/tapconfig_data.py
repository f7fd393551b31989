"""Profiles and bundles of the vendor's `tapconfig.json`."""

from typing import Any, Final

from emulator.config import kinds
from emulator.config.draft import Place
from emulator.config.json_reader import Node
from emulator.config.json_tree import Tree, describe, plain, scalar
from emulator.config.kinds import Plain, shown
from emulator.config.loaded import KeyPath
from emulator.config.users import PREDEFINED
from emulator.config.variables import META, describe_meta, modbus_address
from emulator.config.vendor import start_user
from emulator.config.vendor_bundles import BundleDraft, BundlePath, Text
from protocol.bodies.interface import NAME_SIZE
from protocol.codes import SpecialFeature
from protocol.scram import KEY_SIZE, RECORD_SIZE

_PROFILES: Final = "config.data.profiles"
_BUNDLES: Final = "config.data.bundles"

_DOMAINS: Final = {
    "TARGET": "target",
    "GPIO": "gpio",
    "IN_TAP_STATIC": "stored",
    "IN_TAP_VOLATIL": "volatile",
    "IN_TAP_VOLATILE": "volatile",
}
_OLD_TYPES: Final = {"STRING": "ascii"}
"""Data types that have another name in the older dialect."""

_BYTE: Final = kinds.integer(0, 0xFF)
_MODBUS: Final = {"functionCode": _BYTE, "slave": _BYTE, "address": kinds.integer(0, 0xFFFF)}


def read_profiles(tree: Tree, config: Node) -> None:
    """Enters the users of a file."""
    for profile, label in tree.objects(tree.take(config, "config", "data.profiles"), _PROFILES):
        _Users(tree).profile(profile, label)


def read_bundles(tree: Tree, config: Node) -> None:
    """Enters the bundles of a file, and what is in them."""
    _Bundles(tree).run(tree.objects(tree.take(config, "config", "data.bundles"), _BUNDLES))


class _Users:
    """Enters one profile and the users who have its rights."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._draft = tree.draft

    def profile(self, profile: Node, label: str) -> None:
        users = profile.value.pop("users", None)
        name, number = self._user(profile, label)
        for user, user_label in self._tree.objects(users, f"{label}.users"):
            user_name, _ = self._user(user, user_label)
            if name is not None and user_name is not None and isinstance(number, int):
                self._draft.put(("users", user_name, "alias"), number, Place(user.line, f"{user_label}.alias"))

    def _user(self, user: Node, label: str) -> tuple[str | None, object]:
        """Name and id of an entry that was made; no name if it could not be made."""
        username = user.value.pop("username", None)
        name = start_user(self._draft, username and username.value, Place(user.line, label))
        number = user.value.pop("id", None)
        predefined = PREDEFINED.get(name or "")
        if number is None and predefined is not None:
            number = Node(predefined, user.line)
        if number is None:
            self._draft.problem(user.line, f"{label}.id is missing, expected the id of the group")
            number = Node(None, user.line)
        fields = {"id": ("id", number), "lifetime": ("lifeTime", user.value.pop("lifeTime", None))}
        fields |= self._password(user, label)
        for field, (theirs, node) in fields.items():
            if name is not None and node is not None and node.value is not None:
                place = Place(node.line, f"{label}.{theirs}")
                self._draft.put(("users", name, field), scalar(node), place)
        self._tree.list_rest(user, label)
        return name, number.value

    def _password(self, user: Node, label: str) -> dict[str, tuple[str, Node]]:
        password, key = user.value.pop("password", None), user.value.pop("key", None)
        if password is not None and password.value and key is not None:
            self._draft.problem(user.line, f"{label} has password and key, expected only one of them")
        elif key is not None:
            return self._key(key, f"{label}.key")
        elif password is not None and password.value:
            return {"password": ("password", password)}
        return {}

    def _key(self, key: Node, label: str) -> dict[str, tuple[str, Node]]:
        """Hash and SCRAM key stand in the same place; their length tells them apart."""
        size = len(key.value.removeprefix("0x")) // 2 if isinstance(key.value, str) else 0
        field = {KEY_SIZE: "hash", RECORD_SIZE: "key"}.get(size)
        if field is None:
            expected = f"0x and hexadecimal digits of {KEY_SIZE} or {RECORD_SIZE} bytes"
            self._draft.problem(key.line, f"{label} has an unusable value, which is not shown, expected {expected}")
            return {}
        return {field: ("key", key)}


class _Bundles:
    """Enters all bundles."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._draft = tree.draft
        self._bundles = BundleDraft(tree.draft)

    def run(self, bundles: list[tuple[Node, str]]) -> None:
        for bundle, label in bundles:
            self._bundle(bundle, label)

    def _bundle(self, bundle: Node, label: str) -> None:
        number = self._number(bundle, label)
        made = self._bundles.bundle(number.value, self._text(bundle, label, "name"), Place(bundle.line, label))
        self._draft.put((*made.path, "id"), scalar(number), Place(number.line, f"{label}.id"))
        self._rights(bundle.value.pop("acls", None), f"{label}.acls", made)
        period = self._tree.take(bundle, label, "dataLog.period")
        if period is not None:
            self._draft.put(
                (*made.path, "log", "period"), scalar(period), Place(period.line, f"{label}.dataLog.period")
            )
        self._features(bundle.value.pop("features", None), f"{label}.features", made)
        for variable, name in self._tree.objects(bundle.value.pop("variables", None), f"{label}.variables"):
            self._variable(variable, name, made)
        self._tree.list_rest(bundle, label)

    def _number(self, node: Node, label: str) -> Node:
        number: Node | None = node.value.pop("id", None)
        if number is None:
            self._draft.problem(node.line, f"{label}.id is missing, expected a number")
            return Node(0, node.line)
        return number

    def _text(self, node: Node, label: str, key: str) -> Text | None:
        """A text that says something."""
        found: Node | None = node.value.pop(key, None)
        if found is None or found.value in (None, ""):
            return None
        if not isinstance(found.value, str):
            self._draft.problem(found.line, f"{label}.{key} is {describe(found)}, expected text")
            return None
        return Text(found.value, Place(found.line, f"{label}.{key}"))

    def _rights(self, acls: Node | None, label: str, made: BundlePath) -> None:
        if acls is None or acls.value is None or not self._tree.is_object(acls, label):
            return
        if acls.value:
            self._draft.put((*made.path, "rights"), {}, Place(acls.line, label))
        for user, acl in acls.value.items():
            where = f"{label}.{shown(Plain(user))}"
            if not self._tree.is_object(acl, where):
                continue
            words = []
            for word in ("read", "write"):
                right = acl.value.pop(word, None)
                if right is not None and not isinstance(right.value, bool | None):
                    self._draft.problem(right.line, f"{where}.{word} is {describe(right)}, expected true or false")
                elif right is not None and right.value:
                    words.append(word)
            # A user's name is cut where it is entered, so it is here.
            self._draft.put((*made.path, "rights", user[:NAME_SIZE]), words, Place(acl.line, where))
            self._tree.list_rest(acl, where)

    def _features(self, features: Node | None, label: str, made: BundlePath) -> None:
        if features is None or features.value is None:
            return
        if not isinstance(features.value, list):
            self._draft.problem(features.line, f"{label} is {describe(features)}, expected a list")
            return
        kind = kinds.member(SpecialFeature)
        for position, feature in enumerate(features.value):
            place = Place(feature.line, f"{label}.{position}")
            try:
                self._bundles.feature(made, kind.parse(scalar(feature)), place)
            except ValueError as error:
                self._draft.problem(place.line, f"{place.label} {error}")

    def _variable(self, variable: Node, label: str, made: BundlePath) -> None:
        number = self._number(variable, label)
        name, unit, meta = self._description(variable, label)
        place = Place(variable.line, label)
        path = self._bundles.variable(made, number.value, name, unit, place)
        if meta is not None:
            self._bundles.meta(path, *meta)
        self._draft.put((*path, "id"), scalar(number), Place(number.line, f"{label}.id"))
        self._type(variable, label, path)
        self._address(variable, label, path)
        value = self._tree.take(variable, label, "value")
        if value is not None:
            self._bundles.value(path, plain(value), Place(value.line, f"{label}.value"))
        self._tree.list_rest(variable, label)

    def _type(self, variable: Node, label: str, path: KeyPath) -> None:
        """Type, domain and length; the older dialect has other names for two of them."""
        for field, theirs, words in (
            ("type", ("dataType", "type"), _OLD_TYPES),
            ("domain", ("domain", "kind"), _DOMAINS),
            ("length", ("length",), {}),
        ):
            found = [key for key in theirs if key in variable.value]
            if not found:
                continue
            node = variable.value.pop(found[0])
            value: Any = scalar(node)
            if isinstance(value, str):
                value = words.get(value.upper(), value)
            self._draft.put((*path, field), value, Place(node.line, f"{label}.{found[0]}"))

    def _address(self, variable: Node, label: str, path: KeyPath) -> None:
        """The configurator writes the address first and the Modbus address later, so that one counts."""
        address = self._tree.take(variable, label, "address")
        modbus = self._tree.take(variable, label, "modbusAddress")
        if modbus is not None and self._tree.is_object(modbus, f"{label}.modbusAddress"):
            if address is not None:
                self._draft.ignored(address.line, f"{label}.address: modbusAddress is the same resource, and counts")
            number = self._modbus(modbus, f"{label}.modbusAddress")
            if number is not None:
                self._draft.put((*path, "address"), number, Place(modbus.line, f"{label}.modbusAddress"))
        elif address is not None:
            value = scalar(address)
            word = Plain(value.lower()) if isinstance(value, str) and value[:2] in ("0x", "0X") else value
            self._draft.put((*path, "address"), word, Place(address.line, f"{label}.address"))

    def _modbus(self, node: Node, label: str) -> int | None:
        parts = []
        for name, kind in _MODBUS.items():
            part = node.value.pop(name, Node(None, node.line))
            try:
                parts.append(kind.parse(scalar(part)))
            except ValueError as error:
                self._draft.problem(part.line, f"{label}.{name} {error}")
        self._tree.list_rest(node, label)
        return modbus_address(*parts) if len(parts) == len(_MODBUS) else None

    def _description(self, variable: Node, label: str) -> tuple[Text | None, Text | None, tuple[bytes, Place] | None]:
        """Name and unit, or the whole meta block."""
        raw = self._tree.take(variable, label, "rawMeta")
        meta = self._tree.take(variable, label, "meta")
        if meta is not None and isinstance(meta.value, dict):
            if raw is not None:
                self._draft.ignored(raw.line, f"{label}.rawMeta: meta counts")
            name, unit = (self._text(meta, f"{label}.meta", key) for key in ("name", "unit"))
            self._tree.list_rest(meta, f"{label}.meta")
            return name, unit, None
        block = meta or raw
        if block is None:
            # The older dialect has both at the variable itself.
            return self._text(variable, label, "name"), self._text(variable, label, "unit"), None
        place = Place(block.line, f"{label}.{'meta' if meta else 'rawMeta'}")
        try:
            data = META.parse(scalar(block))
        except ValueError as error:
            self._draft.problem(place.line, f"{place.label} {error}")
            return None, None, None
        found = describe_meta(data)
        if found is not None:
            return Text(found.name, place), Text(found.unit, place) if found.unit else None, None
        return None, None, (data, place)
