"""Commands of `tap-emulator`, run in this process: what starts, serves and stops has a process of its own elsewhere."""

import structlog
from click.testing import CliRunner, Result

from emulator.cli import main


def run(*arguments: object, **environment: str) -> Result:
    """Runs a command with its arguments; an exception that leaves it is the test's.

    The command sets up the log for itself, not for the tests after it.
    """
    given = [*map(str, arguments)]
    before = structlog.get_config() if structlog.is_configured() else None
    try:
        return CliRunner().invoke(main, given, env=environment, prog_name="tap-emulator", catch_exceptions=False)
    finally:
        if before is None:
            structlog.reset_defaults()
        else:
            structlog.configure(**before)
