"""Checks values against a model, and says what is wrong in the words of this program."""

import difflib
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from emulator.config import kinds
from emulator.config.draft import Fault
from emulator.config.fields import Of, Strict
from emulator.config.loaded import KeyPath

M = TypeVar("M", bound=Strict)


def validated(model: type[M], value: Any, path: KeyPath, faults: list[Fault]) -> M | None:
    """The checked value; None if it is wrong, which is among the faults then.

    Args:
        path: where the value is in the file.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults += [_fault(model, one, path) for one in error.errors(include_url=False)]
        return None


def _fault(model: type[Strict], error: ErrorDetails, prefix: KeyPath) -> Fault:
    inner: KeyPath = error["loc"]
    path = (*prefix, *inner)
    match error["type"]:
        case "extra_forbidden":
            return Fault(path, unknown_key(str(path[-1]), _known_keys(model, inner[:-1])))
        case "missing":
            return Fault(path, f"is missing, expected {inner[-1]}: {_expected(model, inner)}")
        case "model_type" | "dict_type" | "model_attributes_type":
            return Fault(path, f"is {kinds.shown(error['input'])}, expected a mapping of keys to values")
        case "list_type":
            return Fault(path, f"is {kinds.shown(error['input'])}, expected a list")
        case _:
            # pydantic writes "[key]" behind the path of a key that is wrong itself.
            name = path[:-1] if path[-1:] == ("[key]",) else path
            return Fault(name, str(error.get("ctx", {}).get("error", error["msg"])))


def unknown_key(key: str, known: list[str]) -> str:
    """What to say of a key that is not known."""
    near = difflib.get_close_matches(key, known, n=1)
    others = ", ".join(name for name in known if name not in near)
    if near:
        return f"is an unknown key, expected {near[0]}{f' or another of {others}' if others else ''}"
    return f"is an unknown key, expected one of {others}"


def _known_keys(model: type[Strict], path: KeyPath) -> list[str]:
    """Keys of the mapping at this path."""
    owner: Any = model
    for key in path:
        fields = getattr(owner, "model_fields", None)
        # A key that is no field is one of a mapping or a list, whose elements are all alike.
        owner = owner if fields is None or key not in fields else _inner(fields[str(key)].annotation)
    return list(owner.model_fields)


def _inner(annotation: Any) -> Any:
    """The model within an annotation such as ``dict[str, Model]`` or ``Model | None``."""
    if get_origin(annotation) is Annotated:
        return _inner(get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return annotation
    return next((found for one in reversed(get_args(annotation)) if (found := _inner(one)) is not None), None)


def _expected(model: type[Strict], path: KeyPath) -> str:
    owner: Any = model
    for key in path[:-1]:
        fields = getattr(owner, "model_fields", None)
        owner = owner if fields is None or key not in fields else _inner(fields[str(key)].annotation)
    for one in owner.model_fields[str(path[-1])].metadata:
        if isinstance(one, Of):
            return one.kind.expected
    return "it"
