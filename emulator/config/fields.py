"""What the pydantic models of `device.yaml` are made of: fields read by kinds, and strict models that know them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    create_model,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from emulator.config.kinds import Kind


@dataclass(frozen=True, slots=True)
class Of:
    """Annotation that lets a kind read the value of a field."""

    kind: Kind[Any]
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.kind.parse)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**self.kind.schema, **self.extra}


class Strict(BaseModel):
    """Refuses unknown keys; a key without a value is an empty mapping."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_silent(cls, value: Any) -> Any:
        return {} if value is None else value

    def said(self) -> dict[str, Any]:
        """What the file says, without defaults."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


def _nothing() -> None:
    """Default of what a file may leave out; as a factory it keeps "default: null" out of the JSON Schema."""


def optional(description: str | None = None) -> Any:
    """A field that a file may leave out."""
    return Field(default_factory=_nothing, description=description)


def empty_is(value: Any) -> BeforeValidator:
    """A key without a value means this."""
    return BeforeValidator(lambda given: value if given is None else given)


def told(kind: Kind[Any], default: Any) -> Any:
    """Type of a generated field; its default is only told to editors."""
    if isinstance(default, frozenset):
        shown: Any = sorted(default)
    else:
        shown = default if type(default) in (bool, int, float, str) else kind.write(default).strip('"')
    return Annotated[Any, Of(kind, {"default": shown})]


def strict_model(
    name: str, doc: str, members: Mapping[str, tuple[Any, Any]], base: type[Strict] = Strict
) -> type[Strict]:
    """A model with these fields: type and default of each."""
    make = cast(Callable[..., type[Strict]], create_model)
    return make(name, __base__=base, __doc__=doc, **members)
