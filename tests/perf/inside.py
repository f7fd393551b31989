"""What single requests cost inside the device, without a socket; what a Tap weighs; how long a file takes to read.

Costs are ratios too: of a variable to a plain setting, of a login to the one key derivation that it cannot do without,
of a save to a bare commit on the same disk. Both sides of a ratio take turns.
"""

import sqlite3
import statistics
import time
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from emulator.blueprint import Blueprint, Bundle, Variable, demo
from emulator.config import load
from emulator.device import Device
from emulator.storage import SqliteStore
from protocol import apdu
from protocol.bodies.scram import SCRAM_CHALLENGE, SCRAM_LOGIN, ScramLogin
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.codes import Method, Rights
from protocol.frames import Request, Response
from protocol.paths import Path as Address
from protocol.scram import PasswordKey, password_hash
from tests.hosts import Host
from tests.perf.figures import Figure
from tests.perf.rounds import alternate, ratio

_FILES = Path("../shared/devices")
_FLOAT = VariableType(Domain.IN_TAP_STATIC, DataType.FLOAT32)
_EVERYBODY = {0: Rights.READ | Rights.WRITE}
_IN_BUNDLE = 20
_ADMIN = 65535
_ITERATIONS = 5000
_NONCE = 7


def all_figures(folder: Path, rounds: int) -> list[Figure]:
    """Every figure of this module."""
    return [*reads(rounds), *logins(rounds), *saves(folder, rounds), *weight(), *imports(rounds)]


def with_variables(count: int, bundles: int) -> Blueprint:
    """A demo Tap with this many variables, in as many bundles."""
    return replace(
        demo(),
        bundles={number: Bundle(f"bundle {number}", dict(_EVERYBODY)) for number in range(bundles)},
        variables={
            number: Variable(_FLOAT, bundle=number % bundles, meta=f"variable {number}:unit".encode())
            for number in range(count)
        },
        values={number: bytes(4) for number in range(count)},
    )


def seconds_per(repeat: int, action: Callable[[], object]) -> float:
    """Seconds that one of many calls takes."""
    begin = time.perf_counter()
    for _ in range(repeat):
        action()
    return (time.perf_counter() - begin) / repeat


def asking(host: Host, method: Method, path: str, body: bytes = b"") -> Callable[[], object]:
    """The same request again and again; it has to succeed."""
    data = apdu.build_request(bytes(Request(method, Address.parse(path), body)))
    assert Response.from_bytes(apdu.split_answer(host.exchange(data))).success
    return lambda: host.device.receive(host.connection, data)


def in_turns(name: str, base: str, ours: Callable[[], float], theirs: Callable[[], float], rounds: int) -> list[Figure]:
    """What ours costs in terms of theirs, and both in microseconds."""
    measured, baseline = alternate(ours, theirs, rounds)
    share, shares = ratio(measured, baseline)
    return [
        Figure(f"{name}, in terms of {base}", share, "times", samples=shares),
        Figure(f"  {name}", statistics.median(measured) * 1e6, "µs", samples=measured),
        Figure(f"  {base}", statistics.median(baseline) * 1e6, "µs", samples=baseline),
    ]


def reads(rounds: int) -> list[Figure]:
    """A variable, and a bundle of 20, beside a setting; all in clear."""
    host = Host(Device(with_variables(_IN_BUNDLE, bundles=1)))
    setting = asking(host, Method.GET, "/1024//9")
    figures = []
    for name, path in (("read of a variable", "/1029/3/4"), (f"read of a bundle of {_IN_BUNDLE}", "/1028/0/1")):
        read = asking(host, Method.GET, path)

        def ours(read: Callable[[], object] = read) -> float:
            return seconds_per(200, read)

        figures += in_turns(name, "read of a setting", ours, lambda: seconds_per(200, setting), rounds)
    return figures


def logins(rounds: int) -> list[Figure]:
    """Both steps of a SCRAM login on the Tap, beside one derivation of a key; the client's part does not count.

    A Tap keeps the keys that it has derived from a clear password, so only its first login costs a derivation.
    """
    hashed = password_hash("admin")
    host = Host(Device(demo()))
    spent = 0.0

    def receive(path: str, body: bytes) -> Response:
        nonlocal spent
        data = apdu.build_request(bytes(Request(Method.GET, Address.parse(path), body)))
        begin = time.perf_counter()
        answer = host.exchange(data)
        spent += time.perf_counter() - begin
        return Response.from_bytes(apdu.split_answer(answer))

    def login() -> float:
        nonlocal spent
        spent = 0.0
        challenge = SCRAM_CHALLENGE.decode(receive("/1024//40", SCRAM_LOGIN.encode(ScramLogin("admin", _NONCE))).body)
        key = PasswordKey.derive(hashed, challenge.salt, challenge.iterations)
        assert receive("/1024//41", key.client_proof(_NONCE, challenge.server_nonce)).success
        return spent

    def derivation() -> float:
        return seconds_per(1, lambda: PasswordKey.derive(hashed, b"salt", _ITERATIONS))

    return in_turns("SCRAM login after the first", "key derivation", login, derivation, 4 * rounds)


def saves(folder: Path, rounds: int) -> list[Figure]:
    """A PUT that is on the disk before its answer, beside a bare commit of one row."""
    bare = folder / "bare.sqlite"
    with closing(sqlite3.connect(bare, isolation_level=None)) as database:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE record (name TEXT PRIMARY KEY, value BLOB)")

        def commit() -> None:
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT OR REPLACE INTO record VALUES ('name', 'value')")
            database.execute("COMMIT")

        store = SqliteStore(folder / "tap.sqlite", "IoTize00410000009B")
        try:
            host = Host(Device(demo(), store=store))
            host.connection.session.log_in(_ADMIN, 0)
            put = asking(host, Method.PUT, "/1024//9", b"name")
            return in_turns(
                "save of a setting",
                "bare commit",
                lambda: seconds_per(10, put),
                lambda: seconds_per(10, commit),
                rounds,
            )
        finally:
            store.close()


def weight() -> list[Figure]:
    """What Python allocates for one more Tap in a process that has had one."""
    figures = []
    for count in (0, 200):
        Device(with_variables(count, bundles=10))  # whatever is made once
        tracemalloc.start()
        tap = Device(with_variables(count, bundles=10))
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(tap.state.variables) == count
        figures.append(Figure(f"a Tap with {count} variables", kept / 1024, "KiB", 100 if count else None))
    return figures


def imports(rounds: int) -> list[Figure]:
    """Each configuration that the vendor ships, read and checked; where they lie beside the repository."""
    figures = []
    for file in sorted(_FILES.glob("*.*")) if _FILES.is_dir() else ():
        load(file)  # the libraries are imported by now
        samples = [seconds_per(1, lambda file=file: load(file)) * 1e3 for _ in range(rounds)]  # type: ignore[misc]
        figures.append(Figure(f"import of {file.name}", statistics.median(samples), "ms", 50, samples=samples))
    return figures
