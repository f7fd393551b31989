"""Addresses of real targets, and nothing else: whoever reads one opens nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

MODBUS_TCP: Final = "modbus+tcp"
MODBUS_SERIAL: Final = "modbus+serial"
SERIAL: Final = "serial"

DEFAULT_MODBUS_PORT: Final = 502

_FORMS: Final = (
    "expected modbus+tcp://HOST[:PORT], modbus+serial:DEVICE[?baudrate=9600] or serial:DEVICE[?baudrate=9600]; "
    "a device may also have bytesize=5..8, parity=N|E|O|M|S and stopbits=1|1.5|2"
)


@dataclass(frozen=True, slots=True)
class TargetUrl:
    """The address of a real target.

    Args:
        host, port: of a Modbus slave on the network.
        device: path of a serial port.
        line: settings of the serial port under the names that pyserial gives them.
    """

    scheme: str
    host: str = ""
    port: int = DEFAULT_MODBUS_PORT
    device: str = ""
    line: Mapping[str, Any] | None = None


def parse(text: str) -> TargetUrl:
    """Reads ``modbus+tcp://host:port``, ``modbus+serial:/dev/ttyUSB0?baudrate=19200`` or ``serial:/dev/ttyUSB0``.

    Raises:
        ValueError: it is none of them; the message says what was expected.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"target {text!r}: {error}; {_FORMS}") from error
    if parts.scheme == MODBUS_TCP and parts.hostname and not parts.path.strip("/") and not parts.query:
        return TargetUrl(parts.scheme, host=parts.hostname, port=DEFAULT_MODBUS_PORT if port is None else port)
    if parts.scheme in (MODBUS_SERIAL, SERIAL) and parts.path and not parts.netloc:
        return TargetUrl(parts.scheme, device=parts.path, line=_line(text, parts.query))
    raise ValueError(f"target {text!r}; {_FORMS}")


def _line(text: str, query: str) -> dict[str, Any]:
    line: dict[str, Any] = {"baudrate": 9600}
    try:
        for name, value in parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)):
            line[name] = _LINE[name](value)
    except (KeyError, ValueError) as error:
        raise ValueError(f"target {text!r}: {error} does not fit; {_FORMS}") from error
    return line


def _one_of(*allowed: Any) -> Callable[[str], Any]:
    by_text = {str(value): value for value in allowed}

    def read(text: str) -> Any:
        return by_text[text.upper()]

    return read


def _baudrate(text: str) -> int:
    rate = int(text)
    if not 50 <= rate <= 4_000_000:
        raise ValueError(f"baudrate {rate}")
    return rate


_LINE: Final[dict[str, Callable[[str], Any]]] = {
    "baudrate": _baudrate,
    "bytesize": _one_of(5, 6, 7, 8),
    "parity": _one_of("N", "E", "O", "M", "S"),
    "stopbits": _one_of(1, 1.5, 2),
}
