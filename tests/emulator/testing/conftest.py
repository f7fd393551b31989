"""What holds for tests that run pytest inside of pytest."""

import importlib

import pytest

# Each inner run forgets the modules that it has loaded first; what is loaded here stays, and is loaded once.
for _name in (
    *("emulator.config.files", "emulator.config.model", "emulator.control.client", "emulator.testing.elsewhere"),
    *("emulator.testing.making", "emulator.testing.virtual", "scenarios.loading", "scenarios.run.verifying"),
    *(
        "scenarios.model.describing",
        "scenarios.script",
        "yaml",
        "httpcore",
        "emulator.links.websocket",
        "emulator.links.tcp",
    ),
):
    importlib.import_module(_name)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inner runs load the plugin by its name, and no other one that is installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "emulator.testing.plugin")
    for name in ("TAP_CONTROL_TOKEN", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
