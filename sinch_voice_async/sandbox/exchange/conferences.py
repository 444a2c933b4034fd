"""Conferences: nothing but the calls that sit in them, so that the two can never disagree.

Documents: Calling API, "Get Conference Info" and the commands to participants. A conference begins when its first
participant has answered and is over when the last has left.
"""

from sinch_voice_async.sandbox.exchange.calls import Call
from sinch_voice_async.sandbox.exchange.history import Calls
from sinch_voice_async.sandbox.exchange.parties import Seat
from sinch_voice_async.sandbox.refusals import RefusalError

__all__ = ["Conferences", "Participant"]

Participant = tuple[Call, Seat]
"""A call, and its place in the conference."""


class Conferences:
    """A view on the calls of an exchange."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def participants(self, conference_id: str) -> list[Participant]:
        """Return who sits in an ongoing conference, or answer 40400."""
        present = [
            (call, call.seat)
            for call in self._calls
            if not call.is_final and call.seat is not None and call.seat.conference_id == conference_id
        ]
        if not present:
            raise RefusalError(40400, f"No such ongoing conference '{conference_id}' in the application's context")
        return present

    def participant(self, conference_id: str, call_id: str) -> Participant:
        """Return one participant of an ongoing conference, or answer 40400."""
        for call, seat in self.participants(conference_id):
            if call.call_id == call_id:
                return call, seat
        raise RefusalError(40400, f"No such participant in conference '{conference_id}'")
