"""The platform as an ASGI application: its endpoints, injected faults, and the check of credentials."""

from collections.abc import Iterable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.auth import AuthMiddleware
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.faults import Fault, Faults
from sinch_voice_async.sandbox.refusals import RefusalError
from sinch_voice_async.sandbox.routes.endpoint import Endpoint, Handler, note
from sinch_voice_async.sandbox.server import drop, pause

__all__ = ["build_app", "with_faults"]


def with_faults(endpoint: Endpoint, faults: Faults) -> Handler:
    """Return a handler to which the faults of this endpoint are applied."""

    async def handle(request: Request) -> Response:
        fault = faults.draw(endpoint.method, endpoint.template)
        if fault is None:
            return await endpoint.handler(request)
        return await _apply(fault, request, endpoint.handler)

    return handle


async def _apply(fault: Fault, request: Request, handler: Handler) -> Response:
    if fault.latency:
        # The request keeps it: waiting for the client to go away reads past it.
        await request.body()
        await pause(request.receive, fault.latency)
    if fault.drop == "before":
        return _Dropped()
    refusal = fault.refusal()
    if refusal is not None:
        raise refusal
    response = await handler(request)
    if fault.drop == "after":
        return _Dropped()
    if fault.body is not None:
        response = Response(fault.body, status_code=response.status_code, media_type="text/html")
    return response if fault.cut_at is None else _Cut(response, fault.cut_at)


class _Dropped(Response):
    """No answer: the connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await drop(scope, receive, flush=False)


class _Cut(Response):
    """An answer whose body is cut, and whose connection is closed."""

    def __init__(self, whole: Response, at: int) -> None:
        super().__init__()
        self._whole = whole
        self._left = at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_until_cut(message: Message) -> None:
            if message["type"] == "http.response.body":
                body = message.get("body", b"")[: self._left]
                self._left -= len(body)
                message = {"type": "http.response.body", "body": body, "more_body": True}
            await send(message)

        await self._whole(scope, receive, send_until_cut)
        await drop(scope, receive, flush=True)


def build_app(endpoints: Iterable[Endpoint], *, account: Account, clock: Clock, faults: Faults) -> ASGIApp:
    """Return the application; it needs no lifespan, and runs under asyncio and trio."""
    routes = [Route(each.template, with_faults(each, faults), methods=[each.method]) for each in endpoints]
    handlers = {RefusalError: _refuse, HTTPException: _refuse_http, Exception: _fail}
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return AuthMiddleware(app, account, clock)


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
