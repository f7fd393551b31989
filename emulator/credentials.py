"""Passwords as a Tap keeps them.

What a client last wrote is kept as it came: clear text, a hash of 16 bytes or a SCRAM key of 36. A login is checked in
the form that the security options ask for; a weaker form that is kept can be raised to a stronger one, never back.
"""

import hmac
from functools import lru_cache
from typing import Final

from protocol.bodies.interface import NAME_SIZE, SecurityOptions
from protocol.scram import KEY_SIZE, LOGIN_DISABLED_SALT, RECORD_SIZE, PasswordKey, password_hash

_LONG_HASH_SIZE: Final = 64
"""@iotize/device-client.js sends the whole 64-byte derivation, of which the first 16 bytes are the hash."""


def accepted_form(written: bytes, options: SecurityOptions) -> bytes | None:
    """The form in which a new password is kept, or None if it does not go with the security options.

    With both options off every form is accepted, because the vendor's configurator writes passwords before it writes
    the options.
    """
    size = len(written)
    if options.scram_activated:
        return written if size == RECORD_SIZE else None
    if size in (KEY_SIZE, _LONG_HASH_SIZE):
        return written[:KEY_SIZE]
    if options.hash_password:
        return None
    return written if 0 < size < NAME_SIZE or size == RECORD_SIZE else None


def matches_clear(kept: bytes | None, presented: bytes) -> bool:
    """Whether the clear password of a login, padded with NUL, is the one that is kept."""
    return kept is not None and hmac.compare_digest(presented, kept[:NAME_SIZE].ljust(NAME_SIZE, b"\0"))


def matches_hash(kept: bytes | None, presented: bytes) -> bool:
    """Whether the hash of a login is that of the password that is kept."""
    return kept is not None and hmac.compare_digest(presented, _hash_of(kept))


def scram_key(kept: bytes | None, salt: bytes, iterations: int) -> PasswordKey | None:
    """The keys of a user, or None if the user cannot log in.

    Args:
        salt: used where a clear password or a hash has to be raised to a key.
    """
    if kept is None:
        return None
    if len(kept) == RECORD_SIZE:
        key = PasswordKey.from_bytes(kept)
        return None if key.salt == LOGIN_DISABLED_SALT else key
    return _derive(_hash_of(kept), salt, iterations)


def _hash_of(kept: bytes) -> bytes:
    return kept if len(kept) == KEY_SIZE else _hash(kept.decode("latin-1"))


@lru_cache(maxsize=1024)
def _hash(password: str) -> bytes:
    return password_hash(password)


@lru_cache(maxsize=1024)
def _derive(hashed: bytes, salt: bytes, iterations: int) -> PasswordKey:
    return PasswordKey.derive(hashed, salt, iterations)
