"""Lines of a `device.yaml` that is written."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Final, NamedTuple, get_type_hints

from emulator.config.kinds import quoted
from emulator.config.loaded import KeyPath
from emulator.config.records import element_kind, field_kind

_INDENT: Final = "  "
_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")


class Line(NamedTuple):
    """One line of the file; a line without value starts a mapping or a list."""

    path: KeyPath
    value: str | None
    secret: bool = False

    def text(self, value: str | None) -> str:
        """The line, with this in place of its value."""
        key = self.path[-1]
        if isinstance(key, int):
            start = "-"
        else:
            start = f"{key if _NUMBER.fullmatch(key) else quoted(key)}:"
        return _INDENT * (len(self.path) - 1) + (start if value is None else f"{start} {value}")


def record_lines(path: KeyPath, record: Any, *, every: bool) -> Iterator[Line]:
    """The lines of a dataclass below a line that starts it; with `every` also fields that have their default."""
    for field in fields(record):
        value = getattr(record, field.name)
        if field.init and (every or value != _default(field)):
            yield from _field(type(record), field.name, (*path, field.name), value, every)


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _field(owner: type, name: str, path: KeyPath, value: Any, every: bool) -> Iterator[Line]:
    kind = field_kind(owner, name)
    if kind is not None:
        yield Line(path, kind.write(value))
    elif is_dataclass(value):
        yield Line(path, None)
        yield from record_lines(path, value, every=every)
    elif isinstance(value, Mapping):
        yield from _mapping(owner, path, value)
    elif value and is_dataclass(value[0]):
        yield Line(path, None)
        for position, one in enumerate(value):
            yield Line((*path, position), None)
            yield from record_lines((*path, position), one, every=every)
    else:
        element = element_kind(get_type_hints(owner)[name]) if value else None
        yield Line(path, f"[{', '.join(map(element.write, value)) if element else ''}]")


def _mapping(owner: type, path: KeyPath, value: Mapping[int, Any]) -> Iterator[Line]:
    if not value:
        yield Line(path, "{}")
        return
    kind = element_kind(get_type_hints(owner)[str(path[-1])])
    yield Line(path, None)
    for key, one in value.items():
        yield Line((*path, str(key)), kind.write(one))
