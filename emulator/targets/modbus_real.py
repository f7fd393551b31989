"""Real Modbus slaves, over TCP or a serial port: the only module that knows pymodbus."""

import logging
import struct
from collections.abc import Callable
from typing import Any, Final

from pymodbus import FramerType, ModbusException
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.exceptions import ConnectionException
from pymodbus.pdu import ModbusPDU

from emulator.targets import url
from emulator.targets.base import DamagedAnswerError, ModbusError
from emulator.targets.modbus import COILS, DISCRETE_INPUTS, HOLDING_REGISTERS, INPUT_REGISTERS
from emulator.targets.url import TargetUrl
from protocol.codes import ResultCode
from protocol.errors import PeerError

Client = ModbusTcpClient | ModbusSerialClient

# What fails is told in the journal of the Tap; the library would write it to standard error once more.
logging.getLogger("pymodbus").addHandler(logging.NullHandler())

_WRITE_COILS: Final = 15
_WRITE_REGISTERS: Final = 16

_UNREADABLE: Final = (ValueError, IndexError, KeyError, TypeError, AttributeError, struct.error)
"""What the library raises where an answer is cut or makes no sense."""


class RealBus:
    """A wire to real slaves. It is opened when it is needed, and again after every failure.

    A call blocks for `timeout` seconds at most, for twice as long where the wire has to be opened before.
    """

    def __init__(self, address: TargetUrl, timeout: float) -> None:
        self._address = address
        self._timeout = timeout
        self._client: Client | None = None

    def open(self) -> None:
        """Makes the wire ready.

        Raises:
            PeerError: A5, nobody listens there.
        """
        try:
            self._connect()
        except ModbusError as error:
            raise PeerError(str(error), ResultCode.UNABLE_TO_CONNECT_TO_TARGET) from error

    def close(self) -> None:
        """Leaves it."""
        if self._client is not None:
            self._client.close()  # type: ignore[no-untyped-call]
            self._client = None

    def read(self, slave: int, function: int, address: int, count: int) -> list[int]:
        """Reads a row of values."""
        response = self._ask(function, lambda client: _READ[function](client, address, count=count, device_id=slave))
        values = response.bits if function in (COILS, DISCRETE_INPUTS) else response.registers
        if len(values) < count:
            raise DamagedAnswerError(f"slave {slave}: {len(values)} values of {count}")
        return [int(value) for value in values[:count]]

    def write(self, slave: int, function: int, address: int, values: list[int]) -> None:
        """Writes a row of values with one request."""
        if function == COILS:
            bits = [value != 0 for value in values]
            self._ask(_WRITE_COILS, lambda client: client.write_coils(address, bits, device_id=slave))
        else:
            self._ask(_WRITE_REGISTERS, lambda client: client.write_registers(address, values, device_id=slave))

    def poke(self, slave: int, function: int, address: int, values: list[int]) -> None:
        """The world outside does what it wants."""

    def _ask(self, function: int, request: Callable[[Client], ModbusPDU]) -> ModbusPDU:
        was_open = self._client is not None
        try:
            response = self._once(request)
        except ConnectionException as error:
            if not was_open:
                raise ModbusError(f"{self._name}: {error}") from error
            # Slaves close connections that are idle; a request that was seen twice does what it would do once.
            try:
                response = self._once(request)
            except ConnectionException as again:
                raise ModbusError(f"{self._name}: {again}") from again
        if response.isError():
            raise ModbusError(f"{self._name}: exception {response.exception_code}", response.exception_code)
        if response.function_code != function:
            raise DamagedAnswerError(f"{self._name}: an answer to function {response.function_code}, not {function}")
        return response

    def _once(self, request: Callable[[Client], ModbusPDU]) -> ModbusPDU:
        try:
            return request(self._connect())
        except ConnectionException:
            self.close()
            raise
        except (ModbusException, OSError) as error:
            self.close()
            raise ModbusError(f"{self._name}: {error}") from error
        except _UNREADABLE as error:
            self.close()
            raise DamagedAnswerError(f"{self._name}: an answer that makes no sense ({error!r})") from error

    def _connect(self) -> Client:
        if self._client is None:
            client = _make_client(self._address, self._timeout)
            if not client.connect():
                client.close()  # type: ignore[no-untyped-call]
                raise ModbusError(f"{self._name} cannot be opened")
            self._client = client
        return self._client

    @property
    def _name(self) -> str:
        return self._address.device or f"{self._address.host}:{self._address.port}"


def _make_client(address: TargetUrl, timeout: float) -> Client:
    if address.scheme == url.MODBUS_TCP:
        return ModbusTcpClient(address.host, port=address.port, timeout=timeout, retries=0)
    line: dict[str, Any] = dict(address.line or {})
    return ModbusSerialClient(address.device, framer=FramerType.RTU, timeout=timeout, retries=0, **line)


_READ: Final[dict[int, Callable[..., ModbusPDU]]] = {
    COILS: lambda client, *place, **more: client.read_coils(*place, **more),
    DISCRETE_INPUTS: lambda client, *place, **more: client.read_discrete_inputs(*place, **more),
    HOLDING_REGISTERS: lambda client, *place, **more: client.read_holding_registers(*place, **more),
    INPUT_REGISTERS: lambda client, *place, **more: client.read_input_registers(*place, **more),
}
