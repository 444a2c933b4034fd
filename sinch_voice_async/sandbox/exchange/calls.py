"""A call of a sandbox: what was asked for, and what became of it.

A call's life is told by :mod:`.control`, in exchange time. No task runs between two looks at it: whoever reads a
property first lets happen what is due by the exchange's clock, so a call lives under any event loop, and on a clock
that stands still. Plain fields are as of the last such look. Everything may be used from any thread.

Documents: Calling API, "Get Call Result" (states, results and reasons).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import anyio

from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.callouts import Callout
from sinch_voice_async.sandbox.exchange.parties import Ending, Handle, Party, Seat
from sinch_voice_async.sandbox.exchange.timeline import Entry, Heard

__all__ = ["RATE", "Call"]

RATE = 0.0368
"""USD per started minute, the rate in the documents' own sample."""
LOOKS_EVERY = 0.005


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class Call:
    """One call. ``callout`` is what placed it, None where somebody dialled in; ``updates`` the SVAML sent to it since.

    ``caller`` is who dialled in, ``to`` who was called, ``cookies`` what SVAML has set. Times are in exchange seconds.
    """

    call_id: str
    callout: Callout | None
    callback_headers: Mapping[str, str]
    caller: Party | None
    to: Party
    cli: str
    domain: str
    custom: str
    placed_at: float
    clock: Clock
    seat: Seat | None = None
    updates: list[Mapping[str, object]] = field(default_factory=list)
    cookies: dict[str, str] = field(default_factory=dict)
    call_headers: list[Mapping[str, object]] = field(default_factory=list)
    connected_to: Party | None = None
    """Whom the platform connected the first party with."""
    log: list[Entry] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    answered: float | None = None
    ended: Ending | None = None
    handle: Handle = field(init=False)

    def __repr__(self) -> str:
        return f"<Call {self.call_id} to ***{self.to.endpoint[-2:]} {'ongoing' if self.ended is None else 'final'}>"

    @property
    def request(self) -> Mapping[str, object]:
        """The JSON that placed the call, as it came; empty where somebody dialled in."""
        return {} if self.callout is None else self.callout.request

    @property
    def is_inbound(self) -> bool:
        """Whether somebody dialled in."""
        return self.caller is not None

    @property
    def listener(self) -> Party:
        """Who hears the prompts and presses the keys: whoever dialled in, else whoever was called."""
        return self.to if self.caller is None else self.caller

    @property
    def timeline(self) -> list[Entry]:
        """What happened up to now, in order."""
        self.handle.catch_up()
        return list(self.log)

    @property
    def transcript(self) -> list[Heard]:
        """What was heard up to now, in order."""
        self.handle.catch_up()
        return list(self.heard)

    @property
    def state(self) -> str:
        """The last state in the timeline: placed, ringing, answered, connected, menu, parked, conference, final."""
        return next(entry.text for entry in reversed(self.timeline) if entry.kind == "state")

    @property
    def answered_at(self) -> float | None:
        """When somebody picked up, None where nobody has."""
        self.handle.catch_up()
        return self.answered

    @property
    def ending(self) -> Ending | None:
        """How it ended, None while it lasts."""
        self.handle.catch_up()
        return self.ended

    @property
    def is_answered(self) -> bool:
        """Whether somebody has picked up, or had."""
        return self.answered_at is not None

    @property
    def is_final(self) -> bool:
        """Whether the call is over."""
        return self.ending is not None

    @property
    def status(self) -> str:
        """ONGOING or FINAL."""
        return "FINAL" if self.is_final else "ONGOING"

    @property
    def result(self) -> str:
        """What came of it: N/A while it rings, then ANSWERED, BUSY, NOANSWER or FAILED."""
        if self.ending is not None:
            return self.ending.result
        return "ANSWERED" if self.answered is not None else "N/A"

    @property
    def reason(self) -> str:
        """Why it ended, N/A while it lasts."""
        return "N/A" if self.ending is None else self.ending.reason

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
        end = self.clock.now() if self.ending is None else self.ending.at
        # A thousandth of a microsecond is lost and found where times are added up.
        return max(0.0, round(end - moment, 6))

    def hang_up(self) -> None:
        """End an ongoing call from the platform's side, now."""
        result, reason = ("ANSWERED", "MANAGERHANGUP") if self.is_answered else ("NOANSWER", "CANCEL")
        self.handle.disconnect(result, reason)

    def pick_up(self) -> None:
        """Answer the telephone that rings, as somebody there does; it need not be a manual one.

        Raises RuntimeError where none rings.
        """
        self.handle.pick_up()

    def press(self, keys: str) -> None:
        """Press keys, of 0-9, * and #, as whoever hears the prompts does.

        Raises ValueError for other characters, RuntimeError where the call is not answered or over.
        """
        self.handle.press(keys)

    def put_down(self) -> None:
        """Hang up, as whoever hears the prompts does; once it is over, nothing happens."""
        reason = "CALLERHANGUP" if self.is_inbound else "CALLEEHANGUP"
        result = "ANSWERED" if self.is_answered else "NOANSWER" if self.is_inbound else "BUSY"
        self.handle.disconnect(result, reason)

    async def until_final(self, timeout: float | None = None) -> "Call":
        """Wait on any event loop until the call is over and every callback about it delivered, and return the call.

        ``timeout`` is in seconds of the wall clock; raises TimeoutError after that.
        """
        with anyio.fail_after(timeout):
            while not self._is_settled():  # noqa: ASYNC110  # the exchange runs in other threads
                await anyio.sleep(LOOKS_EVERY)
        return self

    def until_final_sync(self, timeout: float | None = None) -> "Call":
        """Do what :meth:`until_final` does in a thread without an event loop."""
        start = time.monotonic()
        while not self._is_settled():
            if timeout is not None and time.monotonic() - start > timeout:
                raise TimeoutError
            time.sleep(LOOKS_EVERY)
        return self

    def _is_settled(self) -> bool:
        return self.is_final and self.handle.is_settled
