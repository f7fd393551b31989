"""Makes the corpus: seeds of vectors and of the demo Tap, and what a fuzzer has found beside them, in short."""

import sys
from collections.abc import Iterable, Sequence
from hashlib import sha1
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import click

from tests.fuzz.child import OURS
from tests.fuzz.inputs import CORPUS, corpus
from tests.fuzz.targets import TARGETS, Check

_ROOT: Final = Path(__file__).parents[2]
_LARGEST: Final = 4096
"""Bytes of an input that is kept."""
_MOST_BYTES: Final = 16 * 1024
_MOST_INPUTS: Final = 50
"""Of a target that are kept."""

Step = tuple[CodeType, int, int]
"""From one line of a function to another one."""


def seed(names: Iterable[str]) -> None:
    """Writes what a corpus begins with; inputs that are there stay."""
    for name in names:
        _write(name, {data for data in TARGETS[name].seeds(name) if len(data) <= _LARGEST})


def grow(names: Iterable[str], output: Path) -> None:
    """Keeps the smallest of all inputs that together reach what all of them reach, as far as there is room.

    Args:
        output: of a run, with its new inputs.
    """
    for name in names:
        new = [file for file in (output / name / "new").glob("*") if file.is_file()]
        inputs = {file.read_bytes() for file in (*corpus(name), *new)} | set(TARGETS[name].seeds(name))
        kept = smallest(TARGETS[name].load(name), [data for data in inputs if len(data) <= _LARGEST])
        for old in corpus(name):
            old.unlink()
        _write(name, kept)
        click.echo(f"{name}: {len(kept)} of {len(inputs)} inputs are kept")


def _write(name: str, inputs: Iterable[bytes]) -> None:
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    for data in inputs:
        (folder / sha1(data, usedforsecurity=False).hexdigest()[:12]).write_bytes(data)


def smallest(check: Check, inputs: Sequence[bytes]) -> list[bytes]:
    """The smallest inputs of which each reaches something that those before it do not."""
    kept: list[bytes] = []
    known: set[Step] = set()
    room = _MOST_BYTES
    for data in sorted(inputs, key=lambda data: (len(data), data)):
        reached = steps(check, data)
        if not reached <= known and len(data) <= room and len(kept) < _MOST_INPUTS:
            known |= reached
            kept.append(data)
            room -= len(data)
    return kept


def steps(check: Check, data: bytes) -> set[Step]:
    """What an input reaches in our packages."""
    ours = tuple(str(_ROOT / package) for package in OURS)
    reached: set[Step] = set()

    def called(frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(ours):
            return None
        before = 0

        def moved(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal before
            if event == "line":
                reached.add((code, before, frame.f_lineno))
                before = frame.f_lineno
            return moved

        return moved

    previous = sys.gettrace()
    sys.settrace(called)
    try:
        check(data)
    finally:
        sys.settrace(previous)
    return reached
