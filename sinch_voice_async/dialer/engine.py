"""The engine of a run: it owns the slots, the calls that are alive and the counts, and takes each contact to its end.

A run plans (asks the journal who is due), dials (each contact in a task of its own), and settles (takes note of what
calls came to). Below it are the journal, the pacer, the attempts and the health; none of them calls back.

Rules:

- At most ``in_flight`` contacts have a slot. A contact that is skipped or put off frees its slot at once.
- A campaign that follows nothing frees a slot when the platform has answered. One that follows frees it when the call
  is over: by an event, by asking the platform, or when the call has lasted as long as a call can.
- Events may reach another process, so the journal is read every second for calls that are alive.
- A reader that takes outcomes slowly slows the dialling, and nothing else: ``settle`` never waits for it.
- Stopping lets the callouts on their way come to their end and begins no other. What goes wrong for good stops the run
  and is raised at its end.
"""

import logging
import math
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal

import anyio
from anyio.abc import TaskGroup
from attrs import define, evolve, field

from sinch_voice_async.dialer.attempt import Attempts, Dialed, Ready, reaction_to, with_machine_result
from sinch_voice_async.dialer.batches import Contacts, feed, is_whole_list
from sinch_voice_async.dialer.journal import (
    AttemptUpdate,
    Change,
    ContactState,
    Control,
    Counts,
    Journal,
    Line,
    Outcome,
)
from sinch_voice_async.dialer.outbox import Outbox, Signal
from sinch_voice_async.dialer.pacing import Clock, Health, Paces, PauseControl, RankedLock, Reaction
from sinch_voice_async.dialer.settings import Settings, check_differences
from sinch_voice_async.errors import APIError, RateLimitedError, SinchVoiceError

__all__ = ["RunEngine"]

logger: Final = logging.getLogger("sinch_voice_async.dialer")

_BATCH: Final = 200
_LOOK: Final = 1.0
_QUIET_STREAM: Final = 5.0
_POLLS_AT_ONCE: Final = 20
_LONGEST_NAP: Final = 30.0
# The part of the pace with which a ramp begins.
_FIRST_PART: Final = 0.1
_NOT_PLACED: Final = {ContactState.TODO, ContactState.SKIPPED}
# Refused polls: of one call, until that call is given up; in a row, until polling is.
_POLLS_OF_A_CALL: Final = 3
_POLLS_IN_A_ROW: Final = 10
# Any other 4xx says of a question that it is wrong, and it would be the same again.
_PASSING_POLLS: Final = frozenset({408, 425, 429})


@define(eq=False)
class _ActiveCall:
    """A call that is alive. ``until`` is when it must be over; ``has_slot`` says that it takes one."""

    outcome: Outcome
    until: float
    has_slot: bool
    refused_polls: int = 0


@define(eq=False, kw_only=True)
class RunEngine:
    """One run of a campaign.

    ``contacts`` is None if the journal has them all. ``get_call`` asks the platform about a call. With ``stay`` the run
    waits for contacts that others enqueue. ``callout`` is the fingerprint of the callout function.
    """

    settings: Settings
    journal: Journal
    attempts: Attempts
    pacer: Paces
    contacts: Contacts | None = None
    get_call: Callable[[str], Awaitable[Any]] | None = None
    stay: bool = False
    accept_changes: bool = False
    callout: str = ""
    counts: Counts = field(factory=Counts)
    this_run: Counts = field(factory=Counts)
    outbox: Outbox = field(factory=Outbox)
    failure: Exception | None = None
    health: Health = field(init=False)
    clock: Clock = field(init=False)
    pause: PauseControl = field(init=False)
    _listed: int | None = None
    _is_whole_list: bool = False
    _is_fed: bool = False
    _last_row_at: float = -math.inf
    _in_hand: set[str] = field(factory=set)
    _active: dict[str, _ActiveCall] = field(factory=dict)
    _finishing: int = 0
    _control: Control = field(factory=Control)
    _uncosted: int = 0
    _polls_refused: int = 0
    _polls_failed: int = 0
    _began: float | None = None
    _is_up: bool = False
    _changed: Signal = field(factory=Signal)
    _turn: RankedLock = field(factory=RankedLock)
    _waits: list[anyio.CancelScope] = field(factory=list)
    _slots: anyio.Semaphore = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.health = Health(network_timeout=self.settings.network_timeout)
        self.clock = self.settings.clock
        self.pause = self.attempts.pause
        self._slots = anyio.Semaphore(self.settings.in_flight, fast_acquire=True)

    @property
    def _follows(self) -> bool:
        return self.settings.follow is not None and self._polls_refused < _POLLS_IN_A_ROW

    @property
    def alive(self) -> int:
        """How many calls are followed and not over."""
        return len(self._active)

    # -- beginning and end -------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Take the right to dial and take up what former runs left: doubts, skips, redials, calls alive.

        :raises JournalError: another run dials from this journal, or it is damaged or cannot be written.
        :raises ConfigurationError: the journal keeps options that protect people, and this run has not.
        """
        now = self.clock.now()
        await self.journal.check(whole=True)
        if left := await self.journal.begin(now):
            logger.warning("contacts that were being dialled when the last run ended, and are unknown now: %d", left)
        await self._compare_options()
        if self.contacts is not None:
            self._is_whole_list = is_whole_list(self.contacts)
            self._listed = await self.journal.begin_list()
            self._last_row_at = self.clock.monotonic()
        await self.journal.change_all(Change.REOPEN, None, now, None)
        await self._redial_former_calls()
        self.counts.start(await self.journal.totals())
        # Who asked a former run to end did not ask this one.
        await self.journal.set_control(evolve(await self.journal.control(), is_cancelled=False))
        await self._obey_control(await self.journal.control())
        if self.settings.follow is not None:
            await self._follow_former_calls()

    async def run(self) -> None:
        """Enqueue and dial until no contact is left or the run is stopped. An error is kept in ``failure``."""
        try:
            async with anyio.create_task_group() as beside:
                beside.start_soon(self._guarded, self._enqueue)
                beside.start_soon(self._guarded, self._watch)
                if self.get_call is not None:
                    beside.start_soon(self._guarded, self._poll)
                async with anyio.create_task_group() as dialing:
                    await self._guarded(lambda: self._dial_all(dialing))
                await self._guarded(self.journal.check)
                beside.cancel_scope.cancel()
        finally:
            self.outbox.close()

    def wake(self) -> None:
        """Look into the journal again: something has changed."""
        self._changed.notify()

    def stop(self) -> None:
        """Begin no other callout; those on their way come to their end."""
        self.pause.stop()
        for scope in self._waits:
            scope.cancel()

    def fail(self, error: Exception) -> None:
        """Stop, and raise this when everything has come to its end; the first error is kept."""
        self.failure = self.failure or error
        self.stop()

    async def settled(self, before: ContactState, outcome: Outcome) -> None:
        """Take note of what an event changed, for a contact that was in that state before."""
        call = self._active.pop(outcome.token or "", None) if outcome.state is ContactState.DONE else None
        if call is not None:
            await self._end_call(call, outcome)
        elif outcome.token not in self._active and outcome.number not in self._in_hand:
            await self._finish(before, outcome)
        self.wake()

    async def _guarded(self, work: Callable[[], Awaitable[Any]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - the iteration raises it when the rest has come to its end
            self.fail(error)

    async def _compare_options(self) -> None:
        now = self.settings.described() | {"callout": self.callout}
        kept = await self.journal.options()
        found = check_differences(kept, now, accept_changes=self.accept_changes)
        for each in found:
            logger.warning("the campaign goes on with another option: %s", each)
        if found or kept is None:
            await self.journal.keep_options(now)

    async def _redial_former_calls(self) -> None:
        rules = self.settings.redial
        if rules.attempts == 1:
            return
        position = 0
        while page := await self.journal.redialable(rules.results, rules.attempts, after=position):
            for outcome in page:
                await self._redial(outcome)
            position = page[-1].position

    async def _follow_former_calls(self) -> None:
        since = self.clock.now() - self.settings.max_call_duration
        position = 0
        while page := await self.journal.alive(since, after=position):
            for outcome in page:
                self._follow(outcome, has_slot=self._take_slot())
            position = page[-1].position

    def _take_slot(self) -> bool:
        try:
            self._slots.acquire_nowait()
        except anyio.WouldBlock:
            return False
        return True

    # -- contacts into the journal -----------------------------------------------------------------------------------

    async def put(self, rows: list[Line]) -> None:
        """Write rows of the source into the journal."""
        added = await self.journal.add(rows, self.clock.now(), listed=self._listed)
        for counts in (self.counts, self.this_run):
            counts.add(added)
        self._last_row_at = self.clock.monotonic()
        self.wake()

    async def _enqueue(self) -> None:
        if self.contacts is not None:
            await feed(self.contacts, self, self.settings.country)
            assert self._listed is not None
            if self._is_whole_list:
                await self._remove_the_others(self._listed)
        self._is_fed = True
        self.wake()

    async def _remove_the_others(self, listed: int) -> None:
        removed = await self.journal.end_list(listed, self.clock.now())
        if removed:
            logger.warning("contacts that are no longer in the list, and are not dialled: %d", removed)
        for counts in (self.counts, self.this_run):
            counts.removed += removed
        self.counts.states[ContactState.TODO] -= removed
        self.counts.states[ContactState.SKIPPED] += removed

    # -- dialling ----------------------------------------------------------------------------------------------------

    async def _dial_all(self, tasks: TaskGroup) -> None:
        with self._until_stopped():
            await self._wait_for_start()
            while await self.pause.wait():
                version = self._changed.version
                batch = await self._plan()
                for outcome in batch:
                    await self.outbox.wait_for_room()
                    await self._slots.acquire()
                    self._in_hand.add(outcome.number)
                    tasks.start_soon(self._dial_one, outcome)
                if not batch and not await self._rest(version):
                    return

    async def _wait_for_start(self) -> None:
        """Wait until the campaign starts; a nap is short, since the time of day may jump."""
        start = self.settings.starts_at or 0.0
        while (left := start - self.clock.now()) > 0:
            await self.clock.sleep(min(left, _LONGEST_NAP))
        self._began = self.clock.monotonic()
        await self._climb()

    async def _climb(self) -> None:
        """Raise the pace while the campaign ramps up, unless another pace was asked for."""
        ramp, own = self.settings.ramp, self.settings.calls_per_second
        if ramp is None or self._is_up or self._began is None or self._control.calls_per_second is not None:
            return
        part = (self.clock.monotonic() - self._began) / ramp
        self._is_up = part >= 1.0
        await self.pacer.set_target(own * min(max(part, _FIRST_PART), 1.0))

    async def _plan(self) -> Sequence[Outcome]:
        limit = _BATCH + len(self._in_hand)
        found = await self.journal.due(self.clock.now(), limit=limit, listed=self._only_listed)
        return [outcome for outcome in found if outcome.number not in self._in_hand]

    @property
    def _only_listed(self) -> int | None:
        """The list whose contacts alone are dialled: while a stream still brings rows, they may correct others."""
        if self._is_whole_list or self._is_streaming():
            return self._listed
        return None

    def _is_streaming(self) -> bool:
        is_new = self.clock.monotonic() - self._last_row_at < _QUIET_STREAM
        return self._listed is not None and not self._is_fed and is_new

    async def _rest(self, version: int) -> bool:
        """Wait for something to do; False if nothing can come any more."""
        # Asked before the journal is: what comes while it answers is not in its answer, and would be left behind.
        is_busy = self._in_hand or self._active or self._finishing
        may_end = self._is_fed and not is_busy and not self.stay
        due = await self.journal.next_due(listed=self._only_listed)
        if due is None and may_end:
            return False
        # A nap is short, since the time of day may jump; and not too short, since those in hand may be due.
        longest = _LOOK if self.stay or self._is_streaming() else _LONGEST_NAP
        left = longest if due is None else min(due - self.clock.now(), longest)
        await self._nap(max(left, _LOOK if self._in_hand or self.stay else 0.0), version)
        return True

    async def _nap(self, seconds: float, version: int) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._wake_after, seconds, tasks.cancel_scope)
            await self._changed.wait(version)
            tasks.cancel_scope.cancel()

    async def _wake_after(self, seconds: float, scope: anyio.CancelScope) -> None:
        await self.clock.sleep(seconds)
        scope.cancel()

    async def _dial_one(self, outcome: Outcome) -> None:
        kept = False
        try:
            ready = await self.attempts.prepare(outcome, is_overspent=self._room() == "none")
            if isinstance(ready, Ready):
                kept = await self._dial(ready)
            elif ready is not None:
                await self._finish(ContactState.TODO, ready)
        except Exception as error:  # noqa: BLE001 - it is raised when the others have come to their end
            self.fail(error)
        finally:
            self._in_hand.discard(outcome.number)
            if not kept:
                self._slots.release()
            self.wake()

    async def _dial(self, ready: Ready) -> bool:
        """Dial a contact in its turn, and say whether its call is alive and keeps the slot."""
        async with self._turn.hold(ready.rank):
            with self._until_stopped():
                await self._wait_for_turn()
            # Paused while this one waited: it is still in ``todo`` and will be taken up again.
            if not self.pause.is_open:
                return False
            self._uncosted += 1
            if self.health.is_alone:
                return await self._send(ready)  # and no other, since this one keeps the turn
        return await self._send(ready)

    async def _wait_for_turn(self) -> None:
        if await self.pause.wait():
            while self._room() == "not yet":
                await self._changed.wait(self._changed.version)
            await self.pacer.wait()

    def _room(self) -> Literal["some", "not yet", "none"]:
        """Say whether the spend limit has room for one more call."""
        limit = self.settings.spend_limit
        if limit is None:
            return "some"
        if self.counts.spent >= limit:
            return "none"
        alive = self._uncosted + len(self._active)
        if self.counts.dearest is None:
            return "not yet" if alive else "some"  # while no cost is known, calls go one at a time
        # Assume that each call whose cost is not known costs as much as the most expensive one so far.
        states = self.counts.states
        lost = max(states[ContactState.ACCEPTED] - len(self._active), 0) + states[ContactState.UNKNOWN]
        assumed = self.counts.spent + self.counts.dearest * lost
        if assumed >= limit:
            return "not yet" if alive else "none"
        return "some" if not alive or assumed + self.counts.dearest * alive < limit else "not yet"

    async def _send(self, ready: Ready) -> bool:
        try:
            dialed = await self.attempts.dial(ready, is_overspent=self._room() == "none")
            await self._react(dialed)
            outcome = dialed.outcome
            if outcome is None or outcome.state is ContactState.TODO:
                return False
            if outcome.state is ContactState.ACCEPTED and self._follows:
                self._move(ContactState.TODO, outcome)
                self._follow(outcome, has_slot=True)
                return True
            await self._finish(ContactState.TODO, outcome)
            return False
        finally:
            self._uncosted -= 1

    # -- what answers mean -------------------------------------------------------------------------------------------

    async def _react(self, dialed: Dialed) -> None:
        if dialed.sent_at is None:
            return
        # Not if the callout certainly reached no telephone: the contact went back, or cannot be sent.
        if dialed.outcome is None or dialed.outcome.state not in _NOT_PLACED:
            self.counts.placed += 1
            self.this_run.placed += 1
        await self._obey(reaction_to(dialed, self.health, self.clock.monotonic()), dialed)
        if dialed.effect == "slow down":
            retry_after = dialed.error.retry_after if isinstance(dialed.error, RateLimitedError) else None
            await self.pacer.slow_down(retry_after, dialed.sent_at)

    async def _obey(self, reaction: Reaction, dialed: Dialed) -> None:
        if reaction.give_up:
            assert dialed.error is not None
            self.fail(dialed.error)
        if reaction.pause is not None:
            self._pause(reaction.pause)
        if reaction.hold:
            await self.pacer.hold(reaction.hold)

    def _pause(self, reason: str) -> None:
        logger.warning("paused: %s", reason)
        self.pause.pause(reason)

    # -- what becomes of calls ---------------------------------------------------------------------------------------

    def _follow(self, outcome: Outcome, *, has_slot: bool) -> None:
        assert outcome.token is not None
        age = self.clock.now() - (outcome.placed_at or self.clock.now())
        # From here on by the clock that does not jump.
        until = self.clock.monotonic() + self.settings.max_call_duration - max(age, 0.0)
        self._active[outcome.token] = _ActiveCall(outcome, until, has_slot)

    async def _end_call(self, call: _ActiveCall, outcome: Outcome) -> None:
        self._free_slot(call)
        await self._finish(ContactState.ACCEPTED, outcome)
        self.wake()

    async def _end_elsewhere(self, call: _ActiveCall, outcome: Outcome | None) -> None:
        """Take note of a call that another process has settled; without its token the contact is to dial again."""
        if outcome is not None:
            await self._end_call(call, outcome)
            return
        self._free_slot(call)
        again = await self.journal.find_number(call.outcome.number)
        self._move(ContactState.ACCEPTED, again or call.outcome)
        self.wake()

    def _give_up_call(self, call: _ActiveCall) -> None:
        """Take note of a call whose end is not known: it stays accepted."""
        if self._active.pop(call.outcome.token or "", None) is not None:
            self._free_slot(call)
            self.outbox.add(call.outcome)
            self.wake()

    def _free_slot(self, call: _ActiveCall) -> None:
        if call.has_slot:
            self._slots.release()

    async def _finish(self, before: ContactState, outcome: Outcome) -> None:
        self._move(before, outcome)
        self.outbox.add(outcome)
        # Until the journal has it to dial again, nothing in the journal shows that the contact will come.
        self._finishing += 1
        try:
            again = await self._redial(outcome)
        finally:
            self._finishing -= 1
        if again is not None:
            self._move(ContactState.DONE, again)

    def _move(self, before: ContactState, outcome: Outcome) -> None:
        self.counts.move(before, outcome)
        self.this_run.reach(outcome)

    async def _redial(self, outcome: Outcome) -> Outcome | None:
        due = self.settings.redial.due_after(outcome)
        if outcome.token is None or due is None:
            return None
        return await self.journal.change(outcome.token, Change.REDIAL, AttemptUpdate(due=due), self.clock.now())

    async def _watch(self) -> None:
        """Check the journal every second, read what others wrote there, and give up calls that must be over."""
        while True:
            await self.clock.sleep(_LOOK)
            await self.journal.check()
            await self._obey_control(await self.journal.control())
            await self._climb()
            if self._active:
                await self._look_at_calls()

    async def _obey_control(self, control: Control) -> None:
        """Do what was asked through the journal, from another process or machine."""
        if control.is_cancelled:
            logger.warning("cancelled through the journal")
            self.stop()
        if control.pause is not None and self.pause.is_open:
            self._pause(control.pause)
        elif control.pause is None and self._control.pause is not None and self.pause.reason == self._control.pause:
            self.pause.resume()
        wanted = control.calls_per_second
        if wanted != self._control.calls_per_second:
            await self.pacer.set_target(self.settings.calls_per_second if wanted is None else wanted)
        self._control = control

    async def _look_at_calls(self) -> None:
        asked = list(self._active)
        found = {outcome.token: outcome for outcome in await self.journal.look_up(asked)}
        for token in asked:
            outcome = found.get(token)
            if (outcome is None or outcome.state is ContactState.DONE) and token in self._active:
                await self._end_elsewhere(self._active.pop(token), outcome)
        now = self.clock.monotonic()
        for call in list(self._active.values()):
            if now >= call.until:
                self._give_up_call(call)

    async def _poll(self) -> None:
        """Ask the platform about each call that is alive, until the platform refuses to answer."""
        while self._polls_refused < _POLLS_IN_A_ROW:
            await self.clock.sleep(self.settings.poll_interval)
            limit = anyio.CapacityLimiter(_POLLS_AT_ONCE)
            async with anyio.create_task_group() as tasks:
                for call in list(self._active.values()):
                    tasks.start_soon(self._ask, call, limit)

    async def _ask(self, call: _ActiveCall, limit: anyio.CapacityLimiter) -> None:
        outcome = call.outcome
        if self.get_call is None or outcome.call_id is None or outcome.token is None:
            return  # the platform cannot be asked without an id
        async with limit:
            if self._polls_refused >= _POLLS_IN_A_ROW:
                return
            try:
                answer = await self.get_call(outcome.call_id)
            except SinchVoiceError as error:
                self._note_failed_poll(call, error)
                return  # the next round asks again
        self._polls_refused = self._polls_failed = call.refused_polls = 0
        if getattr(answer, "is_final", False):
            await self._end_by_poll(outcome.token, answer)

    async def _end_by_poll(self, token: str, answer: Any) -> None:
        update = AttemptUpdate(result=answer.result, reason=answer.reason, duration=answer.duration, price=answer.debit)
        # An event may have told that an answering machine took the call.
        for contact in await self.journal.look_up([token]):
            update = with_machine_result(contact, update)
        ended = await self.journal.change(token, Change.END, update, self.clock.now())
        call = self._active.pop(token, None) if ended is not None else None
        if ended is not None and call is not None:
            await self._end_call(call, ended)

    def _note_failed_poll(self, call: _ActiveCall, error: SinchVoiceError) -> None:
        if not (isinstance(error, APIError) and 400 <= error.status < 500 and error.status not in _PASSING_POLLS):
            self._polls_failed += 1
            if self._polls_failed == _POLLS_IN_A_ROW:
                logger.warning("%d questions about calls failed (%s): asking again", self._polls_failed, error)
            return
        self._polls_refused += 1
        call.refused_polls += 1
        if self._polls_refused == _POLLS_IN_A_ROW:
            self._stop_polling(error)
        elif call.refused_polls >= _POLLS_OF_A_CALL:
            logger.warning("the platform does not tell about a call (%d): its result stays unknown", error.status)
            self._give_up_call(call)

    def _stop_polling(self, error: APIError) -> None:
        logger.warning(
            "the platform refuses to tell about calls (%d): results are no longer asked for, and calls stay accepted "
            "unless their events come",
            error.status,
        )
        for call in list(self._active.values()):
            self._give_up_call(call)
        if self.settings.spend_limit is not None:
            self._pause(f"the spend limit needs the results of calls, and the platform refuses them ({error.status})")

    @contextmanager
    def _until_stopped(self) -> Generator[None, None, None]:
        with anyio.CancelScope() as scope:
            self._waits.append(scope)
            try:
                yield
            finally:
                self._waits.remove(scope)
