"""The control API and the page, beside the platform: ``/_sandbox/api/...`` for tests in any language, ``/_sandbox/``
for a person with a browser.

=======================  ===================================  ====================================================
method                   path under ``/_sandbox/api``         does
=======================  ===================================  ====================================================
GET                      ``/``                                lists these endpoints, with what each takes
GET                      ``/openapi.json``                    describes them as OpenAPI 3.1
GET                      ``/state``                           tells account, clock, scripted phones, and counts
POST                     ``/reset``                           forgets calls, people, recordings and faults
GET POST DELETE          ``/calls``                           lists and searches; dials in; forgets
POST                     ``/calls/callout``                   places a callout
GET                      ``/calls/{callId}``                  one call: timeline, callbacks and transcript
POST                     ``/calls/{callId}/pick-up``          answers the phone that rings
POST                     ``/calls/{callId}/press``            presses keys
POST                     ``/calls/{callId}/put-down``         hangs up
GET DELETE               ``/requests``                        lists, searches and forgets requests and callbacks
GET                      ``/requests.har``                    the same as HAR 1.2
GET                      ``/requests/{id}``                   one of them: headers, bodies, signature
GET                      ``/requests/{id}/body``              the body that was sent, as a file
GET                      ``/requests/{id}/response-body``     the body that came back, as a file
POST                     ``/requests/{id}/explain``           finds out what was signed
POST                     ``/requests/{id}/resend``            sends it again
GET                      ``/conferences``                     lists conferences
GET                      ``/conferences/{conferenceId}``      one of them, with its roster
PATCH DELETE             ``/conferences/{conferenceId}/{callId}``  mutes, holds; removes a participant
GET                      ``/answers``                         what is answered for the application
GET PUT DELETE           ``/answers/{event}``                 the SVAML that answers an event
POST                     ``/callback-test``                   tests whether an application listens
POST                     ``/svaml/check``                     finds faults in SVAML
GET                      ``/svaml/schema``                    its JSON Schema
GET                      ``/events``                          what changes, as server-sent events
GET PUT                  ``/phones``                          lists scripted phones; sets the default person
GET PUT PATCH DELETE     ``/phones/{number}``                 who answers a number, and what they do
GET PUT DELETE           ``/population``                      people at every number at once, by shares
GET PATCH                ``/clock``                           tells the time; sets ``speed`` and ``offset``
POST                     ``/clock/step``                      lets ``seconds`` pass at once
GET POST PATCH DELETE    ``/faults``                          lists, adds, limits calls per second, clears
GET PATCH                ``/account``                         callback URLs, credit, forbidden numbers
GET                      ``/account/credentials``             what a client needs
GET POST                 ``/recordings``                      lists and adds recordings
GET DELETE               ``/recordings/{key}``                plays and deletes one
GET                      ``/recordings/{key}/peaks``          the shape of its sound
=======================  ===================================  ====================================================

On the WebSocket ``/calls/{callId}/talk`` the page's telephone talks on a media stream: see :mod:`.live`.

No password is asked for: see :class:`.Guard`. Errors are those of the platform (``errorCode``, ``message``,
``reference``): 40001 names an illegal member, 40002 a missing one, and 40003 a body that is not a JSON object.

The Content-Security-Policy of the page allows no script or style but its own files, and Trusted Types forbid turning
text into markup. Source: CSP.
"""

import secrets
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Literal, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.control.calls import CallControls, ConferenceControls
from sinch_voice_async.sandbox.control.live import LiveControls, talk_route
from sinch_voice_async.sandbox.control.people import PhoneControls, PopulationControls, described, is_page
from sinch_voice_async.sandbox.control.recordings import RecordingControls
from sinch_voice_async.sandbox.control.requests import CallbackTest, RequestControls, Sender
from sinch_voice_async.sandbox.control.settings import (
    AccountControls,
    ClockControls,
    FaultControls,
    account_of,
    clock_of,
)
from sinch_voice_async.sandbox.control.svaml import AnswerControls, SvamlControls
from sinch_voice_async.sandbox.control.table import Control, Guard, openapi
from sinch_voice_async.sandbox.exchange.calls import Call
from sinch_voice_async.sandbox.exchange.exchange import Exchange
from sinch_voice_async.sandbox.exchange.people import People
from sinch_voice_async.sandbox.exchange.recordings import Recordings
from sinch_voice_async.sandbox.faults import Faults
from sinch_voice_async.sandbox.request_log import Logged
from sinch_voice_async.sandbox.requests import Fields, RefusalError

__all__ = ["ControlOptions", "Controlled", "with_control"]


PAGE = "/_sandbox"
SAFETY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
"""Headers of everything under ``/_sandbox``."""
MEDIA_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class Controlled(Protocol):
    """What is controlled: a sandbox."""

    account: Account
    clock: Clock
    exchange: Exchange
    faults: Faults
    people: People
    recordings: Recordings

    @property
    def url(self) -> str:
        """Where the sandbox is served."""
        ...

    async def dial_in(
        self, from_: str, to: str, *, kind: Literal["number", "username", "sip"] = ..., custom: str = ...
    ) -> Call:
        """Have a person call the application."""
        ...

    def reset(self) -> None:
        """Forget calls, people, recordings and faults."""


@dataclass(frozen=True, slots=True)
class ControlOptions:
    """What the control API is told. ``allow_hosts`` are names by which other machines reach the sandbox,
    ``callback_timeout`` is in seconds.
    """

    allow_hosts: tuple[str, ...] = ()
    callback_timeout: float = 5.0


def with_control(platform: ASGIApp, sandbox: Controlled, options: ControlOptions) -> ASGIApp:
    """Return an application that answers for ``/_sandbox`` itself, and leaves everything else to the platform."""
    logged, guard = Logged(platform, sandbox.exchange.log), Guard(options.allow_hosts)
    controls = _controls(sandbox, logged, options)
    handlers = {RefusalError: _refuse, HTTPException: _refuse_http, ClientDisconnect: _gone, Exception: _fail}
    routes = [
        *(each.route(guard) for each in controls),
        talk_route(guard, sandbox.exchange.streams),
        *page_routes(guard),
    ]
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return _Doors(logged, app)


def _controls(sandbox: Controlled, platform: ASGIApp, options: ControlOptions) -> list[Control]:
    exchange, account, people = sandbox.exchange, sandbox.account, sandbox.people
    sender = Sender(account, sandbox.clock, exchange.log, platform, options.callback_timeout)
    state = StateControls(sandbox, options.allow_hosts)
    controls = [
        *state.controls(),
        *CallControls(exchange, sandbox.recordings, sandbox.dial_in, account, platform).controls(),
        *RequestControls(exchange.log, account, sender).controls(),
        *ConferenceControls(exchange.calls).controls(),
        *AnswerControls(exchange.answers).controls(),
        *CallbackTest(account, sender).controls(),
        *SvamlControls().controls(),
        *LiveControls(exchange, people, state.instance, state.described).controls(),
        *PhoneControls(people).controls(),
        *PopulationControls(people).controls(),
        *ClockControls(sandbox.clock).controls(),
        *FaultControls(sandbox.faults).controls(),
        *AccountControls(account, lambda: sandbox.url).controls(),
        *RecordingControls(sandbox.recordings).controls(),
    ]
    state.endpoints = controls
    return controls


class StateControls:
    """Describes a sandbox and resets it; ``instance`` differs each time that one is made."""

    def __init__(self, sandbox: Controlled, hosts: tuple[str, ...]) -> None:
        self._sandbox = sandbox
        self._hosts = hosts
        self.instance: str = secrets.token_hex(8)
        self.endpoints: list[Control] = []

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        return [
            Control("GET", "/", self.list),
            Control("GET", "/openapi.json", self.document),
            Control("GET", "/state", self.get),
            Control("POST", "/reset", self.reset, status=204, example={}),
        ]

    def described(self) -> dict[str, object]:
        """Return everything but calls and requests as JSON has it."""
        sandbox = self._sandbox
        first_at = sandbox.exchange.log.first_at
        return {
            "instance": self.instance,
            "version": _version(),
            "hosts": list(self._hosts),
            "account": account_of(sandbox.account),
            "clock": clock_of(sandbox.clock),
            "phones": described(sandbox.people),
            "answers": [event for event, _ in sandbox.exchange.answers],
            "firstRequestAt": None if first_at is None else first_at.isoformat(),
        }

    async def list(self, _request: Request, _fields: Fields) -> Response:
        """List these endpoints, with what each takes."""
        return JSONResponse({"endpoints": [each.described() for each in self.endpoints]})

    async def document(self, _request: Request, _fields: Fields) -> Response:
        """Describe these endpoints as OpenAPI 3.1."""
        return JSONResponse(openapi(self.endpoints, _version()))

    async def get(self, request: Request, _fields: Fields) -> Response:
        """Tell the account, the clock, the scripted phones, and how many calls and requests there are."""
        if is_page(request):
            self._sandbox.people.page_polled()
        exchange = self._sandbox.exchange
        seats = {call.seat.conference_id for call in exchange.calls if call.seat and call.ended is None}
        counts = {
            "calls": len(exchange.calls),
            "requests": len(exchange.log),
            "failed": sum(entry.failed for entry in exchange.log),
            "conferences": len(seats),
        }
        return JSONResponse({**self.described(), "calls": len(exchange.calls), "counts": counts})

    async def reset(self, _request: Request, _fields: Fields) -> Response:
        """Forget calls, people, recordings, requests, answers and faults; account and clock stay as they are."""
        self._sandbox.reset()
        return Response(status_code=204)


def page_routes(guard: Guard) -> list[Route]:
    """Return the page and its files."""

    async def redirect(_request: Request) -> Response:
        return RedirectResponse(f"{PAGE}/", status_code=308)

    async def index(request: Request) -> Response:
        return _answer(guard, request, "index.html")

    async def file(request: Request) -> Response:
        return _answer(guard, request, request.path_params["name"])

    return [Route(PAGE, redirect), Route(f"{PAGE}/", index), Route(f"{PAGE}/page/{{name}}", file)]


def _answer(guard: Guard, request: Request, name: str) -> Response:
    guard.check_host(request.headers)
    content = _contents().get(name)
    if content is None:
        raise RefusalError(40400, "Resource not found")
    return Response(content, media_type=MEDIA_TYPES[name.rpartition(".")[2]])


@cache
def _contents() -> dict[str, bytes]:
    folder = files("sinch_voice_async.sandbox") / "page"
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.name.rpartition(".")[2] in MEDIA_TYPES}


class _Doors:
    """Two applications at one address: the platform with its own, and the control of the sandbox beside it."""

    def __init__(self, platform: ASGIApp, control: ASGIApp) -> None:
        self._platform = platform
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        # Undecoded, so that a %2F in a phone's address does not split the path.
        path = scope.get("raw_path", b"").decode("latin-1")
        if scope["type"] == "http" and path == "/" and _is_browser(scope):
            await RedirectResponse(f"{PAGE}/", status_code=303, headers=SAFETY)(scope, receive, send)
            return
        if scope["type"] == "lifespan" or not (path == PAGE or path.startswith(f"{PAGE}/")):
            await self._platform(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                safety = [(name.encode(), value.encode()) for name, value in SAFETY.items()]
                message = {**message, "headers": [*message["headers"], *safety]}
            await send(message)

        await self._control({**scope, "path": path}, receive, send_safely)


def _is_browser(scope: Scope) -> bool:
    """Whether a person's browser asks: it says that it wants HTML, and signs nothing."""
    headers = {name: value.lower() for name, value in scope["headers"]}
    wants_page = b"text/html" in headers.get(b"accept", b"")
    return scope["method"] in {"GET", "HEAD"} and wants_page and b"authorization" not in headers


def _version() -> str:
    try:
        return version("sinch_voice_async")
    except PackageNotFoundError:
        return "unknown"


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusalError)  # what it is registered for
    return error.response()


async def _refuse_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # what it is registered for
    return RefusalError(error.status_code * 100, error.detail).response()


async def _gone(_request: Request, _error: Exception) -> Response:
    """Answer nothing of use: the client went away while its request was read."""
    return Response(status_code=400)


async def _fail(_request: Request, error: Exception) -> Response:
    """Answer 50000 for a fault of the sandbox itself; the server logs the exception."""
    return RefusalError(50000, f"Internal error: {type(error).__name__}").response()
