"""JSON Schema of `device.yaml`."""

import ast
import inspect
from itertools import pairwise
from textwrap import dedent
from typing import Any, cast

from pydantic.json_schema import models_json_schema

from emulator.blueprint import Rules
from emulator.config.fields import optional, strict_model
from emulator.config.model import DeviceFile, rules_model, service_model, services
from emulator.config.records import record_model
from emulator.config.signals import signal_members
from emulator.targets.spec import TargetSpec


def json_schema() -> dict[str, Any]:
    """JSON Schema of `device.yaml`, for completion and checks in editors."""
    settings = {name: (service_model(name), optional(f"Settings of the {name} service.")) for name in services()}
    values = "Values that the Tap holds, by service and name."
    sections = {
        "settings": (strict_model("Settings", values, settings), optional(values)),
        "target": (record_model(TargetSpec), optional("What is connected to the Tap.")),
        "rules": (rules_model(), optional("How the Tap behaves where a test needs it otherwise.")),
    }
    tap = strict_model("Tap", "A virtual Tap.", sections, base=DeviceFile)
    signal = strict_model("Signal", "A value over time; one of these.", signal_members())
    _, schema = models_json_schema([(tap, "validation"), (signal, "validation")])
    definitions = schema["$defs"]
    file = definitions.pop("Tap")
    definitions["Signal"] |= {"minProperties": 1, "maxProperties": 1}
    variable = definitions["VariableEntry"]["properties"]
    target = file["properties"]["target"]
    target["anyOf"] = [{"$ref": target.pop("$ref")}, {"type": "string", "description": "URL of a real target."}]
    variable["signal"] = {"$ref": "#/$defs/Signal", "description": variable["signal"]["description"]}
    for name, doc in _attribute_docs(Rules).items():
        definitions["Rules"]["properties"][name]["description"] = doc
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": definitions,
        **file,
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
