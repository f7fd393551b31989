"""Bundles of the vendor's two kinds of file, on their way into the draft."""

from dataclasses import dataclass
from typing import Any, Final

from emulator.config.bundles import BUNDLE_NAME, NO_BUNDLE
from emulator.config.draft import Draft, Place
from emulator.config.keys import Keys, fits
from emulator.config.kinds import Plain, quoted, shown
from emulator.config.loaded import KeyPath
from emulator.config.variables import LENGTH, MAX_META, MAX_NAME, MAX_UNIT, NAME, TYPE, UNIT
from protocol.bodies.variable import DataType, VariableType
from protocol.codes import SpecialFeature
from protocol.errors import UsageError

_MAX_BUNDLE_NAME: Final = 64

_HEX = "0123456789abcdefABCDEF"


@dataclass(frozen=True, slots=True)
class Text:
    """A name or a unit, and where it is."""

    value: str
    place: Place


@dataclass(slots=True)
class BundlePath:
    """A bundle that was entered, and the keys of its variables."""

    path: KeyPath
    number: int | None
    keys: Keys


class BundleDraft:
    """Enters bundles and variables under keys that `config convert` gives them too."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._keys = Keys("bundle", BUNDLE_NAME)
        self._owners: dict[SpecialFeature, Place] = {}

    def bundle(self, number: object, name: Text | None, place: Place) -> BundlePath:
        """Opens a bundle."""
        text = "" if name is None else self._cut(name, _MAX_BUNDLE_NAME)
        whole = _whole(number)
        key = self._keys.of(text, whole or 0)
        path: KeyPath = ("bundles", key)
        self._draft.put(path, {}, Place(place.line, f"the bundle {shown(Plain(text or key))}"))
        if key != text:
            self._draft.put((*path, "name"), text, place if name is None else name.place)
        return BundlePath(path, whole, Keys("variable", NAME))

    def feature(self, bundle: BundlePath, feature: SpecialFeature, place: Place) -> None:
        """Gives a special feature to a bundle."""
        word = feature.name.lower()
        if bundle.number == NO_BUNDLE:
            self._draft.ignored(
                place.line, f"{place.label} {word}: bundle {NO_BUNDLE} stands for none, so nobody has it"
            )
            return
        owner = self._owners.setdefault(feature, place)
        if owner is not place:
            text = f"{place.label} is {word}, which {owner.label} has already, expected it only once"
            self._draft.problem(place.line, f"{text} (see line {owner.line})")
            return
        node = self._draft.data["bundles"][bundle.path[1]].setdefault("features", [])
        path = (*bundle.path, "features")
        self._draft.places.setdefault(path, place)
        self._draft.places[*path, len(node)] = place
        node.append(word)

    def variable(
        self, bundle: BundlePath, number: object, name: Text | None, unit: Text | None, place: Place
    ) -> KeyPath:
        """Opens a variable with its name and unit; without both it has no meta block."""
        whole = _whole(number)
        text = "" if name is None else self._cut(name, MAX_NAME)
        measure = "" if unit is None else self._cut(unit, MAX_UNIT)
        plain = fits(NAME, text) and (not measure or fits(UNIT, measure))
        key = bundle.keys.of(text if plain else None, whole or 0)
        path = (*bundle.path, "variables", key)
        self._draft.put(path, {}, Place(place.line, f"the variable {shown(Plain(text or key))}"))
        if not plain:
            # The vendor's clients write these texts as they are, whatever is in them.
            meta = f"{text}:{measure}".encode() if text or measure else b""
            self.meta(path, meta, place if name is None else name.place)
            return path
        assert name is not None
        if key != text:
            self._draft.put((*path, "name"), text, name.place)
        if measure and unit is not None:
            self._draft.put((*path, "unit"), measure, unit.place)
        return path

    def meta(self, path: KeyPath, meta: bytes, place: Place) -> None:
        """Sets the whole meta block."""
        if len(meta) > MAX_META:
            self._draft.problem(place.line, f"{place.label} has {len(meta)} bytes, expected at most {MAX_META}")
        else:
            self._draft.put((*path, "meta"), meta.hex(), place)

    def value(self, path: KeyPath, value: object, place: Place) -> None:
        """Sets the start value of a variable whose type and length are set."""
        node = self._draft.data
        for key in path:
            node = node[str(key)]
        try:
            data = TYPE.parse(node.get("type", Plain("uint8")))
            length = LENGTH.parse(node.get("length", 1))
        except ValueError:
            return  # told already, where type and length are checked
        try:
            encoded = encode_value(value, data, length)
        except ValueError as error:
            self._draft.problem(place.line, f"{place.label} {error}")
        else:
            self._draft.put((*path, "value"), {"hex": encoded.hex()}, place)

    def _cut(self, text: Text, most: int) -> str:
        if len(text.value) <= most:
            return text.value
        place = text.place
        self._draft.ignored(place.line, f"{place.label} {quoted(text.value[:20])}...: it is cut to {most} characters")
        return text.value[:most]


def _whole(number: object) -> int | None:
    if isinstance(number, str) and number.isascii() and number.isdecimal() and len(number) <= 5:
        return int(number)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def encode_value(value: Any, data: DataType, length: int) -> bytes:
    """Bytes of a start value as the vendor's configurator writes them: what is missing is zero.

    Raises:
        ValueError: it does not fit; says what it is and what was expected.
    """
    size = VariableType(data=data).size
    if data is DataType.ASCII and isinstance(value, str):
        encoded = value.encode("latin-1", "strict") if value.isascii() else _not_text(value)
    elif isinstance(value, list):
        encoded = b"".join(_element(one, data, size) for one in value)
    else:
        encoded = _element(value, data, size)
    if len(encoded) > length * size:
        raise ValueError(f"has {len(encoded)} bytes, expected at most {length * size}")
    return encoded.ljust(length * size, b"\0")


def _not_text(value: str) -> bytes:
    raise ValueError(f"is {shown(value)}, expected text of ASCII")


def _element(value: Any, data: DataType, size: int) -> bytes:
    if isinstance(value, str):
        digits = value.removeprefix("0x")
        if not digits or any(digit not in _HEX for digit in digits):
            raise ValueError(f"is {shown(value)}, expected a number or hexadecimal digits")
        encoded = bytes.fromhex(digits.rjust(len(digits) + len(digits) % 2, "0"))
        if len(encoded) > size:
            raise ValueError(f"is {shown(value)}, expected at most {size} bytes")
        return encoded.rjust(size, b"\0")
    if data is DataType.BOOLEAN and value in (0, 1):
        value = bool(value)
    if isinstance(value, float) and value.is_integer() and data is not DataType.FLOAT32:
        value = int(value)
    try:
        return VariableType(data=data).encode(value)
    except (UsageError, TypeError, OverflowError) as error:
        raise ValueError(f"is {shown(value)}, expected a number of type {data.name.lower()}") from error
