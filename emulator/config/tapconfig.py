"""Reads the vendor's `tapconfig.json`, of @iotize/tap 2.7.0 and of its older dialect.

What sets up the Tap is taken out of the tree of values. What is left in the end is listed, so that nothing is dropped
silently. Evidence: schema and configurator of @iotize/tap 2.7.0.
"""

from typing import Final

from emulator.config.draft import Draft, Place
from emulator.config.json_reader import Node, parse
from emulator.config.kinds import Plain, shown
from emulator.config.source import Source
from emulator.config.users import PREDEFINED
from emulator.config.vendor import counted, listed, put_setting, start_user
from protocol.scram import KEY_SIZE, RECORD_SIZE

_SETTINGS: Final = {
    "version": "interface.config_version",
    "application.name": "interface.app_name",
    "tap.scram.hashIteration": "scram.hash_iteration",
    "wireless.protocols.nfc.autoLogProfileId": "interface.nfc_autolog_profile_id",
}
"""Settings of the Tap by their place under ``config``."""

_SECURITY: Final = {
    "scramActivated": "scram_activated",
    "hashPassword": "hash_password",
    "disableHardwareFactoryReset": "disable_hardware_factory_reset",
    "disableLoginWithUID": "disable_login_with_uid",
    "disableResourceFactoryReset": "disable_resource_factory_reset",
}

_REASONS: Final = {
    "config.target.firmwareVersion": "it is the firmware of the target, not of the Tap",
}


def read(source: Source) -> Draft:
    """Reads the values of a file.

    Raises:
        ConfigError: it cannot be understood.
    """
    draft = Draft(source)
    root = parse(draft)
    config = root.value.pop("config", None) if isinstance(root.value, dict) else None
    if config is None or not isinstance(config.value, dict):
        line = config.line if config else root.line
        source.fail(line, "the file has no object config, expected the vendor's configuration of a Tap")
    draft.data = {"tap": 1, "base": "factory"}
    _Importer(draft, config).run()
    _list_rest(draft, root, "")
    return draft


class _Importer:
    """Takes values out of the tree and puts them into the draft."""

    def __init__(self, draft: Draft, config: Node) -> None:
        self._draft = draft
        self._config = config

    def run(self) -> None:
        if "version" not in self._config.value:
            self._draft.problem(self._config.line, "config.version is missing, expected a version such as 1.0.0")
        for path, key in _SETTINGS.items():
            node = self._take(path)
            if node is not None and node.value is not None:
                put_setting(self._draft, key, _scalar(node), Place(node.line, f"config.{path}"))
        self._security()
        for number, profile in enumerate(self._list(self._take("data.profiles"), "config.data.profiles")):
            self._profile(profile, f"config.data.profiles.{number}")
        for bundle in self._list(self._take("data.bundles"), "config.data.bundles"):
            self._draft.unused(bundle.line, _describe_bundle(bundle))
        _list_rest(self._draft, self._config, "config")

    def _take(self, path: str) -> Node | None:
        """A value that is about to be used; what holds it has to be objects."""
        node, seen = self._config, "config"
        *outer, last = path.split(".")
        for key in outer:
            seen = f"{seen}.{key}"
            if key not in node.value:
                return None
            node = node.value[key]
            if not isinstance(node.value, dict):
                self._draft.problem(node.line, f"{seen} is {_shown(node)}, expected an object")
                return None
        taken: Node | None = node.value.pop(last, None)
        return taken

    def _list(self, node: Node | None, label: str) -> list[Node]:
        """The objects of a list."""
        if node is None:
            return []
        if not isinstance(node.value, list):
            self._draft.problem(node.line, f"{label} is {_shown(node)}, expected a list")
            return []
        for number, item in enumerate(node.value):
            if not isinstance(item.value, dict):
                self._draft.problem(item.line, f"{label}.{number} is {_shown(item)}, expected an object")
        return [item for item in node.value if isinstance(item.value, dict)]

    def _security(self) -> None:
        node = self._take("tap.security")
        if node is None:
            return
        if not isinstance(node.value, dict):
            self._draft.problem(node.line, f"config.tap.security is {_shown(node)}, expected an object")
            return
        options = {ours: node.value.pop(theirs) for theirs, ours in _SECURITY.items() if theirs in node.value}
        labels = {ours: theirs for theirs, ours in _SECURITY.items()}
        for name, option in options.items():
            place = Place(option.line, f"config.tap.security.{labels[name]}")
            put_setting(self._draft, f"interface.security_options.{name}", option.value, place)
        scram, hashed = options.get("scram_activated"), options.get("hash_password")
        if scram is not None and scram.value is True and (hashed is None or hashed.value is False):
            # The vendor's configurator writes both bits as soon as SCRAM is on.
            place = Place(scram.line, "config.tap.security.hashPassword")
            put_setting(self._draft, "interface.security_options.hash_password", True, place)
            if hashed is not None:
                self._draft.ignored(hashed.line, "config.tap.security.hashPassword: scramActivated switches it on")
        _list_rest(self._draft, node, "config.tap.security")

    def _profile(self, profile: Node, label: str) -> None:
        users = profile.value.pop("users", None)
        name, number = self._user(profile, label)
        for index, user in enumerate(self._list(users, f"{label}.users")):
            user_label = f"{label}.users.{index}"
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
                self._draft.put(("users", name, field), _scalar(node), place)
        _list_rest(self._draft, user, label)
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


def _scalar(node: Node) -> object:
    """The value as the model takes it; what is inside of it does not matter where a single value belongs."""
    if isinstance(node.value, dict | list):
        return type(node.value)()
    return node.value


def _shown(node: Node) -> str:
    return shown(_scalar(node))


def _list_rest(draft: Draft, node: Node, path: str) -> None:
    """Notes what is left of an object: the names of its values together, then what its own objects hold."""
    members = {f"{path}.{shown(Plain(key))}".lstrip("."): member for key, member in node.value.items()}
    objects = {name: member for name, member in members.items() if isinstance(member.value, dict)}
    explained = {name: member for name, member in members.items() if name in _REASONS}
    others = [_describe(name, members[name]) for name in members if name not in objects and name not in explained]
    if others:
        draft.unused(node.line, f"{path or 'the file'}: {', '.join(others)}")
    for name, member in explained.items():
        draft.unused(member.line, f"{name}: {_REASONS[name]}")
    for name, member in objects.items():
        _list_rest(draft, member, name)


def _describe(path: str, node: Node) -> str:
    name = path.rpartition(".")[2]
    return f"{name} with {counted(len(node.value), 'entry')}" if isinstance(node.value, list) else name


def _describe_bundle(bundle: Node) -> str:
    """What a bundle holds; nothing of it is left for a second note."""
    variables = [_describe_variable(one) for one in _items(bundle, "variables")]
    acls = bundle.value.get("acls")
    rights = list(map(shown, map(Plain, acls.value))) if acls and isinstance(acls.value, dict) else []
    features = [_bare(one) for one in _items(bundle, "features")]
    known = {"id", "name", "variables", "acls", "features"}
    others = [shown(Plain(key)) for key in bundle.value if key not in known]
    text = f"bundle {_member(bundle, 'id')} {_member(bundle, 'name')}"
    parts = {"variables": variables, "rights": rights, "features": features, "others": others}
    return "; ".join([text, *(f"{name} {listed(names)}" for name, names in parts.items() if names)])


def _describe_variable(variable: Node) -> str:
    if not isinstance(variable.value, dict):
        return _bare(variable)
    meta = variable.value.get("meta")
    # The older dialect has the name at the variable itself.
    holder = meta if meta and isinstance(meta.value, dict) and "name" in meta.value else variable
    return f"{_member(variable, 'id')} {_member(holder, 'name')}"


def _items(node: Node, key: str) -> list[Node]:
    items = node.value.get(key)
    return items.value if items and isinstance(items.value, list) else []


def _member(node: Node, key: str) -> str:
    member = node.value.get(key)
    return _bare(member) if member else "?"


def _bare(node: Node) -> str:
    """The value without quotes where they are not needed."""
    return shown(Plain(node.value)) if isinstance(node.value, str) else _shown(node)
