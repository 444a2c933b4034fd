"""The ASGI application: read (bounded), verify, dispatch, reply.

Rules:

- No handler sees an event without a valid signature, or sees one twice within ``max_age``.
- No exception leaves the application because of a request's content or a handler. The answer does not give the reason;
  the log, ``sinch_voice_async.webhooks``, does, without secrets.
- 401 unsigned, wrongly signed, stale or repeated; 400 not an event; 405 not POST; 408 a body too slow; 413 a body too
  large; 500 the handler failed, so that the platform uses the fallback URL.
- A body is counted while it is read. An answer that did not wait for the whole body closes the connection.
- A request that fails or is cancelled may be sent again: its signature is forgotten.
- The signed path is the one that the platform called: percent-encoded, with every prefix that a server, a proxy or a
  router has taken away.

Source: Callbacks; ASGI, HTTP and WebSocket protocol; RFC 9110.
"""

import logging
import math
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote, unquote

import anyio
from attrs import Factory, field, frozen

from sinch_voice_async import _bounds
from sinch_voice_async._wire.documents import encode
from sinch_voice_async.credentials import Credentials, accepted_credentials, hidden
from sinch_voice_async.errors import ConfigurationError, InvalidEventError, WebhookError
from sinch_voice_async.models.events import Event
from sinch_voice_async.webhooks.inbound import DEFAULT_MAX_AGE, Proof, authenticate, read_event, repeated
from sinch_voice_async.webhooks.replay import AsyncReplayCache, MemoryReplayCache, ReplayCache
from sinch_voice_async.webhooks.router import (
    Answer,
    EventRouter,
    Fallbacks,
    event_name,
    resumed,
    within,
)
from sinch_voice_async.webhooks.tracker import CallTracker

__all__ = ["WebhookApp"]

T = TypeVar("T")
Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

logger: Final = logging.getLogger("sinch_voice_async.webhooks")

_UNQUOTED: Final = "/:@!$&'()*+,;=~"
_GRACE: Final = 5.0
"""Seconds that a replay cache has to forget the signature of a request that was cancelled."""

# Each status is answered with the header that RFC 9110 asks for; the reason is for the log alone.
_STATUS_HEADERS: Final = {
    401: [(b"www-authenticate", b"application")],
    405: [(b"allow", b"POST")],
    408: [(b"connection", b"close")],
    413: [(b"connection", b"close")],
}


class Disconnected(Exception):  # noqa: N818  # an event, not an error
    """The platform has closed the connection, so no answer can reach it."""


class Overdue(Exception):  # noqa: N818  # an event, not an error
    """The time of some work is up."""


class Refused(Exception):  # noqa: N818  # likewise
    """The request is answered with a status before its signature is checked."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def _headers_of(reply: "Reply") -> Sequence[tuple[bytes, bytes]]:
    kind = [(b"content-type", b"application/json")] if reply.body else []
    return [(b"content-length", b"%d" % len(reply.body)), *kind, *_STATUS_HEADERS.get(reply.status, ())]


@frozen
class Reply:
    """One answer: a status, JSON if it has a body, and the headers that follow from the two."""

    status: int
    body: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = field(
        init=False, repr=False, default=Factory(_headers_of, takes_self=True)
    )


# The platform logs an error if the body of an answer is empty; ``{}`` satisfies every document.
_EMPTY: Final = Reply(200, b"{}")


class WebhookApp(EventRouter):
    """An ASGI 3 application that answers the platform's callbacks by your handlers.

    ::

        app = WebhookApp()

        @app.ice
        async def incoming(event: IncomingCall) -> svaml.IceSvaml:
            return svaml.Svaml(instructions=[svaml.Say("Hello!")], action=svaml.Hangup())

    It answers under every path, needs no framework, and may be mounted in any framework that speaks ASGI.

    ``application_key`` and ``application_secret`` default to ``SINCH_APPLICATION_KEY`` and
    ``SINCH_APPLICATION_SECRET``; ``credentials`` replaces both: one or several :class:`Credentials`, while a secret is
    rotated. ``max_age`` is how many seconds the timestamp of a callback may differ from now; None allows any.
    ``public_path`` is a prefix that a proxy removes from the path; ``include_query`` counts the query into the signed
    path, which the documents do not mention. ``handler_timeout`` and ``fallbacks`` are those of :class:`EventRouter`;
    the time runs from the first byte of the request, so that a body that never comes is answered too.

    A repeated signature is refused unless ``allow_repeats`` is set. Several processes share a ``replay_cache``; without
    one, each process remembers its own. ``tracker`` receives every event before its handler runs. ``max_body`` is in
    bytes. ``clock`` returns Unix seconds.

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
        application_secret = hidden(application_secret)
        super().__init__(handler_timeout=handler_timeout, fallbacks=fallbacks)
        self._credentials = accepted_credentials(application_key, application_secret, credentials)
        age = _bounds.seconds(max_age, "max_age", zero=False, optional=True)
        self._max_age: float | None = age
        self._public_path = _prefix(public_path)
        self._include_query = _bounds.flag(include_query, "include_query")
        self._replay_cache = _cache(replay_cache, allow_repeats=_bounds.flag(allow_repeats, "allow_repeats"))
        self._remembers_at_once = self._replay_cache is None or type(self._replay_cache) is MemoryReplayCache
        self._tracker = _bounds.instance(tracker, "tracker", CallTracker, optional=True)
        self._max_body = _bounds.whole(max_body, "max_body", least=1)
        self._clock = _bounds.function(clock, "clock")
        self._last: tuple[Answer, Reply] = (None, _EMPTY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or the server's lifespan messages; raise ValueError for anything else."""
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

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        # One time-out for body and handler, since the platform waits for both.
        request = _Request()
        try:
            if is_on_asyncio():
                return await self._work_on_asyncio(scope, receive, request)
            return await within(self._timeout, self._work(scope, receive, request), lambda: self._overdue(request))
        except BaseException:
            # Only a cancellation gets here: by the server, or of a task that the handler has awaited.
            if request.claimed is not None:
                with anyio.move_on_after(_GRACE, shield=True):
                    await self._release(request.claimed)
            raise

    async def _work(self, scope: Scope, receive: Receive, request: "_Request") -> Reply:
        try:
            body = await self._read(scope, receive)
            proof, event = self._opened(scope, body, request)
        except (Refused, WebhookError) as error:
            return _refusal(error)
        return await self._answered(proof, event, request)

    async def _work_on_asyncio(self, scope: Scope, receive: Receive, request: "_Request") -> Reply:
        """Do the same, with a scope only around what may wait: in a new task it takes a sixth of all the time."""
        end = time.perf_counter() + self._timeout
        try:
            body = await begun_within(self._timeout, self._read(scope, receive))
            proof, event = self._opened(scope, body, request)
        except (Refused, WebhookError) as error:
            return _refusal(error)
        except Overdue:
            return self._overdue(request)
        work = self._answered(proof, event, request)
        if self._remembers_at_once and event_name(event) not in self._may_wait:
            return await work
        return await within(end - time.perf_counter(), work, lambda: self._overdue(request))

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        if scope["method"] != "POST":
            raise Refused(405, "the method is not POST")
        return await read_body(receive, self._max_body)

    def _opened(self, scope: Scope, body: bytes, request: "_Request") -> tuple[Proof, Event]:
        proof, event = self._prove(scope, body), read_event(body)
        request.event = event
        return proof, event

    async def _answered(self, proof: Proof, event: Event, request: "_Request") -> Reply:
        try:
            request.claimed = proof
            new = self._replay_cache is None or self._replay_cache.add(proof.signature, proof.lifetime)
            if not (new if isinstance(new, bool) else await new):
                request.claimed = None
                return _refusal(repeated())
            if self._tracker is not None:
                self._tracker.feed(event)
            return self._written(await self._ask(event))
        except Exception:  # a handler may raise anything, and the platform is told by the status
            logger.exception("the %s event of call %r failed: answered 500", event_name(event), event.call_id)
            await self._release(proof)
            return Reply(500)

    def _overdue(self, request: "_Request") -> Reply:
        if request.event is not None:
            return self._written(self._late(request.event))
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

    def _written(self, answer: Answer) -> Reply:
        if answer is None:
            return _EMPTY
        # Many applications return the same document again and again: the last one is not encoded twice.
        last, reply = self._last
        if answer is not last:
            reply = Reply(200, encode(answer))
            self._last = answer, reply
        return reply

    async def _release(self, proof: Proof) -> None:
        """Forget the signature of a failed request, so that it may be sent again."""
        if self._replay_cache is None:
            return
        try:
            discarded = self._replay_cache.discard(proof.signature)
            if discarded is not None:
                await discarded
        except Exception:  # the request has failed already, and is answered so
            logger.exception("the replay cache failed too: the same request will be refused")


class _Request:
    """How far one request has come: its event, and the proof whose signature it has claimed."""

    __slots__ = ("claimed", "event")

    def __init__(self) -> None:
        self.event: Event | None = None
        self.claimed: Proof | None = None


async def begun_within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of some work of the server; on asyncio only, where it costs nothing if the work does not wait.

    Work that waits is limited by asyncio's own time-out, which need not nest with the scopes that the work has opened
    by then. It does not respect their shields either, so this is not for the work of a handler.

    :raises Overdue: the work was cancelled after so many seconds.
    """
    end = time.perf_counter() + seconds
    try:
        awaited = work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    left = None if math.isinf(seconds) else end - time.perf_counter()
    timer = sys.modules["asyncio"].timeout(left)
    try:
        async with timer:
            return await resumed(work, awaited)
    except TimeoutError:
        if timer.expired():
            raise Overdue from None
        raise


def is_on_asyncio() -> bool:
    """Return whether the current task is one of asyncio. If trio is a guest of its loop, it is not."""
    asyncio = sys.modules.get("asyncio")
    # The public function raises an exception on trio, which takes longer than all else here.
    return asyncio is not None and asyncio._get_running_loop() is not None and asyncio.current_task() is not None  # noqa: SLF001


async def read_body(receive: Receive, max_body: int) -> bytes:
    """Return the body; raise ``Refused`` if it is too large, ``Disconnected`` if it ends early."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        piece: bytes = message.get("body", b"")
        pieces.append(piece)
        size += len(piece)
        if size > max_body:
            raise Refused(413, f"the body has more than {max_body} bytes")
        if not message.get("more_body", False):
            return piece if len(pieces) == 1 else b"".join(pieces)


def called_path(scope: Scope, public_path: str | None = None) -> str:
    """Return the path as the platform called it, with the query if it has one.

    ``public_path`` is a prefix that a proxy removes; with it, the server's ``root_path`` does not count.
    """
    raw = scope.get("raw_path")
    path = quote(scope["path"], safe=_UNQUOTED) if raw is None else raw.decode("utf-8", "surrogateescape")
    root = scope.get("root_path", "") if public_path is None else ""
    prefix = quote(_missing(root, unquote(path)), safe=_UNQUOTED) if root else public_path or ""
    query = scope.get("query_string", b"").decode("utf-8", "surrogateescape")
    return f"{prefix.rstrip('/')}{path}?{query}" if query else f"{prefix.rstrip('/')}{path}"


def _missing(root: str, path: str) -> str:
    """Return the part of ``root_path`` that a path does not begin with.

    Servers differ: in some the path has the whole of it, in some nothing of it, and if a router is mounted in an
    application that has a root of its own, the path begins in the middle of it.
    """
    seams = [index for index, character in enumerate(root) if character == "/"]
    return next((root[:seam] for seam in seams if f"{path}/".startswith(f"{root[seam:]}/")), root)


async def send_reply(scope: Scope, send: Send, reply: Reply) -> None:
    """Send an answer; do nothing if the connection is gone."""
    headers = [*reply.headers]
    if not scope.get("http_version", "1.1").startswith("1"):
        # HTTP/2 has no such header; there, a stream ends by itself.
        headers = [pair for pair in headers if pair[0] != b"connection"]
    try:
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})
    except OSError:
        pass


async def _live(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


def _cache(
    given: ReplayCache | AsyncReplayCache | None, *, allow_repeats: bool
) -> ReplayCache | AsyncReplayCache | None:
    if allow_repeats:
        return None
    if given is None:
        return MemoryReplayCache()
    _bounds.function(getattr(given, "add", None), "replay_cache.add")
    _bounds.function(getattr(given, "discard", None), "replay_cache.discard")
    return given


def _prefix(path: str | None) -> str | None:
    if path is not None and not (isinstance(path, str) and path.startswith("/")):
        raise ConfigurationError("public_path must begin with '/'")
    return path


def _refusal(error: Refused | WebhookError) -> Reply:
    status = error.status if isinstance(error, Refused) else 400 if isinstance(error, InvalidEventError) else 401
    logger.warning("a request was refused with %d: %s", status, error)
    return Reply(status)
