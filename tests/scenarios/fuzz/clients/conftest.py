"""What every client under test needs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.fuzz.clients.keeper import descendants
from tests.scenarios.fuzz.clients.programs import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    before = descendants(os.getpid())
    bench = Bench(tmp_path, f"mark-{tmp_path}")
    yield bench
    assert bench.living() == []
    assert [pid for pid in descendants(os.getpid()) if pid not in before] == [], "a keeper, or a zombie"
