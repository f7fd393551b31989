"""The common form of all kinds of file on their way to a Blueprint.

A reader puts values where `device.yaml` has them and says from which line they come. One model then checks the values
of every kind of file, and its complaints find their way back to the line and to the name that the file itself uses.
"""

from pathlib import Path
from typing import Any, NamedTuple

from emulator.blueprint import Blueprint
from emulator.config.kinds import Plain, shown
from emulator.config.loaded import ConfigError, KeyPath, Loaded, Note
from emulator.config.source import Source


class Fault(NamedTuple):
    """A value that does not fit; the text goes on from the value's name: ``is 7, expected 0 to 5``.

    Args:
        other: another value that it contradicts, whose line is told too.
    """

    path: KeyPath
    text: str
    other: KeyPath | None = None


class FaultsError(Exception):
    """The model refuses; carries all faults that it found."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults)
        self.faults = faults


class Place(NamedTuple):
    """Where a file has a value, and how it calls it."""

    line: int
    label: str
    column: int = 1


class Draft:
    """Values of one file, not yet checked."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.data: dict[str, Any] = {}
        self.places: dict[KeyPath, Place] = {(): Place(1, "the file")}
        self.notes: list[Note] = []
        self._problems: list[tuple[int, int, str]] = []

    def put(self, path: KeyPath, value: object, place: Place) -> None:
        """Sets a value; mappings on the way to it are made where they are missing."""
        node = self.data
        for depth, key in enumerate(path[:-1], 1):
            node = node.setdefault(str(key), {})
            self.places.setdefault(path[:depth], place)
        node[str(path[-1])] = value
        self.places[path] = place

    def ignored(self, line: int, text: str) -> None:
        """Notes what is not in order and has no effect."""
        self.notes.append(Note(line, text, "ignored"))

    def unused(self, line: int, text: str) -> None:
        """Notes what is in order and has no effect."""
        self.notes.append(Note(line, text, "unused"))

    def problem(self, line: int, text: str, column: int = 1) -> None:
        """Reports what is wrong; reading goes on, so that the user sees all of it at once."""
        self._problems.append((line, column, text))

    @property
    def problems(self) -> list[str]:
        """What was reported, by line, each with its place."""
        width = 2 if self.source.columns else 1
        found = dict.fromkeys(sorted(self._problems, key=lambda problem: problem[:width]))
        return [f"{self.source.at(line, column)}: {text}" for line, column, text in found]

    def build(self, folder: Path | None = None) -> Loaded:
        """Checks the values and makes the Tap of them.

        Args:
            folder: of files that the configuration names; that of the file itself if nothing is said.

        Raises:
            ConfigError: with all problems, those of the reader included.
        """
        from emulator.config.model import validate

        links: tuple[str, ...] = ()
        blueprint = None
        try:
            checked = validate(self.data, folder or Path(self.source.name).parent)
            blueprint, links = checked.to_blueprint(), tuple(checked.file.links)
        except FaultsError as error:
            for fault in error.faults:
                place, name = self._locate(fault.path)
                other = f" (see line {self._locate(fault.other)[0].line})" if fault.other else ""
                self.problem(place.line, f"{name} {fault.text}{other}", place.column)
        if self._problems or blueprint is None:
            raise ConfigError(self.problems)
        self._note_missing_resources(blueprint)
        origins = {path: f"{self.source.name}:{place.line}" for path, place in self.places.items() if path}
        notes = tuple(sorted(self.notes, key=lambda note: note.line))
        return Loaded(blueprint, links, notes, origins)

    def _note_missing_resources(self, blueprint: Blueprint) -> None:
        """Notes settings that the firmware does not have; another one may have them."""
        from emulator.config.forms import setting_forms

        for key, form in setting_forms().items():
            row, place = form.row, self.places.get(("settings", form.service, form.name))
            if place is not None and key in blueprint.settings and not row.exists_in(blueprint.firmware):
                limits = (("from", row.since), ("up to", row.until))
                span = " ".join(f"{word} {one}" for word, one in limits if one is not None)
                text = f"firmware {blueprint.firmware} does not have {row.pattern}, which is there {span}"
                self.unused(place.line, f"{place.label}: {text}")

    def _locate(self, path: KeyPath) -> tuple[Place, str]:
        """The place of a value; of something missing that of what should hold it."""
        known = path
        while known not in self.places:
            known = known[:-1]
        place = self.places[known]
        return place, place.label if known == path else dotted(path)


def dotted(path: KeyPath) -> str:
    """``settings.interface.app_name``, fit for a message."""
    return ".".join(shown(Plain(part)) for part in path)
