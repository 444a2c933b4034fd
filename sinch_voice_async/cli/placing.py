"""The outcome of a callout that is placed from a terminal: Ctrl-C must say whether the phone may ring all the same."""

from collections.abc import Mapping

from sinch_voice_async.errors import Outcome
from sinch_voice_async.instrumentation import Attempt, AttemptResult

__all__ = ["OutcomeObserver"]


class OutcomeObserver:
    """Knows the outcome of the last attempt, also of one that was cancelled: ``outcome``, as in the errors."""

    outcome: Outcome = "unsent"

    def attempt_started(self, attempt: Attempt) -> Mapping[str, str] | None:
        """Assume, until the attempt ends, that the request is on its way."""
        self.outcome = "unknown"
        return None

    def attempt_ended(self, attempt: Attempt, result: AttemptResult) -> None:
        """Take the outcome that the evidence proves."""
        self.outcome = result.outcome
