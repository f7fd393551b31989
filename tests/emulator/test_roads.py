"""What happens on a bumpy road, without a link: courses are lists of arrivals, and time is a number."""

import itertools
from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.roads import OVERTAKING_TIME, PIECE_GAP, ROADS, Arrival, Draw, Line, Road, parse_road

SEGMENTS = st.lists(st.tuples(st.binary(min_size=1, max_size=300), st.floats(0, 0.2)), max_size=20)
"""Segments, and the seconds since the one before."""
PROBABILITIES = st.floats(0, 1)
DELAYS = st.tuples(st.floats(0, 0.1), st.floats(0, 0.1)).map(lambda ends: (min(ends), max(ends)))
MTUS = st.none() | st.integers(1, 50)
RATES = st.none() | st.floats(100, 1e6)
ROADS_OF_ALL_KINDS = st.builds(
    Road,
    drop=PROBABILITIES,
    duplicate=PROBABILITIES,
    reorder=PROBABILITIES,
    cut=PROBABILITIES,
    cut_off=st.floats(0, 0.2),
    delay=DELAYS,
    mtu=MTUS,
    rate=RATES,
)
ORDERED_ROADS = st.builds(Road, cut=PROBABILITIES, delay=DELAYS, mtu=MTUS, rate=RATES)
"""They lose nothing and keep the order."""
SEEDS = st.integers(0, 2**32)


def chance(seed: int = 0) -> Draw:
    return Random(seed).random


def course(road: Road, segments: list[tuple[bytes, float]], seed: int, *, whole: bool = False) -> list[Arrival]:
    """All arrivals of segments, as they were sent."""
    lane = road.lane(chance(seed), whole=whole)
    now = 100.0
    arrivals: list[Arrival] = []
    for segment, pause in segments:
        now += pause
        arrivals += lane.carry(segment, now)
    return arrivals


def delivered(arrivals: list[Arrival], *, whole: bool = False) -> list[tuple[float, bytes | None]]:
    """What comes out of a line that is emptied whenever something is due."""
    line = Line(whole=whole)
    for arrival in arrivals:
        line.put(arrival)
    pieces = []
    while (due := line.due) is not None:
        pieces += [(due, piece) for piece in line.take(due)]
    assert line.size == 0
    return pieces


def joined(pieces: list[tuple[float, bytes | None]]) -> bytes:
    return b"".join(piece or b"" for _, piece in pieces)


# --- roads


@given(SEGMENTS, SEEDS)
def test_a_perfect_road_changes_and_delays_nothing(segments: list[tuple[bytes, float]], seed: int) -> None:
    sent = itertools.accumulate((pause for _, pause in segments), initial=100.0)
    expected = [Arrival(now, segment) for (segment, _), now in zip(segments, list(sent)[1:], strict=True)]
    arrivals = course(Road(), segments, seed)
    assert arrivals == expected
    assert delivered(arrivals) == [(arrival.at, arrival.data) for arrival in expected]


@given(ROADS_OF_ALL_KINDS, SEGMENTS, SEEDS)
def test_the_same_seed_gives_the_same_course(road: Road, segments: list[tuple[bytes, float]], seed: int) -> None:
    assert course(road, segments, seed) == course(road, segments, seed)


@given(ORDERED_ROADS, SEGMENTS, SEEDS, st.booleans())
def test_an_ordered_road_keeps_every_byte_in_its_place(
    road: Road, segments: list[tuple[bytes, float]], seed: int, whole: bool
) -> None:
    arrivals = course(road, segments, seed, whole=whole)
    pieces = delivered(arrivals, whole=whole)
    assert joined(pieces) == b"".join(segment for segment, _ in segments)
    times = [at for at, _ in pieces]
    assert times == sorted(times)
    if whole:
        assert [piece for _, piece in pieces] == [segment for segment, _ in segments]


@given(ORDERED_ROADS, st.floats(0, 1), SEGMENTS, SEEDS)
def test_what_is_only_mixed_up_is_all_there(
    road: Road, reorder: float, segments: list[tuple[bytes, float]], seed: int
) -> None:
    pieces = delivered(course(replace(road, reorder=reorder), segments, seed))
    assert Counter(joined(pieces)) == Counter(b"".join(segment for segment, _ in segments))


@given(ROADS_OF_ALL_KINDS, SEGMENTS, SEEDS)
def test_nothing_arrives_before_it_was_sent_or_much_later_than_the_road_says(
    road: Road, segments: list[tuple[bytes, float]], seed: int
) -> None:
    lane = replace(road, rate=None).lane(chance(seed))
    now = 100.0
    latest = now
    for segment, pause in segments:
        now += pause
        arrivals = lane.carry(segment, now)
        # Pieces queue behind each other, those of earlier segments included, and may be overtaken.
        latest = max(latest, now + road.delay[1] + PIECE_GAP * len(arrivals))
        assert all(now <= arrival.at <= latest + OVERTAKING_TIME for arrival in arrivals)
        assert all(arrival.at >= now + road.delay[0] for arrival in arrivals if arrival.data is not None)


@given(st.binary(min_size=1, max_size=300), st.integers(1, 50), st.floats(0, 1), SEEDS)
def test_pieces_join_to_the_segment_and_fit_the_mtu(segment: bytes, mtu: int, cut: float, seed: int) -> None:
    pieces = [arrival.data or b"" for arrival in course(Road(mtu=mtu, cut=cut), [(segment, 0)], seed)]
    assert b"".join(pieces) == segment
    assert all(1 <= len(piece) <= mtu for piece in pieces)


def test_cuts_are_random_and_few() -> None:
    cuts = [course(Road(cut=1), [(bytes(100), 0)], seed) for seed in range(50)]
    assert {len(pieces) for pieces in cuts} == {2, 3, 4}
    assert len({len(pieces[0].data or b"") for pieces in cuts}) > 20
    assert [piece.at for piece in cuts[0]] == [100 + PIECE_GAP * number for number in range(len(cuts[0]))]


@pytest.mark.parametrize(
    ("road", "least", "most"),
    [
        (Road(drop=1), 0, 0),
        (Road(drop=0.1), 850, 950),
        (Road(duplicate=1), 2000, 2000),
        (Road(duplicate=0.1), 1050, 1150),
        (Road(mtu=20), 1000, 1000),
        (Road(mtu=5), 2000, 2000),
        (Road(drop=0.1, mtu=5), 1700, 1900),
    ],
    ids=str,
)
def test_probabilities_are_met(road: Road, least: int, most: int) -> None:
    assert least <= len(course(road, [(bytes(10), 1.0)] * 1000, 1)) <= most


@given(st.binary(min_size=1, max_size=100), MTUS, SEEDS, st.booleans())
def test_a_connection_is_cut_off_in_the_middle_of_a_segment(
    segment: bytes, mtu: int | None, seed: int, whole: bool
) -> None:
    lane = Road(cut_off=1, mtu=mtu, delay=(0.01, 0.05), reorder=0.5).lane(chance(seed), whole=whole)
    *pieces, end = lane.carry(segment, 0.0)
    there = b"".join(arrival.data or b"" for arrival in pieces)
    assert segment.startswith(there)
    assert len(there) < (1 if whole else len(segment))
    assert end.data is None
    assert all(arrival.at <= end.at for arrival in pieces)
    assert not lane.carry(segment, 1.0)


def test_a_late_piece_is_overtaken_by_those_behind_it() -> None:
    orders = {joined(delivered(course(Road(reorder=0.5, mtu=2), [(b"abcdef", 0.0)], seed))) for seed in range(100)}
    assert orders == {b"abcdef", b"cdefab", b"cdabef", b"abefcd", b"efabcd"}


def test_a_late_piece_waits_for_nobody() -> None:
    lane = Road(reorder=1).lane(chance())
    assert [lane.carry(b"a", now)[0].at for now in (0.0, 1.0)] == [OVERTAKING_TIME, 1 + OVERTAKING_TIME]


def test_delays_never_mix_up_a_stream() -> None:
    road = Road(delay=(0.0, 1.0))
    pieces = delivered(course(road, [(bytes([number]), 0.001) for number in range(200)], 3))
    assert joined(pieces) == bytes(range(200))


def test_a_line_at_9600_baud_takes_a_960th_of_a_second_for_each_byte() -> None:
    road = parse_road("serial-9600")
    pieces = delivered(course(road, [(b"abc", 0.0), (b"de", 0.0), (b"f", 1.0)], 1))
    assert [piece for _, piece in pieces] == [b"a", b"b", b"c", b"d", b"e", b"f"]
    expected = [100 + number / 960 for number in range(1, 6)] + [101 + 1 / 960]
    assert [at for at, _ in pieces] == pytest.approx(expected)
    [(at, message)] = delivered(course(road, [(b"abc", 0.0)], 1), whole=True)
    assert at == pytest.approx(100 + 3 / 960)
    assert message == b"abc"


# --- lines


@given(
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=20), st.just(0.0) | st.floats(0.001, 0.1)), max_size=20),
    st.lists(st.floats(0, 3), max_size=20).map(sorted),
    st.booleans(),
)
def test_a_line_gives_the_same_whenever_it_is_looked_at(
    entries: list[tuple[float, bytes, float]], looks: list[float], whole: bool
) -> None:
    arrivals = [Arrival(*entry) for entry in entries]
    line = Line(whole=whole)
    for arrival in arrivals:
        line.put(arrival)
    assert line.size == sum(len(data) for _, data, _ in entries)
    taken = [piece for now in [*looks, 1000.0] for piece in line.take(now)]
    assert (line.size, line.due) == (0, None)
    in_order = [data for _, data, _ in sorted(entries, key=lambda entry: entry[0])]
    assert b"".join(piece or b"" for piece in taken) == b"".join(in_order)
    if whole:
        assert taken == in_order


def test_bytes_whose_time_has_passed_come_together() -> None:
    line = Line()
    line.put(Arrival(10.0, b"abcdefgh", gap=1.0))
    assert [line.due, list(line.take(10.9))] == [11.0, []]
    assert [list(line.take(13.5)), line.size, line.due] == [[b"abc"], 5, 14.0]
    line.put(Arrival(0.0, b"later"))
    assert list(line.take(17.0)) == [b"defg"]
    assert list(line.take(18.0)) == [b"h", b"later"]


def test_a_message_comes_when_its_last_byte_is_there() -> None:
    line = Line(whole=True)
    line.put(Arrival(10.0, b"abcd", gap=1.0))
    line.put(Arrival(10.0, b"ef", gap=1.0))
    assert list(line.take(13.9)) == []
    assert [list(line.take(14.0)), line.due] == [[b"abcd"], 16.0]
    assert list(line.take(16.0)) == [b"ef"]


def test_the_end_comes_after_everything_before_it() -> None:
    line = Line()
    line.put(Arrival(1.0, b"ab", gap=1.0))
    line.put(Arrival(1.0, None))
    assert list(line.take(2.5)) == [b"a"]
    assert list(line.take(3.0)) == [b"b", None]


# --- names and texts

TEXTS = [
    ("ble-poor", ROADS["ble-poor"].road),
    ("BLE-Poor", ROADS["ble-poor"].road),
    ("ble-poor,drop:0", replace(ROADS["ble-poor"].road, drop=0.0)),
    ("drop:0.01,delay:20ms-80ms", Road(drop=0.01, delay=(0.02, 0.08))),
    ("delay:20-80ms", Road(delay=(0.02, 0.08))),
    ("delay:1.5s", Road(delay=(1.5, 1.5))),
    ("delay:500ms-2s", Road(delay=(0.5, 2.0))),
    ("duplicate:1,reorder:0.5,cut:0.25,cut_off:1e-3", Road(duplicate=1, reorder=0.5, cut=0.25, cut_off=0.001)),
    ("mtu:20,rate:960", Road(mtu=20, rate=960)),
]


@pytest.mark.parametrize(("text", "road"), TEXTS, ids=[text for text, _ in TEXTS])
def test_a_road_from_its_text(text: str, road: Road) -> None:
    parsed = parse_road(text)
    assert replace(parsed, delay=(0, 0)) == replace(road, delay=(0, 0))
    assert parsed.delay == pytest.approx(road.delay)


NO_ROADS = """
    ble  drop  drop:  drop:2  drop:-0.1  drop:nan  ble-poor,  drop:0.1,ble-poor  speed:9600  imitates:x  drop:0.1;cut:1
    delay:20  delay:80ms-20ms  delay:-5ms  delay:1.2.3s  delay:61s  delay:1m  delay:20ms-  delay:
    mtu:0  mtu:1.5  mtu:70000  rate:0  rate:inf  rate:fast
"""


@pytest.mark.parametrize("text", ["", *NO_ROADS.split()])
def test_a_text_that_is_no_road(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is made where the option is read
        parse_road(text)


@pytest.mark.parametrize("name", ROADS)
def test_every_preset_says_what_it_imitates_and_differs_from_a_perfect_road(name: str) -> None:
    imitates, road = ROADS[name]
    assert imitates.endswith(".")
    assert road != Road()
    assert parse_road(name) == road
