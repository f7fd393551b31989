"""The pydantic model of `device.yaml`, against which every kind of file is checked.

Settings, rules and target have models that are made of the resource table and of dataclasses. Making one takes about
a millisecond, so only those are made that a file needs.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from emulator.access import FEATURE_SETTINGS
from emulator.blueprint import NEWEST_FIRMWARE, Blueprint, Group, Rules, demo
from emulator.config import kinds
from emulator.config.bundles import BundleEntry, Named, build_bundles
from emulator.config.draft import Fault, FaultsError
from emulator.config.fields import Of, Strict, empty_is, optional, strict_model, told
from emulator.config.forms import Form, rule_kinds, setting_forms
from emulator.config.keys import KEY
from emulator.config.kinds import Kind, Plain
from emulator.config.loaded import KeyPath
from emulator.config.users import build_groups
from emulator.config.validation import unknown_key, validated
from emulator.signals import Signal
from emulator.targets.spec import TargetSpec
from protocol.bodies.interface import NAME_SIZE
from protocol.firmware import Version
from protocol.scram import KEY_SIZE, RECORD_SIZE

FORMAT: Final = 1
"""Version of the file format: the value of ``tap``."""

MAX_VARIABLES: Final = 4096
"""Bundles, and variables, of a file; so many are looked at before a limit of the Tap itself is."""

_SECURITY_OPTIONS: Final = "interface.security_options"


def _read_alias(value: Any) -> int | str:
    if isinstance(value, Plain) and value.isdecimal():
        value = int(value)
    return _GROUP_ID.read(value) if isinstance(value, int) else _NAME.read(value)


_NAME = kinds.text(range(1, NAME_SIZE + 1))
_GROUP_ID = kinds.integer(0, 0xFFFF)
_LIFETIME = kinds.integer(0, 0xFFFF)
_ALIAS = Kind("the name or id of a profile", _read_alias, str, {"type": ["string", "integer"]})
_PASSWORD = kinds.pattern(
    f"[ -~]{{1,{NAME_SIZE}}}", f"1 to {NAME_SIZE} characters of ASCII", secret=True, maxLength=NAME_SIZE
)
_HASH = kinds.hexadecimal(range(KEY_SIZE, KEY_SIZE + 1), secret=True)
_KEY = kinds.hexadecimal(range(RECORD_SIZE, RECORD_SIZE + 1), secret=True)
_LINK = kinds.pattern(r"[a-z][a-z0-9+.-]*:\S*", "a URL such as tcp://127.0.0.1:2000")
_SEED = kinds.integer(-(1 << 63), (1 << 64) - 1)


class User(Strict):
    """A user, or a profile: a user whose rights others have."""

    id: Annotated[int | None, Of(_GROUP_ID)] = optional("Group id; else predefined, else the lowest free one.")
    password: Annotated[str | None, Of(kinds.or_null(_PASSWORD))] = optional("Password in clear; null for none.")
    hash: Annotated[bytes | None, Of(_HASH)] = optional("Password as its 16-byte hash (Pwd of IoTize Studio).")
    key: Annotated[bytes | None, Of(_KEY)] = optional("Password as its 36-byte SCRAM key (Scram_Pwd).")
    lifetime: Annotated[int | None, Of(_LIFETIME)] = optional(
        "Seconds that a session lasts after its last request; 0 is without end."
    )
    alias: Annotated[int | str | None, Of(_ALIAS)] = optional("Profile whose rights the user has, by name or id.")

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        given = [name for name in ("password", "hash", "key") if name in self.model_fields_set]
        if len(given) > 1:
            raise ValueError(f"has {' and '.join(given)}, expected only one of them")
        return self


class DeviceFile(Strict):
    """A virtual Tap."""

    tap: Annotated[int, Of(kinds.integer(FORMAT, FORMAT), {"const": FORMAT})] = Field(
        description="Version of this format."
    )
    base: Annotated[str, Of(kinds.choice("demo", "factory"))] = Field(
        default="demo",
        description="Where the Tap starts that the file leaves out: the built-in demo Tap, or one nobody configured.",
    )
    firmware: Annotated[Version | None, Of(kinds.VERSION)] = optional(f"Firmware of the Tap, else {NEWEST_FIRMWARE}.")
    seed: Annotated[int | None, Of(_SEED)] = optional("Makes every random number of the Tap reproducible.")
    settings: Annotated[dict[str, Any], empty_is({})] = optional("Values that the Tap holds, by service and name.")
    users: Annotated[dict[Annotated[str, Of(_NAME)], User], empty_is({})] = Field(
        default={},
        description="Users by name. Every Tap has anonymous, admin and supervisor.",
        examples=[{"admin": {"password": "secret"}}],
    )
    bundles: Annotated[dict[Annotated[str, Of(KEY)], BundleEntry] | None, empty_is({})] = optional(
        "Bundles of variables by name."
    )
    target: Any = optional("What is connected to the Tap.")
    rules: Any = optional("How the Tap behaves where a test needs it otherwise.")
    links: Annotated[list[Annotated[str, Of(_LINK)]], empty_is([])] = Field(
        default=[], description="URLs on which the Tap listens, else tcp://127.0.0.1:2000."
    )


@dataclass(slots=True)
class CheckedFile:
    """A file whose values are all right, each by itself."""

    file: DeviceFile
    settings: dict[str, Strict] = field(default_factory=dict)
    """By service."""
    rules: Rules = field(default_factory=Rules)
    target: dict[str, Any] = field(default_factory=dict)
    """Fields of the target that the file names."""
    signals: dict[KeyPath, Signal] = field(default_factory=dict)
    """By the place of the signal in the file."""

    def to_blueprint(self) -> Blueprint:
        """The Tap that the file describes.

        Raises:
            FaultsError: values contradict each other.
        """
        file = self.file
        base = _without_bundles(demo(), file.bundles) if file.base == "demo" else Blueprint()
        faults: list[Fault] = []
        said = self._settings(base.settings, faults)
        settings = {**base.settings, **said}
        groups: dict[int, Group] = {}
        try:
            options = settings.get(_SECURITY_OPTIONS, setting_forms()[_SECURITY_OPTIONS].setting.default)
            groups = build_groups(file.users, options)
        except FaultsError as error:
            faults += error.faults
        blueprint = replace(
            base,
            firmware=file.firmware or NEWEST_FIRMWARE,
            settings=settings,
            groups=groups,
            target=replace(base.target, **self.target),
            rules=self.rules,
            seed=file.seed,
        )
        if file.bundles is not None and groups:
            names = {group.name: number for number, group in groups.items()}
            blueprint = self._with_bundles(blueprint, Named(names, said), faults)
        faults += _too_many(blueprint)
        if faults:
            raise FaultsError(faults)
        return blueprint

    def _settings(self, start: Mapping[str, Any], faults: list[Fault]) -> dict[str, Any]:
        """The settings that the file names, each with its whole value."""
        settings = {}
        for service, model in self.settings.items():
            for name in sorted(model.model_fields_set):
                form = setting_forms()[f"{service}.{name}"]
                default = start.get(form.row.key, form.setting.default)
                try:
                    settings[form.row.key] = _merge(form, getattr(model, name), default)
                except ValueError as error:
                    faults.append(Fault(("settings", service, name), str(error)))
        return settings

    def _with_bundles(self, blueprint: Blueprint, named: Named, faults: list[Fault]) -> Blueprint:
        made = build_bundles(self.file.bundles or {}, self.signals, named)
        faults += made.faults
        return replace(
            blueprint,
            settings={**blueprint.settings, **made.features},
            bundles=made.bundles,
            variables=made.variables,
            values=made.values,
            simulations=made.simulations,
        )


def _without_bundles(demo_tap: Blueprint, bundles: object) -> Blueprint:
    """The demo Tap; where a file has bundles of its own, nothing refers to those of the demo Tap."""
    if bundles is None:
        return demo_tap
    features = FEATURE_SETTINGS.values()
    return replace(demo_tap, settings={key: value for key, value in demo_tap.settings.items() if key not in features})


def _merge(form: Form, value: Any, start: Any) -> Any:
    """The whole value of a setting; parts that the file leaves out stay as they are."""
    if form.kind is None:
        parts = {name: getattr(start, name) for name in form.parts} | value.said()
        value = form.setting.body.type(**parts)
    return form.check(value)


def _too_many(blueprint: Blueprint) -> list[Fault]:
    counts = {"users": blueprint.groups, "bundles": blueprint.bundles, "variables": blueprint.variables}
    limit = blueprint.rules.max_instances
    return [
        Fault(("bundles" if thing == "variables" else thing,), f"has {len(of)} {thing}, expected at most {limit}")
        for thing, of in counts.items()
        if len(of) > limit
    ]


def validate(data: Mapping[str, Any], folder: Path) -> CheckedFile:
    """Checks the values of a file.

    Args:
        folder: where files are that it names.

    Raises:
        FaultsError: with everything that is wrong.
    """
    faults: list[Fault] = []
    data = {**data, "bundles": _bounded(data["bundles"], faults)} if "bundles" in data else data
    file = validated(DeviceFile, data, (), faults)
    settings = _checked_settings(data.get("settings"), faults)
    rules = validated(rules_model(), data.get("rules"), ("rules",), faults)
    target = _checked_target(data.get("target"), faults)
    signals = _checked_signals(data.get("bundles"), folder, faults)
    if file is not None:
        faults += _wrong_links(file.links)
    if faults or file is None or rules is None:
        raise FaultsError(faults)
    return CheckedFile(file, settings, Rules(**rules.said()), target, signals)


def _wrong_links(links: Sequence[str]) -> Iterator[Fault]:
    """Links are not opened here; but their URLs have to be right."""
    for number in range(len(links)):
        from emulator.links import LinkError, open_links

        try:
            open_links([*_brokers(links[:number]), links[number]])
        except LinkError as error:
            hint = "" if ", expected " in str(error) else ", expected a URL such as tcp://127.0.0.1:2000"
            yield Fault(("links", number), f"is wrong: {error}{hint}")


def _brokers(links: Sequence[str]) -> list[str]:
    """The first link over MQTT, which a further one would contradict."""
    return [link for link in links if link.startswith("mqtt")][:1]


def _bounded(bundles: Any, faults: list[Fault]) -> Any:
    """The bundles, unless there are so many of them that even a look at each would take long."""
    if not isinstance(bundles, dict):
        return bundles
    inner = [bundle.get("variables") for bundle in bundles.values() if isinstance(bundle, dict)]
    variables = sum(len(one) for one in inner if isinstance(one, dict))
    for thing, number in (("bundles", len(bundles)), ("variables", variables)):
        if number > MAX_VARIABLES:
            faults.append(Fault(("bundles",), f"has {number} {thing}, expected at most {MAX_VARIABLES}"))
            return {}
    return bundles


def _checked_settings(settings: Any, faults: list[Fault]) -> dict[str, Strict]:
    checked = {}
    for service, values in settings.items() if isinstance(settings, dict) else ():
        path = ("settings", service)
        if service not in services():
            faults.append(Fault(path, unknown_key(service, list(services()))))
            continue
        model = validated(service_model(service), values, path, faults)
        if model is not None:
            checked[service] = model
    return checked


def _checked_target(target: Any, faults: list[Fault]) -> dict[str, Any]:
    if target is None:
        return {}
    from emulator.config.records import record_model

    model = validated(record_model(TargetSpec), target, ("target",), faults)
    return {} if model is None else model.built()


def _checked_signals(bundles: Any, folder: Path, faults: list[Fault]) -> dict[KeyPath, Signal]:
    found = {
        ("bundles", key, "variables", name, "signal"): variable["signal"]
        for key, bundle in _mappings(bundles)
        for name, variable in _mappings(bundle.get("variables"))
        if variable.get("signal") is not None
    }
    if not found:
        return {}
    from emulator.config.signals import SignalReader

    reader = SignalReader(folder)
    read = {path: reader.read(value, path, faults) for path, value in found.items()}
    return {path: signal for path, signal in read.items() if signal is not None}


def _mappings(value: Any) -> list[tuple[str, dict[str, Any]]]:
    """The entries of a mapping that are mappings themselves."""
    return [(key, one) for key, one in value.items() if isinstance(one, dict)] if isinstance(value, dict) else []


@cache
def services() -> dict[str, dict[str, Form]]:
    """Forms of the settings by name, by service; rows of one service need not be neighbours in the table."""
    found: dict[str, dict[str, Form]] = {}
    for form in setting_forms().values():
        found.setdefault(form.service, {})[form.name] = form
    return found


@cache
def service_model(service: str) -> type[Strict]:
    """Model of the settings of one service."""
    rows = {name: _setting_field(form) for name, form in services()[service].items()}
    name = service.title().replace("_", "")
    return strict_model(f"{name}Settings", f"Settings of the {service} service.", rows)


def _setting_field(form: Form) -> tuple[Any, Any]:
    default = demo().settings.get(form.row.key, form.setting.default)
    if form.kind is not None:
        return told(form.kind, default), optional(form.doc)
    parts = {part: (told(kind, getattr(default, part)), optional()) for part, kind in form.parts.items()}
    return strict_model(form.name.title().replace("_", ""), form.doc, parts), optional(form.doc)


@cache
def rules_model() -> type[Strict]:
    """Model of the rules."""
    defaults = Rules()
    members = {name: (told(kind, getattr(defaults, name)), optional()) for name, kind in rule_kinds().items()}
    return strict_model("Rules", inspect.getdoc(Rules) or "", members)
