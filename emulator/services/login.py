"""What all kinds of login share: finding the user, and what success and failure change."""

import hashlib
from typing import NoReturn

from emulator.blueprint import SERIAL_NUMBER
from emulator.exchange import Exchange
from protocol.codes import ResultCode
from protocol.errors import PeerError
from protocol.scram import SALT_SIZE


def find_user(exchange: Exchange, name: str) -> int | None:
    """Id of the group with this user name and a password."""
    for group_id, group in exchange.state.groups.items():
        if group.name == name and group.password is not None:
            return group_id
    return None


def salt_of(exchange: Exchange, name: str) -> bytes:
    """A salt for a user who has none: the same at every attempt, so that it tells nothing (decision D5)."""
    seed = f"{exchange.state[SERIAL_NUMBER]}:{name}".encode()
    return hashlib.blake2b(seed, digest_size=SALT_SIZE).digest()


def succeed(exchange: Exchange, group_id: int) -> None:
    """The session belongs to the group, with the lifetime that the group has now."""
    exchange.device.lockout.succeed()
    exchange.session.log_in(group_id, exchange.state.groups[group_id].lifetime)


def fail(exchange: Exchange, reason: str) -> NoReturn:
    """Refuses a login; the one that locks the Tap also ends the connection, after its answer (D5).

    Raises:
        PeerError: always, 86.
    """
    exchange.session.challenge = None
    if exchange.device.lockout.fail(exchange.device.clock.now()):
        exchange.device.close_after_answer(exchange.connection, "too many failed logins")
        exchange.device.tell("locked", exchange.connection, reason)
        reason += "; logins are locked now"
    raise PeerError(reason, ResultCode.NOT_ACCEPTABLE)
