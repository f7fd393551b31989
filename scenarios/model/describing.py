"""Looks into the models: which keys a mapping has, and which models there are."""

from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

from pydantic.fields import FieldInfo

from scenarios.model.common import Model


def keys_of(model: type[Model]) -> dict[str, FieldInfo]:
    """The fields of a model by the key that a file writes."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def model_in(annotation: Any) -> type[Model] | None:
    """The model within an annotation such as ``dict[str, Model]`` or ``tuple[Model, ...]``."""
    if get_origin(annotation) is Annotated:
        return model_in(get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    return next((found for one in reversed(get_args(annotation)) if (found := model_in(one)) is not None), None)


def keys_at(model: type[Model], path: tuple[str | int, ...]) -> list[str]:
    """Keys of the mapping at a path of the model; what is no key is one of a mapping or a list of alike values."""
    owner = model
    for key in path:
        field = keys_of(owner).get(str(key))
        if field is not None:
            owner = model_in(field.annotation) or owner
    return list(keys_of(owner))


def models(model: type[Model], seen: set[type[Model]] | None = None) -> Iterator[type[Model]]:
    """The model and those within it, each once."""
    seen = set() if seen is None else seen
    if model in seen:
        return
    seen.add(model)
    yield model
    for field in model.model_fields.values():
        inner = model_in(field.annotation)
        if inner is not None:
            yield from models(inner, seen)
