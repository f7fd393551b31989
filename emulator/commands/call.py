"""One request from the command line: what `tap-emulator call` does."""

import json

import click

from emulator.commands.visit import Visit
from protocol.client.jsonable import HEX_PREFIX, from_json, to_json
from protocol.errors import BodyError, RefusedError, UsageError
from protocol.frames import Request, Response
from protocol.resources.registry import Entry, find_entry, parse_method, parse_path


def print_call(visit: Visit, method_name: str, path_text: str, body: str | None, *, as_json: bool) -> None:
    """Connects, logs in and encrypts if asked, makes the request and prints the answer.

    Raises:
        UsageError: path, method or body cannot be understood.
        RefusedError: the Tap refused the login or the request; the answer is printed all the same.
        LinkError, IntegrityError: there is no proper answer.
    """
    method, path = parse_method(method_name), parse_path(path_text)
    entry = find_entry(method, path)
    request = Request(method, path, _encode(entry, body))
    with visit.tap() as tap:
        response = tap.request(method, path, request.body)
    click.echo(_describe(entry, response, as_json))
    if not response.success:
        raise RefusedError(response.code, str(request))


def _encode(entry: Entry | None, body: str | None) -> bytes:
    if body is None:
        return b""
    if entry is None or entry.call.request is None or body.startswith(HEX_PREFIX):
        try:
            return bytes.fromhex(body.removeprefix(HEX_PREFIX))
        except ValueError as error:
            raise UsageError(f"body {body!r}: {error}; expected {HEX_PREFIX} and pairs of digits") from error
    encoded: bytes = entry.call.request.encode(from_json(entry.call.request, body))
    return encoded


def _describe(entry: Entry | None, response: Response, as_json: bool) -> str:
    value: object = None
    if response.success and entry is not None and entry.call.response is not None:
        try:
            value = to_json(entry.call.response.decode(response.body))
        except BodyError as error:
            value = f"body does not fit: {error}"
    if as_json:
        return json.dumps({"code": response.code, "body": to_json(response.body), "value": value})
    if value is not None:
        return value if isinstance(value, str) else json.dumps(value)
    return str(response)
