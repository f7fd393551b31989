"""The common form of all kinds of file on their way to a Blueprint.

A reader puts values where `device.yaml` has them and says from which line they come. One model then checks the values
of every kind of file, and its complaints find their way back to the line and to the name that the file itself uses.
"""

from typing import Any, NamedTuple

from emulator.config.kinds import Plain, shown
from emulator.config.loaded import ConfigError, KeyPath, Loaded, Note
from emulator.config.source import Source


class Fault(NamedTuple):
    """A value that does not fit; the text goes on from the value's name: ``is 7, expected 0 to 5``."""

    path: KeyPath
    text: str


class FaultsError(Exception):
    """The model refuses; carries all faults that it found."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults)
        self.faults = faults


class Place(NamedTuple):
    """Where a file has a value, and how it calls it."""

    line: int
    label: str


class Draft:
    """Values of one file, not yet checked."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.data: dict[str, Any] = {}
        self.places: dict[KeyPath, Place] = {(): Place(1, "the file")}
        self.notes: list[Note] = []
        self._problems: list[tuple[int, str]] = []

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

    def problem(self, line: int, text: str) -> None:
        """Reports what is wrong; reading goes on, so that the user sees all of it at once."""
        self._problems.append((line, text))

    def build(self) -> Loaded:
        """Checks the values and makes the Tap of them.

        Raises:
            ConfigError: with all problems, those of the reader included.
        """
        from emulator.config.model import DeviceFile, validate

        links: tuple[str, ...] = ()
        blueprint = None
        try:
            file: DeviceFile = validate(self.data)
            blueprint, links = file.to_blueprint(), tuple(file.links)
        except FaultsError as error:
            for fault in error.faults:
                place, name = self._locate(fault.path)
                self.problem(place.line, f"{name} {fault.text}")
        if self._problems or blueprint is None:
            found = dict.fromkeys(sorted(self._problems, key=lambda problem: problem[0]))
            raise ConfigError(f"{self.source.name}:{line}: {text}" for line, text in found)
        origins = {path: f"{self.source.name}:{place.line}" for path, place in self.places.items() if path}
        notes = tuple(sorted(self.notes, key=lambda note: note.line))
        return Loaded(blueprint, links, notes, origins)

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
