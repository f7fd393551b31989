"""Why a request is refused before its handler sees it.

Each check names its reason, and the first that objects decides. What a handler itself refuses (a wrong password, a
value out of range) is raised there, with the same error.
"""

from collections.abc import Callable, Iterator
from typing import Final

from emulator.access import Subject, decide, open_to_all
from emulator.blueprint import Quirk
from emulator.exchange import Exchange
from emulator.state import State
from protocol.bodies.interface import NfcConnectionPriority, NfcPairingMode, ServiceCode
from protocol.codes import HostProtocol, Method, ResultCode
from protocol.errors import PeerError
from protocol.resources.model import Access
from protocol.resources.registry import ENTRIES, RESOURCES, Entry, Missing

_DATA_LOG: Final = 1031

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
    for check in _CHECKS_OF[entry.id]:
        check(exchange, entry)
    return entry


def may_connect(state: State, protocol: HostProtocol) -> bool:
    """Whether hosts may connect over an interface: it is authorised, or the Tap is being configured."""
    return _is_open(state) or bool(protocol & state["interface.authorized_host_protocol"])


def host_protocol(exchange: Exchange, entry: Entry) -> None:
    """A host on an interface that was not authorised when it connected gets nothing but this refusal (D6)."""
    if not exchange.connection.authorized:
        name = exchange.connection.protocol.name
        raise PeerError(f"{name} is not among the authorised host protocols", ResultCode.RESOURCE_LOCKED)


def one_host(exchange: Exchange, entry: Entry) -> None:
    """With ``hosts: single`` the first connection is served and the others wait, unless NFC goes first (D4)."""
    device, connection = exchange.device, exchange.connection
    if device.rules.hosts == "many" or not connection.open:  # closed by an earlier item of the same multi-request
        return
    holder = device.holder
    if holder is connection:
        return
    by_nfc = connection.protocol == HostProtocol.NFC != holder.protocol
    if not (by_nfc and _nfc_goes_first(exchange.state)):
        raise PeerError("another host is connected", ResultCode.DEVICE_UNAVAILABLE)
    device.take_over(connection, "a host on NFC goes first (/1024//24)")


def lockout(exchange: Exchange, entry: Entry) -> None:
    """Logins are refused for a while after too many failures (D5)."""
    seconds = exchange.device.lockout.remaining(exchange.device.clock.now())
    if seconds:
        raise PeerError(f"logins are locked for another {seconds:.0f} s", ResultCode.SERVICE_UNAVAILABLE)


def nfc_pairing(exchange: Exchange, entry: Entry) -> None:
    """A Tap that has to be paired by NFC first refuses other interfaces until it is (OQ24)."""
    device, state = exchange.device, exchange.state
    mode: NfcPairingMode = state["interface.nfc_pairing_mode"]
    if mode is NfcPairingMode.NO or device.paired or exchange.connection.protocol == HostProtocol.NFC:
        return
    if not _is_open(state) and _REFUSED_UNPAIRED[mode](entry):
        raise PeerError(f"{entry.id}: the Tap has to be paired by NFC first", ResultCode.UNAUTHORIZED)


def access_right(exchange: Exchange, entry: Entry) -> None:
    """Who may make the call (D11, D13)."""
    session = exchange.session
    subject = Subject(exchange.state, session.group_id, exchange.profile_id, exchange.request.path.instance)
    decision = decide(subject, entry)
    if not decision.allowed:
        raise PeerError(f"{entry.id}: {decision.reason}", ResultCode.UNAUTHORIZED)


def configuration_mode(exchange: Exchange, entry: Entry) -> None:
    """Where it is enforced, stored configuration is written in configuration mode only (D11)."""
    if Quirk.STRICT_CONFIGURATION_MODE not in exchange.rules.quirks:
        return
    if not exchange.state.configuring and not exchange.state.factory:
        raise PeerError("not in configuration mode", ResultCode.RESOURCE_LOCKED)


def service_enabled(exchange: Exchange, entry: Entry) -> None:
    """What needs a service that is switched off is refused; its settings are not (D6)."""
    service = _NEEDED_SERVICES[entry.resource.object, entry.resource.resource]
    if service & exchange.state["interface.disabled_services"]:
        raise PeerError(f"{entry.id}: the service {service.name} is disabled", ResultCode.RESOURCE_LOCKED)


_NEEDED_SERVICES: Final = {
    (row.object, row.resource): ServiceCode.DATALOG if row.object == _DATA_LOG else ServiceCode.JVM
    for row in RESOURCES
    if (row.object == _DATA_LOG and row.setting is None) or row.key == "jvm.code"
}
"""Resources that need a service which can be switched off, by object and resource number."""


def _checks_of(entry: Entry) -> Iterator[Callable[[Exchange, Entry], None]]:
    """The checks that can object to a call at all, in their order."""
    yield host_protocol
    yield one_host
    if _logins(entry):
        yield lockout
    if any(refused(entry) for refused in _REFUSED_UNPAIRED.values()):
        yield nfc_pairing
    if not open_to_all(entry):
        yield access_right
    if (entry.resource.object, entry.resource.resource) in _NEEDED_SERVICES:
        yield service_enabled
    if entry.call.configures:
        yield configuration_mode


def _nfc_goes_first(state: State) -> bool:
    priority: NfcConnectionPriority = state["interface.nfc_connection_priority"]
    return priority is NfcConnectionPriority.NFC_PRIORITY


def _is_open(state: State) -> bool:
    """Whoever configures a Tap may finish it, whatever is half written."""
    return state.factory or state.configuring


def _logins(entry: Entry) -> bool:
    return entry.call.access is Access.LOGIN


def _all_but_public_reading(entry: Entry) -> bool:
    public = entry.call.access is Access.ANYONE and entry.call.method is Method.GET
    return not public and entry.id != "interface.logout"


_REFUSED_UNPAIRED: Final[dict[NfcPairingMode, Callable[[Entry], bool]]] = {
    NfcPairingMode.MANDATORY: _all_but_public_reading,
    NfcPairingMode.MANDATORY_FOR_LOGIN: _logins,
}
"""What a Tap refuses that has not been paired."""

_CHECKS_OF: Final = {entry.id: tuple(_checks_of(entry)) for entry in ENTRIES}
