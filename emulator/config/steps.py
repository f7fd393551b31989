"""The requests that make a Tap what a blueprint says, in the order of the vendor's configurator.

They go between a factory reset and the logout: `protocol.client.tasks.configure` makes both. Source: configurator of
@iotize/tap 2.7.0; where it would leave something until the next reboot only, the request that stores it is taken.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from emulator.access import FEATURE_SETTINGS
from emulator.blueprint import ADMIN, SUPERVISOR, Blueprint, Bundle, Group, Variable, factory_groups
from emulator.entropy import Entropy, SeededEntropy, SystemEntropy
from protocol.bodies.bundle import ReadWriteRights
from protocol.bodies.interface import SecurityOptions
from protocol.bodies.variable import Domain
from protocol.client.calls import CALLS, NamedCall
from protocol.client.tasks import Step
from protocol.codes import Method
from protocol.firmware import CONFIGURATION_MODE, FACTORY_STATE, Version
from protocol.frames import Request
from protocol.resources.registry import SETTINGS
from protocol.scram import KEY_SIZE, RECORD_SIZE, SALT_SIZE, PasswordKey, password_hash

CHUNK: Final = 220
"""Bytes of a value that one request carries; longer ones are sent in several, if the Tap appends them."""

_CONFIG_VERSION: Final = "interface.config_version"
_SECURITY_OPTIONS: Final = "interface.security_options"
_ITERATIONS: Final = "scram.hash_iteration"
_DEFAULT_VERSION: Final = Version(1)
_SCRAM_BIT: Final = b"\x10"

_FIRST: Final = (
    "interface.app_name",
    "interface.universal_link",
    "interface.app_path",
    "interface.product_code",
    "interface.application_data",
)
"""Settings before the bundles."""
_THEN: Final = (
    "interface.power_optimisation_level",
    _ITERATIONS,
    "target.protocol",
    "target.protocol_configuration",
    "target.firmware_version",
    "interface.host_inactivity_period",
    "interface.authorized_host_protocol",
    "interface.nfc_pairing_mode",
    "wifi.mode",
    "wifi.ssid",
)
"""Settings after the variables; those that are not named here follow in the order of the table."""
_LAST: Final = (_SECURITY_OPTIONS, _CONFIG_VERSION)


class Plan(NamedTuple):
    """How to configure a Tap.

    Args:
        left_out: what no request can write, with the reason.
    """

    steps: list[Step]
    left_out: list[str]


def steps(blueprint: Blueprint, entropy: Entropy | None = None) -> list[Step]:
    """The requests alone; see `plan`."""
    return plan(blueprint, entropy).steps


def plan(blueprint: Blueprint, entropy: Entropy | None = None) -> Plan:
    """The requests that configure a Tap with the firmware of the blueprint.

    Args:
        entropy: where the salts of SCRAM keys come from; else the seed of the blueprint, else the operating system.
    """
    if entropy is None:
        entropy = SystemEntropy() if blueprint.seed is None else SeededEntropy(blueprint.seed)
    return _Planner(blueprint, entropy).run()


class _Planner:
    """Collects the requests."""

    def __init__(self, blueprint: Blueprint, entropy: Entropy) -> None:
        self._blueprint = blueprint
        self._entropy = entropy
        self._steps: list[Step] = []
        self._left_out: list[str] = []
        options: SecurityOptions = blueprint.settings.get(_SECURITY_OPTIONS, SecurityOptions())
        self._options = options
        self._values = dict(blueprint.settings)
        if options.scram_activated:
            # The keys below are made for it, so the Tap has to be told even what is its default.
            self._values.setdefault(_ITERATIONS, _default(_ITERATIONS))

    def run(self) -> Plan:
        self._ask("configuration begins", "interface.put_config_version", CONFIGURATION_MODE)
        if self._options.scram_activated:
            # So the vendor's configurator lets the Tap take SCRAM keys before it writes the other options.
            path = SETTINGS[_SECURITY_OPTIONS].path()
            self._steps.append(Step("SCRAM on", Request(Method.PUT, path, _SCRAM_BIT)))
        self._settings(_FIRST)
        for number, bundle in self._blueprint.bundles.items():
            self._bundle(number, bundle)
        for number, group in _configurator_order(self._blueprint.groups):
            self._group(number, group)
        self._settings(tuple(FEATURE_SETTINGS.values()))
        for number, variable in self._blueprint.variables.items():
            self._variable(number, variable)
        self._settings(_THEN)
        named = {*_FIRST, *_THEN, *_LAST, *FEATURE_SETTINGS.values()}
        self._settings(tuple(key for key in SETTINGS if key not in named))
        self._ask(_SECURITY_OPTIONS, "interface.put_security_options", self._options)
        version = self._blueprint.settings.get(_CONFIG_VERSION, _DEFAULT_VERSION)
        # Version 0.0.0 would put the Tap into factory state, in which everybody may do everything.
        final = _DEFAULT_VERSION if version == FACTORY_STATE else version
        self._ask("configuration ends", "interface.put_config_version", final)
        return Plan(self._steps, self._left_out)

    def _ask(self, doc: str, call_id: str, value: object = None, instance: int | None = None) -> None:
        self._add(doc, CALLS[call_id], value, instance)

    def _add(self, doc: str, call: NamedCall, value: object, instance: int | None = None) -> None:
        if not call.resource.exists_in(self._blueprint.firmware, call.call):
            self._leave_out(doc, f"firmware {self._blueprint.firmware} does not have {call.resource.pattern}")
        elif value is None and instance is not None:
            # A creation without a body is a request of its own, also where another form of it has one.
            self._steps.append(Step(doc, Request(call.call.method, call.resource.path(instance))))
        else:
            self._steps.append(Step(doc, call.ask(value, instance)))

    def _leave_out(self, doc: str, why: str) -> None:
        self._left_out.append(f"{doc}: {why}")

    def _settings(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            if key in self._values:
                self._setting(key, self._values[key])

    def _setting(self, key: str, value: Any) -> None:
        row = SETTINGS[key]
        assert row.setting is not None
        put = next((call for call in row.calls if call.method is Method.PUT and call.request is not None), None)
        if put is None or row.instance is not None:
            self._leave_out(key, "no request writes it")
            return
        call = CALLS[f"{row.service}.{put.name}"]
        if row.setting.appended:
            for start in range(0, len(value), CHUNK):
                self._add(f"{key} from byte {start} on", call, value[start : start + CHUNK])
        elif isinstance(value, str | bytes) and len(value) > CHUNK:
            self._leave_out(key, f"{len(value)} bytes do not fit one request")
        else:
            self._add(key, call, value)

    def _bundle(self, number: int, bundle: Bundle) -> None:
        doc = f"bundle {number}"
        self._ask(doc, "bundle.create", instance=number)
        if bundle.name:
            self._ask(f"{doc}: name", "bundle.put_name", bundle.name, number)
        self._ask(f"{doc}: data-log period", "bundle.put_data_log_period", bundle.log_period, number)
        if bundle.log_key_group:
            self._ask(f"{doc}: key", "bundle.put_data_log_crypto_group_id", bundle.log_key_group, number)
        for group, rights in bundle.rights.items():
            self._ask(f"{doc}: rights of {group}", "bundle.put_acl", ReadWriteRights.of(group, rights), number)

    def _group(self, number: int, group: Group) -> None:
        doc = f"user {number}"
        predefined = factory_groups().get(number)
        if predefined is None:
            self._ask(doc, "group.create", instance=number)
        if predefined is None or predefined.name != group.name:
            self._ask(f"{doc}: name", "group.put_name", group.name, number)
        self._ask(f"{doc}: session lifetime", "group.put_session_lifetime", group.lifetime, number)
        if group.alias != number:
            self._ask(f"{doc}: profile", "group.put_alias", group.alias, number)
        self._password(doc, number, group)

    def _password(self, doc: str, number: int, group: Group) -> None:
        if group.password is None:
            predefined = factory_groups().get(number)
            if predefined is not None and predefined.password is not None:
                self._leave_out(f"{doc}: no password", "no request takes a password away")
            return
        self._ask(f"{doc}: password", "group.change_password_key", self._written(group.password), number)

    def _written(self, password: bytes) -> bytes:
        """The password in the form that the security options ask for; a key stays what it is."""
        if len(password) == RECORD_SIZE:
            return password
        hashed = password if len(password) == KEY_SIZE else None
        if self._options.scram_activated or self._options.hash_password:
            hashed = hashed or password_hash(password.decode("latin-1"))
        if self._options.scram_activated and hashed is not None:
            return bytes(PasswordKey.derive(hashed, self._entropy.token(SALT_SIZE), self._values[_ITERATIONS]))
        return hashed or password

    def _variable(self, number: int, variable: Variable) -> None:
        doc = f"variable {number}"
        self._ask(doc, "variable.create", variable.meta_size, number)
        self._ask(f"{doc}: length", "variable.put_number_of_elements", variable.length, number)
        self._ask(f"{doc}: type", "variable.put_type", variable.type, number)
        if variable.bundle is not None:
            self._ask(f"{doc}: bundle", "variable.put_bundle_id", variable.bundle, number)
        if variable.type.domain in (Domain.TARGET, Domain.GPIO) or variable.address:
            self._ask(f"{doc}: address", "variable.put_variable_address", variable.address, number)
        if variable.meta:
            self._ask(f"{doc}: name and unit", "variable.put_raw_meta", variable.meta, number)
        value = self._blueprint.values.get(number)
        if value is not None:
            self._value(doc, number, variable, value)

    def _value(self, doc: str, number: int, variable: Variable, value: bytes) -> None:
        """A start value; a volatile variable would forget one that is not stored."""
        if variable.type.domain in (Domain.TARGET, Domain.GPIO):
            self._leave_out(f"{doc}: value", "it is the target's")
        elif len(value) > CHUNK:
            self._leave_out(f"{doc}: value", f"{len(value)} bytes do not fit one request")
        else:
            stored = variable.type.domain is Domain.IN_TAP_STATIC
            self._ask(f"{doc}: value", "variable.set_value" if stored else "variable.put_value", value, number)


def _default(key: str) -> Any:
    setting = SETTINGS[key].setting
    assert setting is not None
    return setting.default


def _configurator_order(groups: Mapping[int, Group]) -> Iterator[tuple[int, Group]]:
    """Profiles before those who have their rights; admin and supervisor are written whatever they are."""
    always = (ADMIN, SUPERVISOR)
    for number, group in groups.items():
        if number in always or group != factory_groups().get(number):
            yield number, group
