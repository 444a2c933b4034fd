"""The seam between the retry loop and HTTP, and the way across it for anybody's httpx transport or client.

Our own pool has the same two methods (``exchange`` and ``open``) and needs no adapter.
"""

import ssl
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any, Protocol

import anyio.lowlevel
import httpx

from sinch_voice_async._transport import evidence
from sinch_voice_async._transport.base_url import BaseUrl
from sinch_voice_async._transport.pool import ConnectionPool, HeaderFields, Origin, RawResponse
from sinch_voice_async.errors import ConfigurationError

__all__ = ["ByteStream", "HttpxSender", "Sender", "interceptable_sender", "sender_for"]


class ByteStream(Protocol):
    """An answer whose head has arrived, and whose body is read piece by piece."""

    status: int
    headers: list[tuple[bytes, bytes]]

    def __aiter__(self) -> AsyncIterator[bytes]: ...
    async def aclose(self) -> None: ...


class Sender(Protocol):
    """One request, one answer. Raises httpx exceptions, marked with what is known about them.

    ``headers`` returns the header fields, and is called when the request is about to be written.
    """

    async def exchange(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        headers: HeaderFields,
        body: bytes,
        *,
        timeout: httpx.Timeout,
        max_idle: float | None = None,
        max_body: int = 1 << 20,
    ) -> RawResponse: ...

    async def open(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        headers: HeaderFields,
        body: bytes,
        *,
        timeout: httpx.Timeout,
        max_idle: float | None = None,
    ) -> ByteStream: ...

    async def aclose(self) -> None: ...


class HttpxSender:
    """Sends through an httpx transport or client: a proxy's, a mock's, or the one that the user handed in.

    ``make`` builds it. One that is ``owned`` is closed with us, and built again in the next event loop, since httpx's
    connections do not outlive the loop that they were opened in.
    """

    def __init__(self, make: Callable[[], "httpx.AsyncBaseTransport | httpx.AsyncClient"], *, owned: bool) -> None:
        self._make = make
        self._owned = owned
        self._via: httpx.AsyncBaseTransport | httpx.AsyncClient | None = None
        self._loop: object = None

    async def exchange(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        headers: HeaderFields,
        body: bytes,
        *,
        timeout: httpx.Timeout,
        max_idle: float | None = None,
        max_body: int = 1 << 20,
    ) -> RawResponse:
        """Send one request and read its answer whole, up to ``max_body`` bytes."""
        stream = await self.open(origin, method, target, headers, body, timeout=timeout, max_idle=max_idle)
        try:
            content = bytearray()
            async for chunk in stream:
                content += chunk
                if len(content) > max_body:
                    error = httpx.RemoteProtocolError(f"the answer is longer than {max_body} bytes")
                    raise evidence.mark(error, request_sent=True, status=stream.status)
        finally:
            await stream.aclose()
        return RawResponse(stream.status, stream.headers, bytes(content))

    async def open(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        headers: HeaderFields,
        body: bytes,
        *,
        timeout: httpx.Timeout,
        max_idle: float | None = None,
    ) -> ByteStream:
        """Send one request and return as soon as the head of its answer is here."""
        witness = _Witness()
        extensions = {"timeout": timeout.as_dict(), "trace": witness}
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        url = f"{origin.scheme}://{host}:{origin.port}{target.decode('ascii')}"
        request = httpx.Request(
            method.decode("ascii"), url, headers=list(headers()), content=body or None, extensions=extensions
        )
        via = self._current()
        try:
            if isinstance(via, httpx.AsyncClient):
                response = await via.send(request, auth=None, follow_redirects=False, stream=True)
            else:
                response = await via.handle_async_request(request)
        except Exception as error:
            # An exception of our own pool under somebody's client is marked already, and knows better.
            if evidence.request_sent(error) is None and witness.request_sent is not None:
                evidence.mark(error, request_sent=witness.request_sent)
            raise
        return _HttpxStream(response)

    async def aclose(self) -> None:
        """Close what was built, unless it is the user's."""
        via, self._via = self._via, None
        if self._owned and via is not None and self._loop == anyio.lowlevel.current_token():
            await via.aclose()

    def _current(self) -> "httpx.AsyncBaseTransport | httpx.AsyncClient":
        loop = anyio.lowlevel.current_token()
        if self._via is None or (self._owned and self._loop != loop):
            self._via, self._loop = self._make(), loop
        return self._via


class _Witness:
    """Listens to httpcore's trace for the one moment that counts: the first byte of the request is about to go out."""

    def __init__(self) -> None:
        self.request_sent: bool | None = None

    async def __call__(self, name: str, info: dict[str, Any]) -> None:
        begun = name.endswith("send_request_headers.started") and info["request"].method != b"CONNECT"
        self.request_sent = bool(self.request_sent) or begun


class _HttpxStream:
    """The body of an httpx response as plain chunks; failures on the way are marked with the status."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = [(name.lower(), value) for name, value in response.headers.raw]
        self._response = response
        self._chunks = _chunks(response)

    def __aiter__(self) -> "_HttpxStream":
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            raise evidence.mark(error, request_sent=True, status=self.status) from error.__cause__

    async def aclose(self) -> None:
        await self._chunks.aclose()
        await self._response.aclose()


async def _chunks(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    # A mock's response may have been read already.
    if response.is_stream_consumed:
        yield response.content
        return
    async for chunk in response.aiter_raw():
        yield chunk


def sender_for(
    bases: Sequence[BaseUrl],
    *,
    proxy: str | None,
    verify: ssl.SSLContext | bool,
    limits: httpx.Limits,
    transport: httpx.AsyncBaseTransport | None,
    http_client: httpx.AsyncClient | None,
) -> Sender:
    """Choose how a client reaches the platform: what was handed in, else a proxy, else our own pool."""
    given = [
        name for name, value in (("http_client", http_client), ("transport", transport), ("proxy", proxy)) if value
    ]
    if len(given) > 1:
        raise ConfigurationError(f"{' and '.join(given)} exclude each other: pass one")
    _check("limits", limits, httpx.Limits)
    _check("verify", verify, bool, ssl.SSLContext)
    _check("transport", transport, httpx.AsyncBaseTransport, type(None))
    _check("http_client", http_client, httpx.AsyncClient, type(None))
    if http_client is not None:
        return HttpxSender(lambda: http_client, owned=False)
    if isinstance(transport, ConnectionPool):
        return transport
    if transport is not None:
        return HttpxSender(lambda: transport, owned=True)
    if proxy is None and not any(_behind_proxy(base) for base in bases):
        return ConnectionPool(verify=verify, limits=limits)
    try:
        httpx.Proxy(proxy or "http://localhost")
    except (httpx.InvalidURL, TypeError, ValueError):
        raise ConfigurationError("proxy must be a URL such as http://proxy.example:3128") from None
    # A whole client rather than a transport: it knows which host goes through which proxy of the environment.
    return HttpxSender(lambda: httpx.AsyncClient(proxy=proxy, verify=verify, limits=limits), owned=True)


def _check(name: str, value: object, *kinds: type) -> None:
    if not isinstance(value, kinds):
        raise ConfigurationError(f"{name} must be of type {kinds[0].__name__}, not {type(value).__name__}")


def interceptable_sender(sender: Sender, *, verify: ssl.SSLContext | bool, limits: httpx.Limits) -> Sender:
    """Return the sender to take while a mocking library has replaced httpx's way to the network."""
    if isinstance(sender, ConnectionPool):
        return HttpxSender(lambda: httpx.AsyncHTTPTransport(verify=verify, limits=limits), owned=True)
    return sender


def _behind_proxy(base: BaseUrl) -> bool:
    proxies = urllib.request.getproxies()
    named = proxies.get(base.origin.scheme) or proxies.get("all")
    return bool(named) and not urllib.request.proxy_bypass(base.host_header.decode("ascii"))
