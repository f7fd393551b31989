"""What holds for all tests."""

import os

import pytest
from hypothesis import settings

# A busy machine is no failure.
settings.register_profile("tap-emulator", deadline=None)
settings.load_profile("tap-emulator")


def pytest_configure(config: pytest.Config) -> None:
    """Many tests start the command. Where Python may write no bytecode it would compile every module each time."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(config.rootpath / ".pytest_cache" / "bytecode")
