"""What an eavesdropper knows to open encrypted traffic: passwords, keys of users, sessions that were seen before."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from protocol.bodies.scram import ScramChallenge, ScramLogin
from protocol.client.core import MAX_ITERATIONS
from protocol.crypto import ZERO_IV, FrameCipher
from protocol.scram import KEY_SIZE, RECORD_SIZE, PasswordKey, password_hash

_REMEMBERED: Final = 8
"""Ended sessions that are kept, for hosts that go on with one over a new connection."""

Ivs = tuple[bytes, bytes]
"""Initialization vectors of requests and of answers."""
ZERO_IVS: Final[Ivs] = (ZERO_IV, ZERO_IV)


class Keyring:
    """Shared by all connections of a recording.

    Args:
        passwords: by user name.
    """

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self.passwords = dict(passwords)
        self._hashes = {password_hash(password) for password in passwords.values()}
        self._records: dict[bytes, PasswordKey] = {}
        self._sessions: list[tuple[FrameCipher, Ivs]] = []

    def learn_password(self, password: str) -> None:
        """A password went by in clear."""
        self._hashes.add(password_hash(password))

    def learn_secret(self, written: bytes) -> None:
        """A password went by as a Tap keeps it: a hash or a SCRAM key."""
        if len(written) == RECORD_SIZE:
            self._records[written] = PasswordKey.from_bytes(written)
        elif len(written) >= KEY_SIZE:
            self._hashes.add(written[:KEY_SIZE])

    def session_key(self, login: ScramLogin, challenge: ScramChallenge, proof: bytes) -> bytes | None:
        """The key of a SCRAM session, if the client's proof was made with a password that is known."""
        nonces = login.client_nonce, challenge.server_nonce
        for key in self._candidates(challenge):
            if key.client_proof(*nonces) == proof:
                return key.session_key(*nonces)
        return None

    def _candidates(self, challenge: ScramChallenge) -> Iterator[PasswordKey]:
        yield from (key for key in self._records.values() if key.salt == challenge.salt)
        if 1 <= challenge.iterations <= MAX_ITERATIONS:
            for hashed in list(self._hashes):
                yield _derive(hashed, challenge.salt, challenge.iterations)

    def remember(self, cipher: FrameCipher, ivs: Ivs) -> None:
        """A connection with this session has ended."""
        self._sessions = [(cipher, ivs), *self._sessions][:_REMEMBERED]

    @property
    def sessions(self) -> list[tuple[FrameCipher, Ivs]]:
        """Sessions of connections that are over, the newest first."""
        return self._sessions


@lru_cache(maxsize=256)
def _derive(hashed: bytes, salt: bytes, iterations: int) -> PasswordKey:
    return PasswordKey.derive(hashed, salt, iterations)
