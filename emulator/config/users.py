"""From the users of a file to the groups of a Tap."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Protocol

from emulator.blueprint import ADMIN, ANONYMOUS, DEFAULT_LIFETIME, SUPERVISOR, Group, factory_groups
from emulator.config.draft import Fault, FaultsError
from protocol.bodies.interface import NAME_SIZE, SecurityOptions
from protocol.scram import password_hash

PREDEFINED: Final = {"anonymous": ANONYMOUS, "supervisor": SUPERVISOR, "admin": ADMIN}
"""Ids of the groups that every Tap has."""


class UserEntry(Protocol):
    """One entry under ``users``, checked by itself."""

    id: int | None
    password: str | None
    hash: bytes | None
    key: bytes | None
    lifetime: int | None
    alias: int | str | None

    @property
    def model_fields_set(self) -> set[str]:
        """What the file says; the other fields are empty."""


def build_groups(users: Mapping[str, UserEntry], options: SecurityOptions) -> dict[int, Group]:
    """All groups of the Tap by id; the predefined ones are there even if the file is silent about them.

    Raises:
        FaultsError: entries contradict each other.
    """
    ids, faults = _assign_ids(users)
    groups = factory_groups()
    faults += _renamed_twice(ids, groups)
    names = {group.name: number for number, group in groups.items()} | ids
    known = {*names.values(), *groups}
    for name, user in users.items():
        number = ids[name]
        alias = names.get(user.alias) if isinstance(user.alias, str) else user.alias
        if user.alias is not None and alias not in known:
            faults.append(Fault(("users", name, "alias"), f"is {user.alias!r}, expected the name or id of a profile"))
        factory = groups.get(number) or Group(name, None, number, DEFAULT_LIFETIME)
        groups[number] = replace(
            factory,
            name=name,
            password=_password(user, options) if _says_password(user) else factory.password,
            alias=number if alias is None else alias,
            lifetime=factory.lifetime if user.lifetime is None else user.lifetime,
        )
    if faults:
        raise FaultsError(faults)
    return groups


def _assign_ids(users: Mapping[str, UserEntry]) -> tuple[dict[str, int], list[Fault]]:
    """Ids of all entries: as given, else predefined, else the lowest that are free, in the order of the file."""
    ids: dict[str, int] = {}
    owners: dict[int, str] = {}
    faults: list[Fault] = []
    for name, user in users.items():
        number = user.id if user.id is not None else PREDEFINED.get(name)
        if number is None:
            continue
        owner = owners.setdefault(number, name)
        if owner != name:
            text = f"is {number}, which {owner!r} has already, expected an id of its own"
            faults.append(Fault(("users", name, "id"), text))
        ids[name] = number
    taken = {*owners, *PREDEFINED.values()}
    free = (number for number in range(1, SUPERVISOR) if number not in taken)  # more than any reader lets through
    ids |= {name: next(free) for name in users if name not in ids}
    return ids, faults


def _renamed_twice(ids: Mapping[str, int], predefined: Mapping[int, Group]) -> list[Fault]:
    """Entries that take the name of a predefined group without replacing it."""
    return [
        Fault(
            ("users", group.name, "id"), f"is {ids[group.name]}, but {group.name!r} has id {number}, expected this id"
        )
        for number, group in predefined.items()
        if group.name in ids and ids[group.name] != number and number not in ids.values()
    ]


def _says_password(user: UserEntry) -> bool:
    return bool(user.model_fields_set & {"password", "hash", "key"})


def _password(user: UserEntry, options: SecurityOptions) -> bytes | None:
    if user.password is None:
        return user.key or user.hash
    # A clear password of 16 characters is as long as a hash. Where the Tap keeps hashes it is handed over as one.
    if len(user.password) == NAME_SIZE and (options.hash_password or options.scram_activated):
        return password_hash(user.password)
    return user.password.encode("ascii")
