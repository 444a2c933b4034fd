"""One request and its retries: sign, send, judge the answer, and say what became of it.

What is signed is what goes on the wire, and every attempt is signed anew. What cannot be done twice without harm
(``repeatable=False``) is repeated only with proof that the platform did not act on it.
"""

import logging
import math
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

import attrs
import httpx

from sinch_voice_async._transport.base_url import BaseUrl
from sinch_voice_async._transport.clock import clock_offset, complains_about_clock
from sinch_voice_async._transport.observing import Watch
from sinch_voice_async._transport.pool import HeaderFields, RawResponse
from sinch_voice_async._transport.responses import Response, StreamedResponse
from sinch_voice_async._transport.retry import RetryPolicy, RetryQuota
from sinch_voice_async._transport.senders import ByteStream, Sender
from sinch_voice_async._transport.session import Request, Session
from sinch_voice_async._transport.translate import HTTP_ERRORS, failure_of, translate
from sinch_voice_async._version import __version__
from sinch_voice_async._wire.failures import api_error
from sinch_voice_async._wire.headers import Headers
from sinch_voice_async._wire.signing import basic_authorization, signed_headers
from sinch_voice_async.errors import APIError, DecodeError, InvalidRequestError, SinchVoiceError
from sinch_voice_async.instrumentation import Observer

__all__ = ["Transport"]

Answer = TypeVar("Answer", RawResponse, ByteStream)
Pairs: TypeAlias = list[tuple[bytes, bytes]]

_logger = logging.getLogger("sinch_voice_async")
_FIXED: Pairs = [
    (b"user-agent", f"sinch-voice-async/{__version__}".encode()),
    (b"accept", b"*/*"),
    # A compressed answer could unfold into anything; the answers are short, and recordings are compressed already.
    (b"accept-encoding", b"identity"),
]
_JSON: Pairs = [(b"content-type", b"application/json")]


def _longest_phase(transport: "Transport") -> float:
    return max(math.inf if phase is None else phase for phase in transport.timeout.as_dict().values())


@attrs.frozen(kw_only=True, eq=False)
class Transport:
    """The one way from an endpoint to the platform."""

    session: Session
    calling: BaseUrl
    configuration: BaseUrl
    timeout: httpx.Timeout
    retry: RetryPolicy
    observer: Observer | None
    callout_max_idle: float | None
    max_answer: int
    _longest_phase: float = attrs.field(init=False, default=attrs.Factory(_longest_phase, takes_self=True))

    async def send(self, request: Request) -> Response:
        """Send one request, with its retries, and return the answer read whole.

        :raises SinchVoiceError: the subclass says what to do next, its ``outcome`` what became of the request.
        """
        raw, attempts = await self._run(request, self._exchange)
        return Response(raw.status, raw.headers, raw.body, attempts)

    async def stream(self, request: Request) -> StreamedResponse:
        """Send one request, with its retries, and return the answer as soon as its head is here.

        :raises SinchVoiceError: as in :meth:`send`.
        """
        stream, attempts = await self._run(request, self._open)
        return StreamedResponse(stream, attempts=attempts)

    async def _run(
        self, request: Request, once: "Callable[[Request, BaseUrl, HeaderFields, httpx.Timeout], Awaitable[Answer]]"
    ) -> tuple[Answer, int]:
        session = self.session
        if session.closed:
            raise InvalidRequestError("client: it was closed, and is asked for one more request", field="client")
        started = session.monotonic()
        corrected = False
        number = 0
        while True:
            number += 1
            watch = self._watch(request, number)
            offset = session.clock_offset
            result = await self._attempt(request, once, watch, self._time_left(started))
            if not isinstance(result, SinchVoiceError):
                if session.quota.left < RetryQuota.SIZE:
                    session.quota.left += 1
                return result, number
            # Another task may have learnt the time meanwhile: what counts is that this attempt was signed with another.
            correctable = not corrected and session.clock_offset != offset
            delay = self._delay(request, number, result, started, clock_corrected=correctable)
            corrected = corrected or correctable
            if watch is not None:
                watch.failed(result, delay)
            if delay is None:
                result.attempts = number
                raise result
            await session.sleep(delay)

    async def _attempt(
        self,
        request: Request,
        once: "Callable[[Request, BaseUrl, HeaderFields, httpx.Timeout], Awaitable[Answer]]",
        watch: Watch | None,
        timeout: httpx.Timeout,
    ) -> Answer | SinchVoiceError:
        session: Session = self.session
        base: BaseUrl = request.base or (self.configuration if request.configuration else self.calling)
        observed: Pairs = [] if watch is None else watch.start()
        sent: float = session.now()

        def headers() -> Pairs:
            nonlocal sent
            sent = session.now()
            return self._pairs(request, base, sent + session.clock_offset) + observed

        try:
            answer = await once(request, base, headers, timeout)
            if not 200 <= answer.status < 300:
                body = await _body(answer)
                error: SinchVoiceError = api_error(answer.status, Headers(answer.headers), body)
            elif _is_compressed(answer):
                await _body(answer)
                error = DecodeError("the answer is compressed, which nobody asked for", status=answer.status)
            else:
                if watch is not None:
                    watch.succeeded(answer.status)
                return answer
        except HTTP_ERRORS as cause:
            error = translate(cause, base)
            error.__cause__ = cause
        except BaseException:
            if watch is not None:
                watch.cancelled()
            raise
        if isinstance(error, APIError) and complains_about_clock(error.status, error.code):
            offset = clock_offset(error.headers, sent, session.now(), session.clock_offset)
            session.clock_offset = session.clock_offset if offset is None else offset
        return error

    def _exchange(
        self, request: Request, base: BaseUrl, headers: HeaderFields, timeout: httpx.Timeout
    ) -> Awaitable[RawResponse]:
        return self._sender().exchange(
            base.origin,
            request.method.encode("ascii"),
            (base.prefix + request.path).encode("ascii"),
            headers,
            request.body,
            timeout=timeout,
            max_idle=None if request.repeatable else self.callout_max_idle,
            max_body=self.max_answer,
        )

    def _open(
        self, request: Request, base: BaseUrl, headers: HeaderFields, timeout: httpx.Timeout
    ) -> Awaitable[ByteStream]:
        target = (base.prefix + request.path).encode("ascii")
        method = request.method.encode("ascii")
        return self._sender().open(base.origin, method, target, headers, request.body, timeout=timeout)

    def _sender(self) -> Sender:
        # respx, pytest-httpx and vcrpy replace httpx's own way to the network. A test that mocks the network must never
        # reach it, so then this request takes that way too.
        # Another thread may be in the middle of importing httpcore: then nobody has replaced anything in it yet.
        pool = getattr(sys.modules.get("httpcore"), "AsyncConnectionPool", None)
        if _is_replaced(httpx.AsyncHTTPTransport, "httpx._transports.default") or (
            pool is not None and _is_replaced(pool, "httpcore._async.connection_pool")
        ):
            return self.session.interceptable
        return self.session.sender

    def _pairs(self, request: Request, base: BaseUrl, now: float) -> Pairs:
        session, body = self.session, request.body
        pairs = [(b"host", base.host_header), *_FIXED, *request.headers, *(_JSON if body else ())]
        if session.auth == "basic":
            pairs.append((b"authorization", basic_authorization(session.credentials).encode("ascii")))
        else:
            path, content_type = base.prefix + request.path, "application/json" if body else ""
            pairs += signed_headers(session.credentials, request.method, path, body, content_type, now)
        return pairs

    def _watch(self, request: Request, number: int) -> Watch | None:
        if self.observer is None and not _logger.isEnabledFor(logging.INFO):
            return None
        base = request.base or (self.configuration if request.configuration else self.calling)
        return Watch(self.observer, base, request.method, request.route, number)

    def _delay(
        self, request: Request, number: int, error: SinchVoiceError, started: float, *, clock_corrected: bool
    ) -> float | None:
        session = self.session
        failure = failure_of(error, clock_corrected=clock_corrected)
        delay = self.retry.delay(number, failure, repeatable=request.repeatable, share=session.share)
        if delay is None:
            return None
        deadline = self.retry.deadline
        if deadline is not None and session.monotonic() - started + delay >= deadline:
            return None
        return delay if session.quota.spend(failure.kind) else None

    def _time_left(self, started: float) -> httpx.Timeout:
        deadline, timeout = self.retry.deadline, self.timeout
        if deadline is None:
            return timeout
        left = max(deadline - (self.session.monotonic() - started), 0.001)
        if self._longest_phase <= left:
            return timeout
        phases = timeout.as_dict().items()
        return httpx.Timeout(**{name: left if phase is None else min(phase, left) for name, phase in phases})


def _is_replaced(transport: Any, home: str) -> bool:
    method = transport.handle_async_request
    return method.__module__ != home or hasattr(method, "__wrapped__")


def _is_compressed(answer: RawResponse | ByteStream) -> bool:
    for name, value in answer.headers:
        if name == b"content-encoding":
            return value.lower() != b"identity"
    return False


async def _body(answer: RawResponse | ByteStream) -> bytes:
    if isinstance(answer, RawResponse):
        return answer.body
    # What explains a refusal is short; what is not is not worth waiting for.
    content = bytearray()
    try:
        async for chunk in answer:
            content += chunk
            if len(content) > 65_536:
                break
    except HTTP_ERRORS:
        content.clear()
    finally:
        await answer.aclose()
    return bytes(content)
