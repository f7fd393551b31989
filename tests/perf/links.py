"""Each link beside TCP: the same encrypted request by the reference client, in turns; and many connections at once."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from protocol.client.links import Link, open_link
from tests.links import available, serving_on
from tests.perf import load
from tests.perf.figures import Figure
from tests.perf.rounds import alternate, ratio
from tests.serving import SERVE, serving

_PATH = "/3//2"
_TIMEOUT = 5.0
_CONNECTIONS = 200
_ROUNDS = 3
_REQUESTS_EACH = 50


class Asker:
    """A link of the reference client that makes one encrypted request again and again, and checks the answer."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._request, self._answer = load.conversation(self._exchange, _PATH)

    def latencies(self, seconds: float) -> list[float]:
        """Seconds from each request to its answer."""
        measured = []
        before = time.perf_counter()
        end = before + seconds
        while before < end:
            if self._exchange(self._request) != self._answer:
                raise ValueError("wrong answer")
            after = time.perf_counter()
            measured.append(after - before)
            before = after
        return measured

    def _exchange(self, request: bytes) -> bytes:
        self._link.send(request)
        return self._link.receive()


def each_against_tcp(folder: Path, rounds: int, seconds: float) -> list[Figure]:
    """Requests per second and median latency of one client on every link, each in turns with TCP."""
    figures = []
    with serving_on(available(), folder) as (_, urls), _asker(urls["tcp"]) as tcp:
        for scheme in urls:
            if scheme != "tcp":
                with _asker(urls[scheme]) as ours:
                    figures += _one_against_tcp(scheme, ours, tcp, rounds, seconds)
    return figures


def _one_against_tcp(scheme: str, ours: Asker, tcp: Asker, rounds: int, seconds: float) -> list[Figure]:
    measured: dict[Asker, list[list[float]]] = {ours: [], tcp: []}

    def median_of(one: Asker) -> Callable[[], float]:
        def measure() -> float:
            measured[one].append(one.latencies(seconds))
            return statistics.median(measured[one][-1]) * 1e6

        return measure

    latency, latencies = ratio(*alternate(median_of(ours), median_of(tcp), rounds))
    medians = [statistics.median(samples) * 1e6 for samples in measured[ours]]
    rates = [len(samples) / sum(samples) for samples in measured[ours]]
    return [
        Figure(f"{scheme}, 1 client, median latency to that over tcp", latency, "times", samples=latencies),
        Figure("  median latency", statistics.median(medians), "µs", samples=medians),
        Figure("  requests", statistics.median(rates), "requests/s", samples=rates),
    ]


@contextmanager
def _asker(url: str) -> Iterator[Asker]:
    with closing(open_link(url, _TIMEOUT)) as link:
        yield Asker(link)


def many_connections(log: Path) -> list[Figure]:
    """Connections that are open at the same time, each with a key of its own: what they ask, and what is lost."""
    asked = _CONNECTIONS * _REQUESTS_EACH
    rates, answered = [], []
    with serving(SERVE, log) as tap, load.lines_to_tap(tap, _CONNECTIONS, _PATH) as lines:
        for _ in range(_ROUNDS):
            begin = time.perf_counter()
            answered.append(load.rush(lines, _REQUESTS_EACH, _TIMEOUT))
            rates.append(answered[-1] / (time.perf_counter() - begin))
    return [
        Figure(
            f"{_CONNECTIONS} connections, lost of {asked * _ROUNDS:,} requests", asked * _ROUNDS - sum(answered), "", 0
        ),
        Figure("  Tap", statistics.median(rates), "requests/s", samples=rates),
    ]
