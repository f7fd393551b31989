"""Variables and bundles by name: what a Tap holds, found out from the Tap itself.

No call lists what there is, so it is found as the vendor's data manager does: a profile read names the variables, each
of which says its type, bundle, length and name. Where that read is refused, because it does not fit a frame or the
target fails, the lower ids are asked one by one. Conversations as in `core`.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from protocol.bodies.bundle import READ_WRITE_RIGHTS
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
_OF_THE_TARGET: Final = frozenset(
    {
        ResultCode.UNABLE_TO_CONNECT_TO_TARGET,
        ResultCode.TARGET_POWER_FAILURE,
        *(code for code in ResultCode if code.name.startswith("TARGET_PROTOCOL_")),
    }
)
_PROBED: Final = range(1024)
"""Ids at which variables are looked for if the profile cannot be read."""
_PROBED_AT_ONCE: Final = 16
"""Ids of one multi-request: requests and answers have to fit an encrypted frame."""
_VARIABLE: Final = 1029
_NO_BUNDLE: Final = 0xFFFF
"""What a variable in no bundle answers."""


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
    for bundle_id in sorted({variable.bundle_id for variable in found} - {_NO_BUNDLE}):
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
    values = yield from _values(session, info, progress)
    by_id = {variable.id: variable for variable in info.variables}
    read: dict[str, Value] = {}
    for variable_id, value in values:
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


def _values(session: Session, info: BundleInfo, progress: Progress) -> Conversation[Sequence[tuple[int, bytes]]]:
    """Values by variable id; one by one, where they do not fit a frame together."""
    try:
        values: BundleValues = yield from session.call("bundle.get_values", instance=info.id)
        return values.values
    except RefusedError as refusal:
        if refusal.code not in _TOO_LARGE:
            raise
    variables = info.variables
    if not variables:
        bundles = yield from synchronize(session, progress)
        variables = tuple(one for found in bundles if found.id == info.id for one in found.variables)
    single: dict[int, bytes] = {}
    for variable in variables:
        single[variable.id] = yield from session.call("variable.get_value", instance=variable.id)
    return list(single.items())


def _readable(session: Session) -> Conversation[list[int]]:
    """Ids of the variables that the session may read."""
    try:
        profile: BundleValues = yield from session.call("variable.read_profile")
    except RefusedError as refusal:
        if refusal.code not in _TOO_LARGE | _OF_THE_TARGET:
            raise
        return (yield from _probe(session))
    return [variable_id for variable_id, _ in profile.values]


def _probe(session: Session) -> Conversation[list[int]]:
    found: list[int] = []
    for start in _PROBED[::_PROBED_AT_ONCE]:
        ids = _PROBED[start : start + _PROBED_AT_ONCE]
        answers = yield from session.multi_request(_get(_VARIABLE, variable_id, 3) for variable_id in ids)
        for variable_id, answer in zip(ids, answers, strict=True):
            if answer.success and _lets_read(answer.body):
                found.append(variable_id)
    return found


def _lets_read(body: bytes) -> bool:
    try:
        return READ_WRITE_RIGHTS.decode(body).read
    except PeerError as error:
        raise IntegrityError(f"rights on a variable: {error}") from error


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
