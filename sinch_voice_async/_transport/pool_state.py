"""The connections of a pool on one event loop: which are idle, how many there are, and which requests wait for one.

To acquire a connection and to release it take the same time with ten connections as with ten thousand: idle connections
of an origin are a stack, all idle connections together are a queue by age, and so are the waiters. While a request
waits, no connection is idle: what is released goes to the request that has waited longest.
"""

import socket
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from math import inf
from time import monotonic

import httpx

from sinch_voice_async._transport.backends import Backend, Deadline, Signal
from sinch_voice_async._transport.connection import Connection, Route
from sinch_voice_async._transport.exceptions import mark
from sinch_voice_async._transport.origin import Origin
from sinch_voice_async._transport.proxies import Proxies
from sinch_voice_async._transport.tls import TlsClient

__all__ = ["PoolState"]


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
        route = Route(origin, self._proxies.for_origin(origin), self._tls)
        connection = None if self._reserve() else await self._wait(origin, timeout.pool)
        if connection is not None:
            if not connection.is_readable():
                return connection
            self._forget(connection)
        try:
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

    async def aclose(self) -> None:
        """Do as ``close``, and stop watching the loop."""
        self.close()
        if self._guard is not None:
            await self._guard.aclose()

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


def _closed() -> httpx.LocalProtocolError:
    return mark(httpx.LocalProtocolError("the connection pool is closed"), request_sent=False)
