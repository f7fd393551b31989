"""JSON Schema of `device.yaml`."""

import ast
import inspect
from itertools import pairwise
from textwrap import dedent
from typing import Any, cast

from emulator.blueprint import Rules
from emulator.config.model import CompleteFile


def json_schema() -> dict[str, Any]:
    """JSON Schema of `device.yaml`, for completion and checks in editors."""
    schema = CompleteFile.model_json_schema()
    rules = schema["$defs"]["Rules"]["properties"]
    for name, doc in _attribute_docs(Rules).items():
        rules[name]["description"] = doc
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "device.yaml of tap-emulator",
        "description": "A virtual Tap.",
    }


def _attribute_docs(owner: type) -> dict[str, str]:
    """Strings below the attributes of a class, which Python itself does not keep."""
    body = cast(ast.ClassDef, ast.parse(dedent(inspect.getsource(owner))).body[0]).body
    docs: dict[str, str] = {}
    for before, after in pairwise(body):
        match before, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(doc))):
                docs[name] = inspect.cleandoc(doc)
            case _:
                pass
    return docs
