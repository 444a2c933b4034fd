"""The sandbox as an ASGI application: its endpoints behind its gate."""

from collections.abc import Iterable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.faults import Faults
from sinch_voice_async.sandbox.gate import Gate
from sinch_voice_async.sandbox.refusals import RefusalError
from sinch_voice_async.sandbox.routes.endpoint import Endpoint, note
from sinch_voice_async.sandbox.staging import staged

__all__ = ["build_app"]


def build_app(endpoints: Iterable[Endpoint], *, account: Account, clock: Clock, faults: Faults) -> ASGIApp:
    """Return the application; it needs no lifespan, and runs under asyncio and trio."""
    routes = [Route(each.template, staged(each, faults), methods=[each.method]) for each in endpoints]
    handlers = {RefusalError: _refuse, HTTPException: _refuse_http, Exception: _fail}
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return Gate(app, account, clock)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusalError)  # what it is registered for
    note(request, f"{error.code} {error.message}")
    return error.response()


async def _refuse_http(request: Request, error: Exception) -> Response:
    """Answer for a path or method that no endpoint has; the platform documents 40400 and nothing for the latter."""
    assert isinstance(error, HTTPException)  # what it is registered for
    refusal = RefusalError(error.status_code * 100, "Resource not found" if error.status_code == 404 else error.detail)
    return await _refuse(request, refusal)


async def _fail(request: Request, error: Exception) -> Response:
    """Answer 50000 for a fault of the sandbox itself; the server logs the exception."""
    return await _refuse(request, RefusalError(50000, f"Internal error: {type(error).__name__}"))
