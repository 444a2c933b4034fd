"""What an observer learns about each attempt: enough to trace and to measure, without secrets.

Give an object with these methods to ``VoiceClient(observer=...)``. They are called in the task that makes the request,
so context variables (such as the current span) are those of the caller. They must be quick and must not block. If one
raises an exception, it is logged once and the request continues.
"""

from collections.abc import Mapping
from typing import Protocol

import attrs

from sinch_voice_async.errors import Outcome

__all__ = ["Attempt", "AttemptResult", "Observer"]


@attrs.frozen(kw_only=True)
class Attempt:
    """One attempt of a request: what is requested, from which server, and the number of the attempt.

    ``route`` is the template of the path (``/calling/v1/calls/id/{call_id}``), never the ids in it; ``number`` counts
    from 1.
    """

    method: str
    route: str
    scheme: str
    host: str
    port: int
    number: int


@attrs.frozen(kw_only=True)
class AttemptResult:
    """How an attempt ended.

    ``seconds`` runs from the request for a connection to the end of the answer (for a stream: of its head). ``status``
    is None without an answer. ``error`` is the name of the class of the exception, ``"Cancelled"`` for a cancelled
    attempt. ``outcome`` is what is known about the request. ``will_retry_in`` is the delay in seconds before the next
    attempt, and None after the last one.
    """

    seconds: float
    status: int | None
    outcome: Outcome
    error: str | None = None
    will_retry_in: float | None = None


class Observer(Protocol):
    """The interface of an observer: two methods, called around every attempt."""

    def attempt_started(self, attempt: Attempt) -> Mapping[str, str] | None:
        """Called before an attempt; the returned headers (such as ``traceparent``) are sent with it, unsigned.

        Headers that set the host or the length of the body are left out, with a warning.
        """

    def attempt_ended(self, attempt: Attempt, result: AttemptResult) -> None:
        """Called after an attempt that succeeded, failed, or will be repeated (``will_retry_in``)."""
