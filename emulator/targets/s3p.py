"""S3P, both ends: the firmware of a simulated target, and the Tap that talks to it in frames."""

from collections.abc import Callable, Sequence
from typing import Final

from emulator import remembered
from emulator.remembered import Remembered
from emulator.targets.memory import Memory, Pages
from emulator.targets.s3p_frames import (
    MAX_ADDRESS,
    Command,
    DroppedError,
    S3pError,
    encode_answer,
    read_answer,
    read_command,
)
from emulator.targets.spec import S3pVariable
from emulator.targets.words import Words
from protocol.bodies.target import S3PMode, VariableFormat
from protocol.codes import ResultCode
from protocol.errors import PeerError

CSW: Final = 0
TAR: Final = 1
DRW: Final = 2
ID: Final = 7
"""Registers of the firmware. COMBUF (3) is not simulated."""

CSW_MEMORY: Final = 0x80000000
CSW_INDEXED: Final = 0x20000000
CSW_INCREMENT: Final = 0x00000004
CSW_AS_REQUESTED: Final = 0x00000003
"""Feature bits, auto-increment, and: the size of an access is that of its frame."""
_FEATURES: Final = 0xE0000000
_INCREMENTS: Final = 0x0000000C

Variables = dict[int, list[int]]
"""Values of the variables of the firmware by index."""


class _FirmwareError(Exception):
    def __init__(self, error: S3pError) -> None:
        super().__init__(error.name)
        self.error = error


class Firmware(Remembered):
    """The target's end: registers, memory (emulation) and variables (indexed)."""

    KEPT = remembered.kept(
        _values=remembered.nested,
        _csw=remembered.value,
        _tar=remembered.value,
        _element=remembered.value,
        _last=remembered.value,
    )
    FIXED = ("_memory", "_specs")
    """The memory is that of the target, which remembers it."""

    def __init__(self, memory: Memory, variables: Sequence[S3pVariable]) -> None:
        self._memory = memory
        self._specs = {variable.index: variable for variable in variables}
        self._values: Variables = {
            variable.index: [*variable.values, *[0] * (variable.count - len(variable.values))] for variable in variables
        }
        self.reset()

    def reset(self) -> None:
        """The target starts: its registers forget, its variables stay."""
        self._csw = 0xFFFFFFFF
        self._tar = 0xFFFFFFFF
        self._element = 0
        self._last: tuple[bool, int] | None = None

    def exchange(self, frame: bytes) -> bytes:
        """Both phases; nothing comes back where the frame is dropped."""
        try:
            received = read_command(frame)
        except DroppedError:
            return b""
        command = received.command
        if not received.intact:
            return encode_answer(command, S3pError.COMMUNICATION)
        try:
            value = (self._access if command.extended else self._register)(command, received.value)
        except _FirmwareError as refusal:
            return encode_answer(command, refusal.error)
        return encode_answer(command, S3pError.OK, value & (1 << 8 * command.unit) - 1)

    def poke(self, index: int, values: list[int]) -> None:
        """The world changes a variable; what does not exist stays so."""
        spec = self._specs.get(index)
        if spec is not None:
            old, mask = self._values[index], (1 << 8 * spec.unit) - 1
            self._values[index] = [value & mask for value in (values + old[len(values) :])[: spec.count]]

    def snapshot(self) -> tuple[Pages, Variables]:
        """What `restore` takes back."""
        return self._memory.snapshot(), {index: list(values) for index, values in self._values.items()}

    def restore(self, saved: tuple[Pages, Variables]) -> None:
        """Undoes everything since the snapshot."""
        self._memory.restore(saved[0])
        self._values = saved[1]

    def _register(self, command: Command, value: int) -> int:
        handler = _REGISTERS.get((command.address, command.write))
        if handler is None:
            raise _FirmwareError(S3pError.COMMAND)
        return handler(self, command, value)

    def _read_csw(self, command: Command, value: int) -> int:
        return self._csw & ~_FEATURES | CSW_MEMORY | CSW_INDEXED

    def _write_csw(self, command: Command, value: int) -> int:
        mask = (1 << 8 * command.unit) - 1
        self._csw = self._csw & ~mask | value
        self._element = 0
        return 0

    def _read_tar(self, command: Command, value: int) -> int:
        return self._tar

    def _write_tar(self, command: Command, value: int) -> int:
        self._tar = value
        return 0

    def _read_data(self, command: Command, value: int) -> int:
        words = Words(self._next_address(command), 1, command.unit)
        return self._in_memory(lambda: words.numbers(self._memory.read(words))[0])

    def _write_data(self, command: Command, value: int) -> int:
        words = Words(self._next_address(command), 1, command.unit)
        return self._in_memory(lambda: self._store(words, value))

    def _store(self, words: Words, value: int) -> int:
        self._memory.write(words, words.wire([value]))
        return 0

    def _read_id(self, command: Command, value: int) -> int:
        return 0

    def _next_address(self, command: Command) -> int:
        if not self._csw & CSW_MEMORY:
            raise _FirmwareError(S3pError.COMMAND)
        address = self._tar
        if self._csw & _INCREMENTS:
            self._tar = (self._tar + command.unit) & 0xFFFFFFFF
        return address

    def _in_memory(self, access: Callable[[], int]) -> int:
        try:
            return access()
        except PeerError as error:
            raise _FirmwareError(_OF_MEMORY.get(error.code, S3pError.DEVICE)) from error

    def _access(self, command: Command, value: int) -> int:
        """A variable; its elements follow each other as long as variable and direction stay the same."""
        if not self._specs:
            raise _FirmwareError(S3pError.COMMAND)
        if self._last != (command.write, command.address):
            self._element = 0
        self._last = (command.write, command.address)
        spec = self._specs.get(command.address)
        if spec is None or ("w" if command.write else "r") not in spec.rights or self._element >= spec.count:
            raise _FirmwareError(S3pError.RIGHTS)
        if command.unit != spec.unit:
            raise _FirmwareError(S3pError.COMMAND)
        values, element = self._values[command.address], self._element
        if self._csw & _INCREMENTS:
            self._element += 1
        if command.write:
            values[element] = value
        return values[element]


_REGISTERS: Final[dict[tuple[int, bool], Callable[[Firmware, Command, int], int]]] = {
    (CSW, False): Firmware._read_csw,
    (CSW, True): Firmware._write_csw,
    (TAR, False): Firmware._read_tar,
    (TAR, True): Firmware._write_tar,
    (DRW, False): Firmware._read_data,
    (DRW, True): Firmware._write_data,
    (ID, False): Firmware._read_id,
}

_OF_MEMORY: Final = {
    ResultCode.TARGET_PROTOCOL_FORBIDDEN: S3pError.RIGHTS,
    ResultCode.TARGET_PROTOCOL_PARAM: S3pError.COMMAND,
}

_RESULTS: Final = {
    S3pError.COMMAND: ResultCode.TARGET_PROTOCOL_WRONG_PARAM,
    S3pError.COMMUNICATION: ResultCode.TARGET_PROTOCOL_COM,
    S3pError.RIGHTS: ResultCode.TARGET_PROTOCOL_FORBIDDEN,
}
"""Result codes of S3P errors; every other one is B0."""


class Master:
    """The Tap's end.

    Args:
        exchange: carries a first phase to the firmware, and its second phase back.
    """

    def __init__(self, exchange: Callable[[bytes], bytes]) -> None:
        self._exchange = exchange

    def read(self, mode: S3PMode, address: int, count: int, format: int) -> bytes:
        """Elements of a variable, or of memory."""
        words = _words(mode, address, count, format)
        element = self._prepare(mode, words, write=False)
        return words.wire([self._ask(element) for _ in range(words.count)])

    def write(self, mode: S3PMode, address: int, count: int, format: int, data: bytes) -> None:
        """Writes elements of a variable, or of memory; stops at the first that is refused."""
        words = _words(mode, address, count, format)
        words.check_data(data)
        element = self._prepare(mode, words, write=True)
        for number in words.numbers(data):
            self._ask(element, number)

    def _prepare(self, mode: S3PMode, words: Words, write: bool) -> Command:
        """Says what follows, and returns the command that reads or writes one element."""
        feature = CSW_MEMORY if mode is S3PMode.EMULATION else CSW_INDEXED
        self._ask(Command(True, 4, CSW), feature | CSW_INCREMENT | CSW_AS_REQUESTED)
        if mode is S3PMode.INDEXED:
            return Command(write, words.unit, words.address, extended=True)
        self._ask(Command(True, 4, TAR), words.address)
        return Command(write, words.unit, DRW)

    def _ask(self, command: Command, value: int = 0) -> int:
        error, answer = read_answer(command, self._exchange(command.encode(value)))
        if error:
            code = _RESULTS.get(error, ResultCode.TARGET_PROTOCOL_ERROR)
            raise PeerError(f"S3P error {error.name} at {command.address}", code)
        return answer


def _words(mode: S3PMode, address: int, count: int, format: int) -> Words:
    words = Words.of(address, count, format)
    if mode is S3PMode.INDEXED and address > MAX_ADDRESS:
        raise PeerError(f"S3P index {address}", ResultCode.TARGET_PROTOCOL_WRONG_PARAM)
    if mode is S3PMode.EMULATION and format != VariableFormat._1_BIT:
        words.check_aligned()
    return words
