"""Any call that the OpenAPI document describes, and many that it does not: answered as it says, never with a fault."""

from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from emulator.control.api import describe
from tests.emulator.control.steered import TOKEN, Steered, steered

EXAMPLES = 1
NO_END = "/v1/journal/stream"


def test_any_call_is_answered_as_documented() -> None:
    # Only the process that runs this test takes the time to import it.
    import schemathesis

    schema = schemathesis.openapi.from_dict(describe()).exclude(path=NO_END)
    with steered(rate=0.0) as running, running.client() as control:
        control.snapshot("start")
        count = 0
        operations: Any = schema.get_all_operations()
        for found in operations:
            control.restore("start")
            call_often(found.ok(), running)
            count += 1
        assert count > 30
        control.freeze()
        assert control.health().links == [running.url]


def call_often(operation: Any, running: Steered) -> None:
    """Makes calls that fit the document, and some that nearly do."""
    from requests import Session
    from schemathesis.checks import not_a_server_error
    from schemathesis.generation import GenerationMode
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
    session = Session()

    def call(case: Any) -> None:
        if operation.path == "/v1/journal/wait" and isinstance(case.body, dict):
            case.body["timeout"] = 0
        headers = {"Authorization": f"Bearer {TOKEN}"}
        case.call_and_validate(
            base_url=running.control_url, session=session, headers=headers, checks=checks, timeout=20
        )

    quick = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    # What is wrong about a path or a query is refused in one place for all calls; bodies differ.
    modes = GenerationMode if operation.body else [GenerationMode.POSITIVE]
    for mode in modes:
        decorate: Any = given(operation.as_strategy(generation_mode=mode))
        run = quick(decorate(call))
        with suppress(Unsatisfiable):  # nothing about a call without parameters can be wrong
            run()
    session.close()
