"""Who may do what on a configured Tap: what `tap-emulator access` prints.

Nothing is decided here: every yes and no comes from `emulator.access`, as it does when a request arrives.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from emulator import access
from emulator.access import Decision, Subject
from emulator.blueprint import Blueprint, Quirk, Variable
from emulator.commands.tables import aligned_table, markdown_table
from emulator.state import MemoryStore, State
from protocol.codes import NO_INSTANCE, Rights, SpecialFeature
from protocol.errors import UsageError
from protocol.resources.registry import Entry, catalogue_of

_PARTLY: Final = "partly"
_CALL_COLUMNS: Final = ("allowed", "method", "path", "name", "reason")
_BUNDLE_COLUMNS: Final = ("bundle", "name", "rights", "variables", "decides about")
_LETTERS: Final = {Rights.READ: "r", Rights.WRITE: "w"}
_NAMES_SHOWN: Final = 3


class Verdict(NamedTuple):
    """What a group may do with one call; `None` is: with some instances, and not with others."""

    allowed: bool | None
    reason: str

    @property
    def word(self) -> str:
        """Of the table."""
        return _PARTLY if self.allowed is None else "yes" if self.allowed else "no"


class Report:
    """The rights of the groups of a Tap, as it is when it starts."""

    def __init__(self, blueprint: Blueprint) -> None:
        self.state = State(blueprint, MemoryStore())
        self.catalogue = catalogue_of(blueprint.firmware, blueprint.rules.quirks)
        self._strict = Quirk.STRICT_CONFIGURATION_MODE in blueprint.rules.quirks and not self.state.factory
        self._instances: dict[str | None, Mapping[int, object]] = {
            "group_id": self.state.groups,
            "bundle_id": self.state.bundles,
            "variable_id": self.state.variables,
        }

    def group_of(self, user: str) -> int:
        """The group with this name, or with this number.

        Raises:
            UsageError: there is none; the message lists those that there are.
        """
        names = {group.name: group_id for group_id, group in self.state.groups.items() if group.name}
        if user in names:
            return names[user]
        if user.isdecimal() and int(user) in self.state.groups:
            return int(user)
        known = ", ".join(group.name or str(group_id) for group_id, group in sorted(self.state.groups.items()))
        raise UsageError(f"there is no user {user!r}; there are {known}")

    def verdict(self, group_id: int, entry: Entry) -> Verdict:
        """Whether a group may make a call, with all instances that there are."""
        known = self._instances.get(entry.resource.instance, {})
        decisions = {
            instance: access.decide(Subject.of(self.state, group_id, instance), entry)
            for instance in (sorted(known) or (NO_INSTANCE,))
        }
        allowed = [instance for instance, decision in decisions.items() if decision.allowed]
        refused = [instance for instance, decision in decisions.items() if not decision.allowed]
        if allowed and refused:
            few, verb = (allowed, "only") if len(allowed) <= len(refused) else (refused, "all but")
            noun = str(entry.resource.instance).removesuffix("_id")
            return Verdict(None, f"{verb} {noun} {_listed(few)}: {decisions[few[0]].reason}")
        return Verdict(not refused, self._reason(entry, list(decisions.values())))

    def _reason(self, entry: Entry, decisions: list[Decision]) -> str:
        reason = decisions[0].reason if len(set(decisions)) == 1 else entry.call.access.value
        if self._strict and entry.call.configures and decisions[0].allowed:
            return f"{reason}; in configuration mode only"
        return reason

    def rights(self, group_id: int, bundle_id: int) -> str:
        """Rights of a group on a bundle: ``rw``, ``r``, ``w`` or ``-``."""
        rights = access.bundle_rights(self.state, group_id, bundle_id)
        return "".join(letter for right, letter in _LETTERS.items() if right in rights) or "-"

    def variables(self, bundle_id: int) -> dict[int, Variable]:
        """The variables of a bundle, by id."""
        every = sorted(self.state.variables.items())
        return {variable_id: variable for variable_id, variable in every if variable.bundle == bundle_id}

    def features(self, bundle_id: int) -> list[str]:
        """The direct accesses about which the rights of a bundle decide."""
        return [each.name for each in SpecialFeature if access.feature_bundle(self.state, each) == bundle_id]


def report_user(blueprint: Blueprint, user: str, style: str, allowed: bool | None = None) -> str:
    """Each call of the firmware with yes or no and the reason, then each bundle with the user's rights on it.

    Args:
        allowed: shows only the calls that are allowed, or only those that are not; both show what is partly allowed.

    Raises:
        UsageError: there is no such user.
    """
    report = Report(blueprint)
    group_id = report.group_of(user)
    verdicts = [(entry, report.verdict(group_id, entry)) for entry in report.catalogue]
    shown = [(entry, verdict) for entry, verdict in verdicts if allowed is None or verdict.allowed in (allowed, None)]
    if style == "json":
        return json.dumps(_user_as_json(report, blueprint, group_id, shown), indent=2)
    table = markdown_table if style == "markdown" else aligned_table
    calls = ((v.word, e.call.method.name, e.resource.pattern, e.id, v.reason) for e, v in shown)
    parts = [f"{_who(report, group_id)}, firmware {blueprint.firmware}: {_counts(v for _, v in verdicts)}"]
    parts.append(table(_CALL_COLUMNS, calls))
    if report.state.bundles:
        bundles = (_bundle_row(report, group_id, bundle_id) for bundle_id in sorted(report.state.bundles))
        parts.append(table(_BUNDLE_COLUMNS, bundles))
    return "\n\n".join(parts)


def report_groups(blueprint: Blueprint, style: str) -> str:
    """For every group: how many calls it may make, and its rights on each bundle."""
    report = Report(blueprint)
    bundles = sorted(report.state.bundles)
    groups = sorted(report.state.groups)
    if style == "json":
        listed = [_group_as_json(report, group_id) for group_id in groups]
        return json.dumps({"firmware": str(blueprint.firmware), "groups": listed}, indent=2)
    table = markdown_table if style == "markdown" else aligned_table
    header = ("group", "name", "profile", "yes", "partly", "no", *(_bundle_title(report, each) for each in bundles))
    rows = (_group_row(report, group_id, bundles) for group_id in groups)
    calls = sum(1 for _ in report.catalogue)
    return f"firmware {blueprint.firmware}, {calls} calls, {len(bundles)} bundles\n\n{table(header, rows)}"


def _group_row(report: Report, group_id: int, bundles: Iterable[int]) -> list[str]:
    counted = _count(report.verdict(group_id, entry) for entry in report.catalogue)
    group = report.state.groups[group_id]
    rights = [report.rights(group_id, bundle_id) for bundle_id in bundles]
    return [str(group_id), group.name, str(group.alias), *(str(counted[word]) for word in counted), *rights]


def _bundle_title(report: Report, bundle_id: int) -> str:
    return f"{bundle_id} {report.state.bundles[bundle_id].name}".rstrip()


def _bundle_row(report: Report, group_id: int, bundle_id: int) -> list[str]:
    names = [f"{number} {each.name}".rstrip() for number, each in report.variables(bundle_id).items()]
    name, rights = report.state.bundles[bundle_id].name, report.rights(group_id, bundle_id)
    return [str(bundle_id), name, rights, ", ".join(names), ", ".join(report.features(bundle_id))]


def _who(report: Report, group_id: int) -> str:
    group = report.state.groups[group_id]
    profile = "" if group.alias == group_id else f", with the rights of {group.alias}"
    return f"{group.name or 'no name'} (group {group_id}{profile})"


def _count(verdicts: Iterable[Verdict]) -> dict[str, int]:
    counted = {"yes": 0, _PARTLY: 0, "no": 0}
    for verdict in verdicts:
        counted[verdict.word] += 1
    return counted


def _counts(verdicts: Iterable[Verdict]) -> str:
    return ", ".join(f"{word} {count}" for word, count in _count(verdicts).items())


def _listed(instances: list[int]) -> str:
    more = len(instances) - _NAMES_SHOWN
    return ", ".join(map(str, instances[:_NAMES_SHOWN])) + (f" and {more} more" if more > 0 else "")


def _group_as_json(report: Report, group_id: int) -> dict[str, Any]:
    group = report.state.groups[group_id]
    return {
        "id": group_id,
        "name": group.name,
        "profile": group.alias,
        "counts": _count(report.verdict(group_id, entry) for entry in report.catalogue),
        "bundles": {str(bundle_id): report.rights(group_id, bundle_id) for bundle_id in sorted(report.state.bundles)},
    }


def _user_as_json(
    report: Report, blueprint: Blueprint, group_id: int, shown: list[tuple[Entry, Verdict]]
) -> dict[str, Any]:
    return {
        "firmware": str(blueprint.firmware),
        **_group_as_json(report, group_id),
        "calls": [
            {
                "name": entry.id,
                "method": entry.call.method.name,
                "path": entry.resource.pattern,
                "access": entry.call.access.value,
                "allowed": verdict.word,
                "reason": verdict.reason,
            }
            for entry, verdict in shown
        ],
        "bundles": [
            {
                "id": bundle_id,
                "name": bundle.name,
                "rights": report.rights(group_id, bundle_id),
                "variables": {str(number): each.name for number, each in report.variables(bundle_id).items()},
                "decides about": report.features(bundle_id),
            }
            for bundle_id, bundle in sorted(report.state.bundles.items())
        ],
    }
