"""The law of the dialer, under every order of events that Hypothesis can think of.

Contacts are enqueued, dialled by one or two dialers at a time, lost to faults and crashes, recovered, settled by
callbacks and released by a person. Whatever happens: **no attempt is sent twice, and no number rings again unless its
last call was over or a person has said so**. The journal is the real one, in a file, reopened after each crash.
"""

import math
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sinch_voice_async import (
    AuthenticationError,
    CalloutReceipt,
    ConnectError,
    DecodeError,
    ForbiddenError,
    PaymentRequiredError,
    RateLimitedError,
    ServerError,
    TransportError,
)
from sinch_voice_async.dialer import (
    AttemptUpdate,
    Change,
    Contact,
    ContactState,
    Outcome,
    RedialRules,
    SqliteJournal,
    SystemClock,
    attempt_id_of,
)
from sinch_voice_async.dialer.attempt import Attempts, Ready, attempt_of, learnt_from
from sinch_voice_async.dialer.eligibility import Eligibility
from sinch_voice_async.dialer.pacing import PauseControl
from sinch_voice_async.webhooks import AnsweredCall, DisconnectedCall, IncomingCall
from tests.dialer.platforms import reminder

NUMBERS = [f"+4670000000{last}" for last in range(4)]
RULES = RedialRules(attempts=2, delay=0.0)
# What may happen to a request, and whether the telephone rings.
FAULTS: list[tuple[Exception | None, bool]] = [
    (None, True),
    (TransportError(), True),
    (TransportError(), False),
    (ServerError(status=500, outcome="unknown"), True),
    (DecodeError("x"), True),
    (ConnectError(), False),
    (RateLimitedError(status=429), False),
    (ForbiddenError(status=403), False),
    (PaymentRequiredError(status=402), False),
    (AuthenticationError(status=401), False),
]


class Crash(BaseException):
    """The process is killed at this very place."""


class Dialer(RuleBasedStateMachine):
    """One campaign, and everything that may befall it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "x.sqlite"
        self.sent: Counter[str] = Counter()
        self.rang: Counter[str] = Counter()
        self.allowed: Counter[str] = Counter()
        self.rung: list[tuple[str, str]] = []
        self.paused = False

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.folder.cleanup()

    def with_journal(self, work: Any, *arguments: Any) -> Any:
        """Do something with the journal, opened for it alone: what is not on the disk is forgotten."""

        async def main() -> Any:
            journal = SqliteJournal(self.path)
            await journal.open("x")
            try:
                return await work(journal, *arguments)
            finally:
                await journal.close()

        return anyio.run(main)

    @initialize(numbers=st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=4))
    def begin(self, numbers: list[str]) -> None:
        """Begin with somebody."""
        self.enqueue(numbers)

    @rule(numbers=st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=4))
    def enqueue(self, numbers: list[str]) -> None:
        """Give numbers, some of them again: each is one contact."""

        async def work(journal: SqliteJournal) -> None:
            added = await journal.enqueue([Contact(number) for number in numbers], 0.0)
            new = {*numbers} - {*self.allowed}
            assert added == len(new)
            self.allowed.update(new)

        self.with_journal(work)

    @rule(fault=st.sampled_from(FAULTS), recovers=st.booleans())
    def dial(self, fault: tuple[Exception | None, bool], recovers: bool) -> None:
        """Dial everybody who is to do; a request may fail, with or without ringing."""
        self.with_journal(self.dial_all, fault, 1, recovers)

    @rule()
    def dial_in_doubt(self) -> None:
        """Ring, and get no answer: the fault that matters most comes most often."""
        self.with_journal(self.dial_all, (TransportError(), True), 1, False)

    @rule(fault=st.sampled_from(FAULTS[:3]))
    def dial_together(self, fault: tuple[Exception | None, bool]) -> None:
        """Let two dialers dial the same contacts at one time."""
        self.with_journal(self.dial_all, fault, 2, False)

    @rule(rings=st.booleans())
    def dial_and_die(self, rings: bool) -> None:
        """Be killed between a claim and the answer; whether the telephone rang nobody can say."""
        try:
            self.with_journal(self.dial_all, (Crash(), rings), 1, True)
        except BaseExceptionGroup as group:
            assert group.subgroup(Crash) is not None, group

    @rule()
    def dial_while_paused(self) -> None:
        """Nobody rings."""
        before, self.paused = self.sent.total(), True
        self.with_journal(self.dial_all, (None, True), 1, False)
        self.paused = False
        assert self.sent.total() == before

    async def dial_all(
        self, journal: SqliteJournal, fault: tuple[BaseException | None, bool], dialers: int, recovers: bool
    ) -> None:
        """Dial everybody who is to do, each contact by so many dialers."""
        error, rings = fault

        async def place(callout: Any, /, *, callback_headers: Any) -> CalloutReceipt:
            intent = attempt_id_of(callout.custom)
            assert intent is not None
            self.sent[intent] += 1
            if rings:
                self.rang[callout.destination.endpoint] += 1
                self.rung.append((callout.destination.endpoint, intent))
            await anyio.lowlevel.checkpoint()
            if error is not None:
                raise error
            return CalloutReceipt(call_id=intent)

        if recovers:  # as each run does when it begins
            await journal.begin(1.0)
        attempts, due = self.attempts(journal, place), await journal.due(math.inf)
        async with anyio.create_task_group() as tasks:
            for outcome in [*due] * dialers:
                tasks.start_soon(self.one, attempts, outcome)

    async def one(self, attempts: Attempts, outcome: Outcome) -> None:
        """Dial one contact."""
        ready = await attempts.prepare(outcome)
        if isinstance(ready, Ready):
            await attempts.dial(ready)

    def attempts(self, journal: SqliteJournal, place: Any) -> Attempts:
        """Return a dialer without rules but that of a pause."""
        eligibility = Eligibility(window=None, is_listed=lambda number: False, attempts_per_day=99, until=None)
        pause = PauseControl()
        if self.paused:
            pause.pause("paused")
        return Attempts(
            journal=_Dying(journal),
            place=place,
            callout_of=reminder,
            eligibility=eligibility,
            clock=SystemClock(),
            pause=pause,
        )

    @rule()
    def recover(self) -> None:
        """Begin a run: nobody is ``dialing`` any more, and nobody's telephone rings for it."""

        async def work(journal: SqliteJournal) -> None:
            await journal.begin(1.0)
            assert not await journal.page({ContactState.DIALING})

        self.with_journal(work)

    @precondition(lambda self: self.rung)
    @rule(which=st.integers(0, 99), event=st.sampled_from(["ice", "ace", "BUSY", "ANSWERED"]))
    def callback(self, which: int, event: str) -> None:
        """Let an event of any call arrive, also late, also twice; a busy call is dialled again as the rules say."""
        # Not drawn from the list itself: how many rang before a process died is the choice of the event loop.
        number, intent = self.rung[which % len(self.rung)]

        async def work(journal: SqliteJournal) -> None:
            before = await attempt_of(journal, _event(event, intent), None)
            if before is None:
                return
            assert before.number == number
            outcome = await journal.change(intent, *learnt_from(before, _event(event, intent)), 2.0)
            if outcome is not None and RULES.allow(outcome):
                again = await journal.change(intent, Change.REDIAL, AttemptUpdate(due=0.0), 3.0)
                assert again is not None
                self.allowed[number] += 1

        self.with_journal(work)

    @rule(number=st.sampled_from(NUMBERS))
    def release(self, number: str) -> None:
        """Let a person say that a contact may be dialled again."""

        async def work(journal: SqliteJournal) -> None:
            states = {outcome.number: outcome.state for outcome in await journal.page(None)}
            if await journal.change_all(Change.RELEASE, "by hand", 4.0, [number]):
                assert states[number] in (ContactState.UNKNOWN, ContactState.REJECTED, ContactState.SKIPPED)
                self.allowed[number] += 1

        self.with_journal(work)

    @invariant()
    def no_attempt_is_sent_twice(self) -> None:
        """Each intent id reaches the platform once at most."""
        assert max(self.sent.values(), default=0) <= 1

    @invariant()
    def nobody_rings_more_often_than_allowed(self) -> None:
        """Once, and once more for each re-dial by the rules and each word of a person."""
        assert all(count <= self.allowed[number] for number, count in self.rang.items())


def _event(kind: str, intent: str) -> Any:
    custom = f"[intent:{intent}]"
    match kind:
        case "ice":
            return IncomingCall(call_id=intent, custom=custom)
        case "ace":
            return AnsweredCall(call_id=intent, custom=custom)
        case _:
            return DisconnectedCall(call_id=intent, custom=custom, result=kind, reason="N/A")


class _Dying:
    """A journal in which the dying write nothing any more: a killed process has no last words."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def change(self, token: str, change: Change, news: AttemptUpdate, at: float) -> Outcome | None:
        """Write down what came of an attempt, save by those who are dead."""
        if news.note is not None and news.note.startswith("cancelled"):
            return None
        return await self._journal.change(token, change, news, at)


TestDialer = Dialer.TestCase
TestDialer.settings = settings(
    max_examples=20, stateful_step_count=12, deadline=None, suppress_health_check=[*HealthCheck]
)
