"""A call of a sandbox: what was asked for, and what became of it.

A call's life is told by :mod:`.control`, in exchange time. No task runs between two looks at it: whoever reads a
property first lets happen what is due by the exchange's clock, so a call lives under any event loop, and on a clock
that stands still. Plain fields are as of the last such look. Everything may be used from any thread.

Documents: Calling API, "Get Call Result" (states, results and reasons).
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import anyio

from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.callouts import Callout
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.refusals import RefusalError
from sinch_voice_async.sandbox.sizes import LONGEST_TEXT, shortened, size_of_value

__all__ = ["RATE", "Call", "Calls", "Conferences", "Ending", "Entry", "Handle", "Heard", "Participant", "Party", "Seat"]


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

    def reply(self, outcome: object) -> None:
        """Say what came of a stream: None if it was answered, else why not."""

    def note(self, text: str) -> None:
        """Remember something in words."""


LOGGED = {"state", "instruction", "action", "callback", "answer", "managed"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, ``at`` exchange seconds since the sandbox was made; ``data`` can be written as JSON."""

    at: float
    kind: str
    text: str
    data: Mapping[str, object] = field(default_factory=dict)

    def summary(self) -> str:
        """Return what a log may say of it: no texts, no keys, no numbers, no query of a URL.

        Of what was heard or pressed it says the length, of a note what stands before the colon.
        """
        members = (self.data.get(name) for name in ("error", "status", "reason", "url"))
        outcome = str(next((each for each in members if each), "")).partition("?")[0]
        # What came from elsewhere must not write lines of its own.
        outcome = outcome.encode("unicode_escape").decode()
        told = self.text if self.kind in LOGGED else self._measured()
        return f"{self.kind:<11} {told} {outcome}".rstrip()

    def _measured(self) -> str:
        """Return what can be said of a text without saying it."""
        if self.kind == "note":
            return self.text.partition(":")[0]
        seconds = self.data.get("seconds")
        lasts = f", {seconds:g} s" if isinstance(seconds, int | float) else ""
        if self.data.get("file"):
            return f"a file{lasts}"
        unit = "key" if self.kind == "keys" else "character"
        return f"{len(self.text)} {unit}{'' if len(self.text) == 1 else 's'}{lasts}"


@dataclass(frozen=True, slots=True)
class Heard:
    """One prompt that was heard: a ``text`` in a ``locale``, or a ``file``: its name or URL; the others are empty.

    ``text`` of SSML is its whole markup. ``seconds`` is how long it takes, unless somebody cuts it short. ``leg`` is
    who heard it: the caller, the callee, or both.
    """

    at: float
    seconds: float
    text: str = ""
    locale: str = ""
    file: str = ""
    leg: str = "callee"


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
    size: int = 0
    """An estimate of its bytes in memory."""
    shortens_at: int = 0
    """The size past which it is shortened again."""
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

    def shorten(self) -> None:
        """Keep less of a call that takes too much memory: long texts are cut, and the middle of its timeline goes."""
        if self.callout is not None:
            self.callout = replace(self.callout, request=_shortened(self.callout.request))
        self.updates[:] = [_shortened(each) for each in self.updates[-FIRST_ENTRIES:]]
        dropped = self.log[FIRST_ENTRIES:-LAST_ENTRIES]
        kept = [*self.log[:FIRST_ENTRIES], *self.log[FIRST_ENTRIES:][-LAST_ENTRIES:]]
        self.log[:] = [replace(each, text=each.text[:LONGEST_TEXT], data=_shortened(each.data)) for each in kept]
        if dropped:
            # The last state stays the last one.
            states = [each for each in dropped if each.kind == "state"][-1:]
            self.log[FIRST_ENTRIES:FIRST_ENTRIES] = [
                *states,
                Entry(dropped[-1].at, "note", f"{len(dropped)} entries are not kept", {}),
            ]
        self.heard[:] = [replace(each, text=each.text[:LONGEST_TEXT]) for each in self.heard[-LAST_ENTRIES:]]
        parts = [self.request, *self.updates, *(each.data for each in self.log), *(each.text for each in self.heard)]
        self.size = BYTES_OF_A_CALL + BYTES_OF_AN_ENTRY * len(self.log) + sum(size_of_value(part) for part in parts)

    def _is_settled(self) -> bool:
        return self.is_final and self.handle.is_settled


def _shortened(members: Mapping[str, object]) -> Mapping[str, object]:
    short = shortened(members)
    return short if isinstance(short, dict) else {}


MOST_BYTES = 64 * 1_048_576
"""What the calls of a sandbox may take in memory, by their own estimate."""
MOST_OF_A_CALL = 2 * 1_048_576
BYTES_OF_A_CALL = 3_000
BYTES_OF_AN_ENTRY = 400
FIRST_ENTRIES, LAST_ENTRIES = 20, 200
"""Entries of a timeline that stay when it is shortened."""


class Calls:
    """The calls of a sandbox, oldest first: iterable, counted by ``len``, found by call id with ``calls[call_id]``.

    Of the calls that are over, the newest ``history`` are kept; older ones are forgotten, as if there had been no such
    call. Memory is bounded too: past about 64 MiB for all calls the oldest finished ones are forgotten, and past 2 MiB
    for one call, or while every call is ongoing, its request and timeline are shortened.
    """

    def __init__(self, history: int) -> None:
        self.history: int = history
        self.placed: int = 0
        """How many callouts were accepted, forgotten ones included."""
        self.cleared: int = 0
        """How often every call was forgotten at once."""
        self.size: int = 0
        """An estimate of the bytes that all calls take in memory."""
        self.sequence: int = 0
        """The number of the last change."""
        self._by_id: dict[str, Call] = {}
        self._changes: dict[str, int] = {}
        # The number of each call's last change, in that order; the lock lets one thread walk it.
        self._changing = threading.Lock()
        self._over: deque[str] = deque()
        self._forgets: Callable[[str], None] | None = None
        self._shortens_at = MOST_BYTES

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

    def add(self, call: Call) -> None:
        """Keep a call."""
        self._by_id[call.call_id] = call
        self.placed += not call.is_inbound
        self.grow(call, BYTES_OF_A_CALL + (call.callout.size if call.callout else 0))

    def grow(self, call: Call, size: int) -> None:
        """Count bytes that a call takes from now on, and make room for them."""
        call.size += size
        self.size += size
        if call.size > max(call.shortens_at, MOST_OF_A_CALL):
            self._shorten(call)
        while self.size > MOST_BYTES and self._over:
            self._forget(self._over.popleft())
        if self.size > self._shortens_at:
            for each in list(self._by_id.values()):
                self._shorten(each)
            self._shortens_at = max(MOST_BYTES, 2 * self.size)

    def _shorten(self, call: Call) -> None:
        before = call.size
        call.shorten()
        self.size += call.size - before
        # What is left cannot be shortened: look again when it has doubled.
        call.shortens_at = 2 * call.size

    def touch(self, call: Call) -> None:
        """Note that a call has changed."""
        with self._changing:
            self.sequence += 1
            self._changes.pop(call.call_id, None)
            self._changes[call.call_id] = self.sequence

    def changed_since(self, sequence: int, most: int | None = None) -> list[Call]:
        """Return the calls that changed after this number, the last change last, and at most the last ``most``."""
        found: list[Call] = []
        with self._changing:
            for call_id, number in reversed(self._changes.items()):
                if number <= sequence or len(found) == most:
                    break
                if call_id in self._by_id:
                    found.append(self._by_id[call_id])
        return found[::-1]

    def end(self, call: Call) -> None:
        """Take note that a call is over, and forget the one that has been for longest where there are too many."""
        self._over.append(call.call_id)
        while len(self._over) > self.history:
            self._forget(self._over.popleft())

    def restore(self, call: Call) -> None:
        """Keep a call of an earlier sandbox, which is over."""
        self._by_id[call.call_id] = call
        self.touch(call)
        self.grow(call, BYTES_OF_A_CALL)
        self.end(call)

    def watch(self, forgets: Callable[[str], None]) -> None:
        """Have a function called with the id of each call that is forgotten."""
        self._forgets = forgets

    def remove(self, call_ids: Iterable[str]) -> int:
        """Forget calls that are over, and return how many there were."""
        gone = {call_id for call_id in call_ids if call_id in self._by_id}
        self._over = deque(call_id for call_id in self._over if call_id not in gone)
        for call_id in gone:
            self._forget(call_id)
        self.cleared += bool(gone)
        return len(gone)

    def clear(self) -> None:
        """Forget every call, and that there were any."""
        for call_id in list(self._by_id):
            self._forget(call_id)
        self._over.clear()
        self.placed = 0
        self.cleared += 1

    def _forget(self, call_id: str) -> None:
        call = self._by_id.pop(call_id, None)
        self.size -= call.size if call else 0
        with self._changing:
            self._changes.pop(call_id, None)
        if self._forgets is not None:
            self._forgets(call_id)


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
