"""The tapnpass service: commands and counters of the adapter between Tap and target."""

from emulator.exchange import Exchange
from emulator.services.binding import handles
from protocol.bodies.tapnpass import AdpControlIn, AdpControlOut, AdpStats


@handles("tapnpass.get_status")
def get_status(exchange: Exchange, _: None) -> AdpStats:
    """Seconds, starts and commands; everything else is 0."""
    return exchange.device.target.adapter.status(exchange.device.clock.now())


@handles("tapnpass.post_action")
def post_action(exchange: Exchange, action: bytes) -> None:
    """Taken and kept."""
    exchange.device.target.adapter.action = action


@handles("tapnpass.get_control_in")
def get_control_in(exchange: Exchange, _: None) -> AdpControlIn:
    """The last command."""
    return exchange.device.target.adapter.control_in


@handles("tapnpass.set_control_in")
def set_control_in(exchange: Exchange, command: AdpControlIn) -> None:
    """Executes it; a command that the adapter does not know is a result of its own, not a refusal."""
    exchange.device.target.adapter.execute(command)


@handles("tapnpass.get_control_out")
def get_control_out(exchange: Exchange, _: None) -> AdpControlOut:
    """Result of the last command."""
    return exchange.device.target.adapter.control_out


@handles("tapnpass.set_adp_control_out")
def set_adp_control_out(exchange: Exchange, result: AdpControlOut) -> AdpControlOut:
    """Overwrites the result."""
    exchange.device.target.adapter.control_out = result
    return result
