"""A response whose body is still arriving.

It is a class, not a generator: left early it must give up its connection at once, on trio as on asyncio.
"""

from collections import deque
from typing import Self

import httpx

from sinch_voice_async._transport.connections.connection import Connection
from sinch_voice_async._transport.connections.places import Places


class NetworkStream:
    """What httpx lets people ask about the connection of a response; it cannot be read or written."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get_extra_info(self, info: str) -> object:
        """Return the ``"socket"`` or the ``"ssl_object"``; None for anything else, and over plain HTTP."""
        tls = self._connection.tls
        return {"socket": self._connection.socket(), "ssl_object": tls and tls.ssl_object}.get(info)


class ResponseStream(httpx.AsyncByteStream):
    """The head of a response, and its body as it comes: iterate over it once, and ``aclose`` it.

    Its connection goes back to the pool when the last byte has arrived. ``aclose`` before that closes it, since what is
    left of the body could only be waited for.
    """

    def __init__(self, connection: Connection, places: Places, seconds: float | None) -> None:
        reader = connection.reader
        assert reader.status is not None
        self.status = reader.status
        self.headers = reader.headers
        self._connection: Connection | None = connection
        self._places = places
        self._seconds = seconds
        self._extensions = {
            "http_version": reader.version,
            "reason_phrase": reader.reason,
            "network_stream": NetworkStream(connection),
        }
        self._pieces = deque[bytes]()
        if reader.complete:
            self._keep(reader.take())

    def response(self) -> httpx.Response:
        """Return the response as httpx has it, with this stream as its body."""
        return httpx.Response(self.status, headers=self.headers, stream=self, extensions=self._extensions)

    def __aiter__(self) -> Self:
        """Return the stream itself: there is one body, and it is read once."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece of body, of any size; raise ``httpx.ReadTimeout`` if it takes too long."""
        if not self._pieces and self._connection is not None:
            try:
                self._keep(await self._connection.read(self._seconds))
            except BaseException:
                await self.aclose()
                raise
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.popleft()

    async def aclose(self) -> None:
        """Let go of the connection; what has not arrived is lost."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._places.discard(connection)

    def _keep(self, pieces: list[bytes]) -> None:
        self._pieces.extend(pieces)
        if self._connection is not None and self._connection.reader.complete:
            connection, self._connection = self._connection, None
            self._places.give_back(connection)
