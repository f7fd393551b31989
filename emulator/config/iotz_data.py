"""Profiles and bundles of an `.iotz`."""

from typing import Final, NamedTuple

from emulator.config import kinds
from emulator.config.draft import Draft, Place
from emulator.config.kinds import Plain, shown
from emulator.config.loaded import KeyPath
from emulator.config.users import PREDEFINED
from emulator.config.vendor import start_user
from emulator.config.vendor_bundles import BundleDraft, BundlePath, Text
from emulator.config.xml_reader import Attribute, Element, take
from protocol.bodies.interface import NAME_SIZE, SecurityOptions
from protocol.codes import SpecialFeature
from protocol.scram import SALT_SIZE

_FEATURES_OBJECT: Final = "1024"
_UNITS: Final = kinds.integer(0, 3)
_SIGNED: Final = ("boolean", "int8", "int16", "int32")
_UNSIGNED: Final = ("boolean", "uint8", "uint16", "uint32")
"""Data types by Unit, which is the size code of the Tap's type byte."""
_UNIT_TYPES: Final = {
    "boolean": ("boolean",) * 4,
    "ascii": ("ascii",) * 4,
    "float": ("float32",) * 4,
    "signed integer": _SIGNED,
    "unsigned integer": _UNSIGNED,
}
"""Data types by UnitType and Unit."""
_FALSE: Final = frozenset({"", "0", "no", "false"})


class _User(NamedTuple):
    """An entry that was made; its name is None if it could not be made."""

    name: str | None
    id: str
    lifetime: Attribute | None


class UserImporter:
    """Enters profiles and the users who have their rights."""

    def __init__(self, draft: Draft, options: SecurityOptions) -> None:
        self._draft = draft
        self._options = options

    def profile(self, element: Element) -> None:
        """Enters a profile and its users."""
        profile = self._user(element)
        for child in element.named("IOTizeUser"):
            user = self._user(child)
            if profile.name is None or user.name is None:
                continue
            self._put(user, "alias", Attribute(profile.id, child.line), "the profile")
            # "There is no lifetime for users", says the vendor's converter, "only profile".
            if profile.lifetime is not None and user.lifetime is None:
                self._put(user, "lifetime", profile.lifetime, "LifeTime")

    def _user(self, element: Element) -> _User:
        name_attribute = take(element, "Name")
        name = start_user(
            self._draft, name_attribute and name_attribute.value, Place(element.line, f"<{element.name}>")
        )
        predefined = PREDEFINED.get(name or "")
        number = take(element, "Id") or (None if predefined is None else Attribute(str(predefined), element.line))
        group = take(element, "GroupId")
        number = number or group
        lifetime = take(element, "LifeTime")
        user = _User(name, number.value if number else "", lifetime)
        if number is None:
            self._draft.problem(element.line, f"<{element.name}> has no attribute Id, expected the id of the group")
        else:
            self._put(user, "id", number, "Id")
        if group is not None and number is not None and group.value != number.value:
            self._draft.ignored(
                group.line, f"GroupId {shown(Plain(group.value))}: Id {shown(Plain(number.value))} counts"
            )
        if lifetime is not None:
            self._put(user, "lifetime", lifetime, "LifeTime")
        self._password(user, element)
        return user

    def _put(self, user: _User, field: str, value: Attribute, label: str) -> None:
        if user.name is not None:
            place = Place(value.line, f"{label} of {shown(Plain(user.name))}")
            self._draft.put(("users", user.name, field), Plain(value.value), place)

    def _password(self, user: _User, element: Element) -> None:
        hashed, key, salt = (take(element, name) for name in ("Pwd", "Scram_Pwd", "Scram_User_Salt"))
        who = shown(Plain(user.name or "?"))
        if key is not None and (self._options.scram_activated or hashed is None):
            self._put(user, "key", key, "Scram_Pwd")
            if hashed is not None:
                self._draft.unused(hashed.line, f"Pwd of {who}: its Scram_Pwd counts, because SCRAM is on")
        elif hashed is not None:
            self._put(user, "hash", hashed, "Pwd")
            if key is not None:
                self._draft.unused(key.line, f"Scram_Pwd of {who}: its Pwd counts, because SCRAM is off")
        # The record of stored key, server key and salt holds the same salt as a number.
        if salt is not None and not _ends_in(key, salt):
            self._draft.ignored(salt.line, f"Scram_User_Salt of {who}: it is not the salt in Scram_Pwd, which counts")


def _ends_in(key: Attribute | None, salt: Attribute) -> bool:
    """Whether a key ends in a salt, given as a decimal number."""
    number = salt.value
    if key is None or not (number.isascii() and number.isdecimal() and len(number) <= 10):
        return False
    return key.value.upper().endswith(f"{int(number):0{2 * SALT_SIZE}X}")


class BundleImporter:
    """Enters bundles and what is in them."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._bundles = BundleDraft(draft)

    def bundle(self, element: Element) -> None:
        """Enters one bundle."""
        number = self._id(element)
        name = _text(element, "GUI_Name")
        made = self._bundles.bundle(number.value, name, Place(element.line, "<IOTizeBundle>"))
        who = shown(Plain(made.path[1]))
        self._put((*made.path, "id"), number, f"Id of bundle {who}")
        period = take(element, "DataLogPeriod")
        if period is not None:
            self._put((*made.path, "log", "period"), period, f"DataLogPeriod of bundle {who}")
        for access in element.named("IOTizeAccessControl"):
            for rights in access.named("IOTizeACL"):
                self._rights(rights, made, who)
        for feature in element.named("Feature"):
            self._feature(feature, made, who)
        for variable in element.named("IOTizeVariable"):
            self._variable(variable, made)

    def _id(self, element: Element) -> Attribute:
        number = take(element, "Id")
        if number is None:
            self._draft.problem(element.line, f"<{element.name}> has no attribute Id, expected a number")
            return Attribute("0", element.line)
        return number

    def _put(self, path: KeyPath, value: Attribute, label: str, word: object = None) -> None:
        self._draft.put(path, Plain(value.value) if word is None else word, Place(value.line, label))

    def _rights(self, element: Element, made: BundlePath, who: str) -> None:
        user, rights = take(element, "ProfileName"), element.attributes.pop("Rights", None)
        if user is None or rights is None:
            self._draft.problem(element.line, f"<{element.name}> says too little, expected ProfileName and Rights")
            return
        words = [word.strip().lower() for word in rights.value.split(",") if word.strip()]
        label = f"IOTizeACL {shown(Plain(user.value))} of bundle {who}"
        self._put((*made.path, "rights", user.value[:NAME_SIZE]), rights, label, words)

    def _feature(self, element: Element, made: BundlePath, who: str) -> None:
        owner, number = take(element, "FeatureObjId"), take(element, "FeatureResId")
        place = Place(element.line if number is None else number.line, f"FeatureResId of bundle {who}")
        try:
            feature = kinds.member(SpecialFeature).parse(None if number is None else Plain(number.value))
        except ValueError as error:
            self._draft.problem(place.line, f"{place.label} {error}")
            return
        if owner is not None and owner.value != _FEATURES_OBJECT:
            self._draft.ignored(owner.line, f"FeatureObjId {shown(Plain(owner.value))}: features are of object 1024")
        self._bundles.feature(made, feature, place)

    def _variable(self, element: Element, made: BundlePath) -> None:
        number = self._id(element)
        place = Place(element.line, "<IOTizeVariable>")
        name, unit = _text(element, "GUI_Name"), _text(element, "GUI_DispUnit")
        path = self._bundles.variable(made, number.value, name, unit, place)
        who = shown(Plain(path[-1]))
        self._put((*path, "id"), number, f"Id of variable {who}")
        self._type(element, path, who)
        length = take(element, "Quantity")
        if length is not None:
            self._put((*path, "length"), length, f"Quantity of variable {who}")
        stored, volatile = (take(element, word) for word in ("IsInTap", "IsInTapVolatile"))
        domain = "volatile" if _is_true(volatile) else "stored" if _is_true(stored) else "target"
        known = volatile or stored
        if known is not None:
            self._put((*path, "domain"), known, f"IsInTap of variable {who}", domain)
        self._address(element, path, who, domain)
        self._value(element, path, who)

    def _type(self, element: Element, path: KeyPath, who: str) -> None:
        unit, kind = take(element, "Unit"), take(element, "UnitType")
        is_float, is_unsigned = (take(element, name) for name in ("GUI_float", "GUI_unsigned"))
        known = unit or kind or Attribute("1", element.line)
        try:
            size = _UNITS.parse(1 if unit is None else Plain(unit.value))
        except ValueError as error:
            self._draft.problem(known.line, f"Unit of variable {who} {error}")
            return
        if kind is None:
            word = "float" if _is_true(is_float) else "unsigned integer" if _is_true(is_unsigned) else "signed integer"
        else:
            word = kind.value.lower()
        if word not in _UNIT_TYPES:
            # The vendor's converter takes everything that it does not know for this.
            self._draft.ignored(known.line, f"UnitType of variable {who} is {shown(word)}: taken for a signed integer")
            word = "signed integer"
        self._put((*path, "type"), known, f"Unit of variable {who}", _UNIT_TYPES[word][size])

    def _address(self, element: Element, path: KeyPath, who: str, domain: str) -> None:
        address = take(element, "Address")
        if address is None:
            return
        if domain == "target":
            self._put((*path, "address"), address, f"Address of variable {who}")
        else:
            self._draft.unused(address.line, f"Address of variable {who}: it is in the Tap")

    def _value(self, element: Element, path: KeyPath, who: str) -> None:
        value = take(element, "InTap_InitialValueString")
        if value is None:
            return
        label = f"InTap_InitialValueString of variable {who}"
        elements = [_initial(part.strip()) for part in value.value.split(";") if part.strip()]
        if elements:
            self._bundles.value(path, elements, Place(value.line, label))


def _initial(text: str) -> object:
    """One element as the vendor's converter takes it: hexadecimal digits are bytes, everything else a number."""
    if text.startswith("0x"):
        return text
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _text(element: Element, name: str) -> Text | None:
    found = take(element, name)
    return None if found is None else Text(found.value, Place(found.line, name))


def _is_true(value: Attribute | None) -> bool:
    return value is not None and value.value.lower() not in _FALSE
