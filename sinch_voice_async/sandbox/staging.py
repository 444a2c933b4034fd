"""Playing an injected fault: the real handler with trouble before it, after it, or in its place."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from sinch_voice_async.sandbox.connections import drop, pause
from sinch_voice_async.sandbox.faults import Fault, Faults
from sinch_voice_async.sandbox.routes.endpoint import Endpoint, Handler

__all__ = ["staged"]


def staged(endpoint: Endpoint, faults: Faults) -> Handler:
    """Return a handler that meets the faults meant for this endpoint."""

    async def handle(request: Request) -> Response:
        fault = faults.draw(endpoint.method, endpoint.template)
        if fault is None:
            return await endpoint.handler(request)
        return await _play(fault, request, endpoint.handler)

    return handle


async def _play(fault: Fault, request: Request, handler: Handler) -> Response:
    if fault.latency:
        # Kept by the request, for waiting for the client to go away reads past it.
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
    """No answer at all: the connection closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await drop(scope, receive, flush=False)


class _Cut(Response):
    """An answer whose body ends early, with the connection."""

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
