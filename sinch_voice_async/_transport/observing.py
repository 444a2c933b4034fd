"""Tells the user's observer, and the log, about each attempt. Nothing here can disturb a request."""

import logging
import time

import httpx

from sinch_voice_async._transport.base_url import BaseUrl
from sinch_voice_async.errors import APIError, Outcome, SinchVoiceError
from sinch_voice_async.instrumentation import Attempt, AttemptResult, Observer

__all__ = ["Watch"]

_logger = logging.getLogger("sinch_voice_async")


class Watch:
    """One attempt, watched from its start to its end."""

    def __init__(self, observer: Observer | None, base: BaseUrl, method: str, route: str, number: int) -> None:
        origin = base.origin
        self._observer = observer
        self._attempt = Attempt(
            method=method, route=route, scheme=origin.scheme, host=origin.host, port=origin.port, number=number
        )
        self._started = time.perf_counter()

    def start(self) -> list[tuple[bytes, bytes]]:
        """Announce the attempt, and return the headers that the observer wants sent with it."""
        if self._observer is None:
            return []
        try:
            extra = self._observer.attempt_started(self._attempt) or {}
            # httpx refuses what would break out of a header; the pool does too.
            return [(name, value) for name, value in httpx.Headers(dict(extra)).raw]
        except Exception:
            _logger.exception("the observer failed; the request goes on without it")
            return []

    def succeeded(self, status: int) -> None:
        """Report an attempt that was answered with success."""
        self._end(status, "accepted", None, None)

    def failed(self, error: SinchVoiceError, delay: float | None) -> None:
        """Report an attempt that failed, and in how many seconds the next one starts."""
        status = error.status if isinstance(error, APIError) else None
        self._end(status, error.outcome, type(error).__name__, delay)

    def cancelled(self) -> None:
        """Report an attempt that was cancelled, or ended by an exception that is not ours."""
        self._end(None, "unknown", "Cancelled", None)

    def _end(self, status: int | None, outcome: Outcome, error: str | None, delay: float | None) -> None:
        seconds = time.perf_counter() - self._started
        attempt = self._attempt
        _logger.log(
            logging.DEBUG if delay is None else logging.INFO,
            "%s %s, attempt %d: %s after %.3f s%s",
            attempt.method,
            attempt.route,
            attempt.number,
            status if error is None else f"{error} ({outcome})",
            seconds,
            "" if delay is None else f", again in {delay:.2f} s",
        )
        if self._observer is None:
            return
        result = AttemptResult(seconds=seconds, status=status, outcome=outcome, error=error, will_retry_in=delay)
        try:
            self._observer.attempt_ended(attempt, result)
        except Exception:
            _logger.exception("the observer failed; the request goes on without it")
