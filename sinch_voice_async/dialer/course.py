"""The course of one run: what begins it, what happens to each contact on the way, and what ends it.

Everything that becomes of a contact comes by here: it is counted, told to whoever iterates over the run, and dialled
again where the rules say so. Nothing here decides whether anybody may be dialled.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from attrs import define, field

from sinch_voice_async.dialer.clock import Clock
from sinch_voice_async.dialer.contacts import BrokenRow, Contact
from sinch_voice_async.dialer.counts import Counts
from sinch_voice_async.dialer.dispatch import Dispatcher
from sinch_voice_async.dialer.feeding import Contacts, Row, feed
from sinch_voice_async.dialer.following import Follower
from sinch_voice_async.dialer.journal import Journal, News, Outcome
from sinch_voice_async.dialer.paging import Listing
from sinch_voice_async.dialer.rules import RedialRules
from sinch_voice_async.dialer.states import Change, ContactState

__all__ = ["Course"]

_LOG = logging.getLogger("sinch_voice_async.dialer")

_BUFFER: Final = 1000


@define(eq=False, kw_only=True)
class Course:
    """One run. ``follows`` says whether results are learnt; ``contacts`` is None where the journal has them all.

    The dispatcher and the follower are set by whoever makes them, since they report back here.
    """

    journal: Journal
    clock: Clock
    counts: Counts
    redial: RedialRules
    follows: bool
    contacts: Contacts | None
    dispatcher: Dispatcher = field(init=False)
    follower: Follower = field(init=False)
    _is_fed: bool = False

    outcomes: MemoryObjectReceiveStream[Outcome] = field(init=False)
    _send: MemoryObjectSendStream[Outcome] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._send, self.outcomes = anyio.create_memory_object_stream[Outcome](_BUFFER)

    async def begin(self) -> None:
        """Take the right to dial, and take up what was left: doubts, those skipped, those to redial, calls alive.

        :raises JournalError: another run dials from this journal, or it cannot be written.
        """
        now = self.clock.now()
        if doubts := await self.journal.begin(now):
            _LOG.warning("%d contacts were being dialled when the last run ended: they are unknown now", doubts)
        await self.journal.change_all(Change.REOPEN, None, now, None)
        async for outcome in self._all(ContactState.DONE):
            await self._dial_again(outcome)
        self.counts.start(await self.journal.totals())
        if self.follows:
            await self._take_up()

    async def work(self) -> None:
        """Feed and dial until nobody is left, or it is stopped. What goes wrong is left with the dispatcher."""
        try:
            async with anyio.create_task_group() as beside:
                beside.start_soon(self._guarded, self._feed)
                if self.follows:
                    beside.start_soon(self._guarded, self.follower.look)
                if self.follower.get_call is not None:
                    beside.start_soon(self._guarded, self.follower.poll)
                async with anyio.create_task_group() as dialing:
                    await self._guarded(lambda: self.dispatcher.run(dialing))
                beside.cancel_scope.cancel()
        finally:
            self.close()

    def close(self) -> None:
        """Give no more outcomes."""
        self._send.close()

    def is_waiting(self) -> bool:
        """Say whether contacts may still come: from the source, or back from a call that is alive."""
        return not self._is_fed or len(self.follower) > 0

    async def dialed(self, outcome: Outcome, free: Callable[[], None]) -> bool:
        """Take note of what became of a contact; True where its call is alive and keeps its place."""
        if outcome.state is ContactState.TODO:
            return False
        self.counts.move(ContactState.TODO, outcome)
        if outcome.state is ContactState.ACCEPTED and self.follows:
            self.follower.add(outcome, free)
            return True
        await self._finish(outcome)
        return False

    async def ended(self, outcome: Outcome) -> None:
        """Take note of the end of a call that was followed."""
        self.counts.move(ContactState.ACCEPTED, outcome)
        await self._finish(outcome)

    async def lost(self, outcome: Outcome) -> None:
        """Take note of a call of whose end nothing is known."""
        await self._tell(outcome)

    async def settled(self, before: ContactState, outcome: Outcome) -> None:
        """Take note of what an event has told, for a contact that was in that state before."""
        if outcome.token in self.follower:
            await self.follower.settle(outcome)
        elif outcome.number not in self.dispatcher.in_hand:
            self.counts.move(before, outcome)
            await self._finish(outcome)

    def _all(self, state: ContactState) -> Listing[Outcome]:
        return Listing(lambda last: self.journal.page({state}, after=last.position if last else 0))

    async def _guarded(self, work: Callable[[], Awaitable[Any]]) -> None:
        try:
            await work()
        except Exception as problem:  # noqa: BLE001 - the iteration raises it, when the rest has come to its end
            self.dispatcher.fail(problem)

    async def _take_up(self) -> None:
        async for outcome in self._all(ContactState.ACCEPTED):
            if self.clock.now() - (outcome.placed_at or 0.0) < self.follower.longest_call:
                self.follower.add(outcome, self.dispatcher.take_place())

    async def _feed(self) -> None:
        if self.contacts is not None:
            await feed(self.contacts, self._put)
        self._is_fed = True
        self.dispatcher.wake()

    async def _put(self, rows: list[Row]) -> None:
        contacts = [row for row in rows if isinstance(row, Contact)]
        broken = [row for row in rows if isinstance(row, BrokenRow)]
        added = await self.journal.enqueue(contacts, self.clock.now())
        if broken:
            await self.journal.note_broken(broken)
        self.counts.states[ContactState.TODO] += added
        self.counts.duplicates += len(contacts) - added
        self.counts.broken += len(broken)
        self.dispatcher.wake()

    async def _finish(self, outcome: Outcome) -> None:
        await self._tell(outcome)
        again = await self._dial_again(outcome)
        if again is not None:
            self.counts.move(ContactState.DONE, again)

    async def _dial_again(self, outcome: Outcome) -> Outcome | None:
        if outcome.token is None or not self.redial.allow(outcome):
            return None
        due = (outcome.changed_at or self.clock.now()) + self.redial.delay
        return await self.journal.change(outcome.token, Change.REDIAL, News(due=due), self.clock.now())

    async def _tell(self, outcome: Outcome) -> None:
        # Where nobody listens any more: it is in the journal.
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            await self._send.send(outcome)
