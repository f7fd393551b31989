"""The pydantic model of `device.yaml`, against which every kind of file is checked."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Self, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from emulator.blueprint import NEWEST_FIRMWARE, Blueprint, Group, Rules, demo
from emulator.config import kinds
from emulator.config.draft import Fault, FaultsError
from emulator.config.forms import Form, rule_kinds, setting_forms
from emulator.config.kinds import Kind, Plain
from emulator.config.loaded import KeyPath
from emulator.config.users import build_groups
from protocol.bodies.interface import NAME_SIZE
from protocol.firmware import Version
from protocol.scram import KEY_SIZE, RECORD_SIZE

FORMAT: Final = 1
"""Version of the file format: the value of ``tap``."""

_SECURITY_OPTIONS: Final = "interface.security_options"


@dataclass(frozen=True, slots=True)
class _Of:
    """Annotation that lets a kind read the value of a field."""

    kind: Kind[Any]
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.kind.parse)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**self.kind.schema, **self.extra}


def _nothing() -> None:
    """Default of what a file may leave out; as a factory it keeps "default: null" out of the JSON Schema."""


def _optional(description: str | None = None) -> Any:
    return Field(default_factory=_nothing, description=description)


def _or_null(kind: Kind[Any]) -> Kind[Any]:
    return Kind(
        kind.expected,
        lambda value: None if value is None else kind.read(value),
        lambda value: "null" if value is None else kind.write(value),
        {**kind.schema, "type": [kind.schema["type"], "null"]},
        kind.secret,
    )


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
_LINK = kinds.pattern(r"[a-z][a-z0-9+.-]*:\S+", "a URL such as tcp://127.0.0.1:2000")
_SEED = kinds.integer(-(1 << 63), (1 << 64) - 1)


def _empty_is(value: Any) -> BeforeValidator:
    return BeforeValidator(lambda given: value if given is None else given)


class _Strict(BaseModel):
    """Refuses unknown keys; a key without a value is an empty mapping."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _empty_is_silent(cls, value: Any) -> Any:
        return {} if value is None else value


class User(_Strict):
    """A user, or a profile: a user whose rights others have."""

    id: Annotated[int | None, _Of(_GROUP_ID)] = _optional("Group id; else predefined, else the lowest free one.")
    password: Annotated[str | None, _Of(_or_null(_PASSWORD))] = _optional("Password in clear; null for none.")
    hash: Annotated[bytes | None, _Of(_HASH)] = _optional("Password as its 16-byte hash (Pwd of IoTize Studio).")
    key: Annotated[bytes | None, _Of(_KEY)] = _optional("Password as its 36-byte SCRAM key (Scram_Pwd).")
    lifetime: Annotated[int | None, _Of(_LIFETIME)] = _optional(
        "Seconds that a session lasts after its last request; 0 is without end."
    )
    alias: Annotated[int | str | None, _Of(_ALIAS)] = _optional("Profile whose rights the user has, by name or id.")

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        given = [name for name in ("password", "hash", "key") if name in self.model_fields_set]
        if len(given) > 1:
            raise ValueError(f"has {' and '.join(given)}, expected only one of them")
        return self


class DeviceFile(_Strict):
    """A virtual Tap."""

    tap: Annotated[int, _Of(kinds.integer(FORMAT, FORMAT), {"const": FORMAT})] = Field(
        description="Version of this format."
    )
    base: Annotated[str, _Of(kinds.choice("demo", "factory"))] = Field(
        default="demo",
        description="Where settings start that the file leaves out: the built-in demo Tap, or one nobody configured.",
    )
    firmware: Annotated[Version | None, _Of(kinds.VERSION)] = _optional(f"Firmware of the Tap, else {NEWEST_FIRMWARE}.")
    seed: Annotated[int | None, _Of(_SEED)] = _optional("Makes every random number of the Tap reproducible.")
    settings: Any = None
    users: Annotated[dict[Annotated[str, _Of(_NAME)], User], _empty_is({})] = Field(
        default={},
        description="Users by name. Every Tap has anonymous, admin and supervisor.",
        examples=[{"admin": {"password": "secret"}}],
    )
    rules: Any = None
    links: Annotated[list[Annotated[str, _Of(_LINK)]], _empty_is([])] = Field(
        default=[], description="URLs on which the Tap listens, else tcp://127.0.0.1:2000."
    )

    def to_blueprint(self) -> Blueprint:
        """The Tap that the file describes.

        Raises:
            FaultsError: values contradict each other.
        """
        settings = dict(demo().settings) if self.base == "demo" else {}
        faults: list[Fault] = []
        for key, form in setting_forms().items():
            service = getattr(self.settings, form.service, None)
            if service is None or form.name not in service.model_fields_set:
                continue
            try:
                settings[key] = _merge(form, getattr(service, form.name), settings.get(key, form.setting.default))
            except ValueError as error:
                faults.append(Fault(("settings", form.service, form.name), str(error)))
        groups: dict[int, Group] = {}
        try:
            options = settings.get(_SECURITY_OPTIONS, setting_forms()[_SECURITY_OPTIONS].setting.default)
            groups = build_groups(self.users, options)
        except FaultsError as error:
            faults += error.faults
        if faults:
            raise FaultsError(faults)
        rules = Rules(**_said(self.rules))
        return Blueprint(self.firmware or NEWEST_FIRMWARE, settings, groups, rules, self.seed)


def _said(model: BaseModel | None) -> dict[str, Any]:
    """What the file says, without defaults."""
    return {} if model is None else {name: getattr(model, name) for name in sorted(model.model_fields_set)}


def _merge(form: Form, value: Any, start: Any) -> Any:
    """The whole value of a setting; parts that the file leaves out stay as they are."""
    if form.kind is None:
        parts = {name: getattr(start, name) for name in form.parts} | _said(value)
        value = form.setting.body.type(**parts)
    return form.check(value)


def _strict_model(name: str, doc: str, members: Mapping[str, tuple[Any, Any]]) -> type[BaseModel]:
    make = cast(Callable[..., type[BaseModel]], create_model)
    return make(name, __base__=_Strict, __doc__=doc, **members)


def _setting_field(form: Form) -> tuple[Any, Any]:
    default = demo().settings.get(form.row.key, form.setting.default)
    if form.kind is not None:
        return _field(form.kind, default), _optional(form.doc)
    parts = {part: (_field(kind, getattr(default, part)), _optional()) for part, kind in form.parts.items()}
    return _strict_model(form.name.title().replace("_", ""), form.doc, parts), _optional(form.doc)


def _field(kind: Kind[Any], default: Any) -> Any:
    """Type of a generated field; its default is only told to editors."""
    if isinstance(default, frozenset):
        told: Any = sorted(default)
    else:
        told = default if type(default) in (bool, int, float, str) else kind.write(default).strip('"')
    return Annotated[Any, _Of(kind, {"default": told})]


def _settings_model() -> type[BaseModel]:
    services: dict[str, dict[str, tuple[Any, Any]]] = {}
    for form in setting_forms().values():
        services.setdefault(form.service, {})[form.name] = _setting_field(form)
    members = {
        service: (
            _strict_model(f"{service.title()}Settings", f"Settings of the {service} service.", rows),
            _optional(f"Settings of the {service} service."),
        )
        for service, rows in services.items()
    }
    return _strict_model("Settings", "Values that the Tap holds, by service and name.", members)


def _rules_model() -> type[BaseModel]:
    defaults = Rules()
    members = {}
    for name, kind in rule_kinds().items():
        members[name] = (_field(kind, getattr(defaults, name)), _optional())
    return _strict_model("Rules", inspect.getdoc(Rules) or "", members)


CompleteFile: Final = create_model(
    "Tap",
    __base__=DeviceFile,
    settings=(_settings_model(), _optional("Values that the Tap holds, by service and name.")),
    rules=(_rules_model(), _optional("How the Tap behaves where a test needs it otherwise.")),
)
"""The file with a field for each setting of the resource table and each rule."""


def validate(data: Mapping[str, Any]) -> DeviceFile:
    """Checks the values of a file.

    Raises:
        FaultsError: with everything that is wrong.
    """
    try:
        return CompleteFile.model_validate(data)
    except ValidationError as error:
        raise FaultsError([_fault(one) for one in error.errors(include_url=False)]) from error


def _fault(error: ErrorDetails) -> Fault:
    path: KeyPath = error["loc"]
    match error["type"]:
        case "extra_forbidden":
            return Fault(path, _unknown_key(str(path[-1]), _known_keys(path[:-1])))
        case "missing":
            return Fault(path, f"is missing, expected {path[-1]}: {FORMAT}" if path == ("tap",) else "is missing")
        case "model_type" | "dict_type" | "model_attributes_type":
            return Fault(path, f"is {kinds.shown(error['input'])}, expected a mapping of keys to values")
        case "list_type":
            return Fault(path, f"is {kinds.shown(error['input'])}, expected a list")
        case _:
            # pydantic writes "[key]" behind the path of a key that is wrong itself.
            name = path[:-1] if path and path[-1] == "[key]" else path
            return Fault(name, str(error.get("ctx", {}).get("error", error["msg"])))


def _known_keys(path: KeyPath) -> list[str]:
    """Keys of the mapping at this path."""
    if path[:1] == ("users",):
        return list(User.model_fields)
    model: Any = CompleteFile
    for key in path:
        model = model.model_fields[str(key)].annotation
    return list(model.model_fields)


def _unknown_key(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    others = ", ".join(name for name in known if name not in near)
    return f"is an unknown key, expected {f'{near[0]} or another of' if near else 'one of'} {others}"
