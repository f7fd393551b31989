"""Taps for tests: fixtures of pytest, which need no import, and the classes behind them.

    from emulator.testing import VirtualTap

    with VirtualTap(firmware="1.86") as tap, tap.client() as client:
        client.service.device.get_serial_number()

Every run of pytest imports this package where the emulator is installed, so nothing heavy is imported with it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.testing.handle import TapHandle
    from emulator.testing.remote import RemoteTap
    from emulator.testing.virtual import VirtualTap

__all__ = ["RemoteTap", "TapHandle", "VirtualTap"]

_MODULES = {"RemoteTap": "remote", "TapHandle": "handle", "VirtualTap": "virtual"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
