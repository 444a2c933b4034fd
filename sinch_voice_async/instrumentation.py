"""What an observer is told about each attempt: enough to trace and to measure, nothing secret.

Give an object with these methods to ``VoiceClient(observer=...)``. They are called in the task that makes the request,
so that context variables (a current span) are the caller's; they must be quick and must not block. One that raises is
logged once and does not disturb the request.
"""

from collections.abc import Mapping
from typing import Protocol

import attrs

from sinch_voice_async.errors import Outcome

__all__ = ["Attempt", "AttemptResult", "Observer"]


@attrs.frozen(kw_only=True)
class Attempt:
    """One try of one request: what is asked, of which server, and the number of the attempt.

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
    """How one try ended.

    ``seconds`` runs from just before the connection was asked for until the answer was read whole (for a stream: its
    head). ``status`` is None if no answer came; ``error`` is the name of the exception's class, ``"Cancelled"`` for an
    attempt that was cancelled. ``outcome`` is what became of the request, as far as the evidence goes.
    ``will_retry_in`` is the delay in seconds before the next try, None if there is none.
    """

    seconds: float
    status: int | None
    outcome: Outcome
    error: str | None = None
    will_retry_in: float | None = None


class Observer(Protocol):
    """What you implement to watch requests: two methods, called around every attempt."""

    def attempt_started(self, attempt: Attempt) -> Mapping[str, str] | None:
        """Called before an attempt; the headers that you return (a ``traceparent``, say) are sent with it, unsigned.

        The host and the length of the body are not yours to set: such headers are left out, with a warning.
        """

    def attempt_ended(self, attempt: Attempt, result: AttemptResult) -> None:
        """Called after an attempt: succeeded, failed, or failed and about to be repeated (``will_retry_in``)."""
