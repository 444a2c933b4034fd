"""What a call consists of: who talks, where it sits, how it ended, and what it asks of the exchange."""

from dataclasses import dataclass
from typing import Protocol

from sinch_voice_async.sandbox.fields import Fields

__all__ = ["Ending", "Handle", "Party", "Seat"]


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a call: ``kind`` is number, did, username, sip or websocket; both are empty where nobody is known."""

    kind: str = ""
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """When a call ended, in exchange seconds, and why."""

    at: float
    result: str
    reason: str


@dataclass(slots=True)
class Seat:
    """A call's place in a conference; ``dtmf`` says what happens to keys pressed there."""

    conference_id: str
    joined_at: float
    dtmf: str = "ignore"
    muted: bool = False
    on_hold: bool = False
    moh: str | None = None


class Handle(Protocol):
    """What a call asks of the exchange that runs it."""

    @property
    def is_settled(self) -> bool:
        """Whether every callback has been delivered or given up."""
        ...

    def catch_up(self) -> None:
        """Let happen what is due."""

    def pick_up(self) -> None:
        """Answer the telephone that rings."""

    def press(self, keys: str) -> None:
        """Press keys."""

    def disconnect(self, result: str, reason: str) -> None:
        """End the call now."""

    def manage(self, document: Fields, leg: str) -> None:
        """Do what SVAML says to an ongoing call."""

    def reply(self, problem: str) -> None:
        """Say that somebody outside has answered, or what the problem is."""

    def note(self, text: str) -> None:
        """Remember something in words."""
