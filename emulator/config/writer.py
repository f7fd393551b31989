"""Writes a configuration as `device.yaml`: for machines to load again, for people with the origin of each value."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from emulator.blueprint import Blueprint, Group, Rules, factory_groups
from emulator.config import kinds
from emulator.config.forms import Form, rule_kinds, setting_forms
from emulator.config.kinds import HIDDEN, quoted
from emulator.config.loaded import KeyPath, Loaded
from emulator.config.users import PREDEFINED
from protocol.scram import KEY_SIZE, RECORD_SIZE

_INDENT: Final = "  "
_ORIGIN_COLUMN: Final = 56
_PASSWORD_FIELDS: Final = ("password", "hash", "key")


class _Line(NamedTuple):
    """One line of the file; a line without value starts a mapping or a list."""

    path: KeyPath
    value: str | None
    secret: bool = False

    def text(self, value: str | None) -> str:
        key = self.path[-1]
        start = "-" if isinstance(key, int) else f"{quoted(key)}:"
        return _INDENT * (len(self.path) - 1) + (start if value is None else f"{start} {value}")


def dump_yaml(blueprint: Blueprint, links: Sequence[str] = ()) -> str:
    """Text of a `device.yaml` from which exactly this Tap is loaded."""
    return "".join(f"{line.text(line.value)}\n" for line in _lines(blueprint, links, every=False))


def show(loaded: Loaded, *, secrets: bool = False) -> str:
    """All values of a configuration, defaults included, each with its origin; then what had no effect.

    Args:
        secrets: writes passwords and keys too, which are hidden otherwise.
    """
    written = []
    for line in _lines(loaded.blueprint, loaded.links, every=True):
        text = line.text(HIDDEN if line.secret and not secrets else line.value)
        if line.value is not None and line.path not in (("tap",), ("base",)):
            text = f"{text:{_ORIGIN_COLUMN}} # {_origin(loaded, line.path)}"
        written.append(text)
    if loaded.notes:
        written += ["", "# Without effect:"]
        written += [f"# line {note.line}: {note.text} ({note.kind})" for note in loaded.notes]
    return "\n".join(written) + "\n"


def _origin(loaded: Loaded, path: KeyPath) -> str:
    same = [path]
    if path[0] == "users" and path[-1] in _PASSWORD_FIELDS:
        same = [(*path[:-1], field) for field in _PASSWORD_FIELDS]
    return next((loaded.origins[one] for one in same if one in loaded.origins), "default")


def _lines(blueprint: Blueprint, links: Sequence[str], *, every: bool) -> Iterator[_Line]:
    """The lines of a file; with `every` also those which say what holds anyway."""
    yield _Line(("tap",), "1")
    yield _Line(("base",), "factory")
    yield _Line(("firmware",), str(blueprint.firmware))
    if blueprint.seed is not None:
        yield _Line(("seed",), str(blueprint.seed))
    yield from _settings(blueprint, every)
    yield from _users(blueprint)
    yield from _rules(blueprint.rules, every)
    if links:
        yield _Line(("links",), None)
        yield from (_Line(("links", number), quoted(link)) for number, link in enumerate(links))


def _settings(blueprint: Blueprint, every: bool) -> Iterator[_Line]:
    values = {
        key: blueprint.settings.get(key, form.setting.default)
        for key, form in setting_forms().items()
        if every or key in blueprint.settings
    }
    if values:
        yield _Line(("settings",), None)
    service = None
    for key in sorted(values, key=lambda key: list(_services()).index(setting_forms()[key].service)):
        form = setting_forms()[key]
        if form.service != service:
            service = form.service
            yield _Line(("settings", service), None)
        yield from _setting(form, values[key])


def _services() -> dict[str, None]:
    """All services in the order of the table, in which rows of one service need not be neighbours."""
    return dict.fromkeys(form.service for form in setting_forms().values())


def _setting(form: Form, value: Any) -> Iterator[_Line]:
    path = ("settings", form.service, form.name)
    if form.kind is not None:
        yield _Line(path, form.kind.write(value), form.secret)
        return
    yield _Line(path, None)
    for part, kind in form.parts.items():
        yield _Line((*path, part), kind.write(getattr(value, part)), form.secret)


def _users(blueprint: Blueprint) -> Iterator[_Line]:
    yield _Line(("users",), None)
    factory = factory_groups()
    for number, group in blueprint.groups.items():
        path = ("users", group.name)
        yield _Line(path, None)
        if PREDEFINED.get(group.name) != number:
            yield _Line((*path, "id"), str(number))
        if group.password is not None or (number in factory and factory[number].password is not None):
            yield _password(path, group)
        yield _Line((*path, "lifetime"), str(group.lifetime))
        if group.alias != number:
            yield _Line((*path, "alias"), str(group.alias))


def _password(path: KeyPath, group: Group) -> _Line:
    if group.password is None:
        return _Line((*path, "password"), "null")
    field = {KEY_SIZE: "hash", RECORD_SIZE: "key"}.get(len(group.password))
    if field is None:
        return _Line((*path, "password"), quoted(group.password.decode("latin-1")), secret=True)
    return _Line((*path, field), kinds.hexadecimal(None).write(group.password), secret=True)


def _rules(rules: Rules, every: bool) -> Iterator[_Line]:
    defaults = Rules()
    names = [name for name in rule_kinds() if every or getattr(rules, name) != getattr(defaults, name)]
    if names:
        yield _Line(("rules",), None)
    for name in names:
        yield _Line(("rules", name), rule_kinds()[name].write(getattr(rules, name)))
