"""Answers of the Tap for tests of the grammar: real ones, and one for each row of the table."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from emulator.blueprint import ADMIN
from protocol import apdu
from protocol.bodies.scram import ScramLogin
from protocol.client.calls import find_call
from protocol.codes import HostProtocol, Method, ResultCode
from protocol.errors import PeerError
from protocol.frames import Request, Response
from protocol.resources.registry import ENTRIES, Entry
from protocol.values import Body
from scenarios.fuzz.case import Case
from scenarios.fuzz.grammar.samples import good_bodies
from scenarios.fuzz.mutation import Answer
from scenarios.fuzz.rig import Rig
from tests.vectors import load

BY_ID = {entry.id: entry for entry in ENTRIES}


def answer(call: str, body: bytes = b"", code: int = ResultCode.OK) -> Answer:
    """What the Tap answers to a call of the table."""
    entry = BY_ID[call]
    path = entry.resource.path(1 if entry.resource.instance else None)
    return Answer(call, Request(entry.call.method, path), Response(code, body), encrypted=False)


def hexadecimal(call: str, body: str) -> Answer:
    """As `answer`."""
    return answer(call, bytes.fromhex(body))


def usual(entry: Entry) -> Answer:
    """A good answer to the call of an entry."""
    bodies = {id(good.schema): good.body for good in good_bodies()}
    return answer(entry.id, bodies.get(id(entry.call.response), b""))


def response_bodies() -> list[Body[Any]]:
    """Each body that an answer of the table can have, in any form of its call."""
    found: dict[int, Body[Any]] = {}
    for entry in ENTRIES:
        for schema in (entry.call.response, *(form.response for form in entry.call.forms)):
            if schema is not None:
                found[id(schema)] = schema
    return list(found.values())


def request_bodies() -> list[Body[Any]]:
    """Each body that a request of the table can have."""
    found: dict[int, Body[Any]] = {}
    for entry in ENTRIES:
        for schema in (entry.call.request, *(form.request for form in entry.call.forms)):
            if schema is not None:
                found[id(schema)] = schema
    return list(found.values())


def vectors_of(schema: Body[Any]) -> Iterator[bytes]:
    """Bytes that vendor encoders have made for a schema."""
    vectors = load("bodies")
    rows = vectors["tlv_bundles"] if schema.name == "bundle TLV" else vectors["bodies"].get(schema.name, ())
    for row in rows:
        data = bytes.fromhex(row[1])
        if reads(schema, data):  # some are of the other direction
            yield data


def reads(schema: Body[Any], data: bytes) -> bool:
    """Whether these bytes are what a schema says."""
    try:
        schema.decode(data)
    except PeerError:
        return False
    return True


@cache
def answers_of_the_demo() -> tuple[Answer, ...]:
    """What the demo Tap answers to its admin."""
    rig = Rig()
    rig.begin(Case())
    connection = rig.device.connect("mem://tap", HostProtocol.WIFI)
    requests = [find_call("scram.login").ask(ScramLogin("admin", 1))]
    for entry in ENTRIES:
        if entry.call.method == Method.GET and entry.call.request is None:
            instances = (1, 4, 0xFFFF) if entry.resource.instance else (None,)
            requests += [Request(Method.GET, entry.resource.path(instance)) for instance in instances]
    for request in requests:
        connection.session.log_in(ADMIN, 0)
        rig.device.receive(connection, apdu.build_request(bytes(request)))
    return tuple(given for given in rig.end().answers if given.response.success and given.call)
