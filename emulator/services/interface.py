"""The interface service: clear and hashed login, identity of the session, configuration version, multi-request."""

import hmac

from emulator import credentials
from emulator.blueprint import ADMIN, Quirk
from emulator.exchange import Exchange
from emulator.services import login
from emulator.services.binding import handles
from protocol.bodies.interface import LoginCredentialHashed, MaxFrameSize, SecurityOptions
from protocol.bodies.multi_request import MULTI_RESPONSE, MultiRequestItem
from protocol.codes import HostProtocol, ResultCode
from protocol.errors import PeerError
from protocol.firmware import Version
from protocol.frames import Response


@handles("interface.login_with_hash")
def login_with_hash(exchange: Exchange, credential: LoginCredentialHashed) -> None:
    """Compares the hash or the clear password, as the security options say."""
    options: SecurityOptions = exchange.state["interface.security_options"]
    lenient = Quirk.LENIENT_LOGIN in exchange.rules.quirks
    if options.scram_activated and not lenient:
        raise PeerError("only SCRAM logins are enabled", ResultCode.RESOURCE_LOCKED)
    group_id = login.find_user(exchange, credential.username)
    kept = None if group_id is None else exchange.state.groups[group_id].password
    by_hash = (options.hash_password or lenient) and credentials.matches_hash(kept, credential.password)
    in_clear = (not options.hash_password or lenient) and credentials.matches_clear(kept, credential.password)
    if group_id is None or not (by_hash or in_clear):
        login.fail(exchange, f"wrong user name or password of {credential.username!r}")
    login.succeed(exchange, group_id)


@handles("interface.login_with_uid")
def login_with_uid(exchange: Exchange, uid: bytes) -> None:
    """Opens an admin session, unless the security options disable it."""
    if exchange.state["interface.security_options"].disable_login_with_uid:
        raise PeerError("login with the UID is disabled", ResultCode.RESOURCE_LOCKED)
    if not hmac.compare_digest(uid, exchange.state["interface.uid"]):
        login.fail(exchange, "wrong UID")
    login.succeed(exchange, ADMIN)


@handles("interface.logout")
def logout(exchange: Exchange, _: None) -> None:
    """Key and IVs stay, so that the answer still reaches a client that forgets them on logout."""
    exchange.session.log_out()


@handles("interface.get_current_profile_id")
def get_current_profile_id(exchange: Exchange, _: None) -> int:
    """The alias of the session's group (OQ22)."""
    return exchange.profile_id


@handles("interface.get_current_group_id")
def get_current_group_id(exchange: Exchange, _: None) -> int:
    """The group that logged in; 0 is anonymous."""
    return exchange.session.group_id


@handles("interface.get_current_host_protocol")
def get_current_host_protocol(exchange: Exchange, _: None) -> HostProtocol:
    """The interface of the asking connection."""
    return exchange.connection.protocol


@handles("interface.put_current_host_protocol")
def put_current_host_protocol(exchange: Exchange, protocol: HostProtocol) -> None:
    """The exchange cannot move to another interface."""
    if protocol != exchange.connection.protocol:
        raise PeerError("this exchange is on another interface", ResultCode.NOT_ACCEPTABLE)


@handles("interface.keep_alive")
def keep_alive(exchange: Exchange, _: None) -> int:
    """Remaining seconds of the session (decision D7); being a request, it has just restored all of them."""
    return exchange.session.lifetime


@handles("interface.put_config_version")
def put_config_version(exchange: Exchange, version: Version) -> None:
    """255.255.65535 enters configuration mode, a final version leaves it (D11)."""
    exchange.state.put_config_version(version)


@handles("interface.reload_config")
def reload_config(exchange: Exchange, _: None) -> None:
    """Every write takes effect at once, so there is nothing left to apply; the connection survives (OQ34)."""


@handles("interface.get_current_host_protocol_max_frame_size")
def get_current_host_protocol_max_frame_size(exchange: Exchange, _: None) -> MaxFrameSize:
    """The limits of the asking link."""
    return exchange.connection.frame_size


@handles("interface.get_available_host_protocols")
def get_available_host_protocols(exchange: Exchange, _: None) -> HostProtocol:
    """What the configured hardware has, and every interface that this Tap really serves."""
    configured: HostProtocol = exchange.state["interface.available_host_protocols"]
    return configured | exchange.device.host_protocols | exchange.connection.protocol


@handles("interface.execute_multi_request_frame")
def execute_multi_request_frame(exchange: Exchange, items: list[MultiRequestItem]) -> list[Response]:
    """Stops at the first unexpected result: the items after it answer BA, so that the counts agree (D18).

    An answer that does not fit is refused where it is made, so that nothing is done whose answer gets lost.
    """
    if exchange.in_multi_request:
        raise PeerError("a multi-request inside a multi-request")
    least = len(MULTI_RESPONSE.encode([Response(ResultCode.OK)]))
    exchange.check_room(1 + least * len(items))
    room = exchange.room - 1 - least * len(items)
    responses: list[Response] = []
    expected = True
    for item in items:
        response = Response(ResultCode.TARGET_PROTOCOL_ABORT)
        if expected:
            response = exchange.execute(item.request, 1 + room)
            expected = item.accepts(response)
        room -= len(response.body)
        responses.append(response)
    return responses
