"""The sandbox: the account, the exchange, the recordings and the faults, put together as one ASGI application.

::

    async with Sandbox().serve() as sandbox:
        async with VoiceClient(**sandbox.client_options()) as client:
            receipt = await client.callouts.tts("+46700000001", "Hello!", cli="+46700000000")
            assert sandbox.calls[receipt.call_id].request["method"] == "ttsCallout"
"""

import base64
import secrets
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal, TypedDict

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sinch_voice_async.sandbox import bounds
from sinch_voice_async.sandbox.account import Account, CallbackUrls, OwnNumbers
from sinch_voice_async.sandbox.authentication import AuthMiddleware
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.control.app import ControlOptions, with_control
from sinch_voice_async.sandbox.exchange.calls import Call, Calls, Conferences, Party
from sinch_voice_async.sandbox.exchange.exchange import Exchange
from sinch_voice_async.sandbox.exchange.people import People, Person, Phone, Population
from sinch_voice_async.sandbox.exchange.recordings import Recording, Recordings
from sinch_voice_async.sandbox.exchange.streams import StreamRules, Streams
from sinch_voice_async.sandbox.faults import Faults, with_faults
from sinch_voice_async.sandbox.requests import Endpoint, RefusalError, note
from sinch_voice_async.sandbox.routes import (
    CalloutRoutes,
    CallRoutes,
    ConferenceRoutes,
    ConfigurationRoutes,
    RecordingRoutes,
)
from sinch_voice_async.sandbox.server import Serving
from sinch_voice_async.sandbox.state import StateStore

__all__ = ["ClientOptions", "Sandbox"]


def _build_app(endpoints: Iterable[Endpoint], *, account: Account, clock: Clock, faults: Faults) -> ASGIApp:
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


OWN_URL = "http://localhost"
"""The URL of a sandbox that is not served."""


class ClientOptions(TypedDict):
    """The arguments that point a ``VoiceClient`` at a sandbox: ``VoiceClient(**sandbox.client_options())``."""

    application_key: str
    application_secret: str
    base_url: str
    configuration_url: str


class Sandbox:
    """A local stand-in for the platform with one application's account and simulated telephones.

    - ``application_key`` and ``application_secret`` (base64): made up if they are not given.
    - ``speed``: how many seconds of a call pass in one second, 0 to 1,000,000.
    - ``person``: the person at every number that :meth:`phone` says nothing of. By default they answer at once and hang
      up after three seconds; in a conference they stay.
    - ``callback_url``: the application's primary callback URL, http or https.
    - ``numbers``: the customer's own numbers. If they are not given, any number may be assigned.
    - ``max_text_length``: how many characters may be spoken at once, from 1.
    - ``max_page_size``: how many recordings a page holds at most, from 1.
    - ``show_caller``: whether calls have the member ``from``.
    - ``callback_timeout``: seconds of the wall clock after which a callback counts as not answered. A call's own time
      stands still while the application is asked.
    - ``seed``: fixes which requests a fault with a share meets.
    - ``history``: how many finished calls are remembered, from 0. Their size is bounded too: see :class:`.Calls`.
    - ``calls_per_second``: how many callouts are accepted in any second. More are answered 429, with ``Retry-After``.
    - ``state``: a file that keeps the application, its numbers and callback URLs, people, calls and recordings across
      restarts. A call that was ongoing is over afterwards, with the reason GENERALERROR and without DiCE. An argument
      of this constructor replaces what the file says.
    - ``allow_hosts``: names by which other machines may reach the page and the control API, as ``"sandbox"`` in a
      network of containers. localhost and IP addresses are always allowed.

    Raises ValueError, with the name of the argument, for a value out of bounds or a ``state`` that is another file, and
    OSError if ``state`` cannot be opened for writing or another sandbox has it open.
    """

    def __init__(
        self,
        application_key: str | None = None,
        application_secret: str | None = None,
        *,
        speed: float = 1.0,
        person: Person | None = None,
        callback_url: str = "",
        numbers: Iterable[str] | None = None,
        max_text_length: int = 600,
        max_page_size: int | None = None,
        show_caller: bool = False,
        callback_timeout: float = 5.0,
        seed: int = 0,
        history: int = 10_000,
        calls_per_second: float | None = None,
        state: str | Path | None = None,
        streams: StreamRules | None = None,
        allow_hosts: Iterable[str] = (),
    ) -> None:
        application_secret = bounds.hidden(application_secret)
        _check_application(application_key, application_secret, callback_url)
        _check_limits(max_text_length, max_page_size, history, calls_per_second, callback_timeout)
        hosts = _check_parts(person, streams, state, allow_hosts, show_caller=show_caller)
        self.numbers: OwnNumbers = OwnNumbers(numbers)
        self.faults: Faults = Faults(seed, calls_per_second)
        self.clock: Clock = Clock(speed)
        # The file is opened last: an argument that is out of bounds must not leave one open.
        self._state = None if state is None else StateStore(state)
        self.account: Account = _account_of(application_key, application_secret, self._state)
        self.account.max_text_length, self.account.callback_urls = max_text_length, CallbackUrls(callback_url)
        self.people: People = People(person or Person())
        self.recordings: Recordings = Recordings(self.clock, max_page_size=max_page_size)
        self.exchange: Exchange = Exchange(
            self.account,
            self.clock,
            self.people,
            self.recordings,
            callback_timeout=callback_timeout,
            history=history,
            store=self._state.store if self._state else None,
            streams=streams,
        )
        self.streams: Streams = self.exchange.streams
        """The media streams by call id: what was said on them, and how they behave (``rules``)."""
        self.calls: Calls = self.exchange.calls
        self._endpoints: list[Endpoint] = self._routes(show_caller=show_caller)
        platform = _build_app(self._endpoints, account=self.account, clock=self.clock, faults=self.faults)
        control = ControlOptions(hosts, callback_timeout)
        self.app: ASGIApp = with_control(platform, self, control)
        """The sandbox as an ASGI application, for ``httpx.ASGITransport`` on asyncio and trio."""
        if self._state is not None:
            self._state.restore(self)
            self.app = self._state.saving(self.app, self)
        self._serving: Serving[Sandbox] | None = None

    def _routes(self, *, show_caller: bool) -> list[Endpoint]:
        return [
            *CalloutRoutes(self.account, self.exchange, self.faults).endpoints(),
            *CallRoutes(self.calls, show_caller=show_caller).endpoints(),
            *ConferenceRoutes(Conferences(self.calls)).endpoints(),
            *ConfigurationRoutes(self.account, self.numbers).endpoints(),
            *RecordingRoutes(self.recordings).endpoints(),
        ]

    def __repr__(self) -> str:
        if not hasattr(self, "calls"):  # a tracker of errors asks when an argument of the constructor is refused
            return "<Sandbox>"
        return f"<Sandbox {self.url} key={self.account.application_key[:8]}... calls={len(self.calls)}>"

    @property
    def url(self) -> str:
        """The URL while the sandbox is served; otherwise ``http://localhost``, for use with :attr:`app`."""
        return self.recordings.base_url

    @property
    def executed(self) -> int:
        """How many callouts were accepted, those of forgotten calls included."""
        return self.calls.placed

    def serve(self, *, host: str = "127.0.0.1", port: int = 0, allow_remote: bool = False) -> "Serving[Sandbox]":
        """Return a context manager, for ``async with`` or ``with``, that serves the sandbox over HTTP and gives it.

        ``port`` 0 takes a free one. Raises ValueError for a host that is not loopback without ``allow_remote``,
        OSError if the port is taken.
        """
        if self._serving is not None and self._serving.url is not None:
            raise RuntimeError("this sandbox is already being served")
        self._serving = _Serving(self.app, self, host=host, port=port, allow_remote=allow_remote)
        return self._serving

    def client_options(self) -> ClientOptions:
        """Return the arguments that point a ``VoiceClient`` here."""
        return {
            "application_key": self.account.application_key,
            "application_secret": self.account.application_secret,
            "base_url": self.url,
            "configuration_url": self.url,
        }

    def routes(self) -> set[tuple[str, str]]:
        """Return every endpoint: its method, and its path as the documents write it."""
        return {(endpoint.method, endpoint.template) for endpoint in self._endpoints}

    def add_recording(
        self,
        key: str | None = None,
        *,
        seconds: float = 1.0,
        created_on: datetime | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Recording:
        """Store ``data``, or a tone of ``seconds`` as a WAV file, 16,000 bytes each. See :meth:`.Recordings.add`."""
        return self.recordings.add(key, seconds=seconds, created_on=created_on, data=data, headers=headers)

    def remove_recording(self, key: str) -> None:
        """Delete a recording. Raises KeyError if its key is not known."""
        self.recordings.remove(key)

    def phone(self, number: str) -> Phone:
        """Return the telephone of a number, user name or SIP address, whose methods say what the person there does."""
        return Phone(self.people, number)

    def population(
        self, *, answer: float = 0.0, busy: float = 0.0, no_answer: float = 0.0, machine: float = 0.0, seed: int = 0
    ) -> Population:
        """Put a person at every number that :meth:`phone` said nothing of, and return how they are drawn.

        Each argument but ``seed`` is the share of all numbers, 0.0 to 1.0, at which a person answers, the line is busy,
        the call is not answered, or an answering machine answers. They add up to 1. The person at a number depends on
        the number and on ``seed`` alone. Assign a :class:`Population` to ``sandbox.people.population`` to set how long
        they ring and talk, or None to restore the default person. Raises ValueError for other shares.
        """
        shares = Population(answer=answer, busy=busy, no_answer=no_answer, machine=machine, seed=seed)
        self.people.population = shares
        return shares

    async def dial_in(
        self,
        from_: str,
        to: str,
        *,
        kind: Literal["number", "username", "sip"] = "number",
        custom: str = "",
    ) -> Call:
        """Have a person call the application's number ``to``, which causes ICE, and return the call.

        ``from_`` is a number, user name or SIP address, as ``kind`` says. The person with this telephone calls. Raises
        ValueError, with the name of the argument, for a value out of bounds.
        """
        bounds.text("from_", from_, most=256)
        bounds.text("to", to, most=256)
        bounds.choice("kind", kind, ("number", "username", "sip"))
        bounds.text("custom", custom)
        party = Party("did" if kind == "number" else kind, to)
        return self.exchange.dial_in(Party(kind, from_), party, custom=custom)

    def reset(self) -> None:
        """Forget every call, person, recording and fault; the account, its numbers and the clock stay as they are."""
        self.exchange.clear()
        self.people.clear()
        self.faults.clear()
        self.exchange.answers.clear()
        self.exchange.log.remove(self.exchange.log)
        for recording in self.recordings:
            self.recordings.remove(recording.key)

    def close(self) -> None:
        """End the thread that sends callbacks, write what is left to write, and close the file.

        Leaving :meth:`serve` does this. The thread ends by itself, too, when no call needs it.
        """
        self.exchange.close()
        if self._state is not None:
            self._state.close(self)


class _Serving(Serving[Sandbox]):
    """A sandbox while it is served."""

    def start(self) -> Sandbox:
        """Start the server."""
        sandbox = super().start()
        sandbox.recordings.base_url = self.url or OWN_URL
        return sandbox

    def stop(self) -> None:
        """Stop the server, and close the sandbox."""
        was_served = self.url is not None
        super().stop()
        if was_served:
            self.served.recordings.base_url = OWN_URL
            self.served.close()


def _account_of(key: str | None, secret: str | None, state: StateStore | None) -> Account:
    """Return the application: the one that is given, else that of the state, else a new one."""
    kept = state.application if state else None
    if kept is None:
        kept = Account(str(uuid.uuid4()), _made_up_secret(), has_made_up_secret=True)
    is_made_up = kept.has_made_up_secret and not secret
    return Account(key or kept.application_key, str(secret or kept.application_secret), has_made_up_secret=is_made_up)


def _check_application(key: str | None, secret: str | None, callback_url: str) -> None:
    if key:
        bounds.header("application_key", key)
    if secret:
        bounds.secret("application_secret", secret)
    if callback_url:
        bounds.web_url("callback_url", callback_url)


def _check_parts(
    person: Person | None,
    streams: StreamRules | None,
    state: str | Path | None,
    allow_hosts: Iterable[str],
    *,
    show_caller: bool,
) -> tuple[str, ...]:
    """Check what a sandbox is made of, and return the hosts."""
    bounds.flag("show_caller", show_caller)
    bounds.instance("person", person, Person)
    bounds.instance("streams", streams, StreamRules)
    if state is not None:
        bounds.path("state", state)
    return bounds.texts("allow_hosts", allow_hosts)


def _check_limits(
    max_text_length: int,
    max_page_size: int | None,
    history: int,
    calls_per_second: float | None,
    callback_timeout: float,
) -> None:
    bounds.seconds("callback_timeout", callback_timeout, least=0.001)
    bounds.whole("max_text_length", max_text_length, least=1)
    bounds.whole("history", history)
    if max_page_size is not None:
        bounds.whole("max_page_size", max_page_size, least=1)
    if calls_per_second is not None and bounds.number("calls_per_second", calls_per_second) == 0.0:
        raise ValueError("calls_per_second must be more than 0")


def _made_up_secret() -> str:
    return base64.b64encode(secrets.token_bytes(16)).decode()
