"""Commands of `tap-emulator`, run in this process: what starts, serves and stops has a process of its own elsewhere."""

from click.testing import CliRunner, Result

from emulator.cli import main


def run(*arguments: object, **environment: str) -> Result:
    """Runs a command with its arguments; an exception that leaves it is the test's."""
    return CliRunner().invoke(
        main, [*map(str, arguments)], env=environment, prog_name="tap-emulator", catch_exceptions=False
    )
