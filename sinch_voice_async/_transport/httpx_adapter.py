"""The way across the HTTP seam for any httpx transport or client, and the choice of that way.

The pool has the same two methods (``send`` and ``stream``) and needs no adapter.
"""

import ssl
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator
from types import FunctionType
from typing import Any, Final, Protocol

import anyio.lowlevel
import httpx

from sinch_voice_async._bounds import instance
from sinch_voice_async._transport.exceptions import answered_status, mark
from sinch_voice_async._transport.messages import ByteStream, Fields, RawResponse, WireRequest
from sinch_voice_async._transport.pool import ConnectionPool
from sinch_voice_async._transport.proxies import Proxies
from sinch_voice_async._wire.signing import signed_headers
from sinch_voice_async.credentials import Credentials
from sinch_voice_async.errors import ConfigurationError

__all__ = ["ApplicationSignature", "HttpxAdapter", "Sender", "interceptable_sender", "network_is_mocked", "sender_for"]


class Sender(Protocol):
    """One request, one answer. What it raises carries the evidence of whether the request was sent."""

    async def send(self, request: WireRequest) -> RawResponse: ...
    async def stream(self, request: WireRequest) -> ByteStream: ...
    async def aclose(self) -> None: ...


class HttpxAdapter:
    """Sends through an httpx transport or client: the one that the user handed in, or one that a test has mocked.

    ``make`` builds it. One that is ``owned`` is closed with the client, and built again in the next event loop, because
    httpx's connections do not outlive the loop that they were opened in.
    """

    def __init__(self, make: Callable[[], "httpx.AsyncBaseTransport | httpx.AsyncClient"], *, owned: bool) -> None:
        self._make = make
        self._owned = owned
        self._via: httpx.AsyncBaseTransport | httpx.AsyncClient | None = None
        self._loop: object = None

    async def send(self, request: WireRequest) -> RawResponse:
        """Send one request and read its answer whole, up to ``max_body`` bytes."""
        stream = await self.stream(request)
        try:
            content = bytearray()
            async for chunk in stream:
                content += chunk
                if len(content) > request.max_body:
                    error = httpx.RemoteProtocolError(f"the answer is longer than {request.max_body} bytes")
                    raise mark(error, request_sent=True, status=stream.status)
        finally:
            await stream.aclose()
        return RawResponse(stream.status, stream.headers, bytes(content))

    async def stream(self, request: WireRequest) -> "_HttpxStream":
        """Send one request and return as soon as the head of its answer is here."""
        witness = _Witness()
        try:
            via = self._current()
            outgoing = _httpx_request(request, witness)
            witness.traces = _is_traced(via, outgoing)
        except BaseException as error:
            mark(error, request_sent=False)
            raise
        try:
            if isinstance(via, httpx.AsyncClient):
                response = await via.send(outgoing, auth=None, follow_redirects=False, stream=True)
            else:
                response = await via.handle_async_request(outgoing)
        except BaseException as error:
            # A hook may have put another trace in the place of the witness, whose silence says nothing then.
            witness.traces = witness.traces and outgoing.extensions.get("trace") is witness
            mark(error, request_sent=witness.may_have_sent(error), status=answered_status(error))
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


def _httpx_request(request: WireRequest, witness: "_Witness") -> httpx.Request:
    url = f"{request.origin.scheme}://{request.origin.authority}{request.target}"
    extensions = {"timeout": request.timeout.as_dict(), "trace": witness, "max_idle": request.max_idle}
    return httpx.Request(
        request.method, url, headers=request.fields(), content=request.body or None, extensions=extensions
    )


class _Witness:
    """Listens to the trace of a request: was its first byte about to go out, and what has failed before that?

    A transport may send a request more than once, and some of the attempts without a trace. So it takes more than
    silence to prove that nothing was sent: the failure that is raised must be one that the trace has reported, or the
    transport one that traces all that it does (``traces``).
    """

    def __init__(self) -> None:
        self.traces = False
        self._sent = False
        self._tunnelling = False
        self._proxy_refused = False
        self._failures: list[BaseException] = []

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            self._tunnelling = getattr(info.get("request"), "method", b"") == b"CONNECT"
            self._sent = self._sent or not self._tunnelling
        elif event.endswith(".failed") and isinstance(info.get("exception"), BaseException):
            self._failures.append(info["exception"])
        elif event.endswith("receive_response_headers.complete") and self._tunnelling:
            self._proxy_refused = not 200 <= info["return_value"][1] < 300

    def may_have_sent(self, error: BaseException) -> bool:
        """Return False if it is proven that no byte of the request was written before ``error`` was raised."""
        if self._sent:
            return True
        if self.traces or (self._proxy_refused and isinstance(error, httpx.ProxyError)):
            return False
        # httpx wraps the error of httpcore, which wraps that of the socket.
        links: list[BaseException] = []
        cause: BaseException | None = error
        while cause is not None and len(links) < 10:
            links.append(cause)
            cause = cause.__cause__
        return not any(link is failure for link in links for failure in self._failures)


def _is_traced(via: "httpx.AsyncBaseTransport | httpx.AsyncClient", request: httpx.Request) -> bool:
    """Return whether what sends a request is known to report every request that it writes to the trace."""
    if not all(_is_original(*place) for place in (*_PLACES, *_ON_THE_WAY)):
        return False
    if type(via) is httpx.AsyncClient:
        if not _is_untouched(via):
            return False
        via = via._transport_for_url(request.url)  # noqa: SLF001  # it is there, as was just seen
    if isinstance(via, ConnectionPool):
        return _keeps_the_method(via)
    if type(via) is not httpx.AsyncHTTPTransport or network_is_mocked() or not _is_untouched(via):
        return False
    pool: Any = via._pool  # noqa: SLF001  # what stands there decides whether anything is traced
    is_own = type(pool).__module__.partition(".")[0] == "httpcore" and _is_untouched(pool)
    return is_own and _module(type(pool).handle_async_request) == "httpcore._async.connection_pool"


def _is_untouched(sender: object) -> bool:
    """Return whether no method of an object was replaced on the object itself."""
    own = vars(sender).keys()
    return all(own.isdisjoint(vars(cls)) for cls in type(sender).__mro__)


class _HttpxStream:
    """The body of an httpx response as plain chunks; failures on the way are marked with the status."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers: Fields = response.headers.raw
        self._response = response
        self._chunks = _chunks(response)

    def __aiter__(self) -> "_HttpxStream":
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            raise
        except BaseException as error:
            mark(error, request_sent=True, status=self.status)
            raise

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
    *,
    proxy: str | httpx.URL | httpx.Proxy | None,
    verify: ssl.SSLContext | bool,
    limits: httpx.Limits,
    transport: httpx.AsyncBaseTransport | None,
    http_client: httpx.AsyncClient | None,
) -> Sender:
    """Return how a client reaches the platform: through what was handed in, else the pool."""
    given = [
        name
        for name, value in (("http_client", http_client), ("transport", transport), ("proxy", proxy))
        if value is not None
    ]
    if len(given) > 1:
        raise ConfigurationError(f"{' and '.join(given)} exclude each other: pass one")
    instance(limits, "limits", httpx.Limits)
    if not isinstance(verify, bool):
        instance(verify, "verify", ssl.SSLContext)
    instance(transport, "transport", httpx.AsyncBaseTransport, optional=True)
    instance(http_client, "http_client", httpx.AsyncClient, optional=True)
    if http_client is not None:
        return HttpxAdapter(lambda: http_client, owned=False)
    if transport is None:
        return ConnectionPool(verify=verify, limits=limits, proxy=Proxies.of(proxy))
    if isinstance(transport, ConnectionPool) and _keeps_the_method(transport):
        return transport
    return HttpxAdapter(lambda: transport, owned=True)


def interceptable_sender(sender: Sender, *, verify: ssl.SSLContext | bool, limits: httpx.Limits) -> Sender:
    """Return the sender to take while a library has mocked httpx's way to the network."""
    if isinstance(sender, ConnectionPool):
        return HttpxAdapter(lambda: httpx.AsyncClient(verify=verify, limits=limits), owned=True)
    return sender


_HANDLE: Final = ConnectionPool.handle_async_request


def _keeps_the_method(pool: ConnectionPool) -> bool:
    """Return whether ``handle_async_request``, which the pool's own short way goes past, is the pool's own."""
    return type(pool).handle_async_request is _HANDLE and "handle_async_request" not in vars(pool)


# How mocking libraries are recognised. respx, pytest-httpx and vcrpy put functions of their own in the place of these
# methods. So do tracers (OpenTelemetry, Sentry ...), which only wrap them, and must not change how requests travel. A
# function of any other module is a mock too, unless it leads to the original.

_PLACES: Final = (
    (httpx.AsyncHTTPTransport, "handle_async_request", "httpx._transports.default"),
    (httpx.AsyncClient, "_send_single_request", "httpx._client"),
    (httpx.AsyncClient, "_transport_for_url", "httpx._client"),
)
# Who replaces these wants to see or to repeat requests, and may send one without its trace.
_ON_THE_WAY: Final = tuple(
    (httpx.AsyncClient, name, "httpx._client") for name in ("send", "_send_handling_auth", "_send_handling_redirects")
)
_MOCKS: Final = frozenset({"respx", "pytest_httpx", "vcr", "unittest.mock"})


def network_is_mocked() -> bool:
    """Return whether a mocking library has replaced httpx's way to the network at this moment."""
    # Another thread may be in the middle of importing httpcore: then nothing in it is replaced yet.
    pool = getattr(sys.modules.get("httpcore"), "AsyncConnectionPool", None)
    places = _PLACES if pool is None else (*_PLACES, (pool, "handle_async_request", "httpcore._async.connection_pool"))
    return any(_is_mock(vars(owner).get(name), home) for owner, name, home in places)


def _is_original(owner: type, name: str, home: str) -> bool:
    method = vars(owner).get(name)
    return type(method) is FunctionType and _module(method) == home


def _module(function: object) -> str:
    """Return the module in which a function was written; ``functools.wraps`` pretends another."""
    written: dict[str, Any] = getattr(function, "__globals__", {})
    return str(written.get("__name__", getattr(type(function), "__module__", "")))


def _is_mock(method: object, home: str) -> bool:
    """Return whether what stands in the place of a method is a mock: marked as one, or not leading to the original."""
    found, queue = False, [method]
    seen: set[int] = set()
    while queue:
        each = queue.pop()
        if id(each) in seen or len(seen) > 100:
            continue
        seen.add(id(each))
        modules = {_module(each).partition(".")[0], *(cls.__module__ for cls in type(each).__mro__)}
        if modules & _MOCKS:
            return True
        found = found or (isinstance(each, FunctionType) and _module(each) == home)
        queue += _behind(each)
    return not found


def _behind(function: object) -> list[object]:
    """Return the functions that a wrapper leads to: what it names as wrapped, closes over, or finds in its module."""
    behind = [getattr(function, "__wrapped__", None), getattr(function, "__func__", None)]
    if isinstance(function, FunctionType):
        for cell in function.__closure__ or ():
            try:
                behind.append(cell.cell_contents)
            except ValueError:  # a cell that is empty as yet
                continue
        behind += [function.__globals__.get(name) for name in function.__code__.co_names]
        behind += function.__defaults__ or ()
    return [each for each in behind if callable(each) and not isinstance(each, type)]


class ApplicationSignature(httpx.Auth):
    """Signs the requests of an ``httpx.Client`` or ``httpx.AsyncClient`` as the platform requires.

    ``httpx.AsyncClient(auth=ApplicationSignature(credentials))``. The method, the path as it goes on the wire, the
    body and its ``Content-Type`` are signed with a fresh ``x-timestamp``; a streamed body is read into memory first.
    It does no I/O of its own.

    Source: Authentication, Application signed request.
    """

    requires_request_body = True

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign one request."""
        headers = signed_headers(
            self._credentials,
            request.method,
            request.url.raw_path.decode("ascii"),
            request.content,
            request.headers.get("content-type", ""),
            time.time(),
        )
        for name, value in headers:
            request.headers[name.decode("ascii")] = value.decode("ascii")
        yield request
