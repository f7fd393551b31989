"""Clients in Python that fuzzers are shown: one that trusts no answer, and some that have mistakes."""

from collections.abc import Iterator

from protocol import apdu
from protocol.client.blocking import Tap
from protocol.client.calls import find_call
from protocol.client.links import LinkError
from scenarios.fuzz.inprocess.memory import RigLink
from scenarios.fuzz.rig import SessionKeys

SERIAL = "device.get_serial_number"
Readings = Iterator[tuple[str, object]]


def careful(link: RigLink, session: SessionKeys | None) -> Readings:
    """The reference client."""
    tap = Tap(link=link)
    if session is not None:
        tap.session.resume(session.key, session.request_iv, session.answer_iv)
    yield SERIAL, tap.service.device.get_serial_number()
    yield "group.get_name/65535", tap.service.group.get_name(65535)


def ask(link: RigLink) -> bytes:
    link.send(apdu.build_request(bytes(find_call(SERIAL).ask())))
    return link.receive()


def trusting(link: RigLink, session: SessionKeys | None) -> dict[str, object]:
    """Takes the body for what it should be, whatever the code says."""
    return {SERIAL: ask(link)[1:-2].decode("latin-1")}


def assuming(link: RigLink, session: SessionKeys | None) -> object:
    """Expects a letter where there may be none."""

    def run() -> tuple[str, str]:
        text = ask(link)[1:-2].decode("latin-1")
        assert text[0].isprintable()
        return SERIAL, text

    return run


def stubborn(link: RigLink, session: SessionKeys | None) -> None:
    """Asks again and again until it likes the answer, on a new connection if need be."""
    while True:
        try:
            if ask(link)[0] == 0:
                return
        except LinkError:
            link = link.again()


def brooding(link: RigLink, session: SessionKeys | None) -> None:
    """Thinks for ever about a code that it does not know."""
    while ask(link)[0] != 0:
        while True:
            pass
