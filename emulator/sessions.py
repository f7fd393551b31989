"""Sessions: who is logged in, and how frames are encrypted.

The encryption of a session is a small state machine, written as the table `TRANSITIONS`. Theory, from running both
generations of the vendor's client (decisions D8 and D9):

* A key made in clear starts afresh: initialization vectors (IVs) are zero.
* A key made inside the encrypted session replaces the old one and keeps the IVs.
* After a SCRAM login in clear the clients disagree about the IVs, so the first frame decides: zero, if its CRC is
  right under them, else those that the session had.
* The answer to a frame is encrypted as the frame was, whatever the frame changed.
"""

from contextlib import suppress
from enum import Enum
from typing import Final, NamedTuple

from emulator import remembered
from emulator.blueprint import ANONYMOUS, Rules
from emulator.remembered import Remembered
from protocol.bodies.scram import ScramLogin
from protocol.codes import ResultCode
from protocol.crypto import BLOCK, ZERO_IV, FrameCipher
from protocol.errors import FrameError, PeerError
from protocol.frames import EncryptedFrame
from protocol.scram import PasswordKey


class Encryption(Enum):
    """State of the encryption of a session."""

    CLEAR = "no key"
    KEYED = "key and IVs are agreed"
    UNSETTLED = "key is agreed, the first frame decides about the IVs"


class Event(Enum):
    """What changes the encryption of a session."""

    KEY_IN_CLEAR = "session key made in clear"
    KEY_ENCRYPTED = "session key made, or login, inside the encrypted session"
    LOGIN_IN_CLEAR = "SCRAM login in clear"
    IV_EXCHANGED = "IVs exchanged"
    FRAME = "encrypted frame opened"
    STOP = "encrypted session ended"


TRANSITIONS: Final = {
    (Encryption.CLEAR, Event.KEY_IN_CLEAR): Encryption.KEYED,
    (Encryption.CLEAR, Event.KEY_ENCRYPTED): Encryption.KEYED,
    (Encryption.CLEAR, Event.LOGIN_IN_CLEAR): Encryption.UNSETTLED,
    (Encryption.CLEAR, Event.IV_EXCHANGED): Encryption.CLEAR,
    (Encryption.CLEAR, Event.STOP): Encryption.CLEAR,
    (Encryption.KEYED, Event.KEY_IN_CLEAR): Encryption.KEYED,
    (Encryption.KEYED, Event.KEY_ENCRYPTED): Encryption.KEYED,
    (Encryption.KEYED, Event.LOGIN_IN_CLEAR): Encryption.UNSETTLED,
    (Encryption.KEYED, Event.IV_EXCHANGED): Encryption.KEYED,
    (Encryption.KEYED, Event.FRAME): Encryption.KEYED,
    (Encryption.KEYED, Event.STOP): Encryption.CLEAR,
    (Encryption.UNSETTLED, Event.KEY_IN_CLEAR): Encryption.KEYED,
    (Encryption.UNSETTLED, Event.LOGIN_IN_CLEAR): Encryption.UNSETTLED,
    (Encryption.UNSETTLED, Event.IV_EXCHANGED): Encryption.KEYED,
    (Encryption.UNSETTLED, Event.FRAME): Encryption.KEYED,
    (Encryption.UNSETTLED, Event.STOP): Encryption.CLEAR,
}
"""A key can be made inside the encrypted session after its end: both in one multi-request. What is missing cannot
happen, since an opened frame settles the IVs; a frame without a key is refused before it gets here."""


class IvPair(NamedTuple):
    """Initialization vectors: of requests, made by the client, and of answers, made by the Tap."""

    request: bytes
    answer: bytes


ZERO_IVS: Final = IvPair(ZERO_IV, ZERO_IV)


class Challenge(NamedTuple):
    """A SCRAM login between its two steps."""

    login: ScramLogin
    server_nonce: int
    group_id: int | None
    """None for a user who cannot log in; the proof is then wrong whatever it is."""
    key: PasswordKey | None


class Session(Remembered):
    """One login and one encrypted channel; belongs to a connection, or to the Tap (`Rules.hosts`)."""

    __slots__ = (
        "challenge",
        "cipher",
        "encryption",
        "frame_id",
        "group_id",
        "ivs",
        "last_request",
        "lifetime",
        "rules",
    )

    KEPT = remembered.kept(
        group_id=remembered.value,
        lifetime=remembered.value,
        last_request=remembered.instant,
        challenge=remembered.value,
        encryption=remembered.value,
        cipher=remembered.value,
        ivs=remembered.value,
        frame_id=remembered.value,
    )
    """A cipher is kept as it is: what it encrypted before makes no difference to what it encrypts next."""
    FIXED = ("rules",)

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.group_id = ANONYMOUS
        self.lifetime = 0
        """Seconds after which a silent login ends; 0 is without end. Taken at login, as the vendor's app says."""
        self.last_request = 0.0
        self.challenge: Challenge | None = None
        self.encryption = Encryption.CLEAR
        self.cipher: FrameCipher | None = None
        self.ivs = ZERO_IVS
        self.frame_id: int | None = None

    @property
    def logged_in(self) -> bool:
        """Somebody other than anonymous."""
        return self.group_id != ANONYMOUS

    def expire(self, now: float) -> bool:
        """Ends a login whose lifetime is over (decision D7), and says whether it did."""
        over = self.logged_in and self.lifetime > 0 and now - self.last_request >= self.lifetime
        if over:
            self.log_out()
        return over

    def touch(self, now: float) -> None:
        """Notes a request of whoever holds the session."""
        self.last_request = now

    def log_in(self, group_id: int, lifetime: int) -> None:
        """The session now belongs to this group."""
        self.group_id = group_id
        self.lifetime = lifetime
        self.challenge = None

    def log_out(self) -> None:
        """The session is anonymous again; its encryption stays."""
        self.group_id = ANONYMOUS
        self.lifetime = 0
        self.challenge = None

    def set_key(self, key: bytes, event: Event) -> None:
        """A new session key; which IVs go with it depends on how it was made."""
        if event is Event.KEY_IN_CLEAR:
            self.ivs = ZERO_IVS
        self.cipher = FrameCipher(key)
        self.frame_id = None
        self._happen(event)
        if self.encryption is Encryption.UNSETTLED and self.rules.iv_after_clear_login != "either":
            if self.rules.iv_after_clear_login == "zero":
                self.ivs = ZERO_IVS
            self._happen(Event.FRAME)

    def set_ivs(self, ivs: IvPair) -> None:
        """IVs that hold from the next frame."""
        self.ivs = ivs
        self._happen(Event.IV_EXCHANGED)

    def stop_encryption(self) -> None:
        """Forgets key and IVs."""
        self.cipher = None
        self.ivs = ZERO_IVS
        self.frame_id = None
        self._happen(Event.STOP)

    def open_frame(self, ciphertext: bytes, iv: bytes | None = None) -> EncryptedFrame:
        """Decrypts and checks a request.

        Args:
            iv: the vector that came with the frame, where one did.

        Raises:
            PeerError: 81 without a key, 80 for a frame that is not right.
        """
        if self.cipher is None:
            raise PeerError("encrypted frame without a session key", ResultCode.UNAUTHORIZED)
        size, most = len(ciphertext), self.rules.max_ciphertext
        if not 0 < size <= most or size % BLOCK:
            raise FrameError(f"ciphertext of {size} bytes; expected a multiple of {BLOCK} up to {most}")
        if iv is not None:
            return EncryptedFrame.from_plaintext(self.cipher.decrypt(iv, ciphertext))
        if self.encryption is Encryption.UNSETTLED:
            with suppress(FrameError):
                EncryptedFrame.from_plaintext(self.cipher.decrypt(ZERO_IV, ciphertext))
                self.ivs = ZERO_IVS
        frame = EncryptedFrame.from_plaintext(self.cipher.decrypt(self.ivs.request, ciphertext))
        self._happen(Event.FRAME)
        return frame

    def _happen(self, event: Event) -> None:
        self.encryption = TRANSITIONS[self.encryption, event]
