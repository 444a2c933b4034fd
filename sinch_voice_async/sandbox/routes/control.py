"""The control API and the page, beside the platform: ``/_sandbox/api/...`` for tests in any language, ``/_sandbox/``
for a person with a browser.

=====================  =============================  ============================================================
method                 path under ``/_sandbox/api``   does
=====================  =============================  ============================================================
GET                    ``/``                          lists these endpoints, with what each takes, for programs
GET                    ``/state``                     tells account, clock, who was scripted, and how many calls
POST                   ``/reset``                     forgets calls, people, recordings and faults
GET POST               ``/calls``                     lists calls; dials in
GET                    ``/calls/{callId}``            one call with its timeline, callbacks and transcript
POST                   ``/calls/{callId}/pick-up``    answers the telephone that rings
POST                   ``/calls/{callId}/press``      presses keys
POST                   ``/calls/{callId}/put-down``   hangs up
GET                    ``/events``                    calls as they change: server-sent events
GET PUT                ``/phones``                    lists who was scripted; says who is everywhere else
GET PUT DELETE         ``/phones/{number}``           who is there, and what they do when it rings
GET PUT DELETE         ``/population``                people at every number at once, by shares
GET PATCH              ``/clock``                     tells the time; sets ``speed`` and ``offset``
POST                   ``/clock/step``                lets ``seconds`` pass at once
GET POST PATCH DELETE  ``/faults``                    lists, adds, limits calls per second, clears
GET PATCH              ``/account``                   callback URLs, credit, forbidden numbers
GET POST               ``/recordings``                lists and adds recordings
GET DELETE             ``/recordings/{key}``          gives and deletes one
=====================  =============================  ============================================================

There is no password: see :mod:`.control_guard`. Errors are those of the platform: ``{"errorCode", "message",
"reference"}``, where 40001 names an illegal member, 40002 a missing one, and 40003 a body that is no JSON object.
"""

from typing import Literal, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.calls import Call
from sinch_voice_async.sandbox.exchange.exchange import Exchange
from sinch_voice_async.sandbox.exchange.people import People
from sinch_voice_async.sandbox.faults import Faults
from sinch_voice_async.sandbox.refusals import RefusalError
from sinch_voice_async.sandbox.routes.control_account import AccountControls
from sinch_voice_async.sandbox.routes.control_calls import CallControls
from sinch_voice_async.sandbox.routes.control_clock import ClockControls
from sinch_voice_async.sandbox.routes.control_faults import FaultControls
from sinch_voice_async.sandbox.routes.control_live import LiveControls
from sinch_voice_async.sandbox.routes.control_page import PAGE, SAFETY, page_routes
from sinch_voice_async.sandbox.routes.control_phones import PhoneControls
from sinch_voice_async.sandbox.routes.control_population import PopulationControls
from sinch_voice_async.sandbox.routes.control_recordings import RecordingControls
from sinch_voice_async.sandbox.routes.control_state import StateControls
from sinch_voice_async.sandbox.routes.control_table import Control
from sinch_voice_async.sandbox.storage.recordings import Recordings

__all__ = ["Controlled", "with_control"]


class Controlled(Protocol):
    """What is controlled: a sandbox."""

    account: Account
    clock: Clock
    exchange: Exchange
    faults: Faults
    people: People
    recordings: Recordings

    async def dial_in(
        self, from_: str, to: str, *, kind: Literal["number", "username", "sip"] = ..., custom: str = ...
    ) -> Call:
        """Have somebody call the application."""
        ...

    def reset(self) -> None:
        """Forget calls, people, recordings and faults."""


def with_control(platform: ASGIApp, sandbox: Controlled) -> ASGIApp:
    """Return an application that answers for ``/_sandbox`` itself, and leaves everything else to the platform."""
    controls = _controls(sandbox)
    handlers = {RefusalError: _refuse, HTTPException: _refuse_http, ClientDisconnect: _gone, Exception: _fail}
    app = Starlette(routes=[*(each.route() for each in controls), *page_routes()], exception_handlers=handlers)
    app.router.redirect_slashes = False
    return _Doors(platform, app)


def _controls(sandbox: Controlled) -> list[Control]:
    exchange = sandbox.exchange
    state = StateControls(sandbox.account, sandbox.clock, sandbox.people, exchange.calls, sandbox.reset)
    controls = [
        *state.controls(),
        *CallControls(exchange.calls, sandbox.dial_in).controls(),
        *LiveControls(exchange, state.described).controls(),
        *PhoneControls(sandbox.people).controls(),
        *PopulationControls(sandbox.people).controls(),
        *ClockControls(sandbox.clock).controls(),
        *FaultControls(sandbox.faults).controls(),
        *AccountControls(sandbox.account).controls(),
        *RecordingControls(sandbox.recordings).controls(),
    ]
    state.endpoints = [each.described() for each in controls]
    return controls


class _Doors:
    """Two applications at one address: the platform with its own, and the control of the sandbox beside it."""

    def __init__(self, platform: ASGIApp, control: ASGIApp) -> None:
        self._platform = platform
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        # Undecoded, so that a %2F in a telephone's address does not split the path.
        path = scope.get("raw_path", b"").decode("latin-1")
        if scope["type"] != "http" or not (path == PAGE or path.startswith(f"{PAGE}/")):
            await self._platform(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                safety = [(name.encode(), value.encode()) for name, value in SAFETY.items()]
                message = {**message, "headers": [*message["headers"], *safety]}
            await send(message)

        await self._control({**scope, "path": path}, receive, send_safely)


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusalError)  # what it is registered for
    return error.response()


async def _refuse_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # what it is registered for
    return RefusalError(error.status_code * 100, error.detail).response()


async def _gone(_request: Request, _error: Exception) -> Response:
    """Answer nobody: the client went away while its request was read."""
    return Response(status_code=400)


async def _fail(_request: Request, error: Exception) -> Response:
    """Answer 50000 for a fault of the sandbox itself; the server logs the exception."""
    return RefusalError(50000, f"Internal error: {type(error).__name__}").response()
