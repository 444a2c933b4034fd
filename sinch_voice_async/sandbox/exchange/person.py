"""One person at a telephone."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Person"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What somebody does with a telephone; seconds are those of the exchange."""

    answers_after: float | None = 0.0
    """Seconds of ringing; None: never answers."""
    hangs_up_after: float | None = 3.0
    """Seconds after answering, or after dialling in; None: stays until the call is ended from the other side."""
    refuses: Literal["busy", "declined"] | None = None
    """The line is busy, or the call is declined."""
    keys: tuple[str, ...] = ()
    """What they press, one text for each time that a menu asks; then they press nothing."""
    is_machine: bool = False
    """Whether it is an answering machine that picks up."""
    beeps_after: float = 8.0
    """Seconds after answering at which an answering machine beeps."""
    is_manual: bool = False
    """Whether the telephone rings until the test, or somebody at the sandbox's page, picks it up."""
