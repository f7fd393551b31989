"""What takes many requests: to configure a Tap, to update its firmware, to download its log.

Conversations as in `core`, in the order of the vendor's tools. Source: @iotize/tap 2.7.0.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from protocol.bodies.single_packet import chunks_of
from protocol.client.core import Conversation, Session
from protocol.client.data import Progress, silent
from protocol.codes import ResultCode
from protocol.crypto import crc32_mpeg2
from protocol.errors import RefusedError, UsageError
from protocol.frames import Request
from protocol.packets import SinglePacket

_WORD: Final = 4


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a configuration.

    Args:
        doc: what it writes, for people: ``bundle 1: name``.
    """

    doc: str
    request: Request


def configure(
    session: Session, steps: Sequence[Step], progress: Progress = silent, *, factory_reset: bool = True
) -> Conversation[None]:
    """Writes a whole configuration, encrypted where the firmware can, and logs out.

    Args:
        factory_reset: erase what is there first, as the vendor's configurator does; it needs the admin, unless the
            Tap is in factory state.

    Raises:
        RefusedError: the Tap refused a step, which the message names; the steps before it are written.
    """
    if factory_reset:
        yield from session.call("device.factory_reset")
    if not session.encrypted:
        with suppress(RefusedError):
            yield from session.encryption(True)
    for number, step in enumerate(steps):
        progress(number, len(steps))
        try:
            yield from session.request(step.request)
        except RefusedError as refusal:
            where = f"step {number + 1} of {len(steps)}, {step.doc}: {step.request}"
            raise RefusedError(refusal.code, where) from refusal
    progress(len(steps), len(steps))
    yield from session.logout()


def send_update(session: Session, file: bytes, progress: Progress = silent) -> Conversation[None]:
    """Hands an update file to the Tap, chunk by chunk; nothing happens before `execute_update`.

    Raises:
        UsageError: the file is no update file: its length is no multiple of 4.
        RefusedError: the Tap refused a chunk.
    """
    if not file or len(file) % _WORD:
        raise UsageError(f"an update file has a multiple of {_WORD} bytes, not {len(file)}")
    chunks = chunks_of(file)
    for number, chunk in enumerate(chunks):
        progress(number, len(chunks))
        yield from session.call("single_packet.write_chunk", chunk)
    progress(len(chunks), len(chunks))


def execute_update(session: Session, file: bytes) -> Conversation[None]:
    """Has the Tap execute the update that it was sent; it then restarts, some firmware without an answer.

    Raises:
        RefusedError: the Tap refused it; its firmware is as it was.
    """
    yield from session.call("single_packet.execute_single_packet_in_store", crc32_mpeg2(file))


def download_log(session: Session, progress: Progress = silent) -> Conversation[list[SinglePacket]]:
    """Takes all packets out of the data log, the oldest first; they are gone from the Tap then.

    Raises:
        RefusedError: the session may not read the log.
    """
    total: int = yield from session.call("data_log.get_packet_count")
    packets: list[SinglePacket] = []
    while True:
        progress(len(packets), max(total, len(packets)))
        try:
            packets.append((yield from session.call("data_log.dequeue_one_packet")))
        except RefusedError as refusal:
            if refusal.code != ResultCode.NOT_FOUND:
                raise
            return packets
