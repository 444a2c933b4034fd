"""The calls of a sandbox: what was asked for, and what became of it.

A call's life is decided when it is placed, from who is called, and read off the exchange's clock: no task runs between
requests, so the same exchange works under any event loop and on a clock that stands still. What happens later, a
hang-up from our side or a kick, replaces the planned ending.

Documents: Calling API, "Get Call Result" (states, results and reasons).
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.callouts import Callout
from sinch_voice_async.sandbox.exchange.people import Person

__all__ = ["Call", "Calls", "Ending", "Seat"]

RINGS_FOR = 30.0
"""Seconds after which a telephone that nobody answers stops ringing; the platform documents no default."""
RATE = 0.0368
"""USD per started minute, the rate in the documents' own sample."""


@dataclass(frozen=True, slots=True)
class Ending:
    """When a call ends, in exchange seconds, and why."""

    at: float
    result: str
    reason: str


@dataclass(slots=True)
class Seat:
    """A call's place in a conference."""

    conference_id: str
    joined_at: float
    muted: bool = False
    on_hold: bool = False
    moh: str | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class Call:
    """One call. ``callout`` is what placed it, ``updates`` the SVAML that was sent to it since."""

    call_id: str
    callout: Callout
    callback_headers: Mapping[str, str]
    placed_at: float
    answered_at: float | None
    ending: Ending | None
    clock: Clock = field(repr=False)
    seat: Seat | None = None
    updates: list[Mapping[str, object]] = field(default_factory=list)

    @property
    def request(self) -> Mapping[str, object]:
        """The JSON that placed the call, as it came."""
        return self.callout.request

    @property
    def is_final(self) -> bool:
        """Whether the call is over."""
        return self.ending is not None and self.clock.now() >= self.ending.at

    @property
    def status(self) -> str:
        """ONGOING or FINAL."""
        return "FINAL" if self.is_final else "ONGOING"

    @property
    def is_answered(self) -> bool:
        """Whether somebody has picked up, or had."""
        return self.answered_at is not None and self.clock.now() >= self.answered_at

    @property
    def result(self) -> str:
        """What came of it: N/A while it rings, then ANSWERED, BUSY, NOANSWER or FAILED."""
        if self.ending is not None and self.is_final:
            return self.ending.result
        return "ANSWERED" if self.is_answered else "N/A"

    @property
    def reason(self) -> str:
        """Why it ended, N/A while it lasts."""
        return self.ending.reason if self.ending is not None and self.is_final else "N/A"

    @property
    def duration(self) -> int:
        """Whole seconds since it was answered, or that it lasted."""
        return int(self.seconds_since(self.answered_at))

    @property
    def debit(self) -> float:
        """What it has cost, in USD: started minutes."""
        minutes = -(-self.duration // 60) if self.is_answered else 0
        return round(minutes * RATE, 4)

    def seconds_since(self, moment: float | None) -> float:
        """Return exchange seconds from ``moment`` until now, or until the call's end."""
        if moment is None:
            return 0.0
        now = self.clock.now()
        end = now if self.ending is None else min(now, self.ending.at)
        return max(0.0, end - moment)

    def hang_up(self) -> None:
        """End an ongoing call from our side, now."""
        answered = self.is_answered
        result, reason = ("ANSWERED", "MANAGERHANGUP") if answered else ("NOANSWER", "CANCEL")
        self.answered_at = self.answered_at if answered else None
        self.ending = Ending(self.clock.now(), result, reason)


class Calls:
    """Every call of a sandbox, oldest first: iterable, counted by ``len``, found by call id with ``calls[call_id]``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_id: dict[str, Call] = {}

    def __iter__(self) -> Iterator[Call]:
        # A copy, which one thread may walk while another places a call.
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def __getitem__(self, call_id: str) -> Call:
        return self._by_id[call_id]

    def get(self, call_id: str) -> Call | None:
        """Return a call, or None where there is none with this id."""
        return self._by_id.get(call_id)

    def clear(self) -> None:
        """Forget every call."""
        self._by_id.clear()

    def place(self, callout: Callout, callback_headers: Mapping[str, str], person: Person) -> Call:
        """Ring a telephone and return the call."""
        now = self._clock.now()
        answered_at, ending = _plan(person, now, callout.max_duration)
        call = Call(
            call_id=str(uuid.uuid4()),
            callout=callout,
            callback_headers=callback_headers,
            placed_at=now,
            answered_at=answered_at,
            ending=ending,
            clock=self._clock,
        )
        if callout.conference_id is not None and answered_at is not None:
            call.seat = Seat(callout.conference_id, answered_at)
        self._by_id[call.call_id] = call
        return call


def _plan(person: Person, now: float, max_duration: int | None) -> tuple[float | None, Ending | None]:
    """Return when the call is answered and how it ends, as far as that depends on who is called."""
    if person.refuses is not None:
        return None, Ending(now, "BUSY", "CALLEEHANGUP")
    if person.answers_after is None:
        return None, Ending(now + RINGS_FOR, "NOANSWER", "TIMEOUT")
    answered_at = now + person.answers_after
    if max_duration and (person.hangs_up_after is None or max_duration < person.hangs_up_after):
        return answered_at, Ending(answered_at + max_duration, "ANSWERED", "MANAGERHANGUP")
    if person.hangs_up_after is None:
        return answered_at, None
    return answered_at, Ending(answered_at + person.hangs_up_after, "ANSWERED", "CALLEEHANGUP")
