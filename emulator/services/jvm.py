"""The JVM service: code and log of Java programs, which the Tap keeps and does not run."""

from typing import Final

from emulator.exchange import Exchange
from emulator.services.binding import handles
from emulator.services.settings import accepted
from protocol.codes import ResultCode
from protocol.errors import PeerError
from protocol.resources.jvm import LOG_SIZE

_CODE: Final = "jvm.code"
_CODE_SIZE: Final = "jvm.code_size"
_LOG: Final = "jvm.log"


@handles("jvm.append_code")
def append_code(exchange: Exchange, chunk: bytes) -> None:
    """Appends within the size that is reserved; beyond it A7."""
    code = exchange.state[_CODE] + chunk if chunk else b""
    reserved: int = exchange.state[_CODE_SIZE]
    if len(code) > reserved:
        raise PeerError(f"{len(code)} bytes of Java code, {reserved} are reserved", ResultCode.NVM_FULL)
    exchange.state.put(_CODE, code)


@handles("jvm.clear_code")
def clear_code(exchange: Exchange, _: None) -> None:
    """As an empty chunk does."""
    exchange.state.put(_CODE, b"")


@handles("jvm.put_code_size")
def put_code_size(exchange: Exchange, size: int) -> None:
    """What is there has to fit."""
    stored = len(exchange.state[_CODE])
    if size < stored:
        raise PeerError(f"{stored} bytes of Java code are stored, clear them first", ResultCode.NOT_ACCEPTABLE)
    exchange.state.put(_CODE_SIZE, accepted(_CODE_SIZE, size))


@handles("jvm.get_log")
def get_log(exchange: Exchange, _: None) -> str:
    """The newest part that fits the answer."""
    log: str = exchange.state[_LOG]
    return log[max(0, len(log) - _room(exchange)) :]


@handles("jvm.get_log_and_reset")
def get_log_and_reset(exchange: Exchange, _: None) -> str:
    """The oldest part that fits the answer, so that asking until it is empty loses nothing."""
    log: str = exchange.state[_LOG]
    read = log[: _room(exchange)]
    exchange.state.post(_LOG, log[len(read) :])
    return read


@handles("jvm.put_log_and_reset")
def put_log_and_reset(exchange: Exchange, _: None) -> None:
    """Nothing is left."""
    exchange.state.post(_LOG, "")


@handles("jvm.put_log")
def put_log(exchange: Exchange, text: str) -> None:
    """The oldest text goes where there is no room for more."""
    exchange.state.post(_LOG, (exchange.state[_LOG] + text)[-LOG_SIZE:])


def _room(exchange: Exchange) -> int:
    return max(0, exchange.room - 1)
