"""Object 3: reboot, factory reset, clock."""

from emulator.exchange import Exchange
from emulator.services.binding import handles
from protocol.codes import ResultCode
from protocol.errors import PeerError

_ERROR_CODE = "device.last_error_code"


@handles("device.get_firmware_version")
def get_firmware_version(exchange: Exchange, _: None) -> str:
    """The version as dotted numbers, which is what clients parse."""
    return str(exchange.device.firmware)


@handles("device.reboot")
def reboot(exchange: Exchange, _: None) -> None:
    """Answers first, then closes the links and restarts (decision D12)."""
    exchange.device.reboot_after_answer()


@handles("device.factory_reset")
def factory_reset(exchange: Exchange, _: None) -> None:
    """Erases the configuration; key and login of the open sessions stay (D12)."""
    if exchange.state["interface.security_options"].disable_resource_factory_reset:
        raise PeerError("factory reset by resource is disabled", ResultCode.RESOURCE_LOCKED)
    exchange.state.factory_reset()


@handles("device.post_last_error_code")
def post_last_error_code(exchange: Exchange, _: None) -> None:
    """Accepted without effect."""


@handles("device.reset_last_error_code")
def reset_last_error_code(exchange: Exchange, _: None) -> None:
    """No error any more."""
    exchange.state.post(_ERROR_CODE, 0)


@handles("device.get_current_time")
def get_current_time(exchange: Exchange, _: None) -> str:
    """Seconds since 1970 as text."""
    return str(exchange.device.wall_time())


@handles("device.put_current_time")
def put_current_time(exchange: Exchange, seconds: int) -> None:
    """Sets the clock; like that of a battery-backed module it goes on over a reboot."""
    exchange.device.time_offset += seconds - exchange.device.wall_time()
