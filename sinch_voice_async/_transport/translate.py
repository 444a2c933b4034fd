"""What an HTTP library raised -> our error, the outcome it proves, and whether trying again could help.

The class of an exception proves nothing about what was sent. Proof is the word of the transport (:mod:`.evidence`);
where there is none, everything counts as sent.
"""

import ssl
from collections.abc import Iterator

import httpx

from sinch_voice_async._transport import evidence
from sinch_voice_async._transport.clock import complains_about_clock
from sinch_voice_async._transport.retry import Failure, FailureKind
from sinch_voice_async._wire.failures import api_error, retry_after
from sinch_voice_async._wire.headers import Headers
from sinch_voice_async.errors import (
    APIError,
    ConnectError,
    DecodeError,
    Outcome,
    RateLimitedError,
    RequestTimeoutError,
    SinchVoiceError,
    TimeoutPhase,
    TransportError,
)

__all__ = ["HTTP_ERRORS", "failure_of", "translate"]

HTTP_ERRORS: tuple[type[Exception], ...] = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError)
"""What a transport may raise. Anything else is a fault in the transport that was handed in, and is left to surface."""

_PHASES: dict[type[Exception], TimeoutPhase] = {
    httpx.ConnectTimeout: "connect",
    httpx.PoolTimeout: "pool",
    httpx.WriteTimeout: "write",
    httpx.ReadTimeout: "read",
}
_TOO_LONG: dict[TimeoutPhase, str] = {
    "connect": "{} took too long to connect to",
    "pool": "no connection to {} became free in time",
    "write": "the request could not be written to {} in time",
    "read": "{} took too long to answer",
}
_PERMANENT = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL, ssl.SSLCertVerificationError)


def translate(error: Exception, where: object = "the platform") -> SinchVoiceError:
    """Return our error for what a transport raised; its ``__cause__`` is for the caller to set.

    ``where`` is the server, as the message names it.

    An answer whose head had arrived stands: a refusal is the refusal although its body is cut, and a success whose
    body is cut was acted on.
    """
    status = evidence.answered_status(error)
    timeout = isinstance(error, httpx.TimeoutException)
    if status is not None and not 200 <= status < 300:
        return api_error(status, Headers(), b"")
    if status is not None and not timeout:
        return DecodeError(f"{status}: the answer ended early or is malformed ({_reason(error)})", status=status)
    # No connection from the pool means no request on the wire, whoever's pool it is.
    sent = not isinstance(error, httpx.PoolTimeout) and evidence.request_sent(error) is not False
    outcome: Outcome = "accepted" if status is not None else "unknown" if sent else "unsent"
    if timeout:
        phase = _phase(error)
        return RequestTimeoutError(_TOO_LONG[phase].format(where), phase=phase, request_sent=sent, outcome=outcome)
    if sent:
        return TransportError(f"no answer from {where}: {_reason(error)}", request_sent=True, outcome="unknown")
    return ConnectError(f"cannot connect to {where}: {_reason(error)}")


def failure_of(error: SinchVoiceError, *, clock_corrected: bool) -> Failure:
    """Say what kind of failure an error is, for the decision to repeat."""
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
    if isinstance(error, DecodeError) or _is_permanent(error.__cause__):
        kind = "permanent"
    return Failure(kind=kind, outcome=error.outcome)


def _phase(error: Exception) -> TimeoutPhase:
    for cls, phase in _PHASES.items():
        if isinstance(error, cls):
            return phase
    return "read"


def _is_permanent(error: BaseException | None) -> bool:
    return any(isinstance(link, _PERMANENT) or _is_proxy_refusal(link) for link in _chain(error))


def _is_proxy_refusal(error: BaseException) -> bool:
    return isinstance(error, httpx.ProxyError) and str(error).startswith("407")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _name(error: Exception) -> str:
    return type(error).__name__


def _reason(error: Exception) -> str:
    for link in _chain(error):
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"its certificate was refused ({link.verify_message})"
    return str(error) or _name(error)
