"""Password hash, SCRAM keys, proofs and session key.

It is not RFC 5802: nonces are 32-bit numbers, salts four bytes, proofs plain HMACs. Source: @iotize/tap 2.7.0
(evidence ``client``); the chain from password to stored key also reproduces records that IoTize Studio saved
(``sample``).
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from protocol.errors import UsageError

KEY_SIZE: Final = 16
SALT_SIZE: Final = 4
RECORD_SIZE: Final = 2 * KEY_SIZE + SALT_SIZE
LOGIN_DISABLED_SALT: Final = bytes(SALT_SIZE)
"""This salt in a record disables the login of its user. Source: comment in @iotize/tap 2.7.0."""

_HASH_SALT: Final = b"n0 salt in 1oTi2e"
_HASH_ITERATIONS: Final = 4096
_LABEL_ITERATIONS: Final = 2


def password_hash(password: str) -> bytes:
    """The 16 bytes that stand for a password on the wire and in configuration files (``Pwd`` of IoTize Studio)."""
    return hashlib.pbkdf2_hmac("sha1", password.encode(), _HASH_SALT, _HASH_ITERATIONS, KEY_SIZE)


@dataclass(frozen=True, slots=True)
class PasswordKey:
    """All that a Tap keeps of a password under SCRAM: 36 bytes, ``storedKey | serverKey | salt``."""

    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)
    salt: bytes

    @classmethod
    def derive(cls, hashed_password: bytes, salt: bytes, iterations: int) -> "PasswordKey":
        """Derives the record from `password_hash`; the cost is `iterations` rounds of HMAC-SHA256."""
        salted = hashlib.pbkdf2_hmac("sha256", hashed_password, salt, iterations, KEY_SIZE)
        stored_key, server_key = (
            hashlib.pbkdf2_hmac("sha256", salted, label, _LABEL_ITERATIONS, KEY_SIZE)
            for label in (b"ClientKey", b"ServerKey")
        )
        return cls(stored_key, server_key, salt)

    @classmethod
    def from_bytes(cls, record: bytes) -> "PasswordKey":
        """Reads a 36-byte record.

        Raises:
            UsageError: the record has another length.
        """
        if len(record) != RECORD_SIZE:
            raise UsageError(f"a SCRAM password key has {RECORD_SIZE} bytes, not {len(record)}")
        return cls(record[:KEY_SIZE], record[KEY_SIZE : 2 * KEY_SIZE], record[2 * KEY_SIZE :])

    def __bytes__(self) -> bytes:
        return self.stored_key + self.server_key + self.salt

    def client_proof(self, client_nonce: int, server_nonce: int) -> bytes:
        """What the client sends to show that it knows the password."""
        return _proof(self.stored_key, _u32(client_nonce) + self.stored_key + _u32(server_nonce))

    def server_proof(self, client_nonce: int, server_nonce: int) -> bytes:
        """What the Tap answers to show that it knows the user's keys."""
        return _proof(self.server_key, _u32(server_nonce) + self.server_key + _u32(client_nonce))

    def session_key(self, client_nonce: int, server_nonce: int) -> bytes:
        """The AES key on which both sides agree without sending it."""
        message = _u32(client_nonce) + self.server_key + self.salt + self.stored_key + _u32(server_nonce)
        return _proof(self.server_key, message)


def _proof(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")[:KEY_SIZE]


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "big")
