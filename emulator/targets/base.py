"""What the Tap asks of its target, what a target sees of its Tap, and the parts of which one is made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

from emulator.blueprint import Variable
from emulator.clock import Clock
from emulator.targets.adapter import Adapter
from protocol.bodies.target import MODBUS_SETTINGS, TargetModbusSettings, TargetProtocol, TargetProtocols
from protocol.codes import ResultCode
from protocol.errors import BodyError, PeerError

DEFAULT_BLOCK: Final = bytes.fromhex("0a00010080250001")
"""Settings block where none was written: slave 1, 9600 bits per second, 8N1. Source: IoTize Studio."""
DEFAULT_S3P_BLOCK: Final = bytes.fromhex("0101")
"""The same for S3P: 1 ms, indexed. Source: IoTize Studio."""


@lru_cache
def _without_none(*protocols: TargetProtocol) -> tuple[TargetProtocol, ...]:
    return tuple(dict.fromkeys(protocol for protocol in protocols if protocol is not TargetProtocol.NONE))


Play = Callable[[Variable, bytes], bytes]
"""`Target.play`, as `Target.player` prepares it."""


class Settings(Protocol):
    """Settings of a Tap by key."""

    def __getitem__(self, key: str) -> Any:
        """Current value."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a target sees of its Tap: the settings that say how it is reached, and the time."""

    settings: Settings
    clock: Clock

    @property
    def protocols(self) -> tuple[TargetProtocol, ...]:
        """The protocol of the target and, where there is one, the sub-protocol beside it."""
        return _without_none(self.settings["target.protocol"], self.settings["target.sub_protocol"])

    @property
    def available(self) -> TargetProtocols:
        """The protocols that the module has."""
        mask: TargetProtocols = self.settings["target.available_protocols"]
        return mask

    @property
    def block(self) -> bytes:
        """Settings block of the protocol as it goes over the wire (/1027//21)."""
        written: bytes = self.settings["target.protocol_configuration"]
        if written:
            return written
        return DEFAULT_S3P_BLOCK if TargetProtocol.S3P in self.protocols[:1] else DEFAULT_BLOCK

    @property
    def modbus(self) -> TargetModbusSettings:
        """The Modbus part of the settings block; that of the default block where it has none."""
        try:
            return MODBUS_SETTINGS.decode(self.block[:8])
        except BodyError:
            return MODBUS_SETTINGS.decode(DEFAULT_BLOCK)

    @property
    def voltages(self) -> range:
        """Millivolts that the target may have."""
        return range(self.settings["target.min_voltage"], self.settings["target.max_voltage"] + 1)


class Target(Protocol):
    """A target, simulated or real. Every method may refuse with a `PeerError` of a target code (A5, A6, B0-BB).

    Elements are big-endian wherever bytes go in or come out.
    """

    connected: bool
    voltage: int
    """Millivolts."""
    failed: int
    """Exchanges that were refused since the counters were cleared."""
    successful: int
    adapter: Adapter
    """A TapNPass between Tap and target."""

    def attach(self, tap: Surroundings) -> None:
        """Says which Tap it belongs to; before anything else."""
        ...

    def restart(self) -> None:
        """The Tap reboots: it forgets the connection, what it received and its counters."""
        ...

    def connect(self) -> None:
        """Opens the way to the target."""
        ...

    def disconnect(self) -> None:
        """Closes it."""
        ...

    def reset(self, hold: bool) -> None:
        """Pulses the reset line, or keeps it asserted until the next pulse."""
        ...

    def read(self, address: int, count: int, format: int) -> bytes:
        """Elements by address, as the protocol of the target takes addresses."""
        ...

    def write(self, address: int, count: int, format: int, data: bytes) -> None:
        """Writes elements by address, all or none."""
        ...

    def read_modbus(self, address: int, count: int, format: int) -> bytes:
        """Elements of a Modbus slave; function code, slave and address in one number."""
        ...

    def write_modbus(self, address: int, count: int, format: int, data: bytes) -> None:
        """Writes elements of a Modbus slave."""
        ...

    def read_debug(self, address: int) -> int:
        """A register of the debug port."""
        ...

    def write_debug(self, address: int, value: int) -> None:
        """Writes a register of the debug port."""
        ...

    def read_core(self, register: int) -> int:
        """A register of the core."""
        ...

    def write_core(self, register: int, value: int) -> None:
        """Writes a register of the core."""
        ...

    def send(self, data: bytes) -> None:
        """Sends over the serial line."""
        ...

    def receive(self, limit: int) -> bytes:
        """Takes up to `limit` bytes of what came over the serial line, without waiting."""
        ...

    def ask(self, data: bytes, limit: int) -> bytes:
        """Sends over the serial line and takes the answer."""
        ...

    def waiting(self) -> int:
        """Bytes that came over the serial line and were not taken yet."""
        ...

    def read_variable(self, variable: Variable) -> bytes:
        """Its `variable.size` bytes, elements one after the other."""
        ...

    def write_variable(self, variable: Variable, data: bytes) -> None:
        """Writes `variable.size` bytes."""
        ...

    def poke(self, variable: Variable, data: bytes) -> None:
        """The world changes the value of a variable: never refused, and without effect on a real target."""
        ...

    def play(self, variable: Variable, data: bytes) -> bytes:
        """The world changes the value of a variable, which is read then: `poke` and `read_variable` in one."""
        ...

    def player(self) -> Play:
        """`play` for many variables in a row: what holds for all of them is looked up once. Nobody may do anything else
        with the target or its settings meanwhile."""
        ...

    def fail(self, code: ResultCode | None) -> None:
        """From now on every access is refused with this code; None ends that."""
        ...


class ModbusError(Exception):
    """A Modbus exchange failed.

    Args:
        exception: code that the slave answered; None if nothing came.
    """

    def __init__(self, reason: str, exception: int | None = None) -> None:
        super().__init__(reason)
        self.exception = exception


class DamagedAnswerError(ModbusError):
    """A slave answered, and nobody can read it."""


class ModbusBus(Protocol):
    """The wire to Modbus slaves. The function is the table: 1 coils, 2 discrete inputs, 3 holding and 4 input
    registers. Values are bits or 16-bit numbers. Every method may raise `ModbusError`."""

    def open(self) -> None:
        """Makes the wire ready."""
        ...

    def close(self) -> None:
        """Leaves it."""
        ...

    def read(self, slave: int, function: int, address: int, count: int) -> list[int]:
        """Reads a row of values."""
        ...

    def write(self, slave: int, function: int, address: int, values: list[int]) -> None:
        """Writes a row of values, all or none."""
        ...

    def poke(self, slave: int, function: int, address: int, values: list[int]) -> None:
        """The world changes values; never refused."""
        ...


class Line(Protocol):
    """The far end of the transparent serial line. Every method may raise `PeerError`."""

    def open(self, now: float) -> None:
        """The Tap connects."""
        ...

    def close(self) -> None:
        """The Tap leaves; what was received is lost."""
        ...

    def send(self, data: bytes, now: float) -> None:
        """Bytes of the Tap."""
        ...

    def receive(self, limit: int, now: float) -> bytes:
        """Takes up to `limit` received bytes, without waiting."""
        ...

    def ask(self, data: bytes, limit: int, now: float) -> bytes:
        """Sends, waits for the answer and takes it; empty if none comes."""
        ...

    def waiting(self, now: float) -> int:
        """Received bytes."""
        ...


_OF_EXCEPTION: Final = {
    1: ResultCode.TARGET_PROTOCOL_NOT_IMPLEMENTED,
    2: ResultCode.TARGET_PROTOCOL_DATA,
    3: ResultCode.TARGET_PROTOCOL_DATA,
    4: ResultCode.TARGET_PROTOCOL_ERROR,
    5: ResultCode.TARGET_PROTOCOL_BUSY,
    6: ResultCode.TARGET_PROTOCOL_BUSY,
    7: ResultCode.TARGET_PROTOCOL_FORBIDDEN,
    8: ResultCode.TARGET_PROTOCOL_COM,
    10: ResultCode.TARGET_PROTOCOL_LOST_COM,
    11: ResultCode.TARGET_PROTOCOL_LOST_COM,
}
"""Result codes of Modbus exceptions (OQ55)."""


@contextmanager
def modbus_refusals() -> Iterator[None]:
    """Turns a failed Modbus exchange into the result code that a Tap answers."""
    try:
        yield
    except ModbusError as error:
        raise PeerError(str(error), _code_of(error)) from error


def _code_of(error: ModbusError) -> ResultCode:
    if isinstance(error, DamagedAnswerError):
        return ResultCode.TARGET_PROTOCOL_COM
    if error.exception is None:
        return ResultCode.TARGET_PROTOCOL_LOST_COM
    return _OF_EXCEPTION.get(error.exception, ResultCode.TARGET_PROTOCOL_ERROR)
