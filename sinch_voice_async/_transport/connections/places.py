"""The places of a pool on one event loop: which connections are idle, how many there are, and who waits for one.

Checking a connection out and giving it back takes the same time with ten connections as with ten thousand: idle
connections of an origin are a stack, all idle connections together are a queue by age, and so is the waiting line.
While anybody waits, nothing is idle: what comes back goes to whoever has waited longest.
"""

from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from math import inf
from time import monotonic

import httpx

from sinch_voice_async._transport.connections.connection import Connection
from sinch_voice_async._transport.connections.pump import Pump
from sinch_voice_async._transport.connections.tls import TlsClient
from sinch_voice_async._transport.evidence import mark
from sinch_voice_async._transport.origins import Origin


class _Waiter:
    """Somebody in line: granted a connection to ``origin``, or (with ``connection`` None) the place to open one."""

    __slots__ = ("connection", "granted", "origin", "signal")

    def __init__(self, origin: Origin, pump: Pump) -> None:
        self.origin = origin
        self.signal = pump.signal()
        self.connection: Connection | None = None
        self.granted = False


class Places:
    """Connections on one event loop, within ``limits``.

    ``pump`` opens connections on that loop, with the TLS that ``tls`` begins.
    """

    def __init__(self, pump: Pump, tls: TlsClient, limits: httpx.Limits) -> None:
        self._pump = pump
        self._tls = tls
        self._most = inf if limits.max_connections is None else limits.max_connections
        self._most_idle = inf if limits.max_keepalive_connections is None else limits.max_keepalive_connections
        self._expiry = inf if limits.keepalive_expiry is None else limits.keepalive_expiry
        self._taken = 0  # by connections in use, idle, or being opened
        self._open: set[Connection] = set()
        self._idle: dict[Origin, deque[Connection]] = {}
        self._by_age: OrderedDict[Connection, None] = OrderedDict()
        self._line: OrderedDict[_Waiter, None] = OrderedDict()
        self._guard: AsyncGenerator[None, None] | None = None
        self.closed = False

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many connections are active and idle, and how many requests wait for one."""
        return self._taken - len(self._by_age), len(self._by_age), len(self._line)

    def take(self, origin: Origin, max_idle: float | None = None) -> Connection | None:
        """Return an idle connection that is open and was used at most ``max_idle`` seconds ago, if there is one."""
        stack = self._idle.get(origin)
        if not stack:
            return None
        limit = self._expiry if max_idle is None else min(max_idle, self._expiry)
        used_since = monotonic() - limit
        while stack and stack[-1].idle_since >= used_since:
            connection = stack.pop()
            del self._by_age[connection]
            if not connection.stale():
                return connection
            self.discard(connection)
        return None

    async def obtain(self, origin: Origin, timeout: httpx.Timeout) -> Connection:
        """Return a new connection, or one that another request gives back meanwhile; wait in line for it if need be."""
        connection = None if self._claim() else await self._wait(origin, timeout.pool)
        if connection is not None:
            if not connection.stale():
                return connection
            self._forget(connection)
        try:
            connection = await self._pump.connect(origin, self._tls.begin(origin), timeout.connect)
            self._open.add(connection)
            if connection.tls is not None:
                self._tls.keep(origin, connection.tls)
            await self._watch_the_loop()
        except BaseException:
            self._free()
            raise
        if self.closed:
            self.discard(connection)
            raise _closed()
        return connection

    def give_back(self, connection: Connection) -> None:
        """Take back a connection after a request, for the next one if it may have one."""
        if self.closed or not connection.reusable:
            self.discard(connection)
        elif self._line:
            self._grant(connection)
        else:
            now = connection.idle_since = monotonic()
            stack = self._idle.get(connection.origin)
            if stack is None:
                stack = self._idle[connection.origin] = deque()
            stack.append(connection)
            self._by_age[connection] = None
            self._trim(now - self._expiry)

    def discard(self, connection: Connection) -> None:
        """Close a connection that is not idle, and free its place."""
        self._forget(connection)
        self._free()

    def close(self) -> None:
        """Close every connection and send everybody away who waits."""
        self.closed = True
        self._taken -= len(self._by_age)
        self._idle.clear()
        self._by_age.clear()
        for connection in self._open:
            connection.close()
        while self._line:
            self._line.popitem(last=False)[0].signal.set()

    async def aclose(self) -> None:
        """Do as ``close``, and stop watching the loop."""
        self.close()
        if self._guard is not None:
            await self._guard.aclose()

    def _claim(self) -> bool:
        """Take a free place, or that of the connection that has been idle for longest."""
        if self._taken < self._most:
            self._taken += 1
            return True
        if self._by_age:
            self._drop_oldest()
            return True
        return False

    async def _wait(self, origin: Origin, seconds: float | None) -> Connection | None:
        waiter = _Waiter(origin, self._pump)
        self._line[waiter] = None
        try:
            await waiter.signal.wait(seconds)
        except BaseException:
            self._leave(waiter)
            raise
        if not waiter.granted:
            self._leave(waiter)
            raise _closed() if self.closed else mark(httpx.PoolTimeout("no connection became free"), request_sent=False)
        return waiter.connection

    def _leave(self, waiter: _Waiter) -> None:
        """Hand on what somebody was granted who left the line in the same moment."""
        self._line.pop(waiter, None)
        if waiter.connection is not None:
            self.give_back(waiter.connection)
        elif waiter.granted:
            self._free()

    def _grant(self, connection: Connection | None) -> None:
        """Let the first in line have the connection, or if it leads elsewhere, its place."""
        waiter, _ = self._line.popitem(last=False)
        if connection is not None and connection.origin != waiter.origin:
            self._forget(connection)
            connection = None
        waiter.connection = connection
        waiter.granted = True
        waiter.signal.set()

    def _free(self) -> None:
        if self._line:
            self._grant(None)
        else:
            self._taken -= 1

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
            self._taken -= 1

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
