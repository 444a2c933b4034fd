"""One request and its retries: sign, send, judge the answer, and report the outcome.

What is signed is what goes on the wire, and every attempt is signed anew. What cannot be done twice without harm
(``repeatable=False``) is repeated only with proof that the platform did not act on it.
"""

import contextlib
import logging
import math
import random
import sys
import time
import zlib
from collections.abc import Awaitable
from typing import ClassVar, Final, Literal, TypeVar

import anyio
import attrs
import httpx

from sinch_voice_async._transport.exceptions import answered_status, failure_of, map_exception, outcome_of
from sinch_voice_async._transport.httpx_adapter import Sender, network_is_mocked
from sinch_voice_async._transport.messages import (
    ByteStream,
    Fields,
    RawResponse,
    Request,
    Response,
    StreamedResponse,
    WireRequest,
)
from sinch_voice_async._transport.origin import BaseUrl
from sinch_voice_async._transport.retry import (
    TIME_TO_ANSWER,
    RetryPolicy,
    RetryQuota,
    clock_offset,
    complains_about_clock,
)
from sinch_voice_async._wire.answers import Headers, api_error
from sinch_voice_async._wire.signing import basic_authorization, signed_headers
from sinch_voice_async.credentials import Credentials
from sinch_voice_async.errors import APIError, DecodeError, InvalidRequestError, Outcome, SinchVoiceError
from sinch_voice_async.instrumentation import Attempt, AttemptResult, Observer

__all__ = ["Session", "Transport"]

Answer = TypeVar("Answer", RawResponse, ByteStream)

_LONGEST_REFUSAL: Final = 65_536
_HOP_FIELDS: Final = frozenset({"host", "content-length", "transfer-encoding"})

logger = logging.getLogger("sinch_voice_async")


class RetryClock:
    """The time of the machine, and the random part of a delay. Tests replace a method to have a time of their own."""

    now: "ClassVar[staticmethod[[], float]]" = staticmethod(time.time)
    monotonic: "ClassVar[staticmethod[[], float]]" = staticmethod(time.monotonic)
    jitter: "ClassVar[staticmethod[[], float]]" = staticmethod(random.random)
    sleep: "ClassVar[staticmethod[[float], Awaitable[None]]]" = staticmethod(anyio.sleep)


@attrs.define(kw_only=True, eq=False)
class Session:
    """What all views of one client share: the connections, the quota, the clock, and whether it is closed.

    ``sender`` is the way to the platform, ``interceptable`` the one through httpx, for tests that mock the network.
    """

    credentials: Credentials
    auth: Literal["signed", "basic"]
    sender: Sender
    interceptable: Sender
    quota: RetryQuota = attrs.Factory(RetryQuota)
    clock_offset: float = 0.0
    closed: bool = False
    network_methods: object = None
    network_is_mocked: bool = False
    clock: RetryClock = attrs.Factory(RetryClock)

    def sign(self, method: str, target: str, body: bytes, content_type: str) -> tuple[Fields, float]:
        """Return the header fields that authorize a request, and the local Unix time at which they were made."""
        now = self.clock.now()
        if self.auth == "basic":
            return [(b"authorization", basic_authorization(self.credentials).encode("ascii"))], now
        at = now + self.clock_offset
        return signed_headers(self.credentials, method, target, body, content_type, at), now


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
        answer, _, attempts = await self._run(request, streamed=False)
        assert isinstance(answer, RawResponse)
        return Response(answer.status, answer.headers, answer.body, attempts)

    async def stream(self, request: Request) -> StreamedResponse:
        """Send one request, with its retries, and return the answer as soon as its head is here.

        :raises SinchVoiceError: as in :meth:`send`.
        """
        stream, wire_request, attempts = await self._run(request, streamed=True)
        assert not isinstance(stream, RawResponse)
        return StreamedResponse(stream, attempts=attempts, request=wire_request)

    async def _run(self, request: Request, *, streamed: bool) -> tuple[RawResponse | ByteStream, WireRequest, int]:
        session = self.session
        if session.closed:
            raise InvalidRequestError("the client is closed", field="client")
        started = session.clock.monotonic()
        corrected = False
        number = 0
        while True:
            number += 1
            watch = self._watch(request, number)
            offset = session.clock_offset
            wire_request = self._wire_request(request, watch, number, started)
            result = await self._attempt(wire_request, watch, streamed=streamed)
            if not isinstance(result, SinchVoiceError):
                if session.quota.left < RetryQuota.SIZE:
                    session.quota.left += 1
                return result, wire_request, number
            # Another task may have learnt the time meanwhile: what counts is that this attempt was signed with another.
            correctable = not corrected and session.clock_offset != offset
            delay = self._delay(request, number, result, started, clock_corrected=correctable)
            corrected = corrected or correctable
            if watch is not None:
                watch.failed(result, delay)
            if delay is None:
                result.attempts = number
                raise result
            await session.clock.sleep(delay)

    async def _attempt(
        self, request: WireRequest, watch: "_Watch | None", *, streamed: bool
    ) -> RawResponse | ByteStream | SinchVoiceError:
        try:
            sender = self._sender()
            answer: RawResponse | ByteStream = await (sender.stream(request) if streamed else sender.send(request))
            if 200 <= answer.status < 300 and not _codings(answer.headers):
                if watch is not None:
                    watch.succeeded(answer.status)
                return answer
            error = _judge(answer, await _body(answer))
        except AssertionError:
            # A test's own: a mock that refuses a request says so by it.
            raise
        except Exception as cause:  # noqa: BLE001  # a transport of the user's may raise anything
            error = map_exception(cause, request.base, request.timeout)
            if error is not cause:
                error.__cause__ = cause
        except BaseException as cause:
            if watch is not None:
                watch.cancelled(cause)
            raise
        self._learn_time(request, error)
        return error

    def _learn_time(self, request: WireRequest, error: SinchVoiceError) -> None:
        """Correct the clock, if an answer says that the timestamp was wrong."""
        session = self.session
        if isinstance(error, APIError) and complains_about_clock(error.status, error.code):
            offset = clock_offset(error.headers, request.signed_at, session.clock.now(), session.clock_offset)
            session.clock_offset = session.clock_offset if offset is None else offset

    def _sender(self) -> Sender:
        # A test that mocks the network must never reach it, so then this request goes through httpx.
        session, methods = self.session, _network_methods()
        if session.network_methods != methods:
            session.network_methods, session.network_is_mocked = methods, network_is_mocked()
        return session.interceptable if session.network_is_mocked else session.sender

    def _wire_request(self, request: Request, watch: "_Watch | None", number: int, started: float) -> WireRequest:
        headers: Fields = [*request.headers]
        if watch is not None:
            headers += watch.start()
        return WireRequest(
            request.base or (self.configuration if request.configuration else self.calling),
            request.method,
            request.path,
            request.body,
            signer=self.session,
            headers=headers,
            timeout=self._time_left(started, may_be_cut=request.repeatable or number == 1),
            max_idle=None if request.repeatable else self.callout_max_idle,
            max_body=self.max_answer,
        )

    def _watch(self, request: Request, number: int) -> "_Watch | None":
        if self.observer is None and not logger.isEnabledFor(logging.INFO):
            return None
        base = request.base or (self.configuration if request.configuration else self.calling)
        return _Watch(self.observer, base, request.method, request.route, number)

    def _delay(
        self, request: Request, number: int, error: SinchVoiceError, started: float, *, clock_corrected: bool
    ) -> float | None:
        session = self.session
        failure = failure_of(error, clock_corrected=clock_corrected)
        delay = self.retry.delay(number, failure, repeatable=request.repeatable, jitter=session.clock.jitter)
        if delay is None:
            return None
        if self.retry.deadline is not None:
            left = self.retry.deadline - (session.clock.monotonic() - started) - delay
            # An attempt that must not be repeated blindly needs the time to read its answer.
            read = math.inf if self.timeout.read is None else self.timeout.read
            if left <= 0 or (not request.repeatable and left < min(read, TIME_TO_ANSWER)):
                return None
        return delay if session.quota.spend(failure.kind) else None

    def _time_left(self, started: float, *, may_be_cut: bool) -> httpx.Timeout:
        deadline, timeout = self.retry.deadline, self.timeout
        if deadline is None:
            return timeout
        left = max(deadline - (self.session.clock.monotonic() - started), 0.001)
        if self._longest_phase <= left:
            return timeout
        phases = {name: left if phase is None else min(phase, left) for name, phase in timeout.as_dict().items()}
        if not may_be_cut and timeout.read is not None:
            phases["read"] = timeout.read
        return httpx.Timeout(**phases)


class _Watch:
    """Tells the user's observer, and the log, about one attempt. Nothing here can disturb a request."""

    def __init__(self, observer: Observer | None, base: BaseUrl, method: str, route: str, number: int) -> None:
        origin = base.origin
        self._observer = observer
        self._attempt = Attempt(
            method=method, route=route, scheme=origin.scheme, host=origin.host, port=origin.port, number=number
        )
        self._started = time.perf_counter()

    def start(self) -> Fields:
        """Announce the attempt, and return the headers that the observer wants sent with it."""
        if self._observer is None:
            return []
        try:
            extra = dict(self._observer.attempt_started(self._attempt) or {})
            refused = sorted(name for name in extra if name.lower() in _HOP_FIELDS)
            if refused:
                logger.warning("the observer's headers are not its to set, and are left out: %s", ", ".join(refused))
            # httpx refuses what would leave its line in a head; the pool does too.
            return httpx.Headers({name: value for name, value in extra.items() if name not in refused}).raw
        except Exception:
            logger.exception("the observer failed; the request goes on without it")
            return []

    def succeeded(self, status: int) -> None:
        """Report an attempt that was answered with success."""
        self._end(status, "accepted", None, None)

    def failed(self, error: SinchVoiceError, delay: float | None) -> None:
        """Report an attempt that failed, and in how many seconds the next one starts."""
        status = error.status if isinstance(error, APIError) else None
        self._end(status, error.outcome, type(error).__name__, delay)

    def cancelled(self, cause: BaseException) -> None:
        """Report an attempt that was cancelled, and what the evidence says of its outcome."""
        self._end(answered_status(cause), outcome_of(cause), "Cancelled", None)

    def _end(self, status: int | None, outcome: Outcome, error: str | None, delay: float | None) -> None:
        seconds = time.perf_counter() - self._started
        attempt = self._attempt
        if self._observer is not None:
            result = AttemptResult(seconds=seconds, status=status, outcome=outcome, error=error, will_retry_in=delay)
            try:
                self._observer.attempt_ended(attempt, result)
            except Exception:
                logger.exception("the observer failed; the request goes on without it")
        logger.log(
            logging.DEBUG if delay is None else logging.INFO,
            "%s %s, attempt %d: %s after %.3f s%s",
            attempt.method,
            attempt.route,
            attempt.number,
            status if error is None else f"{error} ({outcome})",
            seconds,
            "" if delay is None else f", again in {delay:.2f} s",
        )


def _network_methods() -> tuple[object, ...]:
    """Return the methods that a mocking library replaces; each request looks whether they are still the same."""
    # Another thread may be in the middle of importing httpcore: then nothing in it is replaced yet.
    pool = getattr(sys.modules.get("httpcore"), "AsyncConnectionPool", None)
    return (
        vars(httpx.AsyncHTTPTransport)["handle_async_request"],
        vars(httpx.AsyncClient).get("_send_single_request"),
        vars(httpx.AsyncClient).get("_transport_for_url"),
        None if pool is None else vars(pool)["handle_async_request"],
    )


def _judge(answer: RawResponse | ByteStream, body: bytes) -> SinchVoiceError:
    """Return the error for an answer that is no success, or that is one and cannot be read."""
    if 200 <= answer.status < 300:
        return DecodeError("the answer is compressed, although the request allows no coding", status=answer.status)
    return api_error(answer.status, Headers(answer.headers), body)


def _codings(headers: Fields) -> list[str]:
    """Return the content codings of an answer, in the order in which they were applied."""
    for name, _ in headers:
        if len(name) == 16 and name.lower() == b"content-encoding":
            break
    else:
        return []
    values = Headers(headers)["content-encoding"].lower().split(",")
    return [coding for coding in map(str.strip, values) if coding not in ("", "identity")]


async def _body(answer: RawResponse | ByteStream) -> bytes:
    """Return the body that explains a refusal, unpacked if it is compressed, as far as it is of a sensible length."""
    content = bytearray()
    if isinstance(answer, RawResponse):
        content += answer.body
    else:
        try:
            async for chunk in answer:
                content += chunk
                if len(content) > _LONGEST_REFUSAL:
                    break
        except AssertionError:
            raise
        except Exception:  # noqa: BLE001  # the same; the refusal stands without its words
            content.clear()
        finally:
            await answer.aclose()
    return _unpacked(bytes(content), _codings(answer.headers))


def _unpacked(body: bytes, codings: list[str]) -> bytes:
    """Undo gzip and deflate, up to 64 KiB: gateways compress refusals whatever the request says."""
    for coding in reversed(codings):
        if coding not in ("gzip", "x-gzip", "deflate"):
            return body
        # 47: the header tells gzip from zlib; -15: deflate as some servers mean it, without a header.
        for window in (47, -15):
            with contextlib.suppress(zlib.error):
                body = zlib.decompressobj(window).decompress(body, _LONGEST_REFUSAL)
                break
    return body
