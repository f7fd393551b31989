"""The reference client and a Tap that does what the bytes of a fuzzer say: the grammar, led by coverage."""

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Final

from protocol.client.blocking import Tap
from scenarios import fuzz
from scenarios.fuzz.inprocess.memory import RigLink
from scenarios.fuzz.rig import SessionKeys
from scenarios.loading import loads

TAP: Final = loads("{scenario: 1, device: {config: {tap: 1, settings: {scram: {hash_iteration: 1}}}}}")
"""Its logins cost next to nothing."""


def _converse(link: RigLink, session: SessionKeys | None) -> Iterator[tuple[str, object]]:
    tap = Tap(link=link, token=bytes)
    assert session is not None
    tap.session.resume(session.key, session.request_iv, session.answer_iv)
    yield "device.get_serial_number", tap.service.device.get_serial_number()
    yield "interface.get_current_group_id", tap.service.interface.get_current_group_id()
    tap.refresh_encryption_initialization_vector()
    yield "group.get_name/65535", tap.service.group.get_name(65535)
    tap.login("supervisor", "supervisor")
    tap.logout()


@cache
def _target() -> fuzz.Target:
    return fuzz.target(_converse, scenario=TAP, login="admin:admin")


def check_tap(data: bytes) -> None:
    _target().harness(data)


def seeds_tap() -> list[bytes]:
    """Faults at each answer, alone and in pairs."""
    alone = [bytes((place, number, 0, number)) for place in range(8) for number in range(0, 80, 16)]
    return [b"", *alone, *(one + other for one, other in pairwise(alone[::3]))]
