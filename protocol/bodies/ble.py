"""Bodies of the BLE service."""

from typing import Any, Final

from construct import Adapter, Bytes

from protocol.values import Body

_ADDRESS_SIZE: Final = 6


class _ColonAddress(Adapter):  # type: ignore[misc]
    """A MAC address as text, in the order in which it is shown: ``C1:32:E9:BF:DE:58``."""

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        return obj.hex(":").upper()

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        return bytes(int(part, 16) for part in obj.split(":"))


MAC_ADDRESS: Final = Body("stringMacaddress", _ColonAddress(Bytes(_ADDRESS_SIZE)), str)
