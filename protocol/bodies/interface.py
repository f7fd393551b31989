"""Bodies of the interface service: login, security options, host protocol, NFC, services that can be switched off."""

from dataclasses import dataclass, field
from enum import STRICT, IntEnum, IntFlag
from typing import Final

from construct import BitStruct, Bytes, Flag, Int8ub, Int16ub, Padding, Select, Struct

from protocol.codes import HostProtocol
from protocol.values import Body, FixedText, Record, enumeration

NAME_SIZE: Final = 16
"""Bytes of a user name or a clear password in a login."""


class NfcPairingMode(IntEnum):
    """Whether somebody has to touch the Tap with a phone before it serves other interfaces."""

    NO = 0
    MANDATORY = 1
    MANDATORY_FOR_LOGIN = 2


class NfcConnectionPriority(IntEnum):
    """Whether a new contact over NFC ends the connection of another interface."""

    NFC_PRIORITY = 0
    NFC_NON_PRIORITY = 1


class LowPowerOptimizationLevel(IntEnum):
    """What the Tap does while no host talks to it."""

    NO = 0
    STANDBY = 2
    SHUTDOWN = 3


class ServiceCode(IntFlag, boundary=STRICT):
    """Services that can be switched off."""

    DATALOG = 1
    JVM = 2


@dataclass(frozen=True, slots=True)
class LoginCredential:
    """User name and clear password, at most 16 characters each."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoginCredentialHashed:
    """User name and the 16 bytes of `protocol.scram.password_hash`."""

    username: str
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecurityOptions:
    """The lock bits of a Tap; IoTize Studio stores the same number as ``InterfaceLock``."""

    scram_activated: bool = False
    hash_password: bool = False
    disable_hardware_factory_reset: bool = False
    disable_login_with_uid: bool = False
    disable_resource_factory_reset: bool = False

    @classmethod
    def from_bits(cls, bits: int) -> "SecurityOptions":
        """Reads the low byte, as configuration files write it: 24 is SCRAM with hashed passwords."""
        return SECURITY_OPTIONS.decode(bits.to_bytes(2, "big"))


@dataclass(frozen=True, slots=True)
class MaxFrameSize:
    """Largest request and response frame on the asking link, in bytes."""

    request: int
    response: int


LOGIN_CREDENTIAL: Final = Body(
    "loginCredential",
    Record(LoginCredential, Struct("username" / FixedText(NAME_SIZE), "password" / FixedText(NAME_SIZE))),
    LoginCredential,
)
LOGIN_CREDENTIAL_HASHED: Final = Body(
    "loginCredentialHashed",
    Record(LoginCredentialHashed, Struct("username" / FixedText(NAME_SIZE), "password" / Bytes(NAME_SIZE))),
    LoginCredentialHashed,
)

_LOCK_BITS: Final = (
    "scram_activated" / Flag,
    "hash_password" / Flag,
    "disable_hardware_factory_reset" / Flag,
    "disable_login_with_uid" / Flag,
    "disable_resource_factory_reset" / Flag,
)
_TWO_BYTES: Final = Record(SecurityOptions, BitStruct(Padding(11), *_LOCK_BITS))
_LOW_BYTE: Final = Record(SecurityOptions, BitStruct(Padding(3), *_LOCK_BITS))

SECURITY_OPTIONS: Final = Body("securityOptions", _TWO_BYTES, SecurityOptions)
SECURITY_OPTIONS_WRITE: Final = Body(
    "securityOptions, or their low byte alone", Select(_TWO_BYTES, _LOW_BYTE), SecurityOptions
)
"""The configurator of @iotize/tap 2.7.0 writes one byte before it switches SCRAM on."""

HOST_PROTOCOL: Final = enumeration("hostProtocol", HostProtocol, size=2)
HOST_PROTOCOLS: Final = enumeration("hostProtocolArray", HostProtocol, size=2)
"""A mask; FFFF is every interface, also those that nobody has named yet."""
NFC_PAIRING_MODE: Final = enumeration("nfcPairingMode", NfcPairingMode)
NFC_CONNECTION_PRIORITY: Final = enumeration("nfcConnectionPriority", NfcConnectionPriority)
LOW_POWER_OPTIMIZATION_LEVEL: Final = enumeration("lowPowerOptimizationLevel", LowPowerOptimizationLevel)
SERVICE_CODES: Final = enumeration("serviceCodeArray", ServiceCode)
INACTIVITY_PERIOD_WRITE: Final = Body("uint16, or uint8", Select(Int16ub, Int8ub), int)
"""@iotize/tap 2.7.0 writes one byte, older clients two."""

MAX_FRAME_SIZE: Final = Body(
    "protocolMaxFrameSize", Record(MaxFrameSize, Struct("request" / Int16ub, "response" / Int16ub)), MaxFrameSize
)
