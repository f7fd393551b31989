"""Ciphers and checksums; beside `protocol.scram` the only module that needs a crypto library.

AES-128-CBC without padding of its own (frames are padded before they get here), and CRC-32/MPEG-2.
"""

import zlib
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from protocol.errors import UsageError

BLOCK: Final = 16
"""Bytes of a cipher block, a key and an initialization vector."""
ZERO_IV: Final = bytes(BLOCK)

_REVERSED_BITS: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def crc32_mpeg2(data: bytes, initial: int = 0xFFFFFFFF) -> int:
    """CRC-32/MPEG-2: polynomial 04C11DB7, initial value FFFFFFFF, neither reflected nor inverted at the end.

    It is the mirror image of the CRC-32 of zlib: reverse the bits of every byte going in and of the 32 bits coming
    out, and undo the final inversion. So the work is one `bytes.translate` and one `zlib.crc32`, both in C.

    Args:
        initial: result of the preceding part, to go on from there.
    """
    mirrored = zlib.crc32(data.translate(_REVERSED_BITS), _reverse32(initial) ^ 0xFFFFFFFF)
    return _reverse32(mirrored ^ 0xFFFFFFFF)


def _reverse32(value: int) -> int:
    return int.from_bytes(value.to_bytes(4, "little").translate(_REVERSED_BITS), "big")


class FrameCipher:
    """AES-128-CBC under one session key; each message starts again from the initialization vector it is given."""

    __slots__ = ("_aes", "key")

    def __init__(self, key: bytes) -> None:
        if len(key) != BLOCK:
            raise UsageError(f"a session key has {BLOCK} bytes, not {len(key)}")
        self.key = key
        self._aes = AES(key)

    def encrypt(self, iv: bytes, plain: bytes) -> bytes:
        """Ciphertext of whole blocks."""
        encryptor = Cipher(self._aes, CBC(iv)).encryptor()
        return encryptor.update(plain) + encryptor.finalize()

    def decrypt(self, iv: bytes, ciphertext: bytes) -> bytes:
        """Plaintext of whole blocks; its padding and CRC are the business of `protocol.frames`."""
        decryptor = Cipher(self._aes, CBC(iv)).decryptor()
        return decryptor.update(ciphertext) + decryptor.finalize()
