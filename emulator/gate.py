"""Why a request is refused before its handler sees it.

Each check names its reason, and the first that objects decides. What a handler itself refuses (a wrong password, a
value out of range) is raised there, with the same error.
"""

from typing import Final

from emulator.blueprint import ADMIN, Quirk
from emulator.exchange import Exchange
from protocol.codes import ResultCode
from protocol.errors import PeerError
from protocol.resources.model import Access
from protocol.resources.registry import Entry, Missing

_MISSING: Final = {
    Missing.PATH: ResultCode.NOT_FOUND,
    Missing.METHOD: ResultCode.METHOD_NOT_ALLOWED,
    Missing.FIRMWARE: ResultCode.NOT_IMPLEMENTED,
}
"""Decision D2."""


def admit(exchange: Exchange) -> Entry:
    """The row of an allowed request.

    Raises:
        PeerError: the request is refused, with result code and reason.
    """
    request = exchange.request
    entry = exchange.device.catalogue.find(request.method, request.path)
    if isinstance(entry, Missing):
        raise PeerError(f"{entry.value} (firmware {exchange.device.firmware})", _MISSING[entry])
    for check in CHECKS:
        check(exchange, entry)
    return entry


def one_host(exchange: Exchange, entry: Entry) -> None:
    """With ``hosts: single`` the first connection is served and the others wait (decision D4)."""
    if not exchange.device.holds_tap(exchange.connection):
        raise PeerError("another host is connected", ResultCode.DEVICE_UNAVAILABLE)


def lockout(exchange: Exchange, entry: Entry) -> None:
    """Logins are refused for a while after too many failures (D5)."""
    if entry.call.access is Access.LOGIN:
        seconds = exchange.device.lockout.remaining(exchange.device.clock.now())
        if seconds:
            raise PeerError(f"logins are locked for another {seconds:.0f} s", ResultCode.SERVICE_UNAVAILABLE)


def access_right(exchange: Exchange, entry: Entry) -> None:
    """Who may make the call (D11, D13)."""
    access = entry.call.access
    if access in (Access.ANYONE, Access.LOGIN) or exchange.state.factory or exchange.is_admin:
        return
    if access is Access.LOGGED_IN and exchange.session.logged_in:
        return
    if access is Access.SUPERVISOR and exchange.is_supervisor and exchange.group_id != ADMIN:
        return
    whose = "the admin only" if exchange.is_supervisor else f"{access.value} only"
    raise PeerError(f"{entry.id} is for {whose}", ResultCode.UNAUTHORIZED)


def configuration_mode(exchange: Exchange, entry: Entry) -> None:
    """Where it is enforced, stored configuration is written in configuration mode only (D11)."""
    if not entry.call.configures or Quirk.STRICT_CONFIGURATION_MODE not in exchange.rules.quirks:
        return
    if not exchange.state.configuring and not exchange.state.factory:
        raise PeerError("not in configuration mode", ResultCode.RESOURCE_LOCKED)


CHECKS: Final = (one_host, lockout, access_right, configuration_mode)
