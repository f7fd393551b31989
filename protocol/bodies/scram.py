"""Bodies of the SCRAM service: login, proofs and the carriers of encrypted frames."""

from dataclasses import dataclass
from typing import Final

from construct import Bytes, GreedyBytes, Int32ub, Struct

from protocol.bodies.interface import NAME_SIZE
from protocol.crypto import BLOCK
from protocol.scram import KEY_SIZE, SALT_SIZE
from protocol.values import Body, FixedText, Record, fixed_bytes


@dataclass(frozen=True, slots=True)
class ScramLogin:
    """Step 1, client to Tap."""

    username: str
    client_nonce: int


@dataclass(frozen=True, slots=True)
class ScramChallenge:
    """Step 1, Tap to client."""

    server_nonce: int
    salt: bytes
    iterations: int


@dataclass(frozen=True, slots=True)
class IvFrame:
    """A ciphertext and the initialization vector that it was made with."""

    iv: bytes
    ciphertext: bytes


SCRAM_LOGIN: Final = Body(
    "scramLoginParams",
    Record(ScramLogin, Struct("username" / FixedText(NAME_SIZE), "client_nonce" / Int32ub)),
    ScramLogin,
)
SCRAM_CHALLENGE: Final = Body(
    "scramLoginResponseBody",
    Record(ScramChallenge, Struct("server_nonce" / Int32ub, "salt" / Bytes(SALT_SIZE), "iterations" / Int32ub)),
    ScramChallenge,
)
PROOF: Final = fixed_bytes("loginProof", KEY_SIZE)
SESSION_KEY: Final = fixed_bytes("sessionKey", BLOCK)
INITIALIZATION_VECTOR: Final = fixed_bytes("initializationVector", BLOCK)
CIPHERTEXT: Final = Body("ciphertext", GreedyBytes, bytes, reader=bytes, writer=bytes)
ENCRYPTED_IV_REQUEST: Final = Body(
    "encryptedIVRequest", Record(IvFrame, Struct("iv" / Bytes(BLOCK), "ciphertext" / GreedyBytes)), IvFrame
)
ENCRYPTED_IV_RESPONSE: Final = Body(
    "encryptedIVResponse", Record(IvFrame, Struct("iv" / Bytes(BLOCK), "ciphertext" / GreedyBytes)), IvFrame
)
