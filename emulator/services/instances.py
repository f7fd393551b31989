"""What groups, bundles and variables have in common."""

from collections.abc import Mapping
from typing import TypeVar

from emulator.exchange import Exchange
from protocol.codes import ResultCode
from protocol.errors import PeerError

T = TypeVar("T")


def existing(exchange: Exchange, instances: Mapping[int, T], kind: str) -> T:
    """The instance that the path names.

    Raises:
        PeerError: 84, there is none.
    """
    found = instances.get(exchange.instance)
    if found is None:
        raise PeerError(f"there is no {kind} {exchange.instance}", ResultCode.NOT_FOUND)
    return found


def check_room(exchange: Exchange, instances: Mapping[int, object]) -> None:
    """Makes sure that one more may be created.

    Raises:
        PeerError: A7, the memory of the Tap is full.
    """
    limit = exchange.rules.max_instances
    if len(instances) >= limit:
        raise PeerError(f"there are {limit} already, the memory is full", ResultCode.NVM_FULL)
