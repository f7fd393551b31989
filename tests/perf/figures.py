"""What was measured: figures with their targets, as a table for people and as JSON for programs."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

_PACKAGES = ("tap-emulator", "construct", "cryptography", "structlog", "click", "pydantic")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    Args:
        target: the limit of the issue that asked for it; None where the number only informs.
        samples: what the number is the median, or the best, of.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    better: Literal["less", "more"] = "less"
    samples: Sequence[float] = field(default_factory=tuple)

    @property
    def met(self) -> bool | None:
        """Whether the target is reached."""
        if self.target is None:
            return None
        return self.value <= self.target if self.better == "less" else self.value >= self.target

    @property
    def row(self) -> tuple[str, str, str, str]:
        """Cells of the table."""
        goal = "" if self.target is None else f"{'≤' if self.better == 'less' else '≥'} {_short(self.target)}"
        verdict = {None: "", True: "yes", False: "NO"}[self.met]
        return self.name, f"{_short(self.value)} {self.unit}".rstrip(), goal, verdict


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def table(figures: Sequence[Figure]) -> str:
    """The figures in columns."""
    rows = [("figure", "measured", "target", "met"), *(figure.row for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join((lines[0], "-" * len(lines[0]), *lines[1:]))


def machine() -> dict[str, Any]:
    """What a reader has to know to compare the figures with others."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: version(name) for name in _PACKAGES},
        "commit": _commit(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def write_json(path: Path, figures: Sequence[Figure], seconds: float) -> None:
    """Keeps the figures, with the samples behind them."""
    record = {
        "machine": machine(),
        "seconds": round(seconds, 1),
        "figures": [{**asdict(figure), "met": figure.met} for figure in figures],
    }
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str | None:
    """The commit that was measured, marked where files differ from it; None outside a repository."""
    command = ("git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
