"""Real Modbus slaves and serial devices for tests: a server in a thread, and pairs of pseudo-terminals."""

import asyncio
import os
import pty
import select
import socket
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


def _device(number: int) -> SimDevice:
    def bits(*values: bool) -> list[SimData]:
        return [SimData(0, values=list(values), datatype=DataType.BITS)]

    def registers(*values: int) -> list[SimData]:
        return [SimData(0, values=list(values), datatype=DataType.REGISTERS)]

    tables = (bits(True, False, True), bits(False, True, False), registers(*range(10, 20)), registers(0x1234, 0x5678))
    return SimDevice(number, simdata=tables)


@contextmanager
def _serving(make: Callable[[], Any]) -> Iterator[Any]:
    """A pymodbus server in an event loop of its own."""
    made: list[Any] = []
    ready, stop = threading.Event(), []

    async def serve() -> None:
        ended = asyncio.Event()
        stop.append((asyncio.get_running_loop(), ended))
        server = make()
        await server.serve_forever(background=True)
        made.append(server)
        ready.set()
        await ended.wait()
        await server.shutdown()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield made[0]
    finally:
        loop, ended = stop[0]
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        assert not thread.is_alive()


@contextmanager
def modbus_tcp(port: int = 0) -> Iterator[int]:
    """Slave 1 and slave 17 on a port; any other does not answer."""

    def make() -> ModbusTcpServer:
        return ModbusTcpServer([_device(1), _device(17)], address=("127.0.0.1", port), ignore_missing_devices=True)

    with _serving(make) as server:
        yield server.transport.sockets[0].getsockname()[1]


@contextmanager
def modbus_rtu() -> Iterator[str]:
    """Slave 1 on a serial port; the path of the other end of its line."""
    with cable() as (here, there):

        def make() -> ModbusSerialServer:
            return ModbusSerialServer(
                [_device(1)], framer=FramerType.RTU, port=there, baudrate=9600, ignore_missing_devices=True
            )

        with _serving(make):
            yield here


@contextmanager
def tcp_answering(answer: Callable[[bytes], bytes | None]) -> Iterator[int]:
    """A TCP server that answers each request with any bytes; None closes the connection."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.settimeout(10)
                with closing(connection), suppress(OSError):
                    while (request := connection.recv(300)) and (data := answer(request)) is not None:
                        connection.sendall(data)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        assert not thread.is_alive()


@contextmanager
def terminal() -> Iterator[tuple[int, str]]:
    """A pseudo-terminal: the descriptor of the device, and the path that the Tap opens."""
    device, port = pty.openpty()
    tty.setraw(port)
    try:
        yield device, os.ttyname(port)
    finally:
        os.close(device)
        os.close(port)


@contextmanager
def cable() -> Iterator[tuple[str, str]]:
    """Two serial ports, connected to each other."""
    with ExitStack() as stack:
        (one, here), (two, there) = stack.enter_context(terminal()), stack.enter_context(terminal())
        end, wake = os.pipe()

        def pump() -> None:
            while True:
                readable, _, _ = select.select([one, two, end], [], [])
                if end in readable:
                    return
                for source in readable:
                    os.write(two if source == one else one, os.read(source, 4096))

        thread = threading.Thread(target=pump)
        thread.start()
        try:
            yield here, there
        finally:
            os.write(wake, b"!")
            thread.join(10)
            assert not thread.is_alive()
            os.close(end)
            os.close(wake)
