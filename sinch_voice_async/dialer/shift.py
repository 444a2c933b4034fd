"""A machine that dials batches of a campaign which others plan: the client, the pace and the health of one process.

::

    plan            on any machine, any number at once: offers due contacts in batches
    dial_batch      on any machine, for each batch that a task queue brings: claims and dials, and ends
    settle          in any web process: ends calls, and lets contacts be dialled again

Rules:

- A batch is a hint. It may come twice, late or never: the claims of the journal decide.
- Pace, holds and pauses are those of the campaign, for all machines together.
- Stopping claims no more, lets callouts on their way come home, and gives the other offers back. A cancellation does
  the same, and is raised then.
- What was dialled is judged as on one machine: by the same attempts, rules and health.
"""

import logging
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from types import TracebackType
from typing import Any, Final, Self

import anyio
from attrs import define, evolve, field

from sinch_voice_async import _bounds
from sinch_voice_async.dialer.attempt import Attempts, Dialed, Ready, reaction_to, with_machine_result
from sinch_voice_async.dialer.batches import Tally
from sinch_voice_async.dialer.journal import AttemptUpdate, ContactState, Outcome
from sinch_voice_async.dialer.outbox import Outbox
from sinch_voice_async.dialer.pacing import Health, PauseControl, Reaction
from sinch_voice_async.dialer.postgres.database import SharedPacer, Turn
from sinch_voice_async.dialer.postgres.journal import PostgresJournal
from sinch_voice_async.dialer.settings import Settings, check_differences
from sinch_voice_async.errors import APIError, CampaignError, RateLimitedError, SinchVoiceError

__all__ = ["Looking", "Shift", "never"]

logger: Final = logging.getLogger("sinch_voice_async.dialer")

# How often ``stop`` is asked.
_LOOK: Final = 0.25
# All machines wait so long when one of them cannot go on, so that its failed batches do not come in an endless row.
_HOLD_AFTER_FAILURE: Final = 30.0
_QUESTIONS_AT_ONCE: Final = 20
# Refused in a row: the platform does not answer this program.
_REFUSED_IN_A_ROW: Final = 10
_REFUSALS: Final = frozenset({401, 403, 404})
_FIELDS: Final = {
    ContactState.TODO: "returned",
    ContactState.REJECTED: "rejected",
    ContactState.UNKNOWN: "unknown",
    ContactState.SKIPPED: "skipped",
}


def _to_batch(id: str) -> str:  # noqa: A002  # the word of the batch
    try:
        return uuid.UUID(id).hex
    except (ValueError, AttributeError, TypeError):
        raise CampaignError("not the id of a batch: give the id of a Batch that plan has returned") from None


def never() -> bool:
    """Do not stop."""
    return False


class Shift:
    """Dials the batches of a campaign in this process: ``async with campaign.shift(client, callout) as shift:``.

    It holds two connections to the database, and any number of batches may be dialled by it at once. It is used in one
    event loop, and entered once.
    """

    def __init__(
        self,
        *,
        journal: PostgresJournal,
        settings: Settings,
        attempts: Attempts,
        opening: AbstractAsyncContextManager[Any],
        kept: Mapping[str, Any],
        accept_changes: bool = False,
        outbox: Outbox | None = None,
    ) -> None:
        self._journal = journal
        self._settings = settings
        self._attempts = attempts
        self._opening = opening
        self._kept = kept
        self._accept_changes = accept_changes
        self._outbox = outbox
        self._health = Health(network_timeout=settings.network_timeout)
        self._pacer: SharedPacer | None = None
        self._turn: anyio.Lock | None = None

    async def dial_batch(self, id: str, *, at_once: int = 50, stop: Callable[[], bool] = never) -> Tally:  # noqa: A002  # the word of the batch
        """Dial the contacts that are offered in a batch, and return what became of them.

        It may be called again, and by several machines at once. ``at_once`` bounds how many callouts wait for their
        answer, and ``in_flight`` of the campaign does too. ``stop`` is asked several times a second: when it returns
        True, no other callout begins, and the offers that are left are given back. Cancel it for the same.

        :raises AuthenticationError: the credentials are wrong; no telephone rang. All machines wait for half a minute.
        :raises ConnectError: the network was down for longer than ``network_timeout``.
        :raises JournalError: the journal cannot be used, or the campaign was deleted.
        :raises CampaignError: the do-not-call list cannot be asked, or the shift was not entered.
        """
        _bounds.whole(at_once, "at_once", least=1)
        batch = _to_batch(id)
        if self._pacer is None or self._turn is None:
            raise CampaignError("a shift is used within `async with campaign.shift(...) as shift:`")
        dialing = _Dialing(
            batch=batch,
            journal=self._journal,
            attempts=evolve(self._attempts, pause=PauseControl()),
            pacer=self._pacer,
            health=self._health,
            turn=self._turn,
            outbox=self._outbox,
        )
        return await dialing.run(min(at_once, self._settings.in_flight), stop)

    async def __aenter__(self) -> Self:
        if self._turn is not None:
            raise CampaignError("a shift is entered once: call campaign.shift(...) again")
        self._turn = anyio.Lock(fast_acquire=True)
        await self._opening.__aenter__()
        try:
            await self._compare_options()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._opening.__aexit__(None, None, None)
            raise
        self._pacer = self._journal.follower(self._settings.clock)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pacer = None
        with anyio.CancelScope(shield=True):
            await self._opening.__aexit__(None, None, None)

    async def _compare_options(self) -> None:
        kept = await self._journal.options()
        found = check_differences(kept, self._kept, accept_changes=self._accept_changes)
        for each in found:
            logger.warning("the campaign goes on with another option: %s", each)
        if found or kept is None:
            await self._journal.keep_options(self._kept)


@define(eq=False, kw_only=True)
class _Dialing:
    """One batch while it is dialled. ``turn`` and ``health`` are of the process."""

    batch: str
    journal: PostgresJournal
    attempts: Attempts
    pacer: SharedPacer
    health: Health
    turn: anyio.Lock
    outbox: Outbox | None
    tally: Tally = field(factory=Tally)
    failure: Exception | None = None
    _queue: deque[Outcome] = field(factory=deque)
    _over: anyio.Event = field(factory=anyio.Event)
    _waits: list[anyio.CancelScope] = field(factory=list)

    async def run(self, at_once: int, stop: Callable[[], bool]) -> Tally:
        self._queue.extend(await self.journal.of_batch(self.batch))
        if not self._queue:
            await self.journal.check()
            return self.tally
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._dial_all, at_once)
            await self._watch(stop)
        if self.failure is not None:
            raise self.failure
        return self.tally

    async def _watch(self, stop: Callable[[], bool]) -> None:
        """Ask until the batch is over whether it is to stop. A cancellation stops it, too."""
        try:
            while not self._over.is_set():
                if stop():
                    self._stop()
                with anyio.move_on_after(_LOOK):
                    await self._over.wait()
        except Exception as error:  # noqa: BLE001 - a fault of ``stop``, raised when callouts on their way are home
            self._fail(error)
        except BaseException:
            self._stop()
            raise

    async def _dial_all(self, at_once: int) -> None:
        """Dial the contacts, and give back those that are left; a cancellation from outside stops it by ``_stop``."""
        with anyio.CancelScope(shield=True):
            try:
                async with anyio.create_task_group() as tasks:
                    for _ in range(min(at_once, len(self._queue))):
                        tasks.start_soon(self._dial_in_turn)
                self.tally.returned += len(self._queue)
                await self.journal.take_back([self.batch])
            except Exception as error:  # noqa: BLE001 - it is raised by ``run``
                self._fail(error)
            finally:
                self._over.set()

    async def _dial_in_turn(self) -> None:
        while self._queue and self.attempts.pause.is_open:
            contact = self._queue.popleft()
            try:
                await self._dial_one(contact)
            except Exception as error:  # noqa: BLE001 - it is raised when the others have come home
                self._fail(error)

    def _stop(self) -> None:
        self.tally.is_stopped = True
        self.attempts.pause.stop()
        for scope in self._waits:
            scope.cancel()

    def _fail(self, error: Exception) -> None:
        self.failure = self.failure or error
        self._stop()

    # -- one contact -------------------------------------------------------------------------------------------------

    async def _dial_one(self, contact: Outcome) -> None:
        ready = await self.attempts.prepare(contact)
        if ready is None:
            self.tally.put_off += 1
        elif isinstance(ready, Outcome):
            self._count(ready)
        elif (turn := await self._obtain_turn(ready)) is not None:
            await self._send(ready, turn)

    async def _obtain_turn(self, ready: Ready) -> Turn | None:
        """Wait for an instant of the pace; return it if the contact may be dialled now, together with others."""
        with self._until_stopped():
            await self.turn.acquire()
            try:
                turn = await self._obtain_instant()
                if turn is None or not self.health.is_alone:
                    return turn
                with anyio.CancelScope(shield=True):
                    await self._send(ready, turn)  # and no other, since this one keeps the turn
                return None
            finally:
                self.turn.release()
        self.tally.returned += 1
        return None

    async def _obtain_instant(self) -> Turn | None:
        callers = self.turn.statistics().tasks_waiting + 1
        turn = await self.pacer.obtain(callers) if self.attempts.pause.is_open else None
        if turn is None:
            self.tally.returned += 1
            self._stop()
        return turn

    async def _send(self, ready: Ready, turn: Turn) -> None:
        dialed = await self.attempts.dial(ready, turn=turn)
        if dialed.sent_at is None:
            self.pacer.put_back(turn)
        if dialed.outcome is not None:
            self._count(dialed.outcome)
        else:
            self._add("missed" if self.attempts.pause.is_open else "returned")
        await self._obey(reaction_to(dialed, self.health, self.attempts.clock.monotonic()), dialed)

    def _count(self, outcome: Outcome) -> None:
        self._add(_FIELDS.get(outcome.state, "accepted"))
        if self.outbox is not None and outcome.state is not ContactState.TODO:
            self.outbox.add(outcome)

    def _add(self, name: str) -> None:
        setattr(self.tally, name, getattr(self.tally, name) + 1)

    async def _obey(self, reaction: Reaction, dialed: Dialed) -> None:
        """Do what an answer asks for, for all machines."""
        if dialed.effect == "slow down" and dialed.sent_at is not None:
            retry_after = dialed.error.retry_after if isinstance(dialed.error, RateLimitedError) else None
            await self.pacer.slow_down(retry_after, dialed.sent_at)
        if reaction.hold:
            await self.pacer.hold(reaction.hold)
        if reaction.pause is not None:
            logger.warning("paused on all machines: %s", reaction.pause)
            await self.journal.pause(reaction.pause)
            self._stop()
        if reaction.give_up and dialed.error is not None:
            self._fail(dialed.error)
            await self.pacer.hold(_HOLD_AFTER_FAILURE)

    @contextmanager
    def _until_stopped(self) -> Generator[None, None, None]:
        with anyio.CancelScope() as scope:
            self._waits.append(scope)
            if not self.attempts.pause.is_open:
                scope.cancel()
            try:
                yield
            finally:
                self._waits.remove(scope)


@define(eq=False, kw_only=True)
class Looking:
    """One round of questions about calls that are alive: each call is asked about by one machine at a time, the longest
    unasked first. ``ended`` counts the calls that are over by it.
    """

    journal: PostgresJournal
    settings: Settings
    get_call: Callable[[str], Awaitable[Any]]
    ended: int = 0
    _refused: int = 0
    _failure: Exception | None = None

    async def look(self, limit: int) -> int:
        """Ask about at most ``limit`` calls, and return how many of them have ended.

        :raises APIError: the platform refused ten questions in a row.
        """
        settings = self.settings
        calls = await self.journal.to_look_at(limit, settings.max_call_duration, settings.poll_interval)
        limiter = anyio.CapacityLimiter(_QUESTIONS_AT_ONCE)
        async with anyio.create_task_group() as tasks:
            for call in calls:
                tasks.start_soon(self._ask, call, limiter)
        if self._failure is not None:
            raise self._failure
        return self.ended

    async def _ask(self, call: Outcome, limiter: anyio.CapacityLimiter) -> None:
        async with limiter:
            if self._failure is not None or call.call_id is None:
                return
            try:
                answer = await self.get_call(call.call_id)
                self._refused = 0
                if getattr(answer, "is_final", False):
                    await self._end(call, answer)
            except SinchVoiceError as error:
                self._note(error)

    async def _end(self, call: Outcome, answer: Any) -> None:
        update = AttemptUpdate(result=answer.result, reason=answer.reason, duration=answer.duration, price=answer.debit)
        now, rules = self.settings.clock.now(), self.settings.redial
        if await self.journal.settle(call, with_machine_result(call, update), now, rules) is not None:
            self.ended += 1

    def _note(self, error: SinchVoiceError) -> None:
        if not isinstance(error, APIError):
            self._failure = self._failure or error
            return
        if error.status in _REFUSALS:
            self._refused += 1
        if self._refused >= _REFUSED_IN_A_ROW:
            self._failure = self._failure or error
        logger.debug("a question about a call failed (%s): it is asked again", error.status)
