"""Resource paths: ``/1024//47`` is object 1024, no instance, resource 47."""

from typing import NamedTuple

from protocol.codes import NO_INSTANCE
from protocol.errors import UsageError


class Path(NamedTuple):
    """Address of a resource; an absent instance is 65535 on the wire."""

    object: int
    instance: int
    resource: int

    @classmethod
    def parse(cls, text: str) -> "Path":
        """Reads ``/object/instance/resource`` with decimal numbers; the instance may be empty.

        Raises:
            UsageError: the text is no such path, or a number exceeds 65535.
        """
        parts = text.split("/")
        if len(parts) != 4 or parts[0]:
            raise UsageError(f"{text!r} is not a path; expected /object/instance/resource, for example /3//2")
        try:
            numbers = [NO_INSTANCE if part == "" and place == 1 else int(part) for place, part in enumerate(parts[1:])]
        except ValueError:
            raise UsageError(f"{text!r} is not a path: its parts have to be decimal numbers") from None
        if not all(0 <= number <= 0xFFFF for number in numbers):
            raise UsageError(f"{text!r} is not a path: each number has to be in 0..65535")
        return cls(*numbers)

    def __str__(self) -> str:
        instance = "" if self.instance == NO_INSTANCE else self.instance
        return f"/{self.object}/{instance}/{self.resource}"
