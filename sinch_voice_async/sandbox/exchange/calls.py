"""The calls of a sandbox: what was asked for, what happened, and what came of it.

A call lasts in exchange time. No task runs it: a property first brings the call up to date with the clock of the
exchange. So a call works under any event loop, and on a clock that stands still. Plain fields are as of the last such
look. Everything may be used from any thread. Source: Calling API, Get Call Result.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import anyio

from sinch_voice_async.sandbox import bounds
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.documents import Callout
from sinch_voice_async.sandbox.requests import LONGEST_TEXT, Fields, RefusalError, shortened, size_of_value

__all__ = ["RATE", "Call", "Calls", "Conferences", "Ending", "Entry", "Handle", "Heard", "Participant", "Party", "Seat"]


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a call. ``kind`` is number, did, username, sip or websocket. Both are empty if it is not known yet."""

    kind: str = ""
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a call: when, in exchange seconds, and why."""

    at: float
    result: str
    reason: str


@dataclass(slots=True)
class Seat:
    """The place of a call in a conference. ``dtmf`` says what happens to keys that are pressed there."""

    conference_id: str
    joined_at: float
    dtmf: str = "ignore"
    muted: bool = False
    on_hold: bool = False
    moh: str | None = None


class Handle:
    """What can be done to a call. These are the methods of a call that is over: it does nothing, or raises.

    The exchange has the methods of a call that it runs.
    """

    @property
    def is_settled(self) -> bool:
        """Whether every callback was sent or given up."""
        return True

    def catch_up(self) -> None:
        """Bring the call up to date."""

    def pick_up(self) -> None:
        """Answer the telephone. Raises RuntimeError if it does not ring."""
        raise RuntimeError("no telephone rings")

    def press(self, keys: str) -> None:
        """Press keys. Raises RuntimeError if no person is on the line, ValueError for other keys."""
        raise RuntimeError("no person is on the line")

    def disconnect(self, result: str, reason: str) -> None:
        """End the call now."""

    def manage(self, document: Fields, leg: str) -> None:
        """Act on SVAML for one leg of the ongoing call."""

    def reply(self, outcome: object) -> None:
        """Give the call what came of its stream: None if it was answered, otherwise the reason."""

    def note(self, text: str) -> None:
        """Add a note to the timeline."""


LOGGED = {"state", "instruction", "action", "callback", "answer", "managed"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a timeline, ``at`` exchange seconds since the sandbox was made. ``data`` can be written as JSON.

    =========== =======================================================================================================
    ``kind``    meaning
    =========== =======================================================================================================
    state       the call entered a state: placed, ringing, answered, connected, menu, parked, conference, stream, final
    instruction a step of SVAML begins; ``text`` is its name, ``data`` the step without credentials
    action      the same for the action
    heard       a prompt was heard; ``text`` is the prompt, ``data`` that of :class:`Heard`
    keys        keys were pressed; ``text`` is the keys
    callback    an event was sent; ``text`` is its name, ``data`` has ``event`` and ``url``
    answer      it was answered or not; ``data`` has ``status`` and ``body``, or ``error`` and what was ``signed``
    managed     SVAML arrived by PATCH, in ``data``
    note        anything else, in words
    =========== =======================================================================================================
    """

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
    """One prompt that was heard: a ``text`` in a ``locale``, or a ``file``, its name or URL. The others are empty.

    The ``text`` of SSML is its whole markup. ``seconds`` is the length of the whole prompt. ``leg`` says which leg
    heard it: caller, callee or both.
    """

    at: float
    seconds: float
    text: str = ""
    locale: str = ""
    file: str = ""
    leg: str = "callee"


RATE = 0.0368
"""USD per started minute: the rate in a sample of the documents."""
LOOKS_EVERY = 0.005


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class Call:
    """One call. ``callout`` placed it, or ``caller`` dialled in; the other one is unset. ``to`` was called.

    ``updates`` is the SVAML that was sent to it later, ``cookies`` what SVAML has set. Times are in exchange seconds.
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
    """The party that the platform connected the first party with."""
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
        """The JSON that placed the call, as it came; empty for an incoming call."""
        return {} if self.callout is None else self.callout.request

    @property
    def is_inbound(self) -> bool:
        """Whether it is an incoming call."""
        return self.caller is not None

    @property
    def listener(self) -> Party:
        """The party that hears the prompts and presses keys: the caller of an incoming call, otherwise the callee."""
        return self.to if self.caller is None else self.caller

    @property
    def timeline(self) -> list[Entry]:
        """The entries up to now, in order."""
        self.handle.catch_up()
        return list(self.log)

    @property
    def transcript(self) -> list[Heard]:
        """The prompts that were heard up to now, in order."""
        self.handle.catch_up()
        return list(self.heard)

    @property
    def state(self) -> str:
        """The last state in the timeline: placed, ringing, answered, connected, menu, parked, conference, final."""
        return next(entry.text for entry in reversed(self.timeline) if entry.kind == "state")

    @property
    def answered_at(self) -> float | None:
        """When it was answered, in exchange seconds; None if it was not."""
        self.handle.catch_up()
        return self.answered

    @property
    def ending(self) -> Ending | None:
        """Its end; None while it is ongoing."""
        self.handle.catch_up()
        return self.ended

    @property
    def is_answered(self) -> bool:
        """Whether it is, or was, answered."""
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
        """The result: N/A while it rings, then ANSWERED, BUSY, NOANSWER or FAILED."""
        if self.ending is not None:
            return self.ending.result
        return "ANSWERED" if self.answered is not None else "N/A"

    @property
    def reason(self) -> str:
        """The reason of its end; N/A while it is ongoing."""
        return "N/A" if self.ending is None else self.ending.reason

    @property
    def duration(self) -> int:
        """Whole seconds from the answer until now or the end."""
        return int(self.seconds_since(self.answered_at))

    @property
    def debit(self) -> float:
        """Its price so far, in USD: each started minute counts."""
        minutes = -(-self.duration // 60) if self.is_answered else 0
        return round(minutes * RATE, 4)

    def seconds_since(self, moment: float | None) -> float:
        """Return exchange seconds from ``moment`` until now or the end of the call."""
        if moment is None:
            return 0.0
        end = self.clock.now() if self.ending is None else self.ending.at
        # Sums of times are off by a thousandth of a microsecond.
        return max(0.0, round(end - moment, 6))

    def hang_up(self) -> None:
        """End an ongoing call as the platform does."""
        result, reason = ("ANSWERED", "MANAGERHANGUP") if self.is_answered else ("NOANSWER", "CANCEL")
        self.handle.disconnect(result, reason)

    def pick_up(self) -> None:
        """Answer the telephone that rings, as a person there does; it need not be a manual one.

        Raises RuntimeError if it does not ring.
        """
        self.handle.pick_up()

    def press(self, keys: str) -> None:
        """Press keys, of 0-9, * and #, as the person does who hears the prompts.

        Raises ValueError for other characters, RuntimeError if the call is not answered or over.
        """
        self.handle.press(keys)

    def put_down(self) -> None:
        """Hang up, as the person does who hears the prompts. If the call is over, nothing happens."""
        reason = "CALLERHANGUP" if self.is_inbound else "CALLEEHANGUP"
        result = "ANSWERED" if self.is_answered else "NOANSWER" if self.is_inbound else "BUSY"
        self.handle.disconnect(result, reason)

    async def until_final(self, timeout: float | None = None) -> "Call":
        """Wait on any event loop until the call is over and every callback about it was sent, and return the call.

        ``timeout`` is in seconds of the wall clock. Raises TimeoutError, which says what the call was doing, after it.
        """
        with anyio.move_on_after(_timeout(timeout)):
            while not self._is_settled():  # noqa: ASYNC110  # the exchange runs in other threads
                await anyio.sleep(LOOKS_EVERY)
            return self
        raise TimeoutError(self._unsettled(timeout))

    def until_final_sync(self, timeout: float | None = None) -> "Call":
        """Wait as :meth:`until_final` does, in a thread without an event loop."""
        start, limit = time.monotonic(), _timeout(timeout)
        while not self._is_settled():
            if limit is not None and time.monotonic() - start > limit:
                raise TimeoutError(self._unsettled(timeout))
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

    def _unsettled(self, timeout: float | None) -> str:
        doing = "its callbacks were not all sent" if self.is_final else f"it is {_DOING.get(self.state, self.state)}"
        last = self.timeline[-1]
        return f"call {self.call_id} is not over after {timeout:g} s: {doing}; last entry: {last.summary()}"


_DOING = {"menu": "in a menu", "conference": "in a conference", "stream": "connected to a stream"}


def _timeout(timeout: float | None) -> float | None:
    return None if timeout is None else bounds.seconds("timeout", timeout)


def _shortened(members: Mapping[str, object]) -> Mapping[str, object]:
    short = shortened(members)
    return short if isinstance(short, dict) else {}


MOST_BYTES = 48 * 1_048_576
"""What the calls of a sandbox may take in memory, by their own estimate."""
MOST_OF_A_CALL = 2 * 1_048_576
BYTES_OF_A_CALL = 3_000
BYTES_OF_AN_ENTRY = 400
FIRST_ENTRIES, LAST_ENTRIES = 20, 200
"""Entries of a timeline that stay when it is shortened."""


class Calls:
    """The calls of a sandbox, oldest first: iterable, counted by ``len``, found by call id with ``calls[call_id]``.

    Of the calls that are over, the newest ``history`` are kept; older ones are forgotten, as if there had been no such
    call. Memory is bounded too: past about 48 MiB for all calls the oldest finished ones are forgotten, and past 2 MiB
    for one call, or while every call is ongoing, its request and timeline are shortened.
    """

    def __init__(self, history: int) -> None:
        self.history: int = history
        self.placed: int = 0
        """How many callouts were accepted, forgotten ones included."""
        self.cleared: int = 0
        """The number of times that every call was forgotten at once."""
        self.size: int = 0
        """An estimate of the bytes that all calls take in memory."""
        self.sequence: int = 0
        """The number of the last change."""
        self._by_id: dict[str, Call] = {}
        self._changes: dict[str, int] = {}
        # The number of each call's last change, in that order. The control API removes calls outside of the exchange.
        self._changing = threading.RLock()
        self._over: deque[str] = deque()
        self.forgotten: list[str] | None = None
        """Ids of calls that were forgotten, for a store that deletes them; None if there is no store."""
        self._shortens_at = MOST_BYTES

    def __iter__(self) -> Iterator[Call]:
        # A copy: one thread may walk it while another places a call.
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def __getitem__(self, call_id: str) -> Call:
        return self._by_id[call_id]

    def get(self, call_id: str) -> Call | None:
        """Return a call, or None if its id is not known."""
        return self._by_id.get(call_id)

    def add(self, call: Call) -> None:
        """Remember a call."""
        self._by_id[call.call_id] = call
        self.placed += not call.is_inbound
        self.grow(call, BYTES_OF_A_CALL + (call.callout.size if call.callout else 0))

    def grow(self, call: Call, size: int) -> None:
        """Count bytes that a call takes from now on, and make room for them. A forgotten call takes none."""
        if call.call_id not in self._by_id:
            return
        call.size += size
        self.size += size
        if call.size > MOST_OF_A_CALL and call.size > call.shortens_at:
            self._shorten(call)
        if self.size > MOST_BYTES:
            with self._changing:
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
        """Note that a call has changed. A forgotten call stays forgotten."""
        with self._changing:
            self.sequence += 1
            if call.call_id not in self._by_id:
                return
            self._changes.pop(call.call_id, None)
            self._changes[call.call_id] = self.sequence

    def changed_since(self, sequence: int, most: int | None = None) -> list[Call]:
        """Return the calls that changed after this number, the last change last, and at most the last ``most``."""
        found: list[Call] = []
        with self._changing:
            for call_id, number in reversed(self._changes.items()):
                if number <= sequence or len(found) == most:
                    break
                found.append(self._by_id[call_id])
        return found[::-1]

    def end(self, call: Call) -> None:
        """Count a call as over. If too many are, the one that ended first is forgotten."""
        with self._changing:
            self._over.append(call.call_id)
            while len(self._over) > self.history:
                self._forget(self._over.popleft())

    def restore(self, call: Call) -> None:
        """Remember a call of an earlier sandbox, which is over."""
        self._by_id[call.call_id] = call
        self.touch(call)
        self.grow(call, BYTES_OF_A_CALL)
        self.end(call)

    def remove(self, call_ids: Iterable[str]) -> int:
        """Forget calls that are over, and return how many there were."""
        with self._changing:
            gone = {call_id for call_id in call_ids if call_id in self._by_id}
            self._over = deque(call_id for call_id in self._over if call_id not in gone)
            for call_id in gone:
                self._forget(call_id)
        self.cleared += bool(gone)
        return len(gone)

    def clear(self) -> None:
        """Forget every call and their number."""
        for call_id in list(self._by_id):
            self._forget(call_id)
        self._over.clear()
        self.sequence += 1
        self.placed = 0
        self.cleared += 1

    def _forget(self, call_id: str) -> None:
        with self._changing:
            call = self._by_id.pop(call_id, None)
            self._changes.pop(call_id, None)
        self.size -= call.size if call else 0
        if self.forgotten is not None:
            self.forgotten.append(call_id)


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
