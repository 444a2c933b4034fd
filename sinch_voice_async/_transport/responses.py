"""What comes back through the seam: an answer read whole, or one whose body is still on its way."""

import json
from typing import Any

import attrs

from sinch_voice_async._transport.senders import ByteStream
from sinch_voice_async._transport.translate import HTTP_ERRORS, translate
from sinch_voice_async._wire.headers import Headers
from sinch_voice_async.errors import DecodeError

__all__ = ["Response", "StreamedResponse"]


@attrs.frozen(repr=False)
class Response:
    """A successful answer of the platform, as bytes.

    ``status`` is the HTTP status, ``body`` the bytes, ``attempts`` how many tries it took.
    """

    status: int
    pairs: list[tuple[bytes, bytes]]
    body: bytes
    attempts: int = 1

    @property
    def headers(self) -> Headers:
        """The headers, looked up without regard to case."""
        return Headers(self.pairs)

    def json(self) -> Any:
        """Return the body as Python objects.

        :raises DecodeError: it is not JSON.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise DecodeError("the body is not JSON", status=self.status, attempts=self.attempts) from None

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


class StreamedResponse:
    """A successful answer whose body is read chunk by chunk; closing it early closes its connection."""

    def __init__(self, stream: ByteStream, *, attempts: int) -> None:
        self.status = stream.status
        self.headers = Headers(stream.headers)
        self.attempts = attempts
        self._stream = stream
        self._chunks = aiter(stream)

    def __aiter__(self) -> "StreamedResponse":
        return self

    async def __anext__(self) -> bytes:
        """Return the next bytes of the body.

        :raises DecodeError: the body ended early or is malformed.
        :raises RequestTimeoutError: nothing came for as long as the read timeout.
        """
        try:
            return await anext(self._chunks)
        except HTTP_ERRORS as error:
            problem = translate(error)
            problem.attempts = self.attempts
            raise problem from error

    async def aclose(self) -> None:
        """Close the stream; what has not been read is given up. May be called twice."""
        await self._stream.aclose()

    def __repr__(self) -> str:
        return f"<StreamedResponse {self.status}>"
