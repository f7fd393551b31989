"""Single packets and their store: commands and firmware updates that come as one packet.

A packet is executed with the rights of the session that sends it. A command that is encrypted with the key of a user
has the rights of that user: only somebody who knows the password can have made it.
"""

from collections.abc import Callable
from typing import Any, Final

from emulator import credentials
from emulator.blueprint import ANONYMOUS, NEWEST_FIRMWARE
from emulator.exchange import Exchange
from emulator.services import login
from emulator.services.binding import handles
from emulator.sessions import Session
from protocol.bodies.single_packet import SinglePacketChunk, SinglePacketStoreInfo
from protocol.codes import ResultCode
from protocol.errors import BodyError, FrameError, PeerError
from protocol.firmware import Version
from protocol.frames import Request, Response
from protocol.packets import (
    BLANK_KEY,
    BLANK_SENDER,
    PacketKey,
    PacketType,
    SinglePacketHeader,
    SinglePacketPayload,
    decode_packet,
    open_packet,
    packet_ends,
    user_id_of,
)
from protocol.update import decode_image

OLDEST_UPDATE: Final = Version(1)
"""An update may bring any firmware from this one to the newest known."""

_SINGLE_PACKET_OBJECT: Final = 1024
_SINGLE_PACKET_RESOURCES: Final = range(80, 84)


@handles("single_packet.get_info")
def get_info(exchange: Exchange, _: None) -> SinglePacketStoreInfo:
    """The vendor's updater starts when the store is EMPTY."""
    return _info(exchange)


@handles("single_packet.get_store_info")
def get_store_info(exchange: Exchange, _: None) -> SinglePacketStoreInfo:
    """The same for older clients."""
    return _info(exchange)


def _info(exchange: Exchange) -> SinglePacketStoreInfo:
    return SinglePacketStoreInfo(exchange.device.packet_store.state)


@handles("single_packet.write_chunk")
def write_chunk(exchange: Exchange, chunk: SinglePacketChunk) -> None:
    """Clients write the chunks in order; what is in the store counts only once it is executed."""
    exchange.device.packet_store.write(chunk)


@handles("single_packet.execute_single_packet_in_store")
def execute_single_packet_in_store(exchange: Exchange, crc: int) -> None:
    """The store is erased even if the packet cannot be executed, and says so (OQ47, OQ48)."""
    store = exchange.device.packet_store
    packet = store.take(crc)
    try:
        execute(exchange, packet)
    except PeerError as error:
        store.fail()
        malformed = isinstance(error, BodyError | FrameError)  # the packet is, the request that executes it is not
        raise PeerError(error.reason, ResultCode.NOT_ACCEPTABLE if malformed else error.code) from error


@handles("single_packet.write_and_execute_bytes")
def write_and_execute_bytes(exchange: Exchange, packet: bytes) -> None:
    """The store takes no part in it."""
    execute(exchange, packet)


@handles("single_packet.write_small_single_packet")
def write_small_single_packet(exchange: Exchange, packet: bytes) -> None:
    """The same for older clients."""
    execute(exchange, packet)


def execute(exchange: Exchange, data: bytes) -> None:
    """Does what a packet asks for; zeros may follow it.

    Raises:
        PeerError: 80, it is no packet; 86, CRC or key is wrong, or what it brings; A1, nothing executes its type; or
            what its command is refused with.
    """
    header, payload = _open(exchange, data)
    action = _ACTIONS.get(header.message_type)
    if action is None:
        raise PeerError(f"{header.message_type.name} packets are not executed", ResultCode.NOT_IMPLEMENTED)
    action(exchange, header, payload.data)


def _open(exchange: Exchange, data: bytes) -> tuple[SinglePacketHeader, SinglePacketPayload]:
    """The packet in clear, at the end that makes its CRC right."""
    refusal = BodyError(f"single packet: {len(data)} bytes are fewer than its header announces")
    key: PacketKey | None = None
    for end in packet_ends(data):
        try:
            packet = decode_packet(data[:end])
            if isinstance(packet.payload, bytes):
                key = key or _key(exchange, packet.header.sender_id)
                packet = open_packet(packet, key)
        except BodyError as error:
            refusal = error
            continue
        assert isinstance(packet.payload, SinglePacketPayload)
        return packet.header, packet.payload
    raise refusal


def _key(exchange: Exchange, sender_id: int) -> PacketKey:
    """The key of a sender.

    Raises:
        PeerError: 86, there is no such user, or the user has no key.
    """
    if sender_id == BLANK_SENDER:
        return BLANK_KEY
    group = exchange.state.groups.get(_sender(exchange, sender_id))
    if group is not None:
        salt = login.salt_of(exchange, group.name)
        key = credentials.scram_key(group.password, salt, exchange.state["scram.hash_iteration"])
        if key is not None:
            return PacketKey.of_user(group.name, key)
    raise PeerError(f"sender {sender_id:02X} has no key", ResultCode.NOT_ACCEPTABLE)


def _sender(exchange: Exchange, sender_id: int) -> int:
    """The group of a sender. The vendor's client has 0 for everybody but admin and supervisor, so it stands for
    whoever is logged in."""
    return user_id_of(sender_id) if sender_id != ANONYMOUS else exchange.session.group_id


def _command(exchange: Exchange, header: SinglePacketHeader, data: bytes) -> None:
    """Executes a request frame; what it answers is not sent."""
    request = Request.from_bytes(data)
    path = request.path
    if path.object == _SINGLE_PACKET_OBJECT and path.resource in _SINGLE_PACKET_RESOURCES:
        raise PeerError("a single packet inside another")
    response = _execute_as(exchange, header, request)
    if not response.success:
        raise PeerError(f"the command {request} was refused", ResultCode(response.code))


def _execute_as(exchange: Exchange, header: SinglePacketHeader, request: Request) -> Response:
    """Executes with the rights of the session, or of the user whose key the packet has."""
    if not header.encryption or header.sender_id == BLANK_SENDER:
        return exchange.execute(request)
    connection, own = exchange.connection, exchange.session
    connection.session = Session(exchange.rules)
    connection.session.log_in(_sender(exchange, header.sender_id), lifetime=0)
    try:
        return exchange.execute(request)
    finally:
        connection.session = own


def _update(exchange: Exchange, header: SinglePacketHeader, data: bytes) -> None:
    install(exchange, firmware_in(data))


def firmware_in(image: bytes) -> Version:
    """The firmware that an update brings.

    Raises:
        PeerError: 86, it is no update, it is damaged, or nobody knows that firmware.
    """
    try:
        version = decode_image(image).version
    except BodyError as error:
        raise PeerError(error.reason, ResultCode.NOT_ACCEPTABLE) from error
    if not OLDEST_UPDATE <= version <= NEWEST_FIRMWARE:
        reason = f"firmware {version} is not known, expected {OLDEST_UPDATE} to {NEWEST_FIRMWARE}"
        raise PeerError(reason, ResultCode.NOT_ACCEPTABLE)
    return version


def install(exchange: Exchange, version: Version) -> None:
    """Restarts the Tap with another firmware, once that is kept.

    Raises:
        PeerError: A4, it could not be kept.
    """
    exchange.device.update_after_answer(version)
    exchange.state.commit()  # here, so that what cannot be kept is a failed execution


_ACTIONS: Final[dict[PacketType, Callable[[Exchange, SinglePacketHeader, bytes], Any]]] = {
    PacketType.COMMAND: _command,
    PacketType.CODE_EXEC: _update,
}
