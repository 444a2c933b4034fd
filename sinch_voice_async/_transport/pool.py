"""HTTP/1.1 connections, kept and shared: the transport under every request of this library.

There are two ways in, over the same connections. ``send`` and ``stream`` take a ``WireRequest``, and are what a
``VoiceClient`` uses; ``handle_async_request`` makes the pool a transport for any ``httpx.AsyncClient``.

Every failure is raised as the exception that httpx documents for it, with the evidence (see ``exceptions``) of whether
any byte of the request was written. HTTP/2 is left to httpx's own transport.

To acquire a connection and to release it take the same time with ten connections as with ten thousand: idle connections
of an origin are a stack, all idle connections together are a queue by age, and so are the waiters. While a request
waits, no connection is idle: what is released goes to the request that has waited longest.
"""

import os
import socket
import ssl
import sys
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from contextlib import suppress
from math import inf
from time import monotonic
from types import TracebackType
from typing import Final, Self

import httpx

from sinch_voice_async._bounds import instance
from sinch_voice_async._transport.backends import Backend, Loop, Signal, backend_for
from sinch_voice_async._transport.connection import Connection, Deadline, Route
from sinch_voice_async._transport.exceptions import mark, request_sent
from sinch_voice_async._transport.messages import RawResponse, WireRequest
from sinch_voice_async._transport.origin import Origin
from sinch_voice_async._transport.proxies import Proxies
from sinch_voice_async._transport.streams import HttpxRequest, ResponseStream, WholeRequest
from sinch_voice_async._transport.tls import TlsClient

__all__ = ["DEFAULT_LIMITS", "ConnectionPool", "PoolState", "current_loop"]

DEFAULT_LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=30.0)

_DIRECT: Final = Proxies()
_pools: "weakref.WeakSet[ConnectionPool]" = weakref.WeakSet()


class _Waiter:
    """A request that waits: granted a connection to ``origin``, or (``connection`` None) the right to open one."""

    __slots__ = ("connection", "deadline", "granted", "origin", "signal")

    def __init__(self, origin: Origin, signal: Signal, deadline: float) -> None:
        self.origin = origin
        self.signal = signal
        self.deadline = deadline
        self.connection: Connection | None = None
        self.granted = False


class PoolState:
    """Connections on one event loop, within ``limits``.

    ``backend`` opens connections on that loop, with the TLS that ``tls`` begins, through the proxy that ``proxies``
    chooses. One deadline serves all waiters, and one all idle connections.
    """

    def __init__(self, backend: Backend, tls: TlsClient, proxies: Proxies, limits: httpx.Limits) -> None:
        self.backend = backend
        self._tls = tls
        self._proxies = proxies
        self._most = inf if limits.max_connections is None else limits.max_connections
        self._most_idle = inf if limits.max_keepalive_connections is None else limits.max_keepalive_connections
        self._expiry = inf if limits.keepalive_expiry is None else limits.keepalive_expiry
        self._count = 0  # of connections in use, idle, or being opened
        self._open: set[Connection] = set()
        self._idle: dict[Origin, deque[Connection]] = {}
        self._by_age: OrderedDict[Connection, None] = OrderedDict()
        self._waiters: OrderedDict[_Waiter, None] = OrderedDict()
        self._waiting = Deadline(backend.clock, self._expire_waiters)
        self._idling = Deadline(backend.clock, self._expire_idle)
        self._guard: AsyncGenerator[None, None] | None = None
        self.closed = False

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many connections are active and idle, and how many requests wait for one."""
        return self._count - len(self._by_age), len(self._by_age), len(self._waiters)

    def acquire(self, origin: Origin, max_idle: float | None = None) -> Connection | None:
        """Return an idle connection that is open and was used at most ``max_idle`` seconds ago, if there is one."""
        stack = self._idle.get(origin)
        if not stack:
            return None
        limit = self._expiry if max_idle is None else min(max_idle, self._expiry)
        used_since = monotonic() - limit
        while stack and stack[-1].idle_since >= used_since:
            connection = stack.pop()
            del self._by_age[connection]
            if not connection.is_readable():
                return connection
            self.discard(connection)
        return None

    async def connect(self, origin: Origin, timeout: httpx.Timeout) -> Connection:
        """Return a new connection, or one that another request releases meanwhile; wait for it if need be."""
        connection = None if self._reserve() else await self._wait(origin, timeout.pool)
        if connection is not None:
            if not connection.is_readable():
                return connection
            self._forget(connection)
        try:
            route = Route(origin, self._proxies.for_origin(origin), self._tls)
            connection = await self.backend.connect(route, timeout.connect)
            self._open.add(connection)
            await self._watch_the_loop()
        except BaseException:
            self._free()
            raise
        if self.closed:
            self.discard(connection)
            raise _closed()
        return connection

    def release(self, connection: Connection) -> None:
        """Take back a connection after a request, and keep it for the next one if it may have one."""
        if self.closed or not connection.reusable:
            self.discard(connection)
        elif self._waiters:
            self._grant(connection)
        else:
            now = connection.idle_since = monotonic()
            stack = self._idle.get(connection.origin)
            if stack is None:
                stack = self._idle[connection.origin] = deque()
            stack.append(connection)
            self._by_age[connection] = None
            self._trim(now - self._expiry)
            if self._idling.at == inf and self._expiry != inf:
                self._idling.set(self._expiry)

    def discard(self, connection: Connection) -> None:
        """Close a connection that is not idle, and let another be opened in its place."""
        self._forget(connection)
        self._free()

    def close(self) -> None:
        """Close every connection and refuse every request that waits."""
        self.closed = True
        self._count -= len(self._by_age)
        self._idle.clear()
        self._by_age.clear()
        self._waiting.stop()
        self._idling.stop()
        for connection in self._open:
            connection.close()
        while self._waiters:
            self._waiters.popitem(last=False)[0].signal.set()

    def leave(self) -> None:
        """Do as ``close``, and stop watching the loop; only in its thread."""
        self.close()
        if self._guard is not None:
            # trio warns of a guard that is collected while its loop runs. It waits for nothing.
            with suppress(StopIteration):
                self._guard.aclose().send(None)

    def abandon(self) -> None:
        """Leave every connection to the parent process, after a fork: this process must neither use nor close them."""
        self.closed = True
        ours, dead = socket.socketpair()
        for connection in self._open:
            if not connection.closed:
                connection.abandon(dead.fileno())
        ours.close()
        dead.close()

    def _reserve(self) -> bool:
        """Take the right to open a connection, if need be that of the connection that has been idle for longest."""
        if self._count < self._most:
            self._count += 1
            return True
        if self._by_age:
            self._drop_oldest()
            return True
        return False

    async def _wait(self, origin: Origin, seconds: float | None) -> Connection | None:
        deadline = inf if seconds is None else self.backend.clock.time() + seconds
        waiter = _Waiter(origin, self.backend.signal(), deadline)
        self._waiters[waiter] = None
        if deadline < self._waiting.at:
            self._waiting.set_at(deadline)
        try:
            await waiter.signal.wait()
        except BaseException:
            self._leave(waiter)
            raise
        if not waiter.granted:
            self._leave(waiter)
            raise _closed() if self.closed else mark(httpx.PoolTimeout("no connection became free"), request_sent=False)
        return waiter.connection

    def _leave(self, waiter: _Waiter) -> None:
        """Pass on what a waiter was granted that left in the same moment."""
        self._waiters.pop(waiter, None)
        if waiter.connection is not None:
            self.release(waiter.connection)
        elif waiter.granted:
            self._free()

    def _grant(self, connection: Connection | None) -> None:
        """Let the first waiter have the connection, or if it leads elsewhere, the right to open one."""
        waiter, _ = self._waiters.popitem(last=False)
        if connection is not None and connection.origin != waiter.origin:
            self._forget(connection)
            connection = None
        waiter.connection = connection
        waiter.granted = True
        waiter.signal.set()

    def _expire_waiters(self) -> None:
        """Wake the waiters whose time has passed, and move the deadline to the next one's."""
        now = self.backend.clock.time()
        for waiter in self._waiters:
            if waiter.deadline <= now:
                waiter.signal.set()
        self._waiting.set_at(min((w.deadline for w in self._waiters if w.deadline > now), default=inf))

    def _expire_idle(self) -> None:
        """Close the idle connections whose time has passed, and move the deadline to the next one's."""
        self._trim(monotonic() - self._expiry)
        oldest = next(iter(self._by_age), None)
        self._idling.set(None if oldest is None else max(oldest.idle_since + self._expiry - monotonic(), 0.001))

    def _free(self) -> None:
        if self._waiters:
            self._grant(None)
        else:
            self._count -= 1

    def _forget(self, connection: Connection) -> None:
        connection.close()
        self._open.discard(connection)
        if not self._idle.get(connection.origin):
            self._idle.pop(connection.origin, None)

    def _trim(self, used_since: float) -> None:
        while self._by_age and (
            len(self._by_age) > self._most_idle or next(iter(self._by_age)).idle_since < used_since
        ):
            self._drop_oldest()
            self._count -= 1

    def _drop_oldest(self) -> None:
        connection, _ = self._by_age.popitem(last=False)
        self._idle[connection.origin].popleft()
        self._forget(connection)

    async def _watch_the_loop(self) -> None:
        if self._guard is None:
            self._guard = self._close_with_the_loop()
            await anext(self._guard)

    async def _close_with_the_loop(self) -> AsyncGenerator[None, None]:
        """Close when the event loop ends.

        An unfinished async generator is the one thing that both asyncio and trio promise to finish before they end.
        """
        try:
            yield
        finally:
            self.close()


class ConnectionPool(httpx.AsyncBaseTransport):
    """Connections to any number of servers, plain and TLS, direct or through a proxy, on asyncio and on trio.

    ``verify``, ``limits``, ``trust_env`` and ``proxy`` mean what they mean to ``httpx.AsyncHTTPTransport``. A request
    that finds every connection in use waits, for ``timeout.pool`` seconds at most. The pool can be made outside of an
    event loop and used in one loop after another: connections close with the loop that they belong to. While requests
    run in one loop, those of another are refused, unsent: two loops at once need a pool each. After a fork, the child
    opens connections of its own; with uvloop it needs a new event loop too, since libuv does not survive a fork.

    :raises ConfigurationError: when ``proxy`` is not the URL of a proxy, or ``limits`` is not an ``httpx.Limits``.
    """

    def __init__(
        self,
        *,
        verify: ssl.SSLContext | bool = True,
        limits: httpx.Limits = DEFAULT_LIMITS,
        trust_env: bool = True,
        proxy: "str | httpx.URL | httpx.Proxy | Proxies | None" = None,
    ) -> None:
        instance(limits, "limits", httpx.Limits)
        self._limits = limits
        self._tls = TlsClient(verify, trust_env=trust_env)
        self._proxies = proxy if isinstance(proxy, Proxies) else _DIRECT if proxy is None else Proxies.of(proxy)
        self._loop: Loop | None = None
        self._state: PoolState | None = None
        self._lock = threading.Lock()
        self._closed = False
        _pools.add(self)

    def check(self, *origins: Origin) -> None:
        """Find out now what could keep a request to ``origins`` from being sent: certificates and proxies.

        :raises ConfigurationError: when a variable of the environment cannot be used; the message names it.
        """
        proxies = [self._proxies.for_origin(origin) for origin in origins]
        if any(origin.secure for origin in origins) or any(proxy is not None and proxy.secure for proxy in proxies):
            self._tls.check_environment()

    async def send(self, request: WireRequest) -> RawResponse:
        """Send a request and return the whole response."""
        connection: Connection | None = None
        try:
            state = self._here()
            connection = state.acquire(request.origin, request.max_idle)
            if connection is None:
                connection = await state.connect(request.origin, request.timeout)
            try:
                answer = await connection.send(request)
            finally:
                state.release(connection)
            if answer.status == 407:
                connection.check_authorized()
        except BaseException as error:
            _witness(error, connection)
            raise
        return answer

    async def stream(self, request: WireRequest) -> ResponseStream:
        """Send a request as ``send`` does and return the response once its head is here.

        ``timeout.read`` bounds the wait for the head, and for each piece of body.
        """
        stream = await self._start(request.origin, WholeRequest(request), request.timeout, request.max_idle)
        if stream.status == 407:
            try:
                stream.connection.check_authorized()
            except httpx.ProxyError:
                await stream.aclose()
                raise
        return stream

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request for httpx.

        The extensions ``timeout``, ``sni_hostname``, ``target`` and ``trace`` mean what they mean to httpx.
        ``max_idle`` is the number of seconds that a connection may have been idle, None for any.
        """
        extensions = request.extensions
        timeout = httpx.Timeout(None, **extensions.get("timeout", {}))
        origin = Origin.of(request.url, extensions.get("sni_hostname"))
        stream = await self._start(origin, HttpxRequest(request), timeout, extensions.get("max_idle"))
        return stream.response()

    async def _start(
        self, origin: Origin, outgoing: WholeRequest | HttpxRequest, timeout: httpx.Timeout, max_idle: float | None
    ) -> ResponseStream:
        connection: Connection | None = None
        trace = outgoing.trace
        try:
            state = self._here()
            connection = state.acquire(origin, max_idle)
            if connection is None:
                await trace("connection.connect_tcp.started", host=origin.host, port=origin.port)
                connection = await state.connect(origin, timeout)
                await trace("connection.connect_tcp.complete", return_value=None)
            try:
                outgoing.begin(connection)
                await outgoing.write_to(connection, timeout.write)
                await trace("http11.receive_response_headers.started")
                await connection.read_head(timeout.read)
                stream = ResponseStream(connection, state, timeout.read, trace)
                await trace("http11.receive_response_headers.complete", return_value=stream.head)
            except BaseException:
                state.discard(connection)
                raise
        except BaseException as error:
            _witness(error, connection)
            if isinstance(error, Exception):
                with suppress(Exception):  # the callback may be what has failed
                    await trace.failed(error)
            raise
        return stream

    async def aclose(self) -> None:
        """Close every connection, those in use too; may be called twice."""
        self._closed = True
        if self._state is not None:
            self._state.leave()

    async def __aenter__(self) -> Self:
        """Return the pool."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Close the pool."""
        await self.aclose()

    def __repr__(self) -> str:
        """Return, for example, ``<ConnectionPool [3 active, 97 idle, 0 waiting]>``."""
        active, idle, waiting = (0, 0, 0) if self._state is None else self._state.counts
        return f"<ConnectionPool [{active} active, {idle} idle, {waiting} waiting]>"

    def _here(self) -> PoolState:
        """Return the state of the running event loop."""
        loop = current_loop()
        state = self._state
        if state is None or state.closed or loop is not self._loop:
            with self._lock:
                state = self._move(loop)
        return state

    def _move(self, loop: Loop) -> PoolState:
        """Leave the connections of a loop that has ended, and begin anew on this one."""
        if self._closed:
            raise mark(httpx.LocalProtocolError("the connection pool is closed"), request_sent=False)
        if self._state is not None and not self._state.closed:
            self._leave(self._state)
        self._loop = loop
        self._state = PoolState(backend_for(loop), self._tls, self._proxies, self._limits)
        return self._state

    @staticmethod
    def _leave(state: PoolState) -> None:
        if not state.backend.is_running():
            state.close()
            return
        # It runs in another thread. To close what is in use there would leave callouts without a known outcome.
        active, _, waiting = state.counts
        if active or waiting:
            error = httpx.LocalProtocolError("requests are running in another event loop: make a client for each loop")
            raise mark(error, request_sent=False)
        with suppress(RuntimeError):  # it has ended meanwhile, and its connections with it
            state.backend.run_soon(state.leave)

    def _abandon(self) -> None:
        """Forget all connections, in a child process: they are the parent's."""
        self._lock = threading.Lock()
        state, self._state, self._loop = self._state, None, None
        if state is not None:
            state.abandon()
            _abandoned.append(state)


# Collecting them would close what the parent uses, or warn that it was left open.
_abandoned: list[PoolState] = []


def _abandon_all() -> None:
    for pool in list(_pools):
        pool._abandon()  # noqa: SLF001  # the same module


if hasattr(os, "register_at_fork"):  # pragma: no branch  # Windows knows no fork
    os.register_at_fork(after_in_child=_abandon_all)


def _witness(error: BaseException, connection: Connection | None) -> None:
    """Write the evidence on ``error``, if it has none yet."""
    if request_sent(error) is None:
        sent = connection is not None and connection.request_sent
        mark(error, request_sent=sent, status=connection.reader.status if connection is not None and sent else None)


def current_loop() -> Loop:
    """Return the asyncio loop or the trio run of the current task; raise ``RuntimeError`` outside of both."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None:
        loop = asyncio._get_running_loop()  # noqa: SLF001  # the one that raises costs trio more than all else here
        # Without a task, trio is a guest of this loop.
        if loop is not None and asyncio.current_task(loop) is not None:
            return loop
    trio = sys.modules.get("trio")
    if trio is None:
        raise RuntimeError("no event loop of asyncio or trio is running")
    token: Loop = trio.lowlevel.current_trio_token()
    return token


def _closed() -> httpx.LocalProtocolError:
    return mark(httpx.LocalProtocolError("the connection pool is closed"), request_sent=False)
