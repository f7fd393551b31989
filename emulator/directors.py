"""Several directors for one Tap: scenarios and faults that are armed side by side."""

from collections.abc import Iterator, Mapping

from emulator.direction import Director
from emulator.exchange import Exchange
from emulator.journal import Event
from emulator.remembered import Memory, Remembered
from protocol.frames import Response


class Directors(Remembered):
    """Directors by name; the first of them comes first, and one that answers a request leaves the others out."""

    FIXED = ("_named",)

    def __init__(self, named: Mapping[str, Director] | None = None) -> None:
        self._named: dict[str, Director] = dict(named or {})

    def __contains__(self, name: str) -> bool:
        return name in self._named

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __getitem__(self, name: str) -> Director:
        return self._named[name]

    def __len__(self) -> int:
        return len(self._named)

    def add(self, name: str, director: Director) -> None:
        """Lets another one decide too."""
        self._named[name] = director

    def remove(self, name: str) -> Director:
        """It decides nothing any more."""
        return self._named.pop(name)

    def before(self, exchange: Exchange) -> Response | None:
        """What the first director answers that wants to."""
        for director in self.values():
            response = director.before(exchange)
            if response is not None:
                return response
        return None

    def after(self, exchange: Exchange, response: Response) -> Response:
        """What all make of it, one after the other."""
        for director in self.values():
            response = director.after(exchange, response)
        return response

    def happened(self, event: Event) -> None:
        """Tells all."""
        for director in self.values():
            director.happened(event)

    def next_deadline(self) -> float | None:
        """The first of all."""
        deadlines = [director.next_deadline() for director in self.values()]
        return min((each for each in deadlines if each is not None), default=None)

    def tick(self) -> None:
        """Lets each do what is due."""
        for director in self.values():
            director.tick()

    def remember(self) -> Memory:
        """What those remember who can."""
        able = [each for each in self.values() if isinstance(each, Remembered)]
        return {"armed": [(each, each.remember()) for each in able]}

    def recall(self, memory: Memory, shift: float) -> None:
        """Makes those what they were who are armed still; who is armed does not change."""
        for director, kept in memory["armed"]:
            if director in self.values():
                director.recall(kept, shift)

    def values(self) -> tuple[Director, ...]:
        """All of them; a copy, because an action may disarm what is armed."""
        return tuple(self._named.values())
