"""What happened in a case, sorted once for all who judge it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from emulator.exchange import Carrier
from emulator.journal import Entry, Event, Record
from protocol.codes import ResultCode
from scenarios.fuzz.mutation import Nature, names_of_actions
from scenarios.fuzz.saboteur import Applied

LOGIN: Final = "scram.login"
PROOF: Final = "scram.login_proof"
KEY: Final = "scram.initialize"
VECTOR: Final = "scram.set_initialization_vector"
SESSION_CALLS: Final = frozenset({LOGIN, PROOF, KEY, VECTOR})
CARRIERS: Final = frozenset({"scram.send", "scram.send_with_iv"})
"""Calls that bring an encrypted frame; the journal has them only where it was refused."""
ENDS: Final = frozenset({"scram.stop", "interface.logout"})
MOST_REFUSALS: Final = 5
"""Times that a client may make the same request in a row without the login that it needs."""
_ABOUT_SESSIONS: Final = SESSION_CALLS | ENDS
_ASKS: Final = "answer_to"
"""The action that has the Tap execute another request."""
_CLEAR: Final = Carrier.CLEAR
_UNAUTHORIZED: Final = int(ResultCode.UNAUTHORIZED)
_CHANGES_SESSION: Final = SESSION_CALLS | ENDS | {"interface.login_with_hash", "device.reboot"}
_CHANGING_FAMILIES: Final = frozenset({"session", "state"})


class Change(NamedTuple):
    """An answer that was mutated.

    Args:
        place: of the record among all.
    """

    place: int
    record: Record
    applied: Applied


class Story:
    """What happened in a case, sorted for the rules. Places are those of records among all.

    Attributes:
        odd: places of what was no request, was unknown, or was refused.
        refusals: places of what was answered with UNAUTHORIZED.
        clear_after: requests in clear on a connection that was encrypted.
        encrypted_from: place of the first encrypted request of each connection.
        logins, vectors: first steps of logins, and exchanges of vectors.
        changes: answers that were mutated.
    """

    __slots__ = (
        "_encrypted",
        "applied",
        "changes",
        "clear_after",
        "encrypted_from",
        "logins",
        "odd",
        "records",
        "refusals",
        "vectors",
    )

    def __init__(self, entries: Iterable[Entry], applied: Sequence[Applied]) -> None:
        self.applied = applied
        self.records: list[Record] = []
        self.odd: list[int] = []
        self.refusals: list[int] = []
        self.clear_after: list[Record] = []
        self.encrypted_from: dict[int, int] = {}
        self.logins: list[Record] = []
        self.vectors: list[Record] = []
        self._encrypted: set[int] = set()
        changed: list[int] = []
        for each in applied:
            if _ASKS in names_of_actions(each.mutation):
                entries = _without_own(list(entries), applied)
                break
        for entry in entries:
            if isinstance(entry, Event):
                if entry.kind == "session-expired" and entry.connection is not None:
                    self._encrypted.discard(entry.connection)
                continue
            place = len(self.records)
            self.records.append(entry)
            call, response = entry.call, entry.response
            if entry.reason is not None or call is None:
                self.odd.append(place)
            if response is not None and response.code == _UNAUTHORIZED:
                self.refusals.append(place)
            if entry.rules:
                changed.append(place)
            if entry.carrier is not _CLEAR or self._encrypted or call in _ABOUT_SESSIONS:
                self._look_at_session(entry, place)
        self.changes = list(self._match(changed)) if changed and applied else []

    def _look_at_session(self, record: Record, place: int) -> None:
        call, connection = record.call, record.connection
        if record.carrier is not _CLEAR:
            if connection not in self._encrypted:
                self._encrypted.add(connection)
                self.encrypted_from.setdefault(connection, place)
        elif connection in self._encrypted and call not in CARRIERS:
            self.clear_after.append(record)
        if call == LOGIN:
            self.logins.append(record)
        elif call == VECTOR:
            self.vectors.append(record)
        elif call in ENDS:
            self._encrypted.discard(connection)

    def _match(self, places: list[int]) -> Iterator[Change]:
        """Faults and the records that they changed, both in their order."""
        left = list(self.applied)
        for place in places:
            record = self.records[place]
            if not left or record.request != left[0].answer.request:
                continue
            exchange = left[0].exchange
            while left and left[0].exchange == exchange:  # the same request may have come again later
                yield Change(place, record, left.pop(0))

    def after(self, place: int) -> Iterator[Record]:
        """What came later over the same connection."""
        connection = self.records[place].connection
        return (record for record in self.records[place + 1 :] if record.connection == connection)

    def encrypted_before(self, change: Change) -> bool:
        """The connection was encrypted before the answer was mutated."""
        return self.encrypted_from.get(change.record.connection, change.place) < change.place

    def session_changed_before(self, place: int) -> bool:
        """A mutation may have left client and Tap with different keys or vectors."""
        if self.applied and not self.changes:
            return True
        return any(changes_session(change.applied) for change in self.changes if change.place < place)


def changes_session(applied: Applied) -> bool:
    """The mutation may leave client and Tap with different keys or vectors."""
    mutator = applied.fault.mutator
    if mutator.early and applied.mutation.nature is Nature.REFUSAL:
        return False  # nothing was done, and the client was told so
    return applied.answer.call in _CHANGES_SESSION or mutator.family in _CHANGING_FAMILIES or mutator.early


def _without_own(entries: Sequence[Entry], applied: Sequence[Applied]) -> list[Entry]:
    """The entries without the requests that mutations have made: each stands before the answer that it is for."""
    own = [str(_asked(action)) for each in applied for action in each.mutation.then if _ASKS in action]
    kept: list[Entry] = []
    for entry in entries:
        if isinstance(entry, Record) and entry.rules:
            for place in reversed(range(len(kept))):
                before = kept[place]
                if own and isinstance(before, Record) and not before.rules and before.call == own[0]:
                    del kept[place], own[0]
                    break
        kept.append(entry)
    return kept


def _asked(action: Mapping[str, Any]) -> Any:
    asked = action[_ASKS]
    return asked.get("request") if isinstance(asked, Mapping) else asked
