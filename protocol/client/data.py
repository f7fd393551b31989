"""Variables and bundles by name: what a Tap holds, found out from the Tap itself.

No call lists what there is, so it is found as the vendor's data manager does: a profile read names the variables, each
of which says its type, bundle, length and name. Conversations as in `core`.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from protocol.bodies.variable import VARIABLE_META, VARIABLE_TYPE, Value, VariableType
from protocol.client.core import Conversation, Session
from protocol.codes import Method, ResultCode
from protocol.errors import IntegrityError, PeerError, RefusedError, UsageError
from protocol.frames import Request
from protocol.paths import Path
from protocol.tlv import BundleValues
from protocol.values import UINT8, UINT16

Progress = Callable[[int, int], None]
"""Is told how many steps are done, and how many there are."""

_TOO_LARGE: Final = frozenset({ResultCode.INTERNAL_SERVER_ERROR, ResultCode.RESPONSE_TOO_LARGE})
_PROBED_BUNDLES: Final = range(256)
"""Where bundles are looked for if the profile does not fit a frame."""
_NAMES_AT_ONCE: Final = 8
"""Bundle names that are asked for in one multi-request: their answers have to fit a frame."""
_VARIABLE, _BUNDLE = 1029, 1028


@dataclass(frozen=True, slots=True)
class VariableInfo:
    """A variable as its Tap describes it.

    Args:
        name: its number, where the firmware knows no names (before 1.73).
        length: elements; of text its longest length.
    """

    id: int
    name: str
    unit: str
    type: VariableType
    length: int
    bundle_id: int


@dataclass(frozen=True, slots=True)
class BundleInfo:
    """A bundle and those of its variables that the session may read."""

    id: int
    name: str
    variables: tuple[VariableInfo, ...]


def silent(done: int, total: int) -> None:
    """Progress that nobody watches."""


def synchronize(session: Session, progress: Progress = silent) -> Conversation[list[BundleInfo]]:
    """Finds the bundles that the session may read, with their variables.

    Raises:
        RefusedError: the Tap refused to describe a variable.
    """
    with suppress(RefusedError):
        yield from session.call("target.connect")
    ids = yield from _readable(session)
    found: list[VariableInfo] = []
    for number, variable_id in enumerate(ids):
        progress(number, len(ids))
        found.append((yield from _describe(session, variable_id)))
    bundles: list[BundleInfo] = []
    for bundle_id in sorted({variable.bundle_id for variable in found}):
        name: str = yield from session.call("bundle.get_name", instance=bundle_id)
        bundles.append(BundleInfo(bundle_id, name, tuple(each for each in found if each.bundle_id == bundle_id)))
    progress(len(ids), len(ids))
    return bundles


def read_bundle(session: Session, bundle: str | int, progress: Progress = silent) -> Conversation[dict[str, Value]]:
    """Values of a bundle's variables by name.

    Args:
        bundle: its name or its id.

    Raises:
        UsageError: no bundle that the session may read has this name.
        RefusedError: the Tap refused.
        IntegrityError: the values do not go with the description.
    """
    info = yield from _find(session, bundle, progress)
    values: BundleValues = yield from session.call("bundle.get_values", instance=info.id)
    by_id = {variable.id: variable for variable in info.variables}
    read: dict[str, Value] = {}
    for variable_id, value in values.values:
        variable = by_id.get(variable_id) or (yield from _describe(session, variable_id))
        try:
            name = variable.name if variable.name not in read else f"{variable.name} ({variable_id})"
            read[name] = variable.type.decode(value)
        except UsageError as error:
            raise IntegrityError(f"variable {variable_id}: {error}") from error
    return read


def _find(session: Session, bundle: str | int, progress: Progress) -> Conversation[BundleInfo]:
    if isinstance(bundle, int):
        name: str = yield from session.call("bundle.get_name", instance=bundle)
        return BundleInfo(bundle, name, ())
    bundles = yield from synchronize(session, progress)
    for info in bundles:
        if info.name == bundle:
            return info
    raise UsageError(f"no bundle is called {bundle!r}; there are {', '.join(info.name for info in bundles) or 'none'}")


def _readable(session: Session) -> Conversation[list[int]]:
    """Ids of the variables that the session may read."""
    try:
        profile: BundleValues = yield from session.call("variable.read_profile")
    except RefusedError as refusal:
        if refusal.code not in _TOO_LARGE:
            raise
        return (yield from _readable_by_bundle(session))
    return [variable_id for variable_id, _ in profile.values]


def _readable_by_bundle(session: Session) -> Conversation[list[int]]:
    ids: list[int] = []
    for start in _PROBED_BUNDLES[::_NAMES_AT_ONCE]:
        bundles = _PROBED_BUNDLES[start : start + _NAMES_AT_ONCE]
        names = yield from session.multi_request(_get(_BUNDLE, bundle_id, 4) for bundle_id in bundles)
        for bundle_id, name in zip(bundles, names, strict=True):
            if name.success:
                with suppress(RefusedError):
                    values: BundleValues = yield from session.call("bundle.get_values", instance=bundle_id)
                    ids += [variable_id for variable_id, _ in values.values]
    return ids


def _describe(session: Session, variable_id: int) -> Conversation[VariableInfo]:
    resources = (1, 2, 6, 8)
    answers = yield from session.multi_request([_get(_VARIABLE, variable_id, number) for number in resources])
    for answer in answers[:3]:
        if not answer.success:
            raise RefusedError(answer.code, f"description of variable {variable_id}")
    kind, length, bundle_id, meta = answers
    try:
        named = VARIABLE_META.decode(meta.body) if meta.success else None
        return VariableInfo(
            variable_id,
            named.name if named and named.name else str(variable_id),
            named.unit if named else "",
            VARIABLE_TYPE.decode(kind.body),
            UINT8.decode(length.body),
            UINT16.decode(bundle_id.body),
        )
    except PeerError as error:
        raise IntegrityError(f"description of variable {variable_id}: {error}") from error


def _get(object: int, instance: int, resource: int) -> Request:
    return Request(Method.GET, Path(object, instance, resource))
