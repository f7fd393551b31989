"""What a Tap is made of before it runs: firmware, settings, groups and rules.

Every kind of configuration file ends up as a `Blueprint`, and the device knows nothing of files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

from protocol.apdu import MAX_FRAME
from protocol.bodies.interface import SecurityOptions
from protocol.firmware import Version

SERIAL_NUMBER: Final = "device.serial_number"
"""Key of the setting that tells one Tap from another."""

ANONYMOUS: Final = 0
SUPERVISOR: Final = 65534
ADMIN: Final = 65535

DEFAULT_LIFETIME: Final = 300
"""Seconds of a session where nothing else is configured. Source: JSON schema of @iotize/tap 2.7.0."""


class Quirk(StrEnum):
    """Behaviour that some hardware may have and that is off unless asked for."""

    LENIENT_LOGIN = "lenient_login"
    """A login that does not fit the security options is accepted (decision D6)."""
    STRICT_CONFIGURATION_MODE = "strict_configuration_mode"
    """Stored configuration is written in configuration mode only; else 87 (D11)."""
    STRICT_FRAME_COUNTER = "strict_frame_counter"
    """The id of an encrypted frame has to be 0, 1 or one more than the last; else 80 (D8)."""
    RANDOM_NUMBER_SLOT = "random_number_slot"
    """Firmware up to 1.83 answers a random number where the initialization vector came later (D1)."""
    RESPONSE_TOO_LARGE = "response_too_large"
    """An answer that does not fit its frame is A9 instead of A0 (D17)."""


@dataclass(frozen=True, slots=True)
class Group:
    """A profile or a user: object 1025.

    Args:
        password: as it was last written: clear text, a hash of 16 bytes or a SCRAM key of 36; None if there is none.
        alias: the profile whose rights it has; its own id makes it a profile.
        lifetime: seconds that a session lasts after its last request; 0 is without end.
    """

    name: str
    password: bytes | None
    alias: int
    lifetime: int = DEFAULT_LIFETIME


@dataclass(frozen=True, slots=True)
class Rules:
    """How the Tap behaves where hardware is not known or where a test needs it otherwise. Times are in seconds."""

    hosts: Literal["many", "single"] = "many"
    """Whether each connection has a session of its own, or the Tap has one (D4)."""
    max_connections: int = 256
    """Open connections per link; further ones are closed (D4)."""
    lockout_attempts: int = 3
    """Failed logins in a row that lock the Tap (vendor documentation)."""
    lockout_time: float = 60.0
    """How long it then refuses logins (vendor documentation)."""
    reboot_time: float = 1.0
    """How long a reboot refuses connections (D12)."""
    partial_request_time: float = 5.0
    """How long the rest of a started request may take before the connection is closed (D15)."""
    max_request: int = MAX_FRAME
    """Longest request frame in bytes (D17)."""
    max_response: int = MAX_FRAME
    """Longest response frame in bytes (D17)."""
    max_ciphertext: int = 240
    """Longest encrypted body in bytes (D17)."""
    iv_after_clear_login: Literal["either", "zero", "kept"] = "either"
    """Initialization vectors that hold after a SCRAM login in clear (D9)."""
    quirks: frozenset[Quirk] = frozenset()


def factory_groups() -> dict[int, Group]:
    """Groups of a Tap that nobody has configured, with their documented passwords in clear."""
    return {
        ANONYMOUS: Group("anonymous", None, ANONYMOUS),
        SUPERVISOR: Group("supervisor", b"supervisor", SUPERVISOR),
        ADMIN: Group("admin", b"admin", ADMIN),
    }


NEWEST_FIRMWARE: Final = Version(1, 113, 0)
"""The newest firmware whose limits are known (D3)."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A configured Tap.

    Args:
        settings: values by key of the resource table; what is missing has the default of its row.
        groups: all groups by id; the three predefined ones have to be among them.
        seed: makes every random number of the Tap reproducible; None takes them from the operating system.
    """

    firmware: Version = NEWEST_FIRMWARE
    settings: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[int, Group] = field(default_factory=factory_groups)
    rules: Rules = Rules()
    seed: int | None = None


def demo() -> Blueprint:
    """The built-in Tap: SCRAM and hashed passwords, admin/admin and supervisor/supervisor (D3)."""
    return Blueprint(
        settings={
            "interface.security_options": SecurityOptions(scram_activated=True, hash_password=True),
            "interface.config_version": Version(1, 0, 0),
            "interface.app_name": "Virtual Tap",
        }
    )
