"""JSON Schema of the scenario file, for completion and checks in editors."""

from typing import Any

from pydantic.json_schema import models_json_schema

from scenarios.model.scenario import Scenario


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a scenario."""
    _, schema = models_json_schema([(Scenario, "validation")], by_alias=True)
    definitions = schema["$defs"]
    scenario = definitions.pop("Scenario")
    for name in ("Step", "Action", "Verification", "When"):
        definitions[name]["minProperties"] = 1
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": definitions,
        **scenario,
        "title": "Scenario of tap-emulator",
        "description": Scenario.__doc__,
    }
