"""``mem://name``: a device and its client in the same process, without socket and without waiting."""

from emulator.connection import Connection
from emulator.device import Device, RefusedConnectionError
from emulator.effects import Close, Effect, Send
from protocol.client.links import register_memory_peer
from protocol.codes import HostProtocol


class MemoryHost:
    """One client of a device, for `protocol.client.links.MemoryLink`.

    What the device asks for beside answers and closed connections (a reboot takes time) is left to its clock.

    Args:
        protocol: what /1024//3 answers over this link.
    """

    def __init__(self, device: Device, name: str = "", protocol: HostProtocol = HostProtocol.WIFI) -> None:
        self._device = device
        self._link = f"mem://{name}"
        self._protocol = protocol
        self._connection: Connection | None = None

    def connect(self) -> None:
        """Opens a connection of the device.

        Raises:
            ConnectionError: the device takes none now.
        """
        try:
            self._connection = self._device.connect(self._link, self._protocol)
        except RefusedConnectionError as refusal:
            raise ConnectionRefusedError(str(refusal)) from refusal

    def receive(self, data: bytes) -> list[bytes]:
        """Hands bytes to the device and returns its answers.

        Raises:
            ConnectionError: the device has closed the connection.
        """
        answers = []
        due = self._due()
        connection = self._connection
        if connection is None or not connection.open:
            raise ConnectionResetError("the Tap has closed the connection")
        for effect in [*due, *self._device.receive(connection, data)]:
            match effect:
                case Send(_, answer):
                    answers.append(answer)
                case Close(closed) if closed is connection:
                    self._connection = None
        return answers

    def _due(self) -> list[Effect]:
        """What the device has to do by now: nobody else calls it between two requests."""
        deadline = self._device.next_deadline()
        return self._device.tick() if deadline is not None and deadline <= self._device.clock.now() else []

    def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            self._device.disconnect(self._connection)
            self._connection = None


def register(device: Device, name: str) -> None:
    """Makes ``mem://name`` a link to this device, for the reference client in the same process."""
    register_memory_peer(name, lambda: MemoryHost(device, name))
