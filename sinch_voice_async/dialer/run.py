"""One run of a campaign as its user sees it, and a dry run.

A run has outcomes to iterate over, and the switches to pause, resume and cancel. The journal keeps what the campaign
knows: a run may end at any moment, and the next one resumes where it stopped. A dry run, the preview, says what a
campaign would do, without a call: who is called, who is not and why, and how long it takes.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Literal, Protocol, Self, TypeAlias

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup
from attrs import define, field, frozen

from sinch_voice_async.dialer.attempt import CalloutOf, make_callout
from sinch_voice_async.dialer.contacts import BrokenRow, Contact
from sinch_voice_async.dialer.eligibility import Eligibility
from sinch_voice_async.dialer.engine import RunEngine
from sinch_voice_async.dialer.journal import REMOVED, ContactState, Counts, Line, Outcome
from sinch_voice_async.dialer.pacing import Clock
from sinch_voice_async.dialer.sql import row_of
from sinch_voice_async.errors import CampaignError, InvalidRequestError
from sinch_voice_async.models import limits
from sinch_voice_async.models.callouts import TtsCallout

__all__ = ["CampaignRun", "Preview", "Previewing", "RunStatus"]


@frozen(kw_only=True)
class RunStatus:
    """How a run stands.

    ``campaign`` has the figures of all runs together, ``this_run`` those of this run alone: its rows, its callouts, and
    the contacts that reached each state in it. ``rate`` is the current limit in callouts per second, ``alive`` the
    number of calls that are followed and not over, ``to_do`` the number of contacts that are left, and ``paused`` the
    reason of a pause.
    """

    campaign: Counts
    this_run: Counts
    rate: float
    alive: int
    to_do: int
    paused: str | None


class Owner(Protocol):
    """The campaign of a run: it opens the journal before the run, and releases it afterwards."""

    async def enter(self, engine: RunEngine) -> None:
        """Open the journal and let the engine begin."""
        ...

    async def leave(self) -> None:
        """Release the journal."""
        ...


class CampaignRun:
    """A campaign while it dials: ``async with campaign.run(...) as outcomes:``, then ``async for`` over it.

    It yields an :class:`Outcome` for each attempt that has come to its end, as far as the campaign follows it, and for
    each contact that was skipped. The iteration ends after the last contact that could be dialled. Leaving the block
    earlier stops the run: callouts on their way are waited for, and no other begins.

    A reader that takes outcomes slowly slows the dialling: at most a thousand of them wait.
    """

    def __init__(self, engine: RunEngine, owner: Owner) -> None:
        self._engine = engine
        self._owner = owner
        self._is_used = False
        self._is_running = False
        self._tasks: TaskGroup | None = None
        self._has_raised = False

    @property
    def counts(self) -> Counts:
        """The figures of the campaign, live."""
        return self._running().counts

    @property
    def rate(self) -> float:
        """The current limit in callouts per second."""
        return self._running().pacer.rate

    @property
    def alive(self) -> int:
        """How many calls are followed and not over; 0 if the campaign follows none."""
        return self._running().alive

    @property
    def paused(self) -> str | None:
        """The reason of a pause: ``pause()``, no credit, a series of bad answers. None without a pause."""
        return self._running().pause.reason

    def status(self) -> RunStatus:
        """Return how the run stands."""
        engine = self._running()
        return RunStatus(
            campaign=engine.counts,
            this_run=engine.this_run,
            rate=engine.pacer.rate,
            alive=engine.alive,
            to_do=max(engine.counts.states[ContactState.TODO], 0),
            paused=engine.pause.reason,
        )

    def pause(self) -> None:
        """Stop dialling; callouts on their way come to their end."""
        self._running().pause.pause("paused")

    def resume(self) -> None:
        """Go on after a pause, whatever its reason."""
        self._running().pause.resume()

    def cancel(self) -> None:
        """Stop dialling for good; the iteration ends when callouts on their way have been answered."""
        self._running().stop()

    async def wait(self) -> Counts:
        """Run to the end without looking at the outcomes, and return the figures.

        :raises SinchVoiceError: as the iteration does.
        """
        async for _ in self:
            pass
        return self.counts

    async def __aenter__(self) -> Self:
        if self._is_used:
            raise CampaignError("a run is used once: call campaign.run(...) again, which resumes the campaign")
        self._is_used = True
        await self._owner.enter(self._engine)
        self._is_running = True
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._engine.run)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._tasks is not None
        self._engine.stop()
        self._engine.outbox.close()
        try:
            # Not told of the exception: that would cancel callouts on their way, and make each of them unknown.
            await self._tasks.__aexit__(None, None, None)
        finally:
            with anyio.CancelScope(shield=True):
                await self._owner.leave()
        if exc is None:
            self._raise_failure()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        """Return the next outcome.

        :raises AuthenticationError: the credentials are wrong; no telephone rang.
        :raises ConnectError: the network was down for longer than ``network_timeout``.
        :raises CampaignError: the journal cannot be written or is gone, or the do-not-call list cannot be asked.
        """
        outcome = await self._running().outbox.get()
        if outcome is not None:
            return outcome
        self._raise_failure()
        raise StopAsyncIteration

    def _running(self) -> RunEngine:
        if not self._is_running:
            raise CampaignError("a run is used within `async with campaign.run(...) as outcomes:`")
        return self._engine

    def _raise_failure(self) -> None:
        failure = self._engine.failure
        if failure is not None and not self._has_raised:
            self._has_raised = True
            raise failure


_SHOWN: Final = 1000
_TO_DIAL: Final = frozenset({ContactState.TODO, ContactState.SKIPPED})

_Stood: TypeAlias = Literal["new", "known", "changed", "again"]


@frozen(kw_only=True)
class Preview:
    """What a run would do now.

    ``to_call`` is how many contacts would be called, ``waiting`` how many of these only later, when their calling
    window opens: the first at ``opens_at``, seconds since 1970. ``skipped`` counts those that would not be called, by
    reason. ``called`` counts those that the journal has and that would not be dialled again, by state. ``new`` contacts
    are not in the journal yet, ``changed`` ones have other fields there, and ``removed`` ones are in ``todo`` there and
    not in the list. ``duplicates`` are rows whose number another row had; ``broken`` the first thousand rows that could
    not be read, of ``broken_rows``. ``seconds`` is how long the callouts take at the wanted pace, without waiting for
    windows.
    """

    to_call: int
    waiting: int
    opens_at: float | None
    skipped: Counter[str]
    called: Counter[ContactState]
    new: int
    changed: int
    removed: int
    duplicates: int
    broken_rows: int
    broken: Sequence[BrokenRow] = field(repr=lambda broken: f"<{len(broken)} rows>")
    seconds: float


class _Seen:
    """Numbers, and whether the journal or a row had them: a set that grows on the disk and not in memory."""

    def __init__(self) -> None:
        # A database without a name is a temporary one, which SQLite deletes by itself.
        self._numbers = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._removed: int = 0
        self._numbers.execute(
            "CREATE TABLE seen (number TEXT PRIMARY KEY, fields TEXT, may_dial INT, is_open INT, in_rows INT)"
        )

    async def remember(self, outcomes: Sequence[Outcome]) -> None:
        """Add contacts that the journal has."""
        rows = [(each.number, _content(each.contact), each.state in _TO_DIAL, _is_open(each), 0) for each in outcomes]
        await anyio.to_thread.run_sync(self._insert, rows)

    async def add(self, contacts: Sequence[Contact]) -> list[tuple[_Stood, bool]]:
        """Add contacts of rows; say of each how it stood, and whether it may still be dialled."""
        return await anyio.to_thread.run_sync(self._add, contacts)

    async def close(self) -> int:
        """Forget everything, and return how many open contacts of the journal no row had."""
        with anyio.CancelScope(shield=True):  # else a cancelled preview would leave the database open
            await anyio.to_thread.run_sync(self._close)
        return self._removed

    def _insert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._numbers.execute("BEGIN")
        self._numbers.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?, ?)", rows)
        self._numbers.execute("COMMIT")

    def _add(self, contacts: Sequence[Contact]) -> list[tuple[_Stood, bool]]:
        self._numbers.execute("BEGIN")
        stood = [self._add_one(contact) for contact in contacts]
        self._numbers.execute("COMMIT")
        return stood

    def _add_one(self, contact: Contact) -> tuple[_Stood, bool]:
        find = "SELECT fields, may_dial, in_rows FROM seen WHERE number = ?"
        found = self._numbers.execute(find, (contact.number,)).fetchone()
        if found is None:
            self._numbers.execute("INSERT INTO seen VALUES (?, NULL, 1, 0, 1)", (contact.number,))
            return "new", True
        fields, may_dial, in_rows = found
        if in_rows:
            return "again", False
        self._numbers.execute("UPDATE seen SET in_rows = 1 WHERE number = ?", (contact.number,))
        return ("known" if fields == _content(contact) else "changed"), bool(may_dial)

    def _close(self) -> None:
        left = "SELECT count(*) FROM seen WHERE is_open AND NOT in_rows"
        self._removed = self._numbers.execute(left).fetchone()[0]
        self._numbers.close()


def _is_open(outcome: Outcome) -> bool:
    return outcome.state in _TO_DIAL and outcome.note != REMOVED


def _content(contact: Contact) -> str:
    row = row_of(contact)
    return f"{row['fields']} {row['zone']} {row['others']}"


@define(eq=False, kw_only=True)
class Previewing:
    """Looks at contacts one by one; a million of them may be looked at. ``has_list`` says that a list will come."""

    eligibility: Eligibility
    callout_of: CalloutOf
    clock: Clock
    max_text_length: int | None
    has_list: bool
    _to_call: int = 0
    _opens: list[float] = field(factory=list)
    _waiting: int = 0
    _skipped: Counter[str] = field(factory=Counter)
    _called: Counter[ContactState] = field(factory=Counter)
    _stood: Counter[str] = field(factory=Counter)
    _broken_rows: int = 0
    _broken: list[BrokenRow] = field(factory=list)
    _seen: _Seen = field(factory=_Seen)

    async def add_known(self, outcomes: Sequence[Outcome]) -> None:
        """Look at contacts of the journal; with a list, those in ``todo`` are looked at when the list has them."""
        await self._seen.remember(outcomes)
        for outcome in outcomes:
            if outcome.state not in _TO_DIAL:
                self._called[outcome.state] += 1
            elif not self.has_list and _is_open(outcome):
                await self._look(outcome)

    async def put(self, rows: Sequence[Line]) -> None:
        """Look at rows of the source, and count those that are not contacts."""
        contacts = [row for _, row in rows if isinstance(row, Contact)]
        broken = [row for _, row in rows if isinstance(row, BrokenRow)]
        self._broken_rows += len(broken)
        self._broken += broken[: _SHOWN - len(self._broken)]
        for contact, (stood, may_dial) in zip(contacts, await self._seen.add(contacts), strict=True):
            self._stood[stood] += 1
            if stood == "new" or (self.has_list and may_dial):
                await self._look(Outcome(contact=contact, state=ContactState.TODO))

    async def result(self, calls_per_second: float) -> Preview:
        """Return what was seen, and forget the numbers."""
        removed = await self._seen.close()
        return Preview(
            to_call=self._to_call,
            waiting=self._waiting,
            opens_at=min(self._opens, default=None),
            skipped=self._skipped,
            called=self._called,
            new=self._stood["new"],
            changed=self._stood["changed"],
            removed=removed if self.has_list else 0,
            duplicates=self._stood["again"],
            broken_rows=self._broken_rows,
            broken=self._broken,
            seconds=self._to_call / calls_per_second,
        )

    async def _look(self, outcome: Outcome) -> None:
        callout, problem = make_callout(self.callout_of, outcome.contact)
        if problem := problem or self._too_long(callout):
            self._skipped[problem] += 1
            return
        verdict = await self.eligibility.verdict(outcome, self.clock.now())
        if not verdict.may_dial and verdict.due is None:
            self._skipped[verdict.note] += 1
            return
        self._to_call += 1
        if verdict.due is not None:
            self._waiting += 1
            self._opens = [min([*self._opens, verdict.due])]

    def _too_long(self, callout: Any) -> str | None:
        if not isinstance(callout, TtsCallout):
            return None
        try:
            limits.check_text_length(callout.text, callout.prompts, self.max_text_length)
        except InvalidRequestError as error:
            return f"it cannot be sent: {error}"
        return None
