"""What a configuration says about the target: memory, Modbus slaves, a serial line, faults, or a real device.

Everything here is plain data; `emulator.targets` makes a target of it. Addresses, sizes and numbers are those of the
target itself, not of the wire. What does not fit raises `ValueError` when it is made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal

from emulator.targets import url
from protocol.codes import ResultCode

AddressRights = Literal["", "r", "w", "rw"]
"""What a client may do at an address: nothing, read, write, or both."""

Operation = Literal["any", "connect", "disconnect", "reset", "read", "write", "register", "send", "receive"]
"""What the Tap does to its target: read and write are those of memory, variables, S3P and Modbus; register is the
debug port and the registers of the core; send and receive are those of the serial line."""


@dataclass(frozen=True, slots=True)
class MemoryRegion:
    """A part of the target's address space (SWD, JTAG, S3P emulation).

    Args:
        start: first address.
        size: bytes.
        rights: an access without its right answers B4.
        content: bytes from `start` on, in the order in which they lie in memory (a Cortex-M is little-endian); the
            rest is 0.
        name: for error messages and people.
    """

    start: int
    size: int
    rights: AddressRights = "rw"
    content: bytes = b""
    name: str = ""

    def __post_init__(self) -> None:
        if self.size < 1 or not 0 <= self.start <= 0xFFFFFFFF or self.start + self.size > 1 << 32:
            raise ValueError(f"a region of {self.size} bytes at {self.start:#x} does not fit 32-bit addresses")
        if len(self.content) > self.size:
            raise ValueError(f"{len(self.content)} bytes of content in a region of {self.size}")


@dataclass(frozen=True, slots=True)
class S3pVariable:
    """A variable that the firmware of the target shows over S3P in indexed mode.

    Args:
        index: its number, 0..1023, which is the address that clients use.
        unit: bytes of one element: 1, 2 or 4; another size answers S3P error 2.
        count: elements; beyond them S3P error 4.
        rights: an access without its right answers S3P error 4.
        values: the first elements, unsigned; the rest is 0.
    """

    index: int
    unit: Literal[1, 2, 4] = 4
    count: int = 1
    rights: AddressRights = "rw"
    values: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.index <= 1023:
            raise ValueError(f"S3P index {self.index} is outside 0..1023")
        if not 1 <= self.count <= 65536 or len(self.values) > self.count:
            raise ValueError(f"S3P variable {self.index}: {len(self.values)} values, count {self.count} of 1..65536")
        if not all(0 <= value < 1 << 8 * self.unit for value in self.values):
            raise ValueError(f"S3P variable {self.index}: a value does not fit {self.unit} bytes unsigned")


@dataclass(frozen=True, slots=True)
class ModbusSlave:
    """One simulated slave with its four tables, by address 0..65535.

    Args:
        address: 1..247.
        coils, discrete_inputs: 0 or 1.
        holding_registers, input_registers: 0..65535.
        only_listed: addresses that no table names answer exception 2 (illegal data address); otherwise they hold 0.
    """

    address: int = 1
    coils: Mapping[int, int] = field(default_factory=dict)
    discrete_inputs: Mapping[int, int] = field(default_factory=dict)
    holding_registers: Mapping[int, int] = field(default_factory=dict)
    input_registers: Mapping[int, int] = field(default_factory=dict)
    only_listed: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.address <= 247:
            raise ValueError(f"Modbus slave {self.address} is outside 1..247")
        for values, highest in (
            (self.coils, 1),
            (self.discrete_inputs, 1),
            (self.holding_registers, 0xFFFF),
            (self.input_registers, 0xFFFF),
        ):
            for address, value in values.items():
                if not 0 <= address <= 0xFFFF or not 0 <= value <= highest:
                    raise ValueError(f"Modbus slave {self.address}: {value} at {address}; expected 0..{highest}")


@dataclass(frozen=True, slots=True)
class SerialAnswer:
    """What a scripted serial line answers.

    Args:
        pattern: bytes to wait for, anywhere in what was sent since the last answer; an empty one answers what has no
            other pattern in it.
        answer: bytes that the line sends then.
        delay: seconds until they come.
    """

    pattern: bytes
    answer: bytes
    delay: float = 0.0

    def __post_init__(self) -> None:
        if self.delay < 0:
            raise ValueError(f"a delay of {self.delay} s")


@dataclass(frozen=True, slots=True)
class SerialSpec:
    """The far end of the transparent serial line.

    Args:
        mode: loopback sends back what it gets, script answers by `answers`, silent says nothing.
        answers: of several patterns that were sent, the one that was sent first is answered first.
        greeting: bytes that the line sends when the Tap connects.
        buffer: bytes that the Tap keeps until a client takes them; further ones are lost.
    """

    mode: Literal["loopback", "script", "silent"] = "loopback"
    answers: tuple[SerialAnswer, ...] = ()
    greeting: bytes = b""
    buffer: int = 4096

    def __post_init__(self) -> None:
        if not 1 <= self.buffer <= 65535:
            raise ValueError(f"a serial buffer of {self.buffer} bytes; expected 1..65535")


@dataclass(frozen=True, slots=True)
class TargetFault:
    """Makes the target fail on purpose.

    Args:
        code: what the Tap answers: A5, A6, or B0..BB.
        operation: what fails.
        first, last: only accesses that touch an address in first..last fail; None is without limit. For Modbus the
            16-bit address, for pins the pin, for S3P the index, for registers the number of the register.
        slave: only accesses to this Modbus slave fail.
        skip: so many matching accesses pass before.
        count: so many fail; None is for ever.
    """

    code: ResultCode
    operation: Operation = "any"
    first: int | None = None
    last: int | None = None
    slave: int | None = None
    skip: int = 0
    count: int | None = None

    def __post_init__(self) -> None:
        if self.code not in FAULT_CODES:
            raise ValueError(f"{self.code.name} is no target code; expected A5, A6 or B0..BB")


FAULT_CODES: Final = frozenset(code for code in ResultCode if code in (0xA5, 0xA6) or 0xB0 <= code <= 0xBB)
"""Result codes that a target can give."""


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """The target of a Tap.

    Args:
        url: a real device in place of the simulated slaves or serial line: ``modbus+tcp://host:port``,
            ``modbus+serial:/dev/ttyUSB0?baudrate=9600&parity=N&stopbits=1`` or ``serial:/dev/ttyUSB0?baudrate=9600``.
            Everything else about the target stays simulated. Only `emulator.targets.make_target` opens it.
        timeout: seconds that a real device may take to answer.
        present: False means that nothing is wired to the Tap: connecting answers A5.
        auto_connect: any access connects by itself; otherwise it answers A5 until a client connects (OQ53).
        voltage: of the target, in millivolts; outside the limits of the Tap's settings accesses answer A6.
        memory: without a region every address exists and holds 0.
        core_registers: values after a reset, by number as in a Cortex-M (0..12 r0..r12, 13 sp, 14 lr, 15 pc, 16 xpsr).
        debug_registers: registers of the debug port by their 32-bit address, which is otherwise 0; 0 is IDCODE.
        s3p: variables of indexed S3P.
        modbus: simulated slaves; any other slave does not answer (B7).
        serial: the far end of the serial line.
        pins: levels (0 or 1) that the world puts on the pins 0..25 of the module.
        faults: the first that matches holds.
    """

    url: str = ""
    timeout: float = 0.5
    present: bool = True
    auto_connect: bool = False
    voltage: int = 3300
    memory: tuple[MemoryRegion, ...] = ()
    core_registers: Mapping[int, int] = field(default_factory=dict)
    debug_registers: Mapping[int, int] = field(default_factory=dict)
    s3p: tuple[S3pVariable, ...] = ()
    modbus: tuple[ModbusSlave, ...] = (ModbusSlave(),)
    serial: SerialSpec = SerialSpec()
    pins: Mapping[int, int] = field(default_factory=dict)
    faults: tuple[TargetFault, ...] = ()

    def __post_init__(self) -> None:
        if self.url:
            url.parse(self.url)
        if not 0 <= self.voltage <= 0xFFFF:
            raise ValueError(f"a target voltage of {self.voltage} mV; expected 0..65535")
        if not 0 < self.timeout <= 10:
            raise ValueError(f"a time-out of {self.timeout} s; expected up to 10")
        if not all(0 <= pin <= 25 and level in (0, 1) for pin, level in self.pins.items()):
            raise ValueError(f"pins are 0..25 and their levels 0 or 1, not {dict(self.pins)}")
        self._check_unique("slave", [slave.address for slave in self.modbus])
        self._check_unique("S3P index", [variable.index for variable in self.s3p])
        ends = sorted((region.start, region.start + region.size) for region in self.memory)
        for (_, end), (start, _) in pairwise(ends):
            if start < end:
                raise ValueError(f"memory regions overlap at {start:#x}")

    @staticmethod
    def _check_unique(what: str, numbers: list[int]) -> None:
        if len(set(numbers)) < len(numbers):
            raise ValueError(f"{what} {next(n for n in numbers if numbers.count(n) > 1)} is there twice")
