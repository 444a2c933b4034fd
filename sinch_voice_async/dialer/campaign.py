"""A campaign: contacts, a callout for each, and the rules under which they are called."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import anyio

from sinch_voice_async.dialer.assembly import assemble, previewing
from sinch_voice_async.dialer.clock import Clock, SystemClock
from sinch_voice_async.dialer.course import Course
from sinch_voice_async.dialer.feeding import Contacts, feed
from sinch_voice_async.dialer.following import Follow
from sinch_voice_async.dialer.held import HeldJournal
from sinch_voice_async.dialer.journal import Journal, Outcome
from sinch_voice_async.dialer.journals import KeptIn, to_journal
from sinch_voice_async.dialer.paging import Listing
from sinch_voice_async.dialer.placing import CalloutOf
from sinch_voice_async.dialer.preview import Preview
from sinch_voice_async.dialer.report import Report, report_of
from sinch_voice_async.dialer.rules import RedialRules
from sinch_voice_async.dialer.run import CampaignRun
from sinch_voice_async.dialer.screening import DoNotCall
from sinch_voice_async.dialer.settings import Settings
from sinch_voice_async.dialer.settling import attempt_of, settle
from sinch_voice_async.dialer.sqlite.journal import SqliteJournal
from sinch_voice_async.dialer.states import Change, ContactState
from sinch_voice_async.dialer.window import CallingWindow
from sinch_voice_async.errors import JournalError
from sinch_voice_async.models.events import CallEvent

__all__ = ["Campaign"]


class Campaign:
    """Many callouts, paced and bounded, and nobody rung twice.

    ::

        campaign = Campaign("reminders", journal="reminders.sqlite", calls_per_second=20, in_flight=300,
                            window=CallingWindow("09:00", "20:00"))
        async with campaign.run(client, contacts, lambda c: TtsCallout(destination=c.number, text=TEXT)) as outcomes:
            async for outcome in outcomes:
                ...
        report = await campaign.report()

    ``name`` and ``journal`` belong together: the journal, a file or any :class:`Journal`, refuses another name. Running
    the same campaign again, after a crash or the next day, continues it: nobody whose telephone may have rung is
    dialled again.

    ``calls_per_second`` is how fast callouts go out at most; a campaign begins with one a second until you say more.
    ``in_flight`` bounds how many contacts are being called at a time. What that means depends on ``follow``:

    - ``None``: results are not learnt. A contact has been called when the platform has taken the callout, and its state
      stays ``accepted``. ``in_flight`` bounds requests that wait for their answer.
    - ``"callbacks"``: you give events to :meth:`settle`, here or in another process. A contact has been called when its
      DiCE has come, and its state is ``done`` then. ``in_flight`` bounds calls alive.
    - ``"poll"``: the same, learnt by asking ``client.calls.get`` every ``poll_interval`` seconds for each call alive.

    A call of which nothing was heard for ``longest_call`` seconds gives its place back and stays ``accepted``, so that
    a campaign ends also where callbacks are lost.

    ``window`` is when contacts may be called, None for any time; a run waits for it to open. ``until`` ends the
    campaign: who could not be called before is skipped. ``redial`` says who is dialled again, ``do_not_call`` who is
    never called: a list of numbers, or a function, ``async`` or not, asked right before each claim (on the event loop,
    so one that is not ``async`` must not block). ``spend_limit`` stops dialling when so much is spent, in the account's
    currency; it may be passed by what the calls alive cost then. ``patience`` is for how many seconds the network may
    be down.

    :raises ConfigurationError: an argument is out of range, or needs results and ``follow`` is None.
    """

    def __init__(
        self,
        name: str,
        *,
        journal: KeptIn,
        calls_per_second: float = 1.0,
        in_flight: int = 100,
        window: CallingWindow | None = None,
        until: datetime | None = None,
        redial: RedialRules | None = None,
        do_not_call: DoNotCall = (),
        spend_limit: Decimal | int | str | None = None,
        follow: Follow = None,
        longest_call: float = 14_400.0,
        poll_interval: float = 5.0,
        patience: float = 600.0,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self.journal: Journal = to_journal(journal)
        self.settings: Settings = Settings(
            name=name,
            calls_per_second=calls_per_second,
            in_flight=in_flight,
            window=window,
            until=until,
            redial=redial,
            do_not_call=do_not_call,
            spend_limit=spend_limit,
            follow=follow,
            longest_call=longest_call,
            poll_interval=poll_interval,
            patience=patience,
            clock=clock or SystemClock(),
        )
        self._held = HeldJournal(name, self.journal)
        self._course: Course | None = None
        self._is_running = False

    def __repr__(self) -> str:
        return f"Campaign({self.name!r}, journal={self.journal!r})"

    def run(self, client: Any, contacts: Contacts | None, callout: CalloutOf) -> CampaignRun:
        """Return a run, which dials within ``async with``.

        ``client`` is a ``VoiceClient``, anything that has ``callouts.place``, or a coroutine function that takes a
        callout and ``callback_headers=`` and returns a receipt with ``call_id``. ``contacts`` are :class:`Contact` or
        telephone numbers from any iterable, ``async`` or not; None goes on with those in the journal. ``callout`` makes
        the callout for a contact, right before it is dialled.

        :raises JournalError: on entering; the journal cannot be used, or another run dials from it.
        """

        def make() -> Course:
            return assemble(self.settings, self.journal, client=client, contacts=contacts, callout_of=callout)

        return CampaignRun(make, self._enter, self._leave)

    async def preview(
        self, contacts: Contacts | None, callout: CalloutOf, *, max_text_length: int | None = 600
    ) -> Preview:
        """Return what a run would do now, without dialling anybody and without writing anything.

        It takes what :meth:`run` takes; a file of contacts may be used again, an iterator is used up.
        ``max_text_length`` is that of the client.

        :raises JournalError: there is a journal, and it cannot be used.
        :raises CampaignError: the do-not-call list could not be asked.
        """
        looking = previewing(self.settings, callout, max_text_length)
        try:
            known = self.outcomes()
            while self._has_journal() and (page := await known.page()):
                await looking.add_known(page)
            if contacts is not None:
                await feed(contacts, looking.add_rows)
        finally:
            preview = await looking.result(self.settings.calls_per_second)
        return preview

    async def report(self) -> Report:
        """Return what became of the campaign so far; also while it runs, and from another process.

        :raises JournalError: the journal cannot be used.
        """
        async with self._held.use() as journal:
            unknown = await journal.page({ContactState.UNKNOWN})
            broken = await journal.broken_page()
            totals = await journal.totals()
        return report_of(self.name, totals, unknown=unknown, broken=broken, listing=self.outcomes)

    async def settle(self, event: CallEvent, *, headers: Mapping[str, str] | None = None) -> Outcome | None:
        """Write down what an event tells about a contact of this campaign; return it as it stands, None if nothing new.

        For the handlers of a ``WebhookApp``: every ICE, ACE and DiCE settles what is unknown. ``headers`` are those of
        the callback, for callouts that had no ``custom``. Where events come by the thousand, keep the campaign open:
        ``async with campaign:``.

        :raises JournalError: the journal cannot be used.
        """
        async with self._held.use() as journal:
            before = await attempt_of(journal, event, headers)
            if before is None:
                return None
            outcome = await settle(journal, before, event, self.settings.clock.now())
            if outcome is not None and self._course is not None:
                await self._course.settled(before.state, outcome)
            return outcome

    async def unknowns(self) -> list[Outcome]:
        """Return the contacts whose telephones may have rung, and nobody can say; a person decides about them.

        :raises JournalError: the journal cannot be used.
        """
        return [outcome async for outcome in self.outcomes({ContactState.UNKNOWN})]

    def outcomes(self, states: Collection[ContactState] | None = None) -> Listing[Outcome]:
        """Return an async iterator over the contacts in these states, or all, as they stand.

        Iterating raises ``JournalError`` where the journal cannot be used.
        """

        async def fetch(last: Outcome | None) -> Sequence[Outcome]:
            async with self._held.use() as journal:
                return await journal.page(states, after=last.position if last else 0)

        return Listing(fetch)

    async def release(self, numbers: Collection[str]) -> int:
        """Let contacts be dialled again that are unknown, rejected or skipped; return how many there were.

        This is the word of a person, who has made sure: an unknown contact may be rung twice by it.

        :raises JournalError: the journal cannot be used.
        """
        async with self._held.use() as journal:
            return await journal.change_all(Change.RELEASE, "released by hand", self.settings.clock.now(), numbers)

    def _has_journal(self) -> bool:
        return not isinstance(self.journal, SqliteJournal) or self.journal.path.exists()

    async def __aenter__(self) -> Self:
        await self._held.hold()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._held.let_go()

    async def _enter(self, course: Course) -> None:
        if self._is_running:
            # The journal would refuse it too; but what it then lets go is the right of the run that dials.
            raise JournalError(f"the campaign {self.name!r}: another run of it dials, and only one may")
        self._is_running = True
        try:
            await self._held.hold()
        except BaseException:
            self._is_running = False
            raise
        try:
            await course.begin()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._leave()
            raise
        self._course = course

    async def _leave(self) -> None:
        self._course = None
        try:
            await self.journal.end()
            await self._held.let_go()
        finally:
            self._is_running = False
