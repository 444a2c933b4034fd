"""The one judge of outcomes: what was seen of a request -> our error, its outcome, and whether a retry could help.

The class of an exception proves nothing: "the server disconnected" is the same class whether or not a call was placed.
The outcome is a function of two observations, which travel as attributes on the exception that a transport raised:

- ``request_sent``: whether the first byte of the request was written. None means that it was not observed, and
  counts as True.
- ``answered_status``: the status of the answer, if its head arrived before the failure.
"""

import ssl
from collections.abc import Iterator
from typing import Final, TypeVar

import httpx

from sinch_voice_async._transport.retry import Failure, FailureKind, complains_about_clock
from sinch_voice_async._wire.answers import Headers, api_error, retry_after
from sinch_voice_async.errors import (
    APIError,
    ConfigurationError,
    ConnectError,
    DecodeError,
    Outcome,
    RateLimitedError,
    RequestTimeoutError,
    SinchVoiceError,
    TimeoutPhase,
    TransportError,
)

__all__ = [
    "answered_status",
    "because",
    "failure_of",
    "map_exception",
    "mark",
    "outcome_of",
    "permanent",
    "request_sent",
    "why_refused",
]

E = TypeVar("E", bound=BaseException)

_PHASES: Final[dict[type[Exception], TimeoutPhase]] = {
    httpx.ConnectTimeout: "connect",
    httpx.PoolTimeout: "pool",
    httpx.WriteTimeout: "write",
    httpx.ReadTimeout: "read",
}
_TOO_LONG: Final[dict[TimeoutPhase, str]] = {
    "connect": "cannot connect to {where} {within}",
    "pool": "no connection to {where} became free {within}",
    "write": "the request was not written to {where} {within}",
    "read": "{where} did not answer {within}",
}
_PERMANENT: Final = (
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
    ssl.SSLCertVerificationError,
    ConfigurationError,
)
# Faults of the network, which may pass. Every other exception is a fault of a program.
_TRANSIENT: Final = (httpx.HTTPError, httpx.StreamError, OSError, EOFError)


def mark(error: E, *, request_sent: bool, status: int | None = None) -> E:
    """Write the evidence on ``error``: whether a byte of the request was written, and the status of the answer."""
    error.request_sent = request_sent  # type: ignore[attr-defined]  # an attribute of ours on a foreign exception
    error.answered_status = status  # type: ignore[attr-defined]  # the same
    return error


def permanent(error: E) -> E:
    """Write on ``error`` that the same request would fail in the same way again."""
    error.is_permanent = True  # type: ignore[attr-defined]  # an attribute of ours on a foreign exception
    return error


def because(error: E, cause: BaseException | None) -> E:
    """Return ``error`` with its cause, to be raised later."""
    error.__cause__ = cause
    return error


def request_sent(error: BaseException) -> bool | None:
    """Return whether a byte of the request was written; None without evidence."""
    sent: bool | None = getattr(error, "request_sent", None)
    return sent


def answered_status(error: BaseException) -> int | None:
    """Return the status of the answer whose head arrived before the failure; None if none did."""
    status: int | None = getattr(error, "answered_status", None)
    return status


def outcome_of(error: BaseException) -> Outcome:
    """Return the outcome that the evidence on ``error`` proves: the judgement that every seam shares."""
    if request_sent(error) is False:
        return "unsent"
    status = answered_status(error)
    return "accepted" if status is not None and 200 <= status < 300 else "unknown"


def map_exception(
    error: Exception, where: object = "the platform", timeout: httpx.Timeout | None = None
) -> SinchVoiceError:
    """Return our error for what a transport raised; the caller sets its ``__cause__``.

    ``where`` is the server, as the message names it, and ``timeout`` what the request was given.

    An answer whose head arrived stands: a refusal is the refusal although its body is cut, and the platform acted on a
    request that it answered with success.
    """
    # Ours too: a transport of the user's may raise one, and its class and its outcome prove no more than any other's.
    ours = error if isinstance(error, SinchVoiceError) else None
    if ours is not None and request_sent(error) is not True:
        return ours
    status = answered_status(error)
    if status is not None and not 200 <= status < 300:
        return api_error(status, Headers(), b"")
    outcome = outcome_of(error)
    if ours is not None and ours.outcome == outcome:
        return ours
    if isinstance(error, httpx.TimeoutException):
        return _timeout_error(error, where, timeout, outcome)
    if outcome == "accepted":
        return DecodeError(f"{status}: the answer ended early or is malformed ({_reason(error)})", status=status)
    if outcome == "unknown":
        return TransportError(f"no answer from {where}: {_reason(error)}", request_sent=True, outcome="unknown")
    return ConnectError(f"cannot connect to {where}: {_reason(error)}")


def failure_of(error: SinchVoiceError, *, clock_corrected: bool) -> Failure:
    """Return what kind of failure an error is, for the decision to retry."""
    kind: FailureKind = "transient"
    if isinstance(error, APIError):
        after = retry_after(error.headers)
        if isinstance(error, RateLimitedError):
            kind = "throttled"
        elif complains_about_clock(error.status, error.code):
            kind = "clock" if clock_corrected else "permanent"
        elif error.status < 500:
            kind = "permanent"
        return Failure(kind=kind, outcome=error.outcome, status=error.status, retry_after=after)
    if isinstance(error, (DecodeError, ConfigurationError)) or _is_permanent(error.__cause__):
        kind = "permanent"
    return Failure(kind=kind, outcome=error.outcome)


def _timeout_error(
    error: httpx.TimeoutException, where: object, timeout: httpx.Timeout | None, outcome: Outcome
) -> RequestTimeoutError:
    phases: list[TimeoutPhase] = [phase for cls, phase in _PHASES.items() if isinstance(error, cls)]
    phase = phases[0] if phases else "read"
    seconds = None if timeout is None else timeout.as_dict().get(phase)
    within = "in time" if seconds is None else f"within {seconds:.3g} s"
    message = _TOO_LONG[phase].format(where=where, within=within)
    if outcome == "accepted":
        message = f"{where} answered {answered_status(error)}, but the body of the answer did not arrive {within}"
    return RequestTimeoutError(message, phase=phase, request_sent=outcome != "unsent", outcome=outcome)


def _is_permanent(error: BaseException | None) -> bool:
    if error is not None and not isinstance(error, _TRANSIENT):
        return True
    return any(isinstance(link, _PERMANENT) or getattr(link, "is_permanent", False) for link in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def why_refused(error: ssl.SSLCertVerificationError) -> str:
    """Return in words why a certificate was refused."""
    return str(getattr(error, "verify_message", error))


def _reason(error: Exception) -> str:
    for link in _chain(error):
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"its certificate was refused ({why_refused(link)})"
    if isinstance(error, _TRANSIENT):
        return str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}".removesuffix(": ")
