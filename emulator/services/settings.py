"""Calls that only read or write a setting; most rows of the table need nothing else."""

from typing import Any

from emulator.exchange import Exchange
from emulator.services.binding import Handler
from protocol.codes import ResultCode
from protocol.errors import PeerError
from protocol.resources.registry import SETTINGS


def reader(key: str) -> Handler:
    """GET: the current value."""

    def read(exchange: Exchange, _: None) -> Any:
        return exchange.state[key]

    return read


def writer(key: str) -> Handler:
    """PUT: stores the value."""

    setting = SETTINGS[key].setting
    assert setting is not None

    def write(exchange: Exchange, value: Any) -> None:
        exchange.state.put(key, accepted(key, value))

    def append(exchange: Exchange, chunk: Any) -> None:
        whole = exchange.state[key] + chunk if chunk else setting.default
        if not setting.allows(whole):
            raise PeerError(f"{key}: {len(whole)} bytes, the memory is full", ResultCode.NVM_FULL)
        exchange.state.put(key, whole)

    return append if setting.appended else write


def overrider(key: str) -> Handler:
    """POST: the value holds until the next reboot."""

    def override(exchange: Exchange, value: Any) -> None:
        exchange.state.post(key, accepted(key, value))

    return override


def accepted(key: str, value: Any) -> Any:
    """The value, if it is within the limit of the setting.

    Raises:
        PeerError: 86, it is not (decision D2).
    """
    setting = SETTINGS[key].setting
    assert setting is not None
    if not setting.allows(value):
        assert setting.limit is not None
        limits = f"{setting.limit.start}..{setting.limit.stop - 1}"
        raise PeerError(f"{key}: {value!r} is outside {limits}", ResultCode.NOT_ACCEPTABLE)
    return value
