"""Bumpy roads: what happens to bytes on their way, without I/O, clock or randomness of its own.

A `Lane` is one direction of one connection: it takes segments as they are sent, and says what of them arrives and when.
A `Road` makes lanes from probabilities; other rules may make others. A `Line` keeps what is under way until its time.
Times are seconds of whatever clock the caller reads; randomness is a function that draws numbers.
"""

import heapq
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Protocol

Draw = Callable[[], float]
"""Draws a number from 0 to below 1, as `random.Random(seed).random` does."""

PIECE_GAP: Final = 0.005
"""Seconds between the pieces of a segment: long enough for the other side to read them apart. Chosen."""
OVERTAKING_TIME: Final = 0.05
"""Seconds by which a piece is late when those behind it overtake it. Chosen: several pieces long."""
_MOST_CUTS: Final = 3
"""Random cuts through one segment, at most. Chosen."""


class Arrival(NamedTuple):
    """Something that reaches the other end. What arrives at one time does so in the order in which it was sent."""

    at: float
    """When it is there."""
    data: bytes | None
    """None if the connection is over then."""
    gap: float = 0.0
    """Seconds that each byte takes: the first is there one gap after `at`, the second two."""


class Lane(Protocol):
    """One direction of one connection."""

    def carry(self, segment: bytes, now: float) -> Sequence[Arrival]:
        """What arrives of a segment that is sent now. The end of the connection comes last, and then nothing more."""
        ...


class Lanes(NamedTuple):
    """Both directions of one connection."""

    to_tap: Lane
    to_host: Lane


class Line:
    """Keeps what is under way in one direction until its time.

    It serves whatever is paced, without a road too: ``line.put(Arrival(now, data, gap=10 / baudrate))``, and
    ``line.take(now)`` when it is ``line.due``.

    Args:
        whole: what belongs together arrives in one go, with its last byte; for links that carry messages.

    Attributes:
        size: bytes under way.
    """

    def __init__(self, *, whole: bool = False) -> None:
        self.size = 0
        self._whole = whole
        self._waiting: list[tuple[float, int, Arrival]] = []
        self._numbers = itertools.count()
        self._begun: Arrival | None = None
        """What of an arrival is not there yet. It comes first: nothing gets between its bytes."""
        self._free = float("-inf")
        """Since when nothing else comes over the line."""

    def put(self, arrival: Arrival) -> None:
        """Sends something on its way."""
        heapq.heappush(self._waiting, (arrival.at, next(self._numbers), arrival))
        self.size += len(arrival.data or b"")

    @property
    def due(self) -> float | None:
        """When `take` has the next byte, or piece, or the end; None if nothing is under way."""
        arrival = self._next()
        return None if arrival is None else arrival.at + arrival.gap * self._step(arrival)

    def take(self, now: float) -> Iterator[bytes | None]:
        """What has arrived by now, in pieces; None is the end of the connection."""
        while (arrival := self._next()) is not None and arrival.at + arrival.gap * self._step(arrival) <= now:
            if self._begun is None:
                heapq.heappop(self._waiting)
            data = arrival.data or b""
            there = len(data)
            if arrival.gap and not self._whole:
                there = min(there, max(1, int((now - arrival.at) / arrival.gap)))
            self._free = arrival.at + arrival.gap * there
            rest = arrival._replace(at=self._free, data=data[there:])
            self._begun = rest if rest.data else None
            self.size -= there
            yield arrival.data if arrival.data is None else data[:there]

    def _next(self) -> Arrival | None:
        if self._begun is not None or not self._waiting:
            return self._begun
        at, _, arrival = self._waiting[0]
        return arrival if at >= self._free else arrival._replace(at=self._free)

    def _step(self, arrival: Arrival) -> int:
        """Bytes that have to be there before `take` gives some."""
        return len(arrival.data or b"") if self._whole else 1


@dataclass(frozen=True, slots=True)
class Road:
    """How good or bad one direction of a connection is, in probabilities; as it stands, perfect.

    A segment is what the link hands over at a time: what was read from a socket, one message, one answer. It is cut
    into pieces, and then each piece has a fate of its own.

    Args:
        drop: probability that a piece is lost. A stream then lacks these bytes, as behind a bad radio bridge.
        duplicate: probability that a piece arrives twice.
        reorder: probability that a piece is so late that those behind it overtake it.
        cut: probability that a segment is cut at random places.
        cut_off: probability that the connection ends in the middle of a segment.
        delay: seconds that a piece takes, at least and at most; it waits for those before it.
        mtu: longest piece in bytes.
        rate: bytes per second, one after another with gaps between them.
    """

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    cut: float = 0.0
    cut_off: float = 0.0
    delay: tuple[float, float] = (0.0, 0.0)
    mtu: int | None = None
    rate: float | None = None

    def lane(self, draw: Draw, *, whole: bool = False) -> Lane:
        """One direction of a new connection.

        Args:
            whole: the link carries messages, which arrive uncut.
        """
        return _RoadLane(replace(self, cut=0.0, mtu=None) if whole else self, draw, whole)


class _RoadLane:
    """The course that chance takes."""

    def __init__(self, road: Road, draw: Draw, whole: bool) -> None:
        self._road = road
        self._draw = draw
        self._whole = whole
        self._gap = 1 / road.rate if road.rate else 0.0
        self._latest = float("-inf")
        """When the last piece arrives that keeps its place."""
        self._over = False

    def carry(self, segment: bytes, now: float) -> Sequence[Arrival]:
        """What arrives of a segment that is sent now."""
        if self._over:
            return ()
        self._over = self._happens(self._road.cut_off)
        if self._over:
            segment = b"" if self._whole else segment[: self._below(len(segment))]
        copies = [piece for piece in self._pieces(segment) for _ in range(self._copies())]
        arrivals = [self._arrival(piece, now + PIECE_GAP * number) for number, piece in enumerate(copies)]
        if self._over:
            arrivals.append(Arrival(max((arrival.at for arrival in arrivals), default=max(now, self._latest)), None))
        return arrivals

    def _pieces(self, segment: bytes) -> Iterator[bytes]:
        size = len(segment)
        edges = {0, size, *range(0, size, self._road.mtu or size or 1)}
        if self._happens(self._road.cut) and size > 1:
            edges.update(1 + self._below(size - 1) for _ in range(1 + self._below(_MOST_CUTS)))
        return (segment[start:end] for start, end in itertools.pairwise(sorted(edges)))

    def _copies(self) -> int:
        lost, twice = self._happens(self._road.drop), self._happens(self._road.duplicate)
        return 0 if lost else 1 + twice

    def _arrival(self, piece: bytes, sent: float) -> Arrival:
        low, high = self._road.delay
        at = max(self._latest, sent + low + (high - low) * self._draw())
        if self._happens(self._road.reorder):
            return Arrival(at + OVERTAKING_TIME, piece, self._gap)
        self._latest = at
        return Arrival(at, piece, self._gap)

    def _happens(self, probability: float) -> bool:
        return self._draw() < probability

    def _below(self, limit: int) -> int:
        return int(self._draw() * limit)


# --- roads by name


class Preset(NamedTuple):
    """A road that has a name."""

    imitates: str
    road: Road


ROADS: Final[Mapping[str, Preset]] = {
    "ble-poor": Preset(
        # 20 bytes: what fits a notification at Bluetooth's default ATT_MTU of 23. Android asks for connection events
        # every 30 to 50 ms; up to three of them where repetitions are needed. How often something is lost is chosen.
        "Bluetooth at the edge of its range: packets of 20 bytes, slow, some lost, sometimes the connection.",
        Road(drop=0.005, cut_off=0.002, delay=(0.03, 0.15), mtu=20),
    ),
    "wifi-busy": Preset(
        # What the radio loses TCP sends again, so it shows as delay only. Figures chosen.
        "An access point with many stations: anything from quick to slow, segments in parts, nothing lost.",
        Road(cut=0.2, delay=(0.002, 0.12)),
    ),
    "lte-tunnel": Preset(
        # Figures chosen, of the order that mobile networks have.
        "A modem and a tunnel: slow, and now and then a change of cell ends the connection.",
        Road(cut=0.05, cut_off=0.002, delay=(0.025, 0.075)),
    ),
    "satellite": Preset(
        # 2 x 35,786 km at the speed of light are 240 ms; coding and queues are chosen.
        "A geostationary satellite: over half a second for a round trip, and nothing else wrong.",
        Road(delay=(0.26, 0.3)),
    ),
    "serial-9600": Preset(
        # 8N1 is ten bits a byte.
        "A serial line at 9600 baud: 960 bytes per second, with gaps between them.",
        Road(rate=960.0),
    ),
    "byte-by-byte": Preset(
        # Chosen: long enough for the other side to read each byte alone, short enough for the usual time-outs.
        "A correct but awkward transport: each byte by itself, 2 ms apart.",
        Road(rate=500.0),
    ),
    "lossy": Preset(
        "A bad radio bridge: one segment in 20 does not arrive, without any sign of it.",
        Road(drop=0.05),
    ),
    "unsteady": Preset(
        "A bad contact: one segment in 50 ends the connection in its middle.",
        Road(cut_off=0.02),
    ),
}
"""All presets, for both directions alike."""


# --- roads as texts

_PIECES: Final = (1, 65_535)
_RATES: Final = (1.0, 10_000_000.0)
_LONGEST_DELAY: Final = 60.0
_DELAY: Final = re.compile(r"(?P<low>[\d.]+)(?P<low_unit>ms|s)?(?:-(?P<high>[\d.]+)(?P<unit>ms|s))?")
_UNITS: Final = {"ms": 0.001, "s": 1.0}


def parse_road(text: str) -> Road:
    """The road of ``ble-poor``, ``drop:0.01,delay:20ms-80ms`` or ``ble-poor,drop:0``.

    Raises:
        ValueError: it is none.
    """
    first, *rest = text.split(",")
    road = Road()
    if ":" in first:
        rest.insert(0, first)
    elif first.lower() in ROADS:
        road = ROADS[first.lower()].road
    else:
        raise ValueError(first)
    for item in rest:
        name, _, value = item.partition(":")
        if name not in _READERS:
            raise ValueError(item)
        road = replace(road, **{name: _READERS[name](value)})
    return road


def _probability(text: str) -> float:
    return _between(float(text), 0.0, 1.0)


def _between(value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise ValueError(value)
    return value


def _delay(text: str) -> tuple[float, float]:
    found = _DELAY.fullmatch(text)
    unit = found and (found["unit"] or found["low_unit"])
    if not found or not unit:
        raise ValueError(text)
    low = float(found["low"]) * _UNITS[found["low_unit"] or unit]
    high = float(found["high"]) * _UNITS[unit] if found["high"] else low
    return _between(low, 0.0, high), _between(high, 0.0, _LONGEST_DELAY)


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "drop": _probability,
    "duplicate": _probability,
    "reorder": _probability,
    "cut": _probability,
    "cut_off": _probability,
    "delay": _delay,
    "mtu": lambda text: int(_between(int(text), *_PIECES)),
    "rate": lambda text: _between(float(text), *_RATES),
}

ROAD_FORM: Final = (
    f"a road ({', '.join(ROADS)}), what differs from a good one (drop:0.01, duplicate:0.01, reorder:0.01, cut:0.1, "
    "cut_off:0.01, delay:20ms-80ms, mtu:20, rate:960), or both, as in ble-poor,drop:0.1"
)
"""What `parse_road` takes, for messages."""
