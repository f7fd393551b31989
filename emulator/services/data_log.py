"""Object 1031: the data log."""

from emulator.exchange import Exchange
from emulator.services.binding import handles
from protocol.packets import SinglePacket


@handles("data_log.is_running")
def is_running(exchange: Exchange, _: None) -> bool:
    """Without rolling mode a full log has stopped by itself (D14)."""
    return exchange.device.data_log.running


@handles("data_log.run")
def run(exchange: Exchange, _: None) -> None:
    """Whoever starts it is the sender of its packets (OQ41)."""
    exchange.device.data_log.run(exchange.session.group_id)


@handles("data_log.stop")
def stop(exchange: Exchange, _: None) -> None:
    """Stopping a log that does not run is no mistake."""
    exchange.device.data_log.stop()


@handles("data_log.flush")
def flush(exchange: Exchange, _: None) -> None:
    """A log that runs goes on (OQ45)."""
    exchange.device.data_log.flush()


@handles("data_log.get_packet_count")
def get_packet_count(exchange: Exchange, _: None) -> int:
    """Its capacity has two bytes too, so the count fits."""
    return len(exchange.state.packets)


@handles("data_log.dequeue_one_packet")
def dequeue_one_packet(exchange: Exchange, _: None) -> SinglePacket:
    """The packet is gone once its answer is on its way; no client acknowledges one."""
    return exchange.device.data_log.dequeue()
