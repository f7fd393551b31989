"""What a Tap is made of before it runs: firmware, settings, groups and rules.

Every kind of configuration file ends up as a `Blueprint`, and the device knows nothing of files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

from emulator.signals import RandomWalk, Signal, Sine
from emulator.targets.spec import TargetSpec
from protocol.apdu import MAX_FRAME
from protocol.bodies.interface import SecurityOptions
from protocol.bodies.variable import VARIABLE_META, DataType, Domain, VariableType
from protocol.codes import Rights
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
class Bundle:
    """Variables that share rights and a data-log period: object 1028.

    Args:
        rights: by group id; the admin has all rights anyway.
        log_period: seconds between two log packets; 0 is off, `LOG_ON_CHANGE` logs what changes.
        log_key_group: group whose key encrypts the log packets (/1028/x/3).
    """

    name: str = ""
    rights: Mapping[int, Rights] = field(default_factory=dict)
    log_period: int = 0
    log_key_group: int = 0


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable on the target, in the Tap or on a pin: object 1029.

    Args:
        length: elements.
        bundle: None while it belongs to none.
        address: on the target; for Modbus function code, slave and 16-bit address in one number.
        meta: name and unit as clients write them, ``name:unit``.
        meta_size: bytes that its creation reserved for `meta`; None if it did not say.
    """

    type: VariableType = field(default_factory=VariableType)
    length: int = 1
    bundle: int | None = None
    address: int = 0
    meta: bytes = b""
    meta_size: int | None = None
    unit: str = ""

    @property
    def size(self) -> int:
        """Bytes of its value."""
        return self.type.size * self.length

    @property
    def name(self) -> str:
        """First part of its meta block."""
        return VARIABLE_META.decode(self.meta).name

    @property
    def meta_unit(self) -> str:
        """Second part of its meta block."""
        return VARIABLE_META.decode(self.meta).unit


@dataclass(frozen=True, slots=True)
class Simulation:
    """What the world behind a variable does; no part of the Tap's configuration.

    Args:
        signal: the value follows it until somebody writes the variable.
        minimum, maximum: values outside are refused with 86 when a client writes them.
    """

    signal: Signal | None = None
    minimum: float | None = None
    maximum: float | None = None


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
    inactivity_grace: float = 2.0
    """How much longer than /1024//34 a host may be silent: the vendor's keep-alive comes when that time is over."""
    max_request: int = MAX_FRAME
    """Longest request frame in bytes (D17)."""
    max_response: int = MAX_FRAME
    """Longest response frame in bytes (D17)."""
    max_ciphertext: int = 240
    """Longest encrypted body in bytes (D17)."""
    iv_after_clear_login: Literal["either", "zero", "kept"] = "either"
    """Initialization vectors that hold after a SCRAM login in clear (D9)."""
    max_instances: int = 1024
    """Groups, bundles and variables, each; a further one is refused with A7."""
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
        bundles, variables: by id.
        values: bytes with which variables start, by id.
        simulations: what moves the variables, by id.
        target: what is connected to the Tap.
        seed: makes every random number of the Tap reproducible; None takes them from the operating system.
    """

    firmware: Version = NEWEST_FIRMWARE
    settings: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[int, Group] = field(default_factory=factory_groups)
    bundles: Mapping[int, Bundle] = field(default_factory=dict)
    variables: Mapping[int, Variable] = field(default_factory=dict)
    values: Mapping[int, bytes] = field(default_factory=dict)
    simulations: Mapping[int, Simulation] = field(default_factory=dict)
    target: TargetSpec = field(default_factory=TargetSpec)
    rules: Rules = Rules()
    seed: int | None = None


def demo() -> Blueprint:
    """The built-in Tap: SCRAM and hashed passwords, admin/admin and supervisor/supervisor (D3), and a room behind it.

    Everybody may read its climate, which moves, and write its controls.
    """
    read, write = Rights.READ, Rights.WRITE
    stored, volatile = Domain.IN_TAP_STATIC, Domain.IN_TAP_VOLATILE
    return Blueprint(
        settings={
            "interface.security_options": SecurityOptions(scram_activated=True, hash_password=True),
            "interface.config_version": Version(1, 0, 0),
            "interface.app_name": "Virtual Tap",
        },
        bundles={
            1: Bundle("Climate", {ANONYMOUS: read}, log_period=10),
            2: Bundle("Controls", {ANONYMOUS: read | write}),
        },
        variables={
            1: _named("temperature:°C", VariableType(data=DataType.FLOAT32), 1, address=0x2000_0000),
            2: _named("humidity:%", VariableType(data=DataType.UINT8), 1, address=0x2000_0004),
            3: _named("setpoint:°C", VariableType(stored, DataType.FLOAT32), 2),
            4: _named("lamp:", VariableType(stored, DataType.BOOLEAN), 2),
            5: _named("message:", VariableType(volatile, DataType.ASCII), 2, length=16),
        },
        values={3: VariableType(stored, DataType.FLOAT32).encode(21.0)},
        simulations={
            1: Simulation(Sine(mean=21.0, amplitude=4.0, period=120.0)),
            2: Simulation(RandomWalk(start=45.0, step=1.0, minimum=30.0, maximum=60.0)),
            3: Simulation(minimum=5.0, maximum=30.0),
        },
        target=TargetSpec(auto_connect=True),
    )


def _named(meta: str, type: VariableType, bundle: int, *, length: int = 1, address: int = 0) -> Variable:
    block = meta.encode()
    return Variable(type, length, bundle, address, block, len(block))
