"""Object 5: the older way of firmware update, which current clients only ask for its state.

The vendor's texts say: NORMAL, UPDATING, UPDATED are asked for one after the other; the package is taken while
UPDATING; a CRC check says whether it is whole. That it brings an image of `protocol.update`, at address 0, is ours.
"""

from typing import Final

from emulator.exchange import Exchange
from emulator.services.binding import handles
from emulator.services.single_packet import firmware_in, install
from protocol.bodies.firmware import FIRMWARE_STATE, CrcCheckBody, FirmwareState, FirmwareUpdateResult
from protocol.codes import ResultCode
from protocol.crypto import crc32_mpeg2
from protocol.errors import PeerError

LARGEST_PACKAGE: Final = 0x80000
"""Bytes that an update may have this way; assumed."""

_STATE: Final = "firmware.state"
_RESULT: Final = "firmware.update_result"
_NEXT: Final = {
    FirmwareState.NORMAL: FirmwareState.UPDATING,
    FirmwareState.UPDATING: FirmwareState.UPDATED,
    FirmwareState.UPDATED: FirmwareState.NORMAL,
}


@handles("firmware.post_package")
def post_package(exchange: Exchange, block: bytes) -> None:
    """The blocks come in order; none says where it belongs."""
    store = exchange.device.packet_store
    _require(exchange, FirmwareState.UPDATING)
    if len(store.package) + len(block) > LARGEST_PACKAGE:
        raise PeerError(f"an update of more than {LARGEST_PACKAGE} bytes", ResultCode.NVM_FULL)
    store.package += block
    exchange.state.post(_RESULT, FirmwareUpdateResult.DEFAULT)


@handles("firmware.post_crc_check")
def post_crc_check(exchange: Exchange, zone: CrcCheckBody) -> None:
    """A wrong CRC is an outcome, no refusal."""
    _require(exchange, FirmwareState.UPDATING)
    data = exchange.device.packet_store.package[zone.address : zone.address + zone.size]
    right = len(data) == zone.size and crc32_mpeg2(data) == zone.crc
    outcome = FirmwareUpdateResult.SUCCESS if right else FirmwareUpdateResult.CRC_CHECK_FAILURE
    exchange.state.post(_RESULT, outcome)


@handles("firmware.post_update")
def post_update(exchange: Exchange, wanted: bytes) -> None:
    """UPDATED needs an update whose CRC was checked; NORMAL after it restarts the Tap with the new firmware."""
    state: FirmwareState = exchange.state[_STATE]
    following = FIRMWARE_STATE.decode(wanted) if wanted else _NEXT[state]
    if following not in (_NEXT[state], FirmwareState.NORMAL):
        raise PeerError(f"from {state.name} to {following.name}", ResultCode.NOT_ACCEPTABLE)
    store = exchange.device.packet_store
    if following is FirmwareState.UPDATING:
        store.package = b""
        exchange.state.post(_RESULT, FirmwareUpdateResult.DEFAULT)
    elif following is FirmwareState.UPDATED:
        if exchange.state[_RESULT] is not FirmwareUpdateResult.SUCCESS:
            raise PeerError("the package was not checked, or is damaged", ResultCode.RESOURCE_LOCKED)
        firmware_in(store.package)
    elif state is FirmwareState.UPDATED:
        install(exchange, firmware_in(store.package))
    exchange.state.post(_STATE, following)


def _require(exchange: Exchange, state: FirmwareState) -> None:
    current: FirmwareState = exchange.state[_STATE]
    if current is not state:
        raise PeerError(f"the Tap is {current.name}, not {state.name}", ResultCode.RESOURCE_LOCKED)
