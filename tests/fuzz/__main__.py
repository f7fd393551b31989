"""Fuzzes ourselves: ``make fuzz TIME=60``, or ``python -m tests.fuzz NAME FILE`` to run an input again."""

import signal
import sys
from pathlib import Path

import click

from tests.fuzz.child import replay
from tests.fuzz.growing import grow, seed
from tests.fuzz.machines import MACHINES
from tests.fuzz.running import run_all
from tests.fuzz.targets import TARGETS

BUILD = Path("build") / "fuzz"


class _Names(click.ParamType[str]):
    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in TARGETS and value not in MACHINES:
            self.fail(f"no target {value!r}, expected one of {', '.join([*TARGETS, *MACHINES])}", param, ctx)
        return value


@click.command()
@click.argument("names", nargs=-1)
@click.option("--time", "seconds", type=click.IntRange(1), default=60, show_default=True, help="Seconds in all.")
@click.option("--output", type=click.Path(path_type=Path), default=BUILD, show_default=True, help="Crashes and logs.")
@click.option("--list", "listed", is_flag=True, help="List the targets.")
@click.option("--seed", "seeded", is_flag=True, help="Write the corpus anew, of vectors and of the demo Tap.")
@click.option("--grow", "grown", is_flag=True, help="Afterwards keep the smallest inputs that reach the most.")
def main(names: tuple[str, ...], seconds: int, output: Path, listed: bool, seeded: bool, grown: bool) -> None:
    """Fuzzes all targets, or those that are named, two at a time; exit code 1 if one has crashed.

    With a name and files, runs these inputs again and shows what comes of them.
    """
    if listed:
        for name, each in (TARGETS | MACHINES).items():
            click.echo(f"{name:14} {each.words}")
        return
    if len(names) > 1 and names[0] in TARGETS and Path(names[1]).is_file():
        replay(TARGETS[names[0]].load(names[0]), [Path(file) for file in names[1:]])
        click.echo(f"{len(names) - 1} inputs: all holds")
        return
    wanted = [_Names().convert(name, None, None) for name in names] or [*TARGETS, *MACHINES]
    if seeded:
        seed([name for name in wanted if name in TARGETS])
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no process is left behind
    crashed = run_all(wanted, seconds, output)
    if grown:
        grow([name for name in wanted if name in TARGETS], output)
    sys.exit(1 if crashed else 0)


if __name__ == "__main__":
    main()
