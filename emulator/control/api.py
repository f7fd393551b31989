"""The application behind the control API: routes, errors, documentation."""

import importlib.metadata
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from emulator.control import models
from emulator.control.errors import ControlError
from emulator.control.operations import Control
from emulator.control.routes import health, router
from emulator.control.streaming import Streams

_ABOUT: Final = """Steers a virtual IoTize Tap: its state, time, faults and journal.

Every call needs the token: `Authorization: Bearer TOKEN`; only `/health` does not. Errors are
`{"message": "what is wrong, what was expected"}`. Times are in seconds, bytes are `hex:0102`.
"""

_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": models.Message, "description": text}
    for status, text in {
        400: "The body is no JSON",
        401: "The token is missing or wrong",
        403: "Asked by a page of another site",
        404: "There is no such thing",
        409: "Not possible as things are",
        413: "The body is too large",
        421: "Unexpected Host header",
        422: "The request cannot be understood",
    }.items()
}


def make_app(control: Control, token: str, streams: Streams) -> FastAPI:
    """The application, without its guard."""
    app = _application()
    app.state.control = control
    app.state.streams = streams

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(openapi_url=f"/openapi.json?token={quote(token, safe='')}", title="Virtual Tap")

    return app


def describe() -> dict[str, Any]:
    """The OpenAPI document."""
    return _application().openapi()


def _application() -> FastAPI:
    app = FastAPI(
        title="Virtual Tap",
        version=importlib.metadata.version("tap-emulator"),
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        responses=_REFUSALS,
        exception_handlers={
            ControlError: _tell_control_error,
            RequestValidationError: _tell_invalid,
            HTTPException: _tell_http,
        },
    )
    app.include_router(health)
    app.include_router(router)
    return app


async def _tell_control_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ControlError)
    return _message(error.status, error.message)


async def _tell_invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:20]]
    return _message(HTTPStatus.UNPROCESSABLE_ENTITY, "\n".join(problems))


async def _tell_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    text = str(error.detail)
    if error.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        text = f"there is no call {request.method} {request.url.path}, expected one of those at /docs"
    answer = _message(error.status_code, text)
    answer.headers.update(error.headers or {})
    return answer


def _message(status: int, text: str) -> JSONResponse:
    # What came with the request may hold halves of characters, which UTF-8 cannot.
    return JSONResponse({"message": text.encode("utf-8", "backslashreplace").decode()}, status)
