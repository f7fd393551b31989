"""The target that is simulated; a real Modbus wire or serial line can take the place of the simulated one."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

from emulator import remembered
from emulator.blueprint import Variable
from emulator.remembered import Memory as Remembrance
from emulator.remembered import Remembered
from emulator.targets import modbus, s3p
from emulator.targets.adapter import Adapter
from emulator.targets.base import Line, ModbusBus, Play, Surroundings
from emulator.targets.elements import format_of, numbers_of, plain_words
from emulator.targets.faults import Faults
from emulator.targets.memory import Memory
from emulator.targets.pins import Pins
from emulator.targets.registers import Registers
from emulator.targets.serial import SimulatedLine
from emulator.targets.spec import TargetSpec
from emulator.targets.words import Words
from protocol.bodies.target import (
    GPIO_FORMAT,
    GPIO_MODE_BIT,
    S3P_CONFIGURATION,
    S3PMode,
    TargetProtocol,
)
from protocol.bodies.variable import Domain
from protocol.codes import ResultCode
from protocol.errors import BodyError, PeerError

_MEMORY: Final = frozenset({TargetProtocol.SWD, TargetProtocol.JTAG, TargetProtocol.DIRECT_IO, TargetProtocol.CUSTOM})
_MODBUS: Final = frozenset({TargetProtocol.MODBUS, TargetProtocol.MODBUS_TCP})
_SERIAL: Final = frozenset({TargetProtocol.SERIAL, TargetProtocol.SERIAL_STANDARD})
_BY_ADDRESS: Final = _MEMORY | _MODBUS | {TargetProtocol.S3P}
_BY_FIRMWARE: Final = _MODBUS | _SERIAL | {TargetProtocol.S3P}
"""Protocols that the firmware of the target answers, so not while it is held in reset."""


class SimulatedTarget(Remembered):
    """A target that lives in this process.

    Args:
        bus, line: a real Modbus wire or serial line; without them both are simulated.
    """

    KEPT = remembered.kept(
        connected=remembered.value,
        voltage=remembered.value,
        failed=remembered.value,
        successful=remembered.value,
        _held=remembered.value,
    )
    PARTS = ("adapter", "_memory", "_registers", "_firmware", "_bus", "_line", "_pins", "_faults")
    FIXED = ("_spec", "_s3p", "_modbus", "_tap", "_plain_memory")

    def __init__(self, spec: TargetSpec, *, bus: ModbusBus | None = None, line: Line | None = None) -> None:
        self.connected = False
        self.voltage = spec.voltage
        self.failed = self.successful = 0
        self.adapter = Adapter()
        self._spec = spec
        self._held = False
        self._memory = Memory(spec.memory)
        self._registers = Registers(spec.core_registers, spec.debug_registers)
        self._firmware = s3p.Firmware(self._memory, spec.s3p)
        self._s3p = s3p.Master(self._firmware.exchange)
        self._bus = bus or modbus.SimulatedBus(spec.modbus)
        self._modbus = modbus.Master(self._bus)
        self._line = line or SimulatedLine(spec.serial, spec.timeout)
        self._pins = Pins(spec.pins)
        self._faults = Faults(spec.faults)
        self._plain_memory = not spec.faults and not spec.memory
        """Whoever can be reached can read every address."""
        self._tap: Surroundings

    @property
    def spec(self) -> TargetSpec:
        """What it was made from."""
        return self._spec

    def attach(self, tap: Surroundings) -> None:
        """Says which Tap it belongs to."""
        self._tap = tap
        self.adapter.restart(tap.clock.now())

    def restart(self) -> None:
        """The Tap reboots."""
        self._close()
        self._held = False
        self.failed = self.successful = 0
        self._pins.restart()
        self.adapter.restart(self._tap.clock.now())

    def recall(self, memory: Remembrance, shift: float) -> None:
        """Makes it what it was; a real wire is left as it is, open or closed."""
        connected = self.connected
        super().recall(memory, shift)
        if not (isinstance(self._bus, Remembered) and isinstance(self._line, Remembered)):
            self.connected = connected

    def connect(self) -> None:
        """Opens the way to the target; once it is open, nothing changes.

        Raises:
            PeerError: A5, there is no target; A6, it has no power; BB, the module has no such protocol.
        """
        with self._counted():
            self._connect()

    def disconnect(self) -> None:
        """Closes it."""
        with self._counted():
            self._faults.check("disconnect")
            self._close()

    def reset(self, hold: bool) -> None:
        """Pulses or holds the reset line, connected or not.

        Raises:
            PeerError: A6, the target has no power.
        """
        with self._counted():
            self._check_power()
            self._faults.check("reset")
            self._registers.reset()
            self._firmware.reset()
            self._held = hold

    def read(self, address: int, count: int, format: int) -> bytes:
        """Elements by address: of memory, an S3P variable, a Modbus slave, or pins."""
        if format == GPIO_FORMAT:
            self._faults.check("read", *_pin_range(address, count))
            return self._pins.read(address, count)
        with self._counted():
            protocol = self._ready(_BY_ADDRESS)
            if protocol in _MODBUS:
                return self._read_modbus(address, count, format)
            words = Words.of(address, count, format)
            self._faults.check("read", *self._span(protocol, words))
            if protocol is TargetProtocol.S3P:
                return self._s3p.read(self._s3p_mode, address, count, format)
            return self._memory.read(words)

    def write(self, address: int, count: int, format: int, data: bytes) -> None:
        """Writes elements by address, all or none."""
        if format == GPIO_FORMAT:
            self._faults.check("write", *_pin_range(address, count))
            self._pins.write(address, count, data)
            return
        with self._counted():
            protocol = self._ready(_BY_ADDRESS)
            if protocol in _MODBUS:
                self._write_modbus(address, count, format, data)
                return
            words = Words.of(address, count, format)
            words.check_data(data)
            self._faults.check("write", *self._span(protocol, words))
            if protocol is TargetProtocol.S3P:
                self._write_s3p(words, format, data)
            else:
                self._memory.write(words, data)

    def read_modbus(self, address: int, count: int, format: int) -> bytes:
        """Elements of a Modbus slave."""
        with self._counted():
            self._ready(_MODBUS)
            return self._read_modbus(address, count, format)

    def write_modbus(self, address: int, count: int, format: int, data: bytes) -> None:
        """Writes elements of a Modbus slave."""
        with self._counted():
            self._ready(_MODBUS)
            self._write_modbus(address, count, format, data)

    def read_debug(self, address: int) -> int:
        """A register of the debug port."""
        with self._counted():
            self._ready(_MEMORY)
            self._faults.check("register", address, address)
            return self._registers.read_debug(address)

    def write_debug(self, address: int, value: int) -> None:
        """Writes a register of the debug port."""
        with self._counted():
            self._ready(_MEMORY)
            self._faults.check("register", address, address)
            self._registers.write_debug(address, value)

    def read_core(self, register: int) -> int:
        """A register of the core."""
        with self._counted():
            self._ready(_MEMORY)
            self._faults.check("register", register, register)
            return self._registers.read_core(register)

    def write_core(self, register: int, value: int) -> None:
        """Writes a register of the core."""
        with self._counted():
            self._ready(_MEMORY)
            self._faults.check("register", register, register)
            self._registers.write_core(register, value)

    def send(self, data: bytes) -> None:
        """Sends over the serial line."""
        with self._counted():
            self._ready(_SERIAL)
            self._faults.check("send")
            self._line.send(data, self._now)

    def receive(self, limit: int) -> bytes:
        """Takes up to `limit` bytes of what came over the serial line."""
        with self._counted():
            self._ready(_SERIAL)
            self._faults.check("receive")
            return self._line.receive(limit, self._now)

    def ask(self, data: bytes, limit: int) -> bytes:
        """Sends over the serial line and takes the answer.

        Raises:
            PeerError: B7, no answer came.
        """
        with self._counted():
            self._ready(_SERIAL)
            self._faults.check("send")
            answer = self._line.ask(data, limit, self._now)
            if not answer:
                raise PeerError("no answer on the serial line", ResultCode.TARGET_PROTOCOL_LOST_COM)
            return answer

    def waiting(self) -> int:
        """Bytes that came over the serial line and were not taken yet."""
        with self._counted():
            self._ready(_SERIAL)
            return self._line.waiting(self._now)

    def read_variable(self, variable: Variable) -> bytes:
        """Its bytes."""
        return self.read(variable.address, variable.length, format_of(variable))[: variable.size]

    def write_variable(self, variable: Variable, data: bytes) -> None:
        """Writes its bytes."""
        self.write(variable.address, variable.length, format_of(variable), data)

    def poke(self, variable: Variable, data: bytes) -> None:
        """The world changes the value of a variable; one that does not exist on the target stays so."""
        if variable.type.domain is Domain.GPIO:
            self._pins.poke(variable.address & ~GPIO_MODE_BIT, numbers_of(variable, data))
            return
        protocol = self._protocol(_BY_ADDRESS)
        try:
            if protocol in _MODBUS:
                place = modbus.Place.of(variable.address, variable.length, format_of(variable), self._tap.modbus)
                self._modbus.poke(place, data)
            elif protocol is TargetProtocol.S3P and self._s3p_mode is S3PMode.INDEXED:
                self._firmware.poke(variable.address, numbers_of(variable, data))
            else:
                self._memory.poke(Words.of(variable.address, variable.length, format_of(variable)), data)
        except PeerError:
            return  # such an address does not exist, and whoever reads the variable is told

    def play(self, variable: Variable, data: bytes) -> bytes:
        """`poke`, then `read_variable`."""
        return self.player()(variable, data)

    def player(self) -> Play:
        """`play` for many variables in a row; a log that follows signals does nothing more often than this."""
        reachable = self.connected and self._faults.forced is None and self.voltage in self._tap.voltages
        if self._plain_memory and reachable and self._protocol(_BY_ADDRESS) in _MEMORY:
            return self._play_in_memory
        return self._poke_and_read

    def _poke_and_read(self, variable: Variable, data: bytes) -> bytes:
        self.poke(variable, data)
        return self.read_variable(variable)

    def _play_in_memory(self, variable: Variable, data: bytes) -> bytes:
        words = plain_words(variable)
        if words is None or not self._memory.play(words, data):
            return self._poke_and_read(variable, data)
        self.successful = (self.successful + 1) & 0xFFFFFFFF
        return data

    def fail(self, code: ResultCode | None) -> None:
        """Every access fails with this code, until it is None."""
        self._faults.forced = code

    @property
    def _now(self) -> float:
        return self._tap.clock.now()

    @property
    def _s3p_mode(self) -> S3PMode:
        try:
            return S3P_CONFIGURATION.decode(self._tap.block).mode
        except BodyError:
            return S3PMode.INDEXED

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Counts an exchange with the target."""
        try:
            yield
        except PeerError:
            self.failed = (self.failed + 1) & 0xFFFFFFFF
            raise
        self.successful = (self.successful + 1) & 0xFFFFFFFF

    def _protocol(self, wanted: frozenset[TargetProtocol]) -> TargetProtocol | None:
        """The protocol in use that can do it: that of the target, else the sub-protocol."""
        return _first_of(self._tap.protocols, wanted)

    def _ready(self, wanted: frozenset[TargetProtocol]) -> TargetProtocol:
        """Makes sure that the target can be reached in one of these protocols, and says in which.

        Raises:
            PeerError: A5, not connected; A6, no power; BB, the protocol in use cannot do this; B7, the firmware of the
                target does not run.
        """
        if not self.connected:
            if not self._spec.auto_connect:
                raise PeerError("the target is not connected", ResultCode.UNABLE_TO_CONNECT_TO_TARGET)
            self._connect()
        self._check_power()
        protocol = self._protocol(wanted)
        if protocol is None:
            names = ", ".join(protocol.name for protocol in self._tap.protocols) or "NONE"
            raise PeerError(f"protocol {names} cannot do this", ResultCode.TARGET_PROTOCOL_NOT_IMPLEMENTED)
        if self._held and protocol in _BY_FIRMWARE:
            raise PeerError("the target is held in reset", ResultCode.TARGET_PROTOCOL_LOST_COM)
        return protocol

    def _connect(self) -> None:
        protocols = self._tap.protocols
        if not self._spec.present or not protocols:
            raise PeerError("there is no target", ResultCode.UNABLE_TO_CONNECT_TO_TARGET)
        self._check_power()
        if missing := [each.name for each in protocols if not 1 << each & self._tap.available]:
            raise PeerError(f"the module has no {missing[0]}", ResultCode.TARGET_PROTOCOL_NOT_IMPLEMENTED)
        self._faults.check("connect")
        if self.connected:
            return
        if _MODBUS.intersection(protocols):
            self._bus.open()
        if _SERIAL.intersection(protocols):
            self._line.open(self._now)
        self.connected = True

    def _close(self) -> None:
        self.connected = False
        self._bus.close()
        self._line.close()

    def _check_power(self) -> None:
        if self.voltage not in self._tap.voltages:
            limits = f"{self._tap.voltages.start}..{self._tap.voltages.stop - 1}"
            raise PeerError(f"{self.voltage} mV, and {limits} is accepted", ResultCode.TARGET_POWER_FAILURE)

    def _span(self, protocol: TargetProtocol, words: Words) -> tuple[int, int]:
        """Addresses that an access touches; for S3P the index."""
        if protocol is TargetProtocol.S3P and self._s3p_mode is S3PMode.INDEXED:
            return words.address, words.address
        return words.address, words.last

    def _read_modbus(self, address: int, count: int, format: int) -> bytes:
        place = modbus.Place.of(address, count, format, self._tap.modbus)
        self._faults.check("read", place.address, place.last, place.slave)
        return self._modbus.read(place)

    def _write_modbus(self, address: int, count: int, format: int, data: bytes) -> None:
        place = modbus.Place.of(address, count, format, self._tap.modbus)
        self._faults.check("write", place.address, place.last, place.slave)
        self._modbus.write(place, data)

    def _write_s3p(self, words: Words, format: int, data: bytes) -> None:
        before = self._firmware.snapshot()
        try:
            self._s3p.write(self._s3p_mode, words.address, words.count, format, data)
        except PeerError:
            self._firmware.restore(before)
            raise


@lru_cache
def _first_of(protocols: tuple[TargetProtocol, ...], wanted: frozenset[TargetProtocol]) -> TargetProtocol | None:
    return next((protocol for protocol in protocols if protocol in wanted), None)


def _pin_range(address: int, count: int) -> tuple[int, int]:
    first = address & ~GPIO_MODE_BIT
    return first, first + count - 1
