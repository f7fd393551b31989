"""What the two kinds of vendor file have in common."""

from emulator.config.draft import Draft, Place
from emulator.config.kinds import Plain, shown
from protocol.bodies.interface import NAME_SIZE


def put_setting(draft: Draft, key: str, value: object, place: Place) -> None:
    """Sets the value of a row of the resource table, by its key."""
    draft.put(("settings", *key.split(".")), value, place)


def start_user(draft: Draft, name: object, place: Place) -> str | None:
    """Opens an entry under ``users``.

    Returns:
        The name as the Tap keeps it; None if nothing can be entered under it, which is reported.
    """
    if not isinstance(name, str) or not name:
        draft.problem(place.line, f"{place.label} has no name, expected the name of a user")
        return None
    # Studio cuts longer names too. Source: vendor's documentation of profiles.
    kept = str(name)[:NAME_SIZE]
    if kept != name:
        draft.ignored(place.line, f"the name {shown(name)} is cut to {NAME_SIZE} characters: {shown(kept)}")
    if kept in draft.data.get("users", {}):
        first = draft.places["users", kept].line
        draft.problem(place.line, f"the name {shown(Plain(kept))} is there twice, expected it only on line {first}")
        return None
    draft.put(("users", kept), {}, Place(place.line, f"the user {shown(Plain(kept))}"))
    return kept
