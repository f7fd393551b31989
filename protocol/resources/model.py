"""What a row of the resource table says.

A `Resource` is one address of the Tap; its `Call`s are the methods that it has. A resource with a `Setting` needs no
code: GET reads it, PUT stores it, POST changes it until the next reboot. Every other call needs a handler in
`emulator.services`, and the emulator does not import without it.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, Literal

from protocol.codes import NO_INSTANCE, Method, Rights, SpecialFeature
from protocol.errors import UsageError
from protocol.firmware import Version
from protocol.paths import Path
from protocol.values import Body

EvidenceKind = Literal["client", "doc", "sample", "assumed"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """How we know: a vendor client requires it, the vendor documents it, vendor data shows it, or we assume it."""

    kind: EvidenceKind
    source: str


CLIENT = Evidence("client", "@iotize/tap 2.7.0")
"""The vendor's client makes this call with these bodies."""


class Access(Enum):
    """Who may make a call. In factory state everybody may make every call (decision D11)."""

    ANYONE = "anyone"
    LOGIN = "login"
    """Anyone, unless logins are locked (decision D5)."""
    LOGGED_IN = "logged in"
    SUPERVISOR = "supervisor"
    """Supervisor and admin; what belongs to the admin, the admin only (decision D13)."""
    ADMIN = "admin"
    BUNDLE = "rights of the bundle"
    """The rights of the bundle that the path names, or whose variable it names: reading for GET, else writing."""
    DEBUG = "rights of the debug bundle"
    """The rights of bundle 65534, else of the bundle of feature 100; without both the admin."""
    SERIAL = "rights of the bundle with serial access"
    MODBUS = "rights of the bundle with direct Modbus access"
    TAPNPASS = "rights of the bundle with TapNPass control"
    CODE_EXECUTION = "rights of the bundle with code execution"

    @property
    def feature(self) -> SpecialFeature | None:
        """The special feature whose bundle decides, if one does."""
        return _FEATURES.get(self)


_FEATURES: Final = {
    Access.DEBUG: SpecialFeature.SWD_DIRECT_ACCESS,
    Access.SERIAL: SpecialFeature.SERIAL_ACCESS,
    Access.MODBUS: SpecialFeature.MODBUS_DIRECT_ACCESS,
    Access.TAPNPASS: SpecialFeature.TAPNPASS_CONTROL_ACCESS,
    Access.CODE_EXECUTION: SpecialFeature.SP_CODEEXEC_ACCESS,
}


class Kept(Enum):
    """What a setting survives."""

    HARDWARE = "hardware"
    """Belongs to the module: survives a factory reset."""
    STORED = "stored"
    """Configuration: survives reboot and restart, goes back to its default with a factory reset."""
    VOLATILE = "volatile"
    """Goes back to its default with a reboot."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that the Tap holds and that needs no code.

    Args:
        body: how the value is stored; the calls may read and write it in other forms.
        default: value of a Tap that nobody has configured.
        limit: allowed numbers, or allowed lengths of text and bytes; outside it a write answers 86.
        appended: a write adds to what is there, an empty one erases it: how clients send what does not fit a frame.
    """

    body: Body[Any]
    default: Any
    kept: Kept = Kept.STORED
    limit: range | None = None
    appended: bool = False

    def allows(self, value: Any) -> bool:
        """Whether the value is within the limit."""
        if self.limit is None:
            return True
        return (len(value) if isinstance(value, str | bytes) else value) in self.limit


@dataclass(frozen=True, slots=True)
class Form:
    """Another shape in which clients make the same call, with a name of its own. Bodies as of `Call`."""

    name: str
    request: Body[Any] | None = None
    response: Body[Any] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One method of a resource, under the name that the vendor's client gives it.

    Args:
        request, response: None where the call carries no body.
        configures: writes stored configuration, so it needs configuration mode where that is enforced (D11).
        carries: its body is an encrypted request; a journal notes that one instead.
        legacy: only clients older than @iotize/tap 2.7.0 make it.
        since, until: first and last firmware, where the call differs from its resource.
    """

    method: Method
    name: str
    doc: str
    request: Body[Any] | None = None
    response: Body[Any] | None = None
    access: Access = Access.ANYONE
    configures: bool = False
    carries: bool = False
    forms: tuple[Form, ...] = ()
    legacy: bool = False
    since: Version | None = None
    until: Version | None = None
    evidence: Evidence = CLIENT

    @property
    def right(self) -> Rights:
        """What the call needs where the rights of a bundle decide."""
        return Rights.READ if self.method is Method.GET else Rights.WRITE


@dataclass(frozen=True, slots=True)
class Resource:
    """One address of the Tap.

    Args:
        service: group of resources, as in the vendor's client: ``tap.service.<service>``.
        name: last part of the alias, for example ``serial-number``.
        instance: name of the path's instance where it has one, for example ``group_id``.
        quirk: the row exists only where this quirk of the device is on.
    """

    service: str
    name: str
    object: int
    resource: int
    calls: tuple[Call, ...]
    instance: str | None = None
    setting: Setting | None = None
    since: Version | None = None
    until: Version | None = None
    quirk: str | None = None

    @property
    def key(self) -> str:
        """Name of the setting in configurations and in the state: ``interface.app_name``."""
        return f"{self.service}.{self.name.replace('-', '_').replace('/', '_')}"

    @property
    def alias(self) -> str:
        """Path in words: ``/interface/app-name`` or ``/group/{group_id}/name``."""
        instance = f"{{{self.instance}}}/" if self.instance else ""
        return f"/{self.service.replace('_', '-')}/{instance}{self.name}"

    @property
    def pattern(self) -> str:
        """Path in numbers, with a placeholder where it has an instance: ``/1025/{group_id}/0``."""
        instance = f"{{{self.instance}}}" if self.instance else ""
        return f"/{self.object}/{instance}/{self.resource}"

    def path(self, instance: int | None = None) -> Path:
        """Address of the resource, or of one instance of it.

        Raises:
            UsageError: an instance is missing, or given where there is none.
        """
        if (instance is None) != (self.instance is None):
            raise UsageError(f"{self.pattern} {'needs' if self.instance else 'has no'} instance")
        return Path(self.object, NO_INSTANCE if instance is None else instance, self.resource)

    def exists_in(self, firmware: Version, call: Call | None = None) -> bool:
        """Whether this firmware has the resource, or the call."""
        since = (call and call.since) or self.since
        until = (call and call.until) or self.until
        return (since is None or firmware >= since) and (until is None or firmware[:2] <= until[:2])


def setting(
    service: str,
    name: str,
    address: tuple[int, int],
    value: Setting,
    doc: str,
    *,
    read: Access = Access.ANYONE,
    write: Access | None = None,
    write_body: Body[Any] | None = None,
    since: Version | None = None,
    until: Version | None = None,
    evidence: Evidence = CLIENT,
) -> Resource:
    """A row whose GET and PUT need no code; without `write` it can only be read.

    Args:
        address: object and resource number.
        write_body: body of the PUT where it differs from the answer of the GET.
        since, until: first and last firmware that has it.
    """
    word = name.replace("-", "_").replace("/", "_")
    calls = [Call(Method.GET, f"get_{word}", f"Reads {doc}.", response=value.body, access=read, evidence=evidence)]
    if write is not None:
        put = Call(Method.PUT, f"put_{word}", f"Stores {doc}.", write_body or value.body, access=write, configures=True)
        calls.append(replace(put, evidence=evidence))
    return Resource(service, name, *address, tuple(calls), setting=value, since=since, until=until)
