"""The calls of the resource table by name: ``device.get_serial_number``, ``group.change_password``.

A call that clients make in several shapes has one name for each (`Form`), so a name says exactly which body goes out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar, get_args

from protocol.codes import Method
from protocol.errors import IntegrityError, PeerError, UsageError
from protocol.frames import Request, Response
from protocol.paths import Path
from protocol.resources.model import Call, Resource
from protocol.resources.registry import RESOURCES, parse_method, parse_path
from protocol.values import Body

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NamedCall:
    """One way to make one call.

    Args:
        name: of the call, or of the form.
        request, response: bodies of that form; None where the call carries none.
    """

    resource: Resource
    call: Call
    name: str
    request: Body[Any] | None
    response: Body[Any] | None

    @property
    def id(self) -> str:
        """Service and name: ``device.get_serial_number``."""
        return f"{self.resource.service}.{self.name}"

    def ask(self, value: object = None, instance: int | None = None) -> Request:
        """The request that makes the call.

        Raises:
            UsageError: the value does not fit, or an instance is missing or needless.
        """
        path = self.resource.path(instance)
        if self.request is None:
            if value is not None:
                raise UsageError(f"{self.id} takes no value")
            return Request(self.call.method, path)
        return Request(self.call.method, path, self.request.encode(value))

    def read(self, response: Response) -> Any:
        """Value of a successful answer. A body that nobody described is ignored, as the vendor's clients do.

        Raises:
            IntegrityError: the body does not fit.
        """
        if self.response is None:
            return None
        try:
            return self.response.decode(response.body)
        except PeerError as error:
            raise IntegrityError(f"answer to {self.id}: {error}") from error


def name_calls(rows: Iterable[Resource]) -> Iterator[NamedCall]:
    """All calls of these rows, each followed by its other forms."""
    for row in rows:
        for call in row.calls:
            yield NamedCall(row, call, call.name, call.request, call.response)
            for form in call.forms:
                yield NamedCall(row, call, form.name, form.request, form.response)


CALLS: Final = {call.id: call for call in name_calls(RESOURCES)}
"""Every call by its id."""


def find_call(id: str) -> NamedCall:
    """The call of this id.

    Raises:
        UsageError: there is none.
    """
    try:
        return CALLS[id]
    except KeyError:
        raise UsageError(f"no call is named {id!r}; `tap-emulator resources` lists them") from None


def value_type(body: Body[Any]) -> Any:
    """Type of a body's value, with the type of its elements where it is a list."""
    # A body made as Body[list[X]](...) remembers X there and nowhere else.
    declared = getattr(body, "__orig_class__", None)
    hint = body.type if declared is None else get_args(declared)[0]
    return body.type if hint is Any else hint


def make_request(method: Method | str, path: Path | str, body: bytes) -> Request:
    """A request from texts or from values.

    Raises:
        UsageError: no such method or path.
    """
    return Request(
        parse_method(method) if isinstance(method, str) else method,
        parse_path(path) if isinstance(path, str) else path,
        body,
    )


class Caller(Protocol):
    """Makes a call and returns its answer; `result` tells the type checker what the schema of the call reads."""

    def __call__(self, result: type[T], id: str, value: object = None, instance: int | None = None) -> T:
        """Raises as `protocol.client.blocking.Tap.call` does."""
        ...


class AsyncCaller(Protocol):
    """`Caller` for asyncio."""

    async def __call__(self, result: type[T], id: str, value: object = None, instance: int | None = None) -> T:
        """Raises as `protocol.client.aio.AsyncTap.call` does."""
        ...
