"""Ciphers and checksums; the only module that needs a crypto library.

AES-128-CBC without padding of its own (frames are padded before they get here), and CRC-32/MPEG-2.
"""

import zlib
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from protocol.errors import UsageError

BLOCK: Final = 16
"""Bytes of a cipher block, a key and an initialization vector."""
ZERO_IV: Final = bytes(BLOCK)

_CBC: Final = CBC(ZERO_IV)
_ECB: Final = ECB()  # noqa: S305 - one half of CBC, see `FrameCipher`

_CRC_START: Final = 0xFFFFFFFF
_REVERSED_BITS: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def crc32_mpeg2(data: bytes, initial: int = _CRC_START) -> int:
    """CRC-32/MPEG-2: polynomial 04C11DB7, initial value FFFFFFFF, neither reflected nor inverted at the end.

    It is the mirror image of the CRC-32 of zlib: reverse the bits of every byte going in and of the 32 bits coming
    out, and undo the final inversion. So the work is one `bytes.translate` and one `zlib.crc32`, both in C.

    The CRC of a message together with its CRC, four bytes in big endian, is zero.

    Args:
        initial: result of the preceding part, to go on from there.
    """
    start = 0 if initial == _CRC_START else _mirror(initial)
    return _mirror(zlib.crc32(data.translate(_REVERSED_BITS), start))


def _mirror(crc: int) -> int:
    """Turns one kind of CRC into the other."""
    return int.from_bytes((crc ^ 0xFFFFFFFF).to_bytes(4, "little").translate(_REVERSED_BITS), "big")


class FrameCipher:
    """AES-128-CBC under one session key; each message starts again from the initialization vector it is given.

    To set up a cipher costs several times what it costs to encrypt a frame, so both are set up once per key, and the
    vector is brought in by hand. Decryption is ECB and then an XOR. An encryptor chains from the last block that it
    made; that block and the vector are XORed into the first block of the message, where the former cancels out.
    """

    __slots__ = ("_decrypt", "_encrypt", "_last_block", "key")

    def __init__(self, key: bytes) -> None:
        if len(key) != BLOCK:
            raise UsageError(f"a session key has {BLOCK} bytes, not {len(key)}")
        self.key = key
        aes = AES(key)
        self._encrypt = Cipher(aes, _CBC).encryptor().update
        self._decrypt = Cipher(aes, _ECB).decryptor().update
        self._last_block = 0

    def encrypt(self, iv: bytes, plain: bytes) -> bytes:
        """Ciphertext of whole blocks.

        Raises:
            UsageError: the message does not consist of whole blocks.
        """
        _check_blocks(plain)
        first = int.from_bytes(plain[:BLOCK], "big") ^ int.from_bytes(iv, "big") ^ self._last_block
        ciphertext = self._encrypt(first.to_bytes(BLOCK, "big") + plain[BLOCK:])
        self._last_block = int.from_bytes(ciphertext[-BLOCK:], "big")
        return ciphertext

    def decrypt(self, iv: bytes, ciphertext: bytes) -> bytes:
        """Plaintext of whole blocks; its padding and CRC are the business of `protocol.frames`.

        Raises:
            UsageError: the message does not consist of whole blocks.
        """
        _check_blocks(ciphertext)
        chained = int.from_bytes(iv + ciphertext[:-BLOCK], "big")
        return (int.from_bytes(self._decrypt(ciphertext), "big") ^ chained).to_bytes(len(ciphertext), "big")


def _check_blocks(message: bytes) -> None:
    if not message or len(message) % BLOCK:
        raise UsageError(f"{len(message)} bytes are no whole blocks of {BLOCK}")
