"""Who may do what: the only place where rights are decided, and the reason of each decision (D11, D13).

A group has the rights of its profile (the alias), everybody has at least those of anonymous, and the admin has all.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from emulator.blueprint import ADMIN, ANONYMOUS, SUPERVISOR
from emulator.state import State
from protocol.codes import DEBUG_BUNDLE, NO_INSTANCE, Rights, SpecialFeature
from protocol.resources.model import Access
from protocol.resources.registry import Entry

ALL_RIGHTS: Final = Rights.READ | Rights.WRITE
_BUNDLE_OBJECT: Final = 1028


class Decision(NamedTuple):
    """Whether something is allowed, and why."""

    allowed: bool
    reason: str


class Subject(NamedTuple):
    """Whoever asks: a group, and the profile whose rights it has."""

    state: State
    group_id: int
    profile_id: int
    instance: int = NO_INSTANCE
    """Group, bundle or variable of the request."""

    @classmethod
    def of(cls, state: State, group_id: int, instance: int = NO_INSTANCE) -> "Subject":
        """The subject that a group is."""
        return cls(state, group_id, profile_of(state, group_id), instance)


def profile_of(state: State, group_id: int) -> int:
    """The profile whose rights a group has: its alias."""
    group = state.groups.get(group_id)
    return group_id if group is None else group.alias


def decide(subject: Subject, entry: Entry) -> Decision:
    """Whether the group may make the call."""
    if open_to_all(entry):
        return _EVERYBODY
    if subject.state.factory:
        return _FACTORY
    if subject.profile_id == ADMIN:
        return _ADMIN
    return _RULES[entry.call.access](subject, entry)


def open_to_all(entry: Entry) -> bool:
    """Whether it does not matter who asks; so of most requests, and quicker than to decide."""
    return entry.call.access is Access.ANYONE or entry.call.access is Access.LOGIN


def bundle_rights(state: State, group_id: int, bundle_id: int | None) -> Rights:
    """Rights of a group on the variables of a bundle; none where there is no such bundle."""
    if state.factory or profile_of(state, group_id) == ADMIN:
        return ALL_RIGHTS
    bundle = None if bundle_id is None else state.bundles.get(bundle_id)
    if bundle is None:
        return Rights.NONE
    rights = bundle.rights.get(ANONYMOUS, Rights.NONE)
    for holder in (group_id, profile_of(state, group_id)):
        rights |= bundle.rights.get(holder, Rights.NONE)
    return rights


def feature_bundle(state: State, feature: SpecialFeature) -> int | None:
    """The bundle whose rights decide about a special feature; None if none does."""
    if feature is SpecialFeature.SWD_DIRECT_ACCESS and DEBUG_BUNDLE in state.bundles:
        return DEBUG_BUNDLE
    bundle_id: int = state[FEATURE_SETTINGS[feature]]
    return bundle_id or None


FEATURE_SETTINGS: Final = {feature: f"interface.{feature.name.lower()}_bundle" for feature in SpecialFeature}
"""Keys of the settings /1024//100 to 105."""

_EVERYBODY: Final = Decision(True, "everybody may")
_FACTORY: Final = Decision(True, "factory state: everybody may")
_ADMIN: Final = Decision(True, "the admin may do everything")


def _logged_in(subject: Subject, entry: Entry) -> Decision:
    if subject.group_id == ANONYMOUS:
        return Decision(False, "logged in only")
    return Decision(True, "whoever is logged in may")


def _supervisor(subject: Subject, entry: Entry) -> Decision:
    if subject.profile_id != SUPERVISOR:
        return Decision(False, "supervisor only")
    if entry.resource.instance == "group_id" and profile_of(subject.state, subject.instance) == ADMIN:
        return Decision(False, "what is the admin's is for the admin only")
    return Decision(True, "the supervisor may")


def _admin(subject: Subject, entry: Entry) -> Decision:
    return Decision(False, "the admin only" if subject.profile_id == SUPERVISOR else "admin only")


def _bundle(subject: Subject, entry: Entry) -> Decision:
    state = subject.state
    if entry.resource.object == _BUNDLE_OBJECT:
        if subject.instance not in state.bundles:
            return Decision(True, "there is no such bundle")
        bundle_id: int | None = subject.instance
    else:
        variable = state.variables.get(subject.instance)
        if variable is None:
            return Decision(True, "there is no such variable")
        bundle_id = variable.bundle
    return _by_bundle(subject, entry, bundle_id, "no bundle")


def _feature(subject: Subject, entry: Entry) -> Decision:
    feature = entry.call.access.feature
    assert feature is not None
    bundle_id = feature_bundle(subject.state, feature)
    return _by_bundle(subject, entry, bundle_id, f"no bundle has {feature.name}, so the admin only")


def _by_bundle(subject: Subject, entry: Entry, bundle_id: int | None, without: str) -> Decision:
    if bundle_id is None or bundle_id not in subject.state.bundles:
        return Decision(False, without)
    right = entry.call.right
    allowed = right in bundle_rights(subject.state, subject.group_id, bundle_id)
    verb = "read" if right is Rights.READ else "write"
    return Decision(
        allowed, f"bundle {bundle_id} {'lets' if allowed else 'does not let'} group {subject.group_id} {verb}"
    )


_RULES: Final[dict[Access, Callable[[Subject, Entry], Decision]]] = {
    Access.LOGGED_IN: _logged_in,
    Access.SUPERVISOR: _supervisor,
    Access.ADMIN: _admin,
    Access.BUNDLE: _bundle,
    Access.DEBUG: _feature,
    Access.SERIAL: _feature,
    Access.MODBUS: _feature,
    Access.TAPNPASS: _feature,
    Access.CODE_EXECUTION: _feature,
}
