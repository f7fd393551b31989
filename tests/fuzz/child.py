"""Fuzzes one target in this process, which `tests.fuzz` starts: ``tests.fuzz.child NAME SECONDS FOLDER``.

With atheris, inputs are led by the coverage of our packages. Without it hypothesis makes them of the corpus. What is
printed at the end are the figures that libFuzzer prints too.
"""

import importlib.util
import sys
import time
import traceback
from hashlib import sha1
from pathlib import Path
from typing import Final

from tests.fuzz.machines import MACHINES
from tests.fuzz.targets import TARGETS, Check

OURS: Final = ["protocol", "emulator", "scenarios"]
LONGEST: Final = 30
"""Seconds that an input may take."""
CRASHED: Final = 77
"""Exit code, as libFuzzer has it."""
_BATCH: Final = 200


def has_atheris() -> bool:
    """Whether it is installed: it exists for some machines only."""
    return importlib.util.find_spec("atheris") is not None


def with_atheris(name: str, seconds: int, folder: Path) -> None:
    """Never returns."""
    import atheris

    from tests.fuzz.inputs import CORPUS

    with atheris.instrument_imports(include=OURS):
        check = TARGETS[name].load(name)
    arguments = [
        f"-max_total_time={seconds}",
        f"-timeout={LONGEST}",
        f"-artifact_prefix={folder}/",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        *(str(folder / "new"), str(CORPUS / name)),
    ]
    atheris.Setup([sys.argv[0], *arguments], check)
    atheris.Fuzz()


def with_hypothesis(name: str, seconds: int, folder: Path) -> int:
    """The exit code."""
    from hypothesis import HealthCheck, given, settings

    from tests.fuzz.inputs import corpus, inputs

    check = TARGETS[name].load(name)
    kept = [file.read_bytes() for file in corpus(name)] or TARGETS[name].seeds(name)
    count, last = 0, b""

    def counted(data: bytes) -> None:
        nonlocal count, last
        count, last = count + 1, data
        check(data)

    batch = settings(
        max_examples=_BATCH, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
    )
    begun = time.monotonic()
    code = 0
    try:
        while time.monotonic() - begun < seconds:
            batch(given(inputs(kept))(counted))()
    except Exception:  # noqa: BLE001 - whatever a target raises is a finding
        traceback.print_exc()
        (folder / f"crash-{sha1(last, usedforsecurity=False).hexdigest()}").write_bytes(last)
        code = CRASHED
    tell(count, time.monotonic() - begun)
    return code


def with_machine(name: str, seconds: int) -> int:
    """Plays a state machine of hypothesis until the time is over; the exit code."""
    from hypothesis import HealthCheck, settings
    from hypothesis.stateful import run_state_machine_as_test

    machine = MACHINES[name].load()
    batch = settings(max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    begun, count, code = time.monotonic(), 0, 0
    try:
        while time.monotonic() - begun < seconds:
            run_state_machine_as_test(machine, settings=batch)
            count += batch.max_examples
    except Exception:  # noqa: BLE001 - whatever it raises is a finding
        traceback.print_exc()
        code = CRASHED
    tell(count, time.monotonic() - begun)
    return code


def tell(count: int, seconds: float) -> None:
    """Figures as libFuzzer has them."""
    sys.stderr.write(f"stat::number_of_executed_units: {count}\nstat::average_exec_per_sec: {count / seconds:.0f}\n")


def replay(check: Check, files: list[Path]) -> None:
    """Runs inputs; raises what the target raises."""
    for file in files:
        check(file.read_bytes())


def main() -> int:
    """The exit code."""
    name, seconds, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    if name in MACHINES:
        return with_machine(name, seconds)
    if has_atheris():
        with_atheris(name, seconds, folder)
    return with_hypothesis(name, seconds, folder)


if __name__ == "__main__":
    sys.exit(main())
