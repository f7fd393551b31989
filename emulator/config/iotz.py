"""Reads the project files of IoTize Studio, versions 1.2 to 2.9.

What sets up the Tap is taken out of the tree of elements. What is left in the end is listed, so that nothing is dropped
silently. Evidence: the vendor's converter in @iotize/tap 2.7.0, and projects that exist in both kinds of vendor file.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Final, NamedTuple

from emulator.config import kinds
from emulator.config.draft import Draft, Place
from emulator.config.kinds import Plain, shown
from emulator.config.source import Source
from emulator.config.users import PREDEFINED
from emulator.config.vendor import counted, listed, put_setting, start_user
from emulator.config.xml_reader import Attribute, Element, parse
from protocol.bodies.interface import SecurityOptions
from protocol.scram import SALT_SIZE

_ROOT: Final = "IOTizeConfiguration"
_SETTINGS: Final = {
    "Name": "interface.app_name",
    "DevIoTizeSN": "device.serial_number",
    "Scram_Hash_It": "scram.hash_iteration",
    "NFCLogin": "interface.nfc_autolog_profile_id",
}
"""Settings of the Tap by their attribute of IOTizeApp."""

_DEFAULT_VERSION: Final = "1.0.0"
"""Configuration version where a file has none; the vendor's converter takes this one too."""

_LOCK: Final = kinds.integer(0, 0xFF)
_KNOWN_LOCK_BITS: Final = 0x1F

_REASONS: Final = {
    # A project published in both kinds of file has Version="2.1.0" and Config="1.0.0" here, and "2.1.0" there.
    "Config": "the configuration version is the attribute Version of the root",
    "Firmware": "it is the firmware of the target, not of the Tap",
}
_STUDIO_ONLY: Final = ("GUI_", "XAppRender", "ValueMapping")
"""How the names begin of what never reaches a Tap."""


def read(source: Source) -> Draft:
    """Reads the values of a file.

    Raises:
        ConfigError: it cannot be understood.
    """
    draft = Draft(source)
    root = parse(draft)
    if root.name != _ROOT:
        source.fail(root.line, f"the root is <{root.name}>, expected <{_ROOT}> of IoTize Studio")
    draft.data = {"tap": 1, "base": "factory"}
    _Importer(draft, root).run()
    return draft


class _User(NamedTuple):
    """An entry that was made; its name is None if it could not be made."""

    name: str | None
    id: str
    lifetime: Attribute | None


class _Importer:
    """Takes values out of the tree and puts them into the draft."""

    def __init__(self, draft: Draft, root: Element) -> None:
        self._draft = draft
        self._root = root
        self._options = SecurityOptions()

    def run(self) -> None:
        apps = self._root.named("IOTizeApp")
        if len(apps) != 1:
            line = apps[1].line if apps else self._root.line
            self._draft.problem(line, f"the file has {len(apps)} elements <IOTizeApp>, expected one")
        for app in apps[:1]:
            self._app(app)
        version = _take(self._root, "Version") or Attribute(_DEFAULT_VERSION, self._root.line)
        self._setting("interface.config_version", version, "Version")
        for profile in self._root.named("IOTizeProfile"):
            self._profile(profile)
        self._list_rest(self._root)
        self._list_studio_only()

    def _setting(self, key: str, value: Attribute, label: str) -> None:
        put_setting(self._draft, key, Plain(value.value), Place(value.line, label))

    def _app(self, app: Element) -> None:
        for name, key in _SETTINGS.items():
            value = _take(app, name)
            if value is not None:
                self._setting(key, value, name)
        root_lock, lock = _take(self._root, "Lock"), _take(app, "InterfaceLock")
        if lock is not None:
            self._lock(lock, "InterfaceLock")
            if root_lock is not None and root_lock.value != lock.value:
                self._draft.ignored(root_lock.line, f"Lock of <{_ROOT}>: InterfaceLock of <IOTizeApp> counts")
        elif root_lock is not None:
            self._lock(root_lock, "Lock")

    def _lock(self, lock: Attribute, label: str) -> None:
        try:
            bits = _LOCK.parse(Plain(lock.value))
        except ValueError as error:
            self._draft.problem(lock.line, f"{label} {error}")
            return
        if bits > _KNOWN_LOCK_BITS:
            self._draft.ignored(
                lock.line, f"{label}: the meaning of bits 0x{bits & ~_KNOWN_LOCK_BITS:02X} is not known"
            )
        self._options = SecurityOptions.from_bits(bits)
        for name, option in asdict(self._options).items():
            put_setting(self._draft, f"interface.security_options.{name}", option, Place(lock.line, label))

    def _profile(self, element: Element) -> None:
        profile = self._user(element)
        for child in element.named("IOTizeUser"):
            user = self._user(child)
            if profile.name is None or user.name is None:
                continue
            self._put_user(user, "alias", Attribute(profile.id, child.line), "the profile")
            # "There is no lifetime for users", says the vendor's converter, "only profile".
            if profile.lifetime is not None and user.lifetime is None:
                self._put_user(user, "lifetime", profile.lifetime, "LifeTime")

    def _user(self, element: Element) -> _User:
        name_attribute = _take(element, "Name")
        name = start_user(
            self._draft, name_attribute and name_attribute.value, Place(element.line, f"<{element.name}>")
        )
        predefined = PREDEFINED.get(name or "")
        number = _take(element, "Id") or (None if predefined is None else Attribute(str(predefined), element.line))
        group = _take(element, "GroupId")
        number = number or group
        lifetime = _take(element, "LifeTime")
        user = _User(name, number.value if number else "", lifetime)
        if number is None:
            self._draft.problem(element.line, f"<{element.name}> has no attribute Id, expected the id of the group")
        else:
            self._put_user(user, "id", number, "Id")
        if group is not None and number is not None and group.value != number.value:
            self._draft.ignored(
                group.line, f"GroupId {shown(Plain(group.value))}: Id {shown(Plain(number.value))} counts"
            )
        if lifetime is not None:
            self._put_user(user, "lifetime", lifetime, "LifeTime")
        self._password(user, element)
        return user

    def _put_user(self, user: _User, field: str, value: Attribute, label: str) -> None:
        if user.name is not None:
            place = Place(value.line, f"{label} of {shown(Plain(user.name))}")
            self._draft.put(("users", user.name, field), Plain(value.value), place)

    def _password(self, user: _User, element: Element) -> None:
        hashed, key, salt = (_take(element, name) for name in ("Pwd", "Scram_Pwd", "Scram_User_Salt"))
        who = shown(Plain(user.name or "?"))
        if key is not None and (self._options.scram_activated or hashed is None):
            self._put_user(user, "key", key, "Scram_Pwd")
            if hashed is not None:
                self._draft.unused(hashed.line, f"Pwd of {who}: its Scram_Pwd counts, because SCRAM is on")
        elif hashed is not None:
            self._put_user(user, "hash", hashed, "Pwd")
            if key is not None:
                self._draft.unused(key.line, f"Scram_Pwd of {who}: its Pwd counts, because SCRAM is off")
        # The record of stored key, server key and salt holds the same salt as a number.
        if salt is not None and not _ends_in(key, salt):
            self._draft.ignored(salt.line, f"Scram_User_Salt of {who}: it is not the salt in Scram_Pwd, which counts")

    def _list_rest(self, element: Element) -> None:
        """Notes what is left of an element that was read."""
        explained = [name for name in element.attributes if name in _REASONS]
        for name in explained:
            self._draft.unused(element.attributes[name].line, f"{name} of <{element.name}>: {_REASONS[name]}")
        others = [name for name in element.attributes if not name.startswith(_STUDIO_ONLY) and name not in explained]
        if others:
            self._draft.unused(element.line, f"<{element.name}>: attributes {', '.join(others)}")
        for child in element.children:
            if child.name in ("IOTizeApp", "IOTizeProfile", "IOTizeUser"):
                self._list_rest(child)
            elif child.name == "IOTizeBundle":
                self._draft.unused(child.line, _describe_bundle(child))
            elif not child.name.startswith(_STUDIO_ONLY):
                self._draft.unused(child.line, f"<{child.name}>: {_describe_other(child)}")

    def _list_studio_only(self) -> None:
        elements = [element for element in _walk(self._root) if element.name.startswith(_STUDIO_ONLY)]
        attributes = [
            attribute
            for element in _walk(self._root)
            for name, attribute in element.attributes.items()
            if name.startswith(_STUDIO_ONLY) or element.name.startswith(_STUDIO_ONLY)
        ]
        lines = [*(element.line for element in elements), *(attribute.line for attribute in attributes)]
        if lines:
            parts = f"{counted(len(elements), 'element')} and {counted(len(attributes), 'attribute')}"
            self._draft.unused(min(lines), f"GUI_* and the like: {parts} that serve IoTize Studio and reach no Tap")


def _take(element: Element, name: str) -> Attribute | None:
    """An attribute that is about to be used; None if it is not there or says nothing."""
    attribute = element.attributes.pop(name, None)
    return attribute if attribute is not None and attribute.value else None


def _ends_in(key: Attribute | None, salt: Attribute) -> bool:
    """Whether a key ends in a salt, given as a decimal number."""
    number = salt.value
    if key is None or not (number.isascii() and number.isdecimal() and len(number) <= 10):
        return False
    return key.value.upper().endswith(f"{int(number):0{2 * SALT_SIZE}X}")


def _walk(element: Element) -> Iterator[Element]:
    """The element and all that is within it."""
    yield element
    for child in element.children:
        yield from _walk(child)


def _describe_other(element: Element) -> str:
    inside = list(_walk(element))
    attributes = sum(len(one.attributes) for one in inside)
    counts = [counted(attributes, "attribute")] if attributes else []
    counts += [counted(len(inside) - 1, "element") + " within"] if len(inside) > 1 else []
    return ", ".join(counts) or "empty"


def _attribute(element: Element, name: str) -> str:
    attribute = element.attributes.get(name)
    return shown(Plain(attribute.value)) if attribute else "?"


def _describe_bundle(bundle: Element) -> str:
    variables = [f"{_attribute(one, 'Id')} {_attribute(one, 'GUI_Name')}" for one in bundle.named("IOTizeVariable")]
    rights = [
        f"{_attribute(one, 'ProfileName')} {_attribute(one, 'Rights')}"
        for access in bundle.named("IOTizeAccessControl")
        for one in access.named("IOTizeACL")
    ]
    features = [_attribute(one, "FeatureResId") for one in bundle.named("Feature")]
    known = {"IOTizeVariable", "IOTizeAccessControl", "Feature"}
    others = [name for name in bundle.attributes if name != "Id" and not name.startswith(_STUDIO_ONLY)]
    others += [child.name for child in bundle.children if child.name not in known]
    text = f"bundle {_attribute(bundle, 'Id')} {_attribute(bundle, 'GUI_Name')}"
    parts = {"variables": variables, "rights": rights, "features": features, "others": others}
    return "; ".join([text, *(f"{name} {listed(names)}" for name, names in parts.items() if names)])
