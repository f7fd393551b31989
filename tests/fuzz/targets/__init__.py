"""What is fuzzed in ourselves: each target takes any bytes, and raises where something does not hold.

They are loaded by name, because a fuzzer instruments what it loads, and need not wait for the others.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Final, NamedTuple

Check = Callable[[bytes], None]


class Target(NamedTuple):
    """One thing that is fuzzed."""

    module: str
    """Of this package, which has ``check_NAME`` and ``seeds_NAME``."""
    words: str
    """What holds for any bytes."""

    def load(self, name: str) -> Check:
        """The function that checks it."""
        check: Check = getattr(import_module(f"{__name__}.{self.module}"), f"check_{name}")
        return check

    def seeds(self, name: str) -> list[bytes]:
        """Inputs to begin with, made of vectors and of the demo Tap."""
        seeds: list[bytes] = getattr(import_module(f"{__name__}.{self.module}"), f"seeds_{name}")()
        return seeds


TARGETS: Final = {
    "apdu": Target("wire", "requests are cut out of a stream the same way, however it comes in pieces"),
    "answer": Target("wire", "an answer is read, or refused with an error of the protocol"),
    "frame": Target("wire", "frames, clear and encrypted, are read and written back alike, or refused"),
    "body": Target("wire", "bodies of all calls: schema and shortcut agree, and what is read is written back"),
    "tlv": Target("wire", "values of a bundle are read and written back alike, or refused"),
    "packet": Target("wire", "packets of the data log and of updates are read and written back alike, or refused"),
    "relay": Target("wire", "messages of the broker and of RFC 2217 are read, or refused, however they are cut"),
    "iotz": Target("files", "a project of IoTize Studio is a Tap, or refused with lines"),
    "tapconfig": Target("files", "a tapconfig.json is a Tap, or refused with lines"),
    "device_yaml": Target("files", "a device.yaml is a Tap, or refused with lines"),
    "scenario": Target("files", "a scenario can be run and explained, or is refused with places"),
    "value": Target("files", "JSON of a command line is a value of a call, or refused"),
    "url": Target("files", "a URL is a link, or refused"),
    "stream": Target("sessions", "any bytes to a Tap: one answer each, the same however they are cut"),
    "secret": Target("sessions", "any requests inside a valid encrypted session: a refused one changes nothing"),
    "client": Target("sessions", "any answers to the reference client: a value, or an error of the protocol"),
    "tap": Target("malicious", "a malicious Tap: the reference client takes no wrong value for a right one"),
}
"""By name, which is also that of the folder with the corpus."""
