"""Update files: what `tap-emulator firmware pack` and `firmware show` do."""

from pathlib import Path

from protocol.bodies.single_packet import chunks_of
from protocol.crypto import crc32_mpeg2
from protocol.errors import UsageError
from protocol.firmware import Version
from protocol.packets import decode_packet
from protocol.update import DEFAULT_BODY_SIZE, new_image, pack_update, unpack_update


def pack(version: Version, output: Path, size: int | None) -> list[str]:
    """Writes an update file; lines that say what is in it.

    Raises:
        UsageError: it would be larger than a packet may be.
        OSError: it cannot be written.
    """
    output.write_bytes(pack_update(new_image(version, DEFAULT_BODY_SIZE if size is None else size)))
    return show(output)


def show(file: Path) -> list[str]:
    """Lines that say which firmware a file brings, and how a client sends it.

    Raises:
        UsageError: not an update file, or damaged.
        OSError: it cannot be read.
    """
    data = file.read_bytes()
    try:
        image = unpack_update(data)
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from error
    header = decode_packet(data).header
    return [
        f"{file}: firmware {image.version}",
        f"image of {len(image.body)} bytes, in a {header.message_type.name} packet from sender {header.sender_id:02X}",
        f"{len(data)} bytes to send in {len(chunks_of(data))} chunks, CRC {crc32_mpeg2(data):08x}",
    ]
