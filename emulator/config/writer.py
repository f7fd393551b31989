"""Writes a configuration as `device.yaml`: for machines to load again, for people with the origin of each value."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from emulator.blueprint import Blueprint, Group, Rules, factory_groups
from emulator.config import kinds
from emulator.config.bundle_lines import bundle_lines, claimed_features
from emulator.config.forms import Form, rule_kinds, setting_forms
from emulator.config.kinds import HIDDEN, quoted
from emulator.config.lines import Line, record_lines
from emulator.config.loaded import KeyPath, Loaded
from emulator.config.users import PREDEFINED
from emulator.targets.spec import TargetSpec
from protocol.scram import KEY_SIZE, RECORD_SIZE

_ORIGIN_COLUMN: Final = 56
_OTHER_FORMS: Final = (("password", "hash", "key"), ("address", "modbus"), ("recording", "csv"), ("samples", "file"))
"""Fields that say the same; only one of them stands in a file."""


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
    return next((loaded.origins[one] for one in _same(loaded.blueprint, path) if one in loaded.origins), "default")


def _same(blueprint: Blueprint, path: KeyPath) -> list[KeyPath]:
    """The place of a value in the file, and where it may have stood in another form."""
    *outer, last = path
    forms: tuple[str | int, ...] = next((forms for forms in _OTHER_FORMS if last in forms), (last,))
    if path[0] == "bundles" and outer[-1] == "rights":
        forms = (last, *(str(number) for number, group in blueprint.groups.items() if group.name == last))
    return [(*outer, form) for form in forms]


def _lines(blueprint: Blueprint, links: Sequence[str], *, every: bool) -> Iterator[Line]:
    """The lines of a file; with `every` also those which say what holds anyway."""
    yield Line(("tap",), "1")
    yield Line(("base",), "factory")
    yield Line(("firmware",), str(blueprint.firmware))
    if blueprint.seed is not None:
        yield Line(("seed",), str(blueprint.seed))
    yield from _settings(blueprint, every)
    yield from _users(blueprint)
    yield from bundle_lines(blueprint)
    yield from _target(blueprint.target, every)
    yield from _rules(blueprint.rules, every)
    if links:
        yield Line(("links",), None)
        yield from (
            Line(("links", number), quoted(link), secret="@" in link or "netkey=" in link)
            for number, link in enumerate(links)
        )


def _settings(blueprint: Blueprint, every: bool) -> Iterator[Line]:
    elsewhere = claimed_features(blueprint)
    values = {
        key: blueprint.settings.get(key, form.setting.default)
        for key, form in setting_forms().items()
        if (every or key in blueprint.settings) and key not in elsewhere
    }
    if values:
        yield Line(("settings",), None)
    service = None
    for key in sorted(values, key=lambda key: list(_services()).index(setting_forms()[key].service)):
        form = setting_forms()[key]
        if form.service != service:
            service = form.service
            yield Line(("settings", service), None)
        yield from _setting(form, values[key])


def _services() -> dict[str, None]:
    """All services in the order of the table, in which rows of one service need not be neighbours."""
    return dict.fromkeys(form.service for form in setting_forms().values())


def _setting(form: Form, value: Any) -> Iterator[Line]:
    path = ("settings", form.service, form.name)
    if form.kind is not None:
        yield Line(path, form.kind.write(value), form.secret)
        return
    yield Line(path, None)
    for part, kind in form.parts.items():
        yield Line((*path, part), kind.write(getattr(value, part)), form.secret)


def _users(blueprint: Blueprint) -> Iterator[Line]:
    yield Line(("users",), None)
    factory = factory_groups()
    for number, group in blueprint.groups.items():
        path = ("users", group.name)
        yield Line(path, None)
        if PREDEFINED.get(group.name) != number:
            yield Line((*path, "id"), str(number))
        if group.password is not None or (number in factory and factory[number].password is not None):
            yield _password(path, group)
        yield Line((*path, "lifetime"), str(group.lifetime))
        if group.alias != number:
            yield Line((*path, "alias"), str(group.alias))


def _password(path: KeyPath, group: Group) -> Line:
    if group.password is None:
        return Line((*path, "password"), "null")
    field = {KEY_SIZE: "hash", RECORD_SIZE: "key"}.get(len(group.password))
    if field is None:
        return Line((*path, "password"), quoted(group.password.decode("latin-1")), secret=True)
    return Line((*path, field), kinds.hexadecimal(None).write(group.password), secret=True)


def _target(target: TargetSpec, every: bool) -> Iterator[Line]:
    if every or target != TargetSpec():
        yield Line(("target",), None)
        yield from record_lines(("target",), target, every=every)


def _rules(rules: Rules, every: bool) -> Iterator[Line]:
    defaults = Rules()
    names = [name for name in rule_kinds() if every or getattr(rules, name) != getattr(defaults, name)]
    if names:
        yield Line(("rules",), None)
    for name in names:
        yield Line(("rules", name), rule_kinds()[name].write(getattr(rules, name)))
