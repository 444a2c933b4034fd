"""The server of media streams: an ASGI application, and the same for servers that are not ASGI.

Rules:

- Nothing is answered before the token is checked, and no handler sees a call without a valid one.
- A call is answered, busy or rejected within a few seconds; a call ends even if its handler does not.
- A token is logged nowhere: neither by this module, nor by a server that logs the query of the ASGI scope.
- No exception leaves the application for what the platform or a handler does. The log is
  ``sinch_voice_async.streams``.

The platform authenticates nothing, so the server gives it a one-time token to bring along. A token is
``CALL.EXPIRY.ID.SIGNATURE``: the call's id in base64url (empty if the call has none yet), Unix seconds, 128 random
bits, and HMAC-SHA256 over the three. Each machine that has the application's secret can check it, so a call may be
answered by one machine and connected to another. A token is good for one connection: its random bits are spent in a
replay cache, which the machines share. The key is derived from the application's secret, so that a token is never a
signature of anything else.

Source: connectStream; Voice Stream; ASGI, WebSocket.
"""

import base64
import hashlib
import hmac
import inspect
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import anyio
from anyio.abc import TaskGroup
from attrs import evolve, field, frozen

from sinch_voice_async import _bounds
from sinch_voice_async.credentials import Credentials, accepted_credentials, hidden
from sinch_voice_async.errors import ConfigurationError, InvalidRequestError, StreamClosed
from sinch_voice_async.models.events import Event
from sinch_voice_async.models.svaml.actions import ConnectStream, StreamingOptions
from sinch_voice_async.streams.adapters import AsgiSocket, Receive, Scope, Send, TrioSocket, WebsocketsSocket, query_of
from sinch_voice_async.streams.call import CallStream
from sinch_voice_async.streams.connection import LOG, Connection, Socket, SocketClosed
from sinch_voice_async.streams.pacing import REAL_TIME, Timing, frame_size
from sinch_voice_async.streams.protocol import RATES, StreamRequest, Verdict
from sinch_voice_async.webhooks.replay import AsyncReplayCache, MemoryReplayCache, ReplayCache

__all__ = ["CLOCK", "TOKEN", "StreamApp", "Token", "make_token", "read_token"]

CallHandler: TypeAlias = Callable[[CallStream], Awaitable[None]]
RequestHandler: TypeAlias = Callable[[StreamRequest], Awaitable[Verdict | None] | Verdict | None]
_Call = TypeVar("_Call", bound=CallHandler)
_Request = TypeVar("_Request", bound=RequestHandler)

TOKEN: Final = "token"  # noqa: S105 - the name of a parameter, not a token
"""The name of the query parameter, and of the call header, that carries the token."""

CLOCK: Final = "sinch_voice_async.clock"
"""The extension of the ASGI scope by which a test hands in its own time."""

_PURPOSE: Final = b"sinch_voice_async stream token 1"
_LONGEST: Final = 1_024


class StreamApp:
    """An ASGI 3 application for the WebSockets of ``connectStream``: each call gets a task and a :class:`.CallStream`.

    ::

        streams = StreamApp(url="wss://agent.example.com/streams", sample_rate=24_000)

        @app.ice
        async def incoming(event: IncomingCall) -> svaml.IceSvaml:
            return svaml.Svaml(action=streams.connect(event))

        @streams.on_call
        async def talk(stream: CallStream) -> None:
            async for frame in stream:
                await stream.send_audio(frame)

    It answers under every path, and may be mounted in any framework that speaks ASGI. In Starlette and FastAPI use
    ``WebSocketRoute("/streams", streams)``: ``Mount`` refuses the path without a slash at its end.

    ``application_key``, ``application_secret`` and ``credentials`` are as in ``WebhookApp``; the secret signs tokens.
    ``url`` is where the platform reaches this application, ``ws://`` or ``wss://``. ``sample_rate`` is what is asked of
    the platform, in hertz: ask for the rate of your model, so that nothing is resampled.

    All times are seconds. A connection has ``answer_timeout`` to send its ``connect``, and ``on_request`` as long
    again. A token is good for ``token_ttl``, once: it is spent in ``replay_cache``, which several machines share.
    With ``bind_calls`` a token is refused for another call than the one that it was made for; without, that is logged:
    it is likely, not documented, that the ids of the event and of the stream are equal.
    ``require_token=False`` admits every connection: only for a private network.

    Above ``max_calls`` calls at a time the answer is busy. ``lead`` is how much sound is sent ahead of the clock,
    ``backlog`` how much received sound waits for a slow handler before the oldest is dropped. ``heartbeat`` is sent
    after so much silence of ours. ``max_message`` is bytes. A handler that does not return ``handler_grace`` after
    the end of its call is cancelled. ``clock`` gives Unix seconds.

    ``active``, ``answered``, ``refused`` and ``failed`` count calls: those now, all that were answered, those that
    were not, and those whose handler raised an exception.

    :raises ConfigurationError: an argument or a variable is missing or malformed; the message names it.

    Source: connectStream; Voice Stream. Where they are silent this is assumed: the rates of voice 2.0
    are allowed, the platform waits 5 s for the answer, ``busy`` works.
    """

    def __init__(
        self,
        application_key: str | None = None,
        application_secret: str | None = None,
        *,
        credentials: Credentials | Sequence[Credentials] | None = None,
        url: str | None = None,
        sample_rate: int = 16_000,
        answer_timeout: float = 5.0,
        token_ttl: float = 120.0,
        replay_cache: ReplayCache | AsyncReplayCache | None = None,
        bind_calls: bool = False,
        require_token: bool = True,
        max_calls: int | None = None,
        lead: float = 0.2,
        backlog: float = 1.0,
        heartbeat: float = 15.0,
        max_message: int = 1_048_576,
        handler_grace: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # A traceback with local variables shows an argument too.
        application_secret = hidden(application_secret)
        self._credentials = accepted_credentials(application_key, application_secret, credentials)
        self._url = _web_socket_url(url)
        self.sample_rate: int = _bounds.one_of(sample_rate, "sample_rate", RATES)
        self._answer_timeout: float = _bounds.seconds(answer_timeout, "answer_timeout", zero=False)
        self._token_ttl: float = _bounds.seconds(token_ttl, "token_ttl", zero=False)
        self._replay_cache = MemoryReplayCache() if replay_cache is None else replay_cache
        self._bind_calls: bool = _bounds.flag(bind_calls, "bind_calls")
        self._require_token: bool = _bounds.flag(require_token, "require_token")
        self._max_calls: int | None = _bounds.whole(max_calls, "max_calls", optional=True)
        self._lead: float = _bounds.seconds(lead, "lead", most=60)
        self._backlog: float = _bounds.seconds(backlog, "backlog", zero=False)
        self._heartbeat: float = _bounds.seconds(heartbeat, "heartbeat", zero=False)
        self._max_message: int = _bounds.whole(max_message, "max_message", least=1_024)
        self._handler_grace: float = _bounds.seconds(handler_grace, "handler_grace")
        self._clock: Callable[[], float] = _bounds.function(clock, "clock")
        self._on_call: CallHandler | None = None
        self._on_request: RequestHandler | None = None
        self.active: int = 0
        self.answered: int = 0
        self.refused: int = 0
        self.failed: int = 0

    def __repr__(self) -> str:
        # A traceback with local variables shows a server whose constructor has failed, too.
        if not hasattr(self, "failed"):
            return "<StreamApp, not made>"
        return f"<StreamApp {self._url or 'without url'} at {self.sample_rate} Hz, {self.active} active>"

    @property
    def url(self) -> str | None:
        """Where the platform reaches this application; may be set once the port is known."""
        return self._url

    @url.setter
    def url(self, url: str | None) -> None:
        self._url = _web_socket_url(url)

    def on_call(self, handler: _Call) -> _Call:
        """Register the async function that runs for each call, in a task of its own.

        Its return hangs up, after the caller has heard all that was sent; so does an exception, at once, which is
        logged and counted in ``failed``. It shares its event loop with all other calls, so it must not block.
        """
        self._on_call = _bounds.function(handler, "handler")
        return handler

    def on_request(self, handler: _Request) -> _Request:
        """Register what decides about a call before it is answered: ``"answer"``, ``"busy"`` or ``"reject"``.

        None is ``"answer"``. It may be async. An exception, or no decision in time, rejects the call.
        """
        self._on_request = _bounds.function(handler, "handler")
        return handler

    def connect(
        self,
        event: Event | str | None = None,
        *,
        call_headers: Mapping[str, str] | None = None,
        max_duration: int | None = None,
        token_in: Literal["both", "url", "headers"] = "both",  # noqa: S107 - the name of a place
    ) -> ConnectStream:
        """Return the SVAML action that connects a call to this application, with a one-time token.

        ``event`` is the ICE of the call, or its id; None if it has none yet, as in the inline ICE of a custom callout.
        ``call_headers`` reach the handler as ``stream.call.call_headers``; they and the token have 1,024 bytes.
        ``max_duration`` is seconds, at most 14,400. ``token_in`` says where the token goes: into the query of the URL,
        a call header named ``token``, or both. The documents advise either.

        :raises ConfigurationError: the application has no ``url``.
        :raises InvalidRequestError: the headers are too long, or one is named ``token``.

        Source: connectStream. It may answer an ICE event alone.
        """
        if self._url is None:
            raise ConfigurationError("url is missing: pass url= to StreamApp, where the platform reaches it")
        _bounds.one_of(token_in, "token_in", ("both", "url", "headers"), error=InvalidRequestError)
        headers = dict(call_headers or {})
        if TOKEN in {name.lower() for name in headers}:
            raise InvalidRequestError(f"call_headers must not have the name {TOKEN!r}", field="call_headers")
        token = self.token(event)
        if token_in != "url":  # noqa: S105 - the name of a place
            headers[TOKEN] = token
        return ConnectStream(
            self._url if token_in == "headers" else _with_token(self._url, token),  # noqa: S105 - as above
            streaming_options=StreamingOptions(version=1, sample_rate=self.sample_rate),
            max_duration=max_duration,
            call_headers=headers or None,
        )

    def token(self, event: Event | str | None = None) -> str:
        """Return a one-time token for a call, as :meth:`connect` does: for SVAML that is written by hand."""
        call_id = (event if isinstance(event, str) else None if event is None else event.call_id) or ""
        return make_token(self._credentials[0], call_id, self._clock() + self._token_ttl)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket, or the server's lifespan; raise ValueError for anything else."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "websocket":
            raise ValueError(f"a media stream comes by websocket, not by {scope['type']}")
        query = scope.get("query_string", b"").decode("latin-1")
        # In place: servers log the query of this very scope when the connection is accepted.
        scope["query_string"] = without_token(query).encode("latin-1")
        timing: Timing = scope.get("extensions", {}).get(CLOCK, REAL_TIME)
        socket = AsgiSocket(receive, send)
        try:
            await socket.accept()
        except SocketClosed:
            return
        await self.serve(socket, query, timing=timing)

    @property
    def asgi(self) -> "StreamApp":
        """The application itself, for those who look for it by this name."""
        return self

    async def websockets_handler(self, connection: Any) -> None:
        """Serve one connection of ``websockets``.

        ::

            from websockets.asyncio.server import serve

            async with serve(streams.websockets_handler, "0.0.0.0", 8080, compression=None):
                ...

        ``compression=None`` saves 0.1 ms a frame: sound is not made smaller.
        """
        await self.serve(WebsocketsSocket(connection), query_of(connection.request.path))

    async def trio_handler(self, request: Any) -> None:
        """Serve one request of ``trio-websocket``.

        ::

            from trio_websocket import serve_websocket

            await serve_websocket(streams.trio_handler, "0.0.0.0", 8080, ssl_context=None)
        """
        query = query_of(request.path)
        socket = TrioSocket(await request.accept())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(socket.keep)
            await self.serve(socket, query)
            tasks.cancel_scope.cancel()

    async def serve(self, socket: Socket, query: str = "", *, timing: Timing = REAL_TIME) -> None:
        """Serve one WebSocket that is open, of any server; ``query`` is that of the URL, which may hold the token.

        Returns when the call is over.
        """
        connection = Connection(socket, timing, max_message=self._max_message, heartbeat=self._heartbeat)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(connection.read)
                await self._receive_call(connection, query, tasks)
                tasks.cancel_scope.cancel()
        finally:
            connection.end("server", "the server was stopped")

    async def admit(self, socket: Socket, query: str = "") -> StreamRequest:
        """Do the handshake alone, and return the call: for a framework that has the WebSocket afterwards.

        Waits for ``connect``, checks the token, asks ``on_request``, and answers. ``max_calls`` and the heartbeat are
        then the framework's.

        :raises StreamClosed: the call was refused, or the platform has closed the stream.
        """
        connection = Connection(socket, REAL_TIME, max_message=self._max_message)
        with anyio.move_on_after(self._answer_timeout):
            while not connection.progress.is_set():
                await connection.read_one()
        request = connection.request
        if request is None or not await self._is_admitted(request, query):
            await self._refuse(connection, None if request is None else "reject", 1008)
            raise connection.closed()
        request = _without_token(request)
        verdict = await self._asked(request)
        if verdict != "answer":
            await self._refuse(connection, verdict, 1008 if verdict == "reject" else 1000)
            raise connection.closed()
        await connection.send(connection.protocol.answer())
        self.answered += 1
        return request

    async def _receive_call(self, connection: Connection, query: str, tasks: TaskGroup) -> None:
        await connection.timing.wait(connection.progress, self._answer_timeout)
        request = connection.request
        if connection.ended is not None:
            self.refused += 1
        elif request is None:
            LOG.warning("a stream was closed: no connect within %g s", self._answer_timeout)
            await self._refuse(connection, None, 1008)
        elif not await self._is_admitted(request, query):
            await self._refuse(connection, "reject", 1008)
        else:
            await self._decide(connection, _without_token(request), tasks)

    async def _decide(self, connection: Connection, request: StreamRequest, tasks: TaskGroup) -> None:
        if self._max_calls is not None and self.active >= self._max_calls:
            await self._refuse(connection, "busy", 1000)
            return
        self.active += 1
        try:
            verdict = await self._asked(request) if self._on_call is not None else self._unready(request)
            if verdict != "answer":
                await self._refuse(connection, verdict, 1008 if verdict == "reject" else 1000)
            elif connection.ended is None:
                await self._answer(connection, request, tasks)
        finally:
            self.active -= 1

    async def _refuse(self, connection: Connection, verdict: Verdict | None, code: int) -> None:
        self.refused += 1
        if connection.ended is not None:
            return
        with anyio.move_on_after(1):
            try:
                if verdict is not None:
                    await connection.send(connection.protocol.reply(verdict))
            except StreamClosed:
                return
            connection.end("server", f"the call was not answered: {verdict or 'no connect'}")
        await connection.close(code)

    async def _is_admitted(self, request: StreamRequest, query: str) -> bool:
        if not self._require_token:
            return True
        found = [value for name, value in parse_qsl(query, keep_blank_values=True) if name == TOKEN]
        found += [value for name, value in request.call_headers.items() if name.lower() == TOKEN]
        tokens = [token for text in found[:4] if (token := read_token(text, self._credentials)) is not None]
        who = request.call_id[:64]
        if not tokens:
            LOG.warning("call %r was rejected: %s", who, "its token is wrong" if found else "it has no token")
            return False
        token = tokens[0]
        rest = token.expires_at - self._clock()
        if rest <= 0:
            LOG.warning("call %r was rejected: its token expired %.0f s ago", who, -rest)
            return False
        if token.call_id and token.call_id != request.call_id:
            LOG.warning("call %r came with a token that was made for call %r", who, token.call_id[:64])
            if self._bind_calls:
                return False
        if not await self._spend(token.token_id, rest):
            LOG.warning("call %r was rejected: its token was used before", who)
            return False
        return True

    async def _spend(self, token_id: str, seconds: float) -> bool:
        try:
            is_new = self._replay_cache.add(f"stream:{token_id}", seconds)
            return is_new if isinstance(is_new, bool) else await is_new
        except Exception:  # noqa: BLE001 - a cache of the user's may raise anything
            LOG.exception("the replay cache failed: the call is rejected")
            return False

    @staticmethod
    def _unready(request: StreamRequest) -> Verdict:
        LOG.error("call %r was rejected: no handler is registered by @on_call", request.call_id[:64])
        return "reject"

    async def _asked(self, request: StreamRequest) -> Verdict:
        if self._on_request is None:
            return "answer"
        try:
            with anyio.fail_after(self._answer_timeout):
                said: Any = self._on_request(request)
                if inspect.isawaitable(said):
                    said = await said
        except TimeoutError:
            LOG.error("call %r was rejected: on_request took too long", request.call_id[:64])
            return "reject"
        except Exception:  # noqa: BLE001 - a handler may raise anything
            LOG.exception("call %r was rejected: on_request failed", request.call_id[:64])
            return "reject"
        if said in ("answer", "busy", "reject", None):
            return said or "answer"
        found = repr(said[:32]) if isinstance(said, str) else type(said).__name__
        LOG.error(
            "call %r was rejected: on_request must return 'answer', 'busy' or 'reject', not %s",
            request.call_id[:64],
            found,
        )
        return "reject"

    async def _answer(self, connection: Connection, request: StreamRequest, tasks: TaskGroup) -> None:
        rate = request.sample_rate or self.sample_rate
        connection.frame_bytes = frame_size(rate)
        connection.backlog_limit = max(frame_size(rate, self._backlog), connection.frame_bytes)
        stream = CallStream(connection, request, rate, lead=self._lead, tasks=tasks)
        message = connection.protocol.answer()
        tasks.start_soon(connection.watch, tasks)
        try:
            await connection.send(message)
        except StreamClosed:
            return
        self.answered += 1
        try:
            await self._handle(stream, connection, tasks)
        finally:
            connection.end("server", "the server was stopped")
            await _close_recordings(connection)

    async def _handle(self, stream: CallStream, connection: Connection, tasks: TaskGroup) -> None:
        assert self._on_call is not None  # the call was rejected otherwise
        with anyio.CancelScope() as scope:
            tasks.start_soon(self._cancel_after_end, stream, connection, scope)
            try:
                await self._talked(self._on_call(stream))
            except StreamClosed as closed:
                LOG.debug("the handler of call %r ended with its call: %s", stream.call_id[:64], closed)
            except Exception as error:  # noqa: BLE001 - a handler may raise anything
                if connection.ended is None or not _is_end(error):
                    self.failed += 1
                    LOG.exception("the handler of call %r failed", stream.call_id[:64])
                    connection.end("handler", f"the handler raised {type(error).__name__}")
            await stream.drain()
        connection.end("handler", "the handler returned")
        await connection.close()

    @staticmethod
    async def _talked(returned: Any) -> None:
        if not inspect.isawaitable(returned):
            kind = type(returned).__name__
            raise ConfigurationError(
                f"the handler of @on_call must be `async def`, without `yield`: it returned {kind}"
            )
        await returned

    async def _cancel_after_end(self, stream: CallStream, connection: Connection, scope: anyio.CancelScope) -> None:
        await connection.over.wait()
        await connection.timing.sleep(self._handler_grace)
        LOG.warning("the handler of call %r is cancelled: its call is over", stream.call_id[:64])
        scope.cancel()


async def _live(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


async def _close_recordings(connection: Connection) -> None:
    for recording in connection.recordings:
        try:
            await recording.aclose()
        except OSError as error:
            LOG.error("the recording %s is not whole: %s", recording.path, error)


def _is_end(error: BaseException) -> bool:
    """Whether an exception says only that the call is over."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is_end(each) for each in error.exceptions)
    return isinstance(error, StreamClosed)


def _web_socket_url(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        parts = urlsplit(url) if isinstance(url, str) and url.isprintable() and " " not in url else None
        valid = parts is not None and parts.scheme in {"ws", "wss"} and bool(parts.hostname) and not parts.fragment
    except ValueError:
        valid = False
    if not valid:
        raise ConfigurationError("url must be a ws or wss URL, such as wss://agent.example.com/streams")
    return url


def _with_token(url: str, token: str) -> str:
    parts = urlsplit(url)
    query = f"{parts.query}&{TOKEN}={quote(token)}" if parts.query else f"{TOKEN}={quote(token)}"
    return urlunsplit(parts._replace(query=query))


def without_token(query: str) -> str:
    """Return a query with the token hidden."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if all(name != TOKEN for name, _ in pairs):
        return query
    return urlencode([(name, "***" if name == TOKEN else value) for name, value in pairs], safe="*")


def _without_token(request: StreamRequest) -> StreamRequest:
    """Return a request that may be logged: its token is spent, and is not the handler's."""
    headers = {name: value for name, value in request.call_headers.items() if name.lower() != TOKEN}
    return evolve(request, call_headers=headers)


@frozen
class Token:
    """A token whose signature is right. ``call_id`` is empty if it was made before the call had an id."""

    call_id: str
    expires_at: float
    token_id: str = field(repr=False)


def make_token(credentials: Credentials, call_id: str, expires_at: float) -> str:
    """Return a token for a call that is good until ``expires_at``, in Unix seconds."""
    body = f"{_encoded(call_id.encode())}.{int(expires_at)}.{secrets.token_urlsafe(16)}"
    return f"{body}.{_signature(credentials, body)}"


def read_token(text: str, credentials: Sequence[Credentials]) -> Token | None:
    """Return what a token says, None if no secret of ours has signed it. Its expiry is not looked at here."""
    body, _, signature = text.rpartition(".")
    if len(text) > _LONGEST or not text.isascii():
        return None
    # A list, so that each secret is tried: the time tells nothing about which one fits.
    if not any([hmac.compare_digest(_signature(own, body), signature) for own in credentials]):  # noqa: C419
        return None
    call_id, expires_at, token_id = body.split(".")
    return Token(_decoded(call_id), float(expires_at), token_id)


def _signature(credentials: Credentials, body: str) -> str:
    key = hmac.digest(credentials.signing_key, _PURPOSE, hashlib.sha256)
    return _encoded(hmac.digest(key, body.encode(), hashlib.sha256))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> str:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
