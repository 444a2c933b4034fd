"""The ASGI application: read (bounded), verify, dispatch, reply.

Rules:

- No handler sees an event without a valid signature, or one twice within ``max_age``.
- No exception leaves the application for what a request holds or a handler does. The answer says nothing of the reason;
  the log, ``sinch_voice_async.webhooks``, does, without secrets.
- 401 unsigned, wrongly signed, stale or repeated; 400 not an event; 405 not POST; 408 a body too slow; 413 a body too
  large; 500 the handler failed, so that the platform uses the fallback URL.

Source: Callbacks; ASGI.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from sinch_voice_async._wire.codec import encode
from sinch_voice_async.credentials import Credentials
from sinch_voice_async.errors import ConfigurationError, InvalidEventError, WebhookError
from sinch_voice_async.models.events import Event
from sinch_voice_async.webhooks.deadline import within
from sinch_voice_async.webhooks.exchange import (
    Disconnected,
    Receive,
    Refused,
    Reply,
    Scope,
    Send,
    called_path,
    read_body,
    send_reply,
)
from sinch_voice_async.webhooks.inbound import DEFAULT_MAX_AGE, Proof, authenticate, read_event, repeated, several
from sinch_voice_async.webhooks.replay import AsyncReplayCache, MemoryReplayCache, ReplayCache
from sinch_voice_async.webhooks.router import Answer, EventRouter, Fallbacks, event_name, seconds
from sinch_voice_async.webhooks.tracker import CallTracker

__all__ = ["WebhookApp"]

_LOG = logging.getLogger("sinch_voice_async.webhooks")
_EMPTY: Final = Reply(200)


class WebhookApp(EventRouter):
    """An ASGI 3 application that answers the platform's callbacks by your handlers.

    ::

        app = WebhookApp()

        @app.ice
        async def incoming(event: IncomingCall) -> svaml.IceSvaml:
            return svaml.Svaml(instructions=[svaml.Say("Hello!")], action=svaml.Hangup())

    It answers under every path, needs no framework, and may be mounted in any that speaks ASGI.

    ``application_key`` and ``application_secret`` are taken from ``SINCH_APPLICATION_KEY`` and
    ``SINCH_APPLICATION_SECRET`` where left out; ``credentials`` is one or several in their place, while a secret is
    rotated. ``max_age`` is how many seconds a callback's timestamp may be off; None takes any. ``public_path`` is a
    prefix that a proxy takes away from the path before it gets here; ``include_query`` counts the query into what is
    signed, of which the documents say nothing. ``handler_timeout`` and ``fallbacks`` are those of
    :class:`EventRouter`; the time runs from the first byte of the request, so that a body that never comes is answered
    too.

    A repeated signature is refused unless ``allow_repeats`` is set; several processes share what they have seen in a
    ``replay_cache``, else each remembers its own. ``tracker`` is fed every event before its handler runs. ``max_body``
    is bytes. ``clock`` gives Unix seconds.

    :raises ConfigurationError: an argument or a variable is missing or malformed; the message names it.

    Source: Callbacks; Authentication, Callback signed request.
    """

    def __init__(
        self,
        application_key: str | None = None,
        application_secret: str | None = None,
        *,
        credentials: Credentials | Sequence[Credentials] | None = None,
        max_age: float | None = DEFAULT_MAX_AGE,
        public_path: str | None = None,
        include_query: bool = False,
        handler_timeout: float | None = 4.0,
        fallbacks: Fallbacks | None = None,
        allow_repeats: bool = False,
        replay_cache: ReplayCache | AsyncReplayCache | None = None,
        tracker: CallTracker | None = None,
        max_body: int = 65_536,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(handler_timeout=handler_timeout, fallbacks=fallbacks)
        self._credentials = _whose(application_key, application_secret, credentials)
        self._max_age = max_age if max_age is None else seconds(max_age, "max_age")
        self._public_path = _prefix(public_path)
        self._include_query = include_query
        self._replay_cache = replay_cache
        if allow_repeats:
            self._replay_cache = None
        elif replay_cache is None:
            self._replay_cache = MemoryReplayCache()
        self._tracker = tracker
        self._max_body = _bytes(max_body)
        self._clock = clock
        self._last: tuple[Answer, Reply] = (None, _EMPTY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or the server's question whether all is well; raise ValueError for anything else."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            try:
                reply = await self._reply(scope, receive)
            except Disconnected:
                return
            await send_reply(scope, send, reply)
        else:
            raise ValueError(f"a callback comes by http, not by {scope['type']}")

    def _reply(self, scope: Scope, receive: Receive) -> Awaitable[Reply]:
        # One time-out for both, since the platform waits for both.
        known: list[Event] = []
        return within(self._timeout, self._work(scope, receive, known), lambda: self._overdue(known))

    async def _work(self, scope: Scope, receive: Receive, known: list[Event]) -> Reply:
        if scope["method"] != "POST":
            return _refusal(Refused(405, "the method is not POST"))
        try:
            body = await read_body(receive, self._max_body)
            proof, event = self._prove(scope, body), read_event(body)
        except (Refused, WebhookError) as error:
            return _refusal(error)
        known.append(event)
        return await self._handle(event, proof)

    def _overdue(self, known: list[Event]) -> Reply:
        if known:
            return self._written(self._late(*known))
        return _refusal(Refused(408, f"the body did not arrive within {self._timeout:g} s"))

    def _prove(self, scope: Scope, body: bytes) -> Proof:
        return authenticate(
            scope["method"],
            called_path(scope, self._public_path),
            scope["headers"],
            body,
            credentials=self._credentials,
            max_age=self._max_age,
            now=self._clock(),
            include_query=self._include_query,
        )

    async def _handle(self, event: Event, proof: Proof) -> Reply:
        try:
            new = self._claim(proof)
            if not (new if isinstance(new, bool) else await new):
                return _refusal(repeated())
            if self._tracker is not None:
                self._tracker.feed(event)
            return self._written(await self._ask(event))
        except Exception:  # noqa: BLE001 - a handler may raise anything, and the platform is told by the status
            _LOG.exception("the %s event of call %r failed: answered 500", event_name(event), event.call_id)
            await self._release(proof)
            return Reply(500)

    def _written(self, answer: Answer) -> Reply:
        if answer is None:
            return _EMPTY
        # Many applications give the same document again and again: one written last time is not written again.
        last, reply = self._last
        if answer is not last:
            reply = Reply(200, encode(answer))
            self._last = answer, reply
        return reply

    def _claim(self, proof: Proof) -> bool | Awaitable[bool]:
        return self._replay_cache is None or self._replay_cache.add(proof.signature, proof.lifetime)

    async def _release(self, proof: Proof) -> None:
        """Let a request that has failed be sent again."""
        if self._replay_cache is None:
            return
        try:
            discarded = self._replay_cache.discard(proof.signature)
            if discarded is not None:
                await discarded
        except Exception:  # noqa: BLE001 - the request has failed anyway, and is answered so
            _LOG.exception("the replay cache failed too: the same request will be refused")


def _whose(
    key: str | None, secret: str | None, credentials: Credentials | Sequence[Credentials] | None
) -> tuple[Credentials, ...]:
    if credentials is None:
        return (Credentials.from_environment(key, secret),)
    if key is not None or secret is not None:
        raise ConfigurationError("pass application_key and application_secret, or credentials, not both")
    return several(credentials)


def _prefix(path: str | None) -> str | None:
    if path is not None and not (isinstance(path, str) and path.startswith("/")):
        raise ConfigurationError("public_path must begin with '/'")
    return path


def _bytes(most: int) -> int:
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise ConfigurationError(f"max_body must be a whole number of bytes from 1, not {most!r}")
    return most


def _refusal(error: Refused | WebhookError) -> Reply:
    status = error.status if isinstance(error, Refused) else 400 if isinstance(error, InvalidEventError) else 401
    _LOG.warning("a request was refused with %d: %s", status, error)
    return Reply(status)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
