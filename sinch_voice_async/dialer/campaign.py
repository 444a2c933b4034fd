"""A campaign: contacts, a callout for each, and the rules under which they are called."""

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeAlias

import anyio
from attrs import evolve

from sinch_voice_async.dialer.attempt import (
    Attempts,
    CalloutOf,
    Ready,
    attempt_of,
    is_machine,
    learnt_from,
)
from sinch_voice_async.dialer.batches import Contacts, feed, is_whole_list, to_line
from sinch_voice_async.dialer.contacts import Contact, read_number
from sinch_voice_async.dialer.distributed import DistributedCampaign, check_callout_of, get_call_of
from sinch_voice_async.dialer.eligibility import CallingWindow, DoNotCall, RedialRules
from sinch_voice_async.dialer.engine import RunEngine
from sinch_voice_async.dialer.journal import (
    AttemptUpdate,
    Change,
    ContactState,
    Control,
    Journal,
    Line,
    Listing,
    Outcome,
    RowFate,
)
from sinch_voice_async.dialer.opt_out import SharedCap
from sinch_voice_async.dialer.pacing import Clock, Pace, SystemClock
from sinch_voice_async.dialer.postgres.journal import PostgresJournal
from sinch_voice_async.dialer.report import Report, report_of
from sinch_voice_async.dialer.run import CampaignRun, Preview, Previewing
from sinch_voice_async.dialer.settings import (
    Difference,
    Follow,
    KeptIn,
    Settings,
    differences,
    fingerprint_of,
    to_journal,
)
from sinch_voice_async.dialer.sources import ContactFile
from sinch_voice_async.dialer.sqlite.journal import SqliteJournal
from sinch_voice_async.errors import InvalidRequestError, JournalError
from sinch_voice_async.models.events import AnsweredCall, CallEvent
from sinch_voice_async.models.svaml.actions import Hangup
from sinch_voice_async.models.svaml.document import Svaml

__all__ = ["Answer", "Campaign"]

Answer: TypeAlias = Svaml | Callable[[Contact], Svaml]
"""What is said to whom answered: SVAML, or a function that makes it for a contact."""

_OLDEST_STEP: Final = 120.0
_LEFT_DIALING: Final = "the program ended while this callout was on its way"
_RELEASED: Final = "released by hand"


class Campaign(DistributedCampaign):
    """Many callouts, paced and bounded; no number is dialled twice.

    ::

        campaign = Campaign("reminders", journal="reminders.sqlite", calls_per_second=20, in_flight=300,
                            window=CallingWindow("09:00", "20:00"))
        async with campaign.run(client, contacts, lambda c: TtsCallout(destination=c.number, text=TEXT)) as outcomes:
            async for outcome in outcomes:
                ...
        report = await campaign.report()

    ``name`` and ``journal`` belong together: the journal refuses another name. ``journal`` is the path of a file, a
    database (``postgresql://...`` or ``host=... dbname=...``) or any :class:`Journal`. Run the same campaign again,
    after a crash or the next day, and it resumes: a number whose telephone may have rung is not dialled again.

    ``calls_per_second`` is the greatest pace of callouts. ``in_flight`` bounds how many contacts are called at a time,
    and ``follow`` says what that means:

    - ``None``: results are not learnt. A contact is finished when the platform has accepted the callout, and its state
      stays ``accepted``. ``in_flight`` bounds requests that wait for their answer.
    - ``"callbacks"``: you give events to :meth:`settle`, here or in another process. A contact is finished when its
      DiCE has come, and its state is ``done`` then. ``in_flight`` bounds calls alive.
    - ``"poll"``: the same, learnt by asking ``client.calls.get`` every ``poll_interval`` seconds for each call alive.
      If the platform refuses to answer (such as 401, 403 or 404), polling stops and calls stay ``accepted``.

    A call of which nothing was heard for ``max_call_duration`` seconds frees its slot and stays ``accepted``.

    ``starts_at`` is when dialling starts; a run that begins earlier waits. ``ramp`` is in how many seconds the pace of
    a run climbs, evenly, from a tenth to ``calls_per_second``. ``shared_cap`` bounds the callouts to a number over
    several campaigns.

    ``window`` is when contacts may be called, None for any time; a run waits for it to open. ``until`` ends the
    campaign: contacts that could not be called before are skipped. ``redial`` says which contacts are dialled again,
    ``do_not_call`` which numbers are never called: a list of numbers, or a function, ``async`` or not, asked right
    before each claim (on the event loop, so one that is not ``async`` must not block). ``spend_limit`` stops dialling
    when so much is spent, in the account's currency; it may be passed by the cost of the calls that are alive then, and
    while no cost is known, calls go one at a time. ``network_timeout`` is for how many seconds the network may be down.
    ``country`` (ISO 3166-1) allows national numbers. ``options`` are JSON values of your program that the journal keeps
    beside those of the campaign.

    A run pauses by itself, and :attr:`CampaignRun.paused` says why: after 402, after 25 callouts in a row of unknown
    outcome, and after 50 refusals in a row.

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
        starts_at: datetime | None = None,
        ramp: float | None = None,
        shared_cap: SharedCap | None = None,
        redial: RedialRules | None = None,
        do_not_call: DoNotCall = (),
        spend_limit: Decimal | int | str | None = None,
        follow: Follow = None,
        max_call_duration: float = 14_400.0,
        poll_interval: float = 5.0,
        network_timeout: float = 600.0,
        country: str | None = None,
        options: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        longest_call: float | None = None,
        patience: float | None = None,
    ) -> None:
        # An error report shows the variables of frames, and an address of a database may hold a password.
        kept_in, journal = [journal], ""
        kept: Journal = to_journal(kept_in.pop())
        settings = Settings.of(
            name=name,
            calls_per_second=calls_per_second,
            in_flight=in_flight,
            window=window,
            until=until,
            starts_at=starts_at,
            ramp=ramp,
            shared_cap=shared_cap,
            redial=redial,
            do_not_call=do_not_call,
            spend_limit=spend_limit,
            follow=follow,
            max_call_duration=_renamed("longest_call", longest_call, "max_call_duration", max_call_duration),
            poll_interval=poll_interval,
            network_timeout=_renamed("patience", patience, "network_timeout", network_timeout),
            country=country,
            options=options,
            clock=clock or SystemClock(),
        )
        super().__init__(name, kept, settings)
        self._contact_files: set[Path] = set()
        self._engine: RunEngine | None = None
        self._is_running = False

    def run(
        self,
        client: Any,
        contacts: Contacts | None,
        callout: CalloutOf,
        *,
        stay: bool = False,
        accept_changes: bool = False,
    ) -> CampaignRun:
        """Return a run, which dials within ``async with``.

        ``client`` is a ``VoiceClient``, anything that has ``callouts.place``, or a coroutine function that takes a
        callout and ``callback_headers=`` and returns a receipt with ``call_id``. ``callout`` makes the callout for a
        contact, right before it is dialled; its destination must be a number of the contact, else the contact is
        skipped.

        ``contacts`` are :class:`Contact` or telephone numbers from any iterable, ``async`` or not. None takes those in
        the journal. A file, ``list`` or other collection is the whole list: its fields replace those in the journal,
        and contacts in ``todo`` that it no longer has are skipped. An iterator or async iterable adds and replaces.

        With ``stay`` the run does not end with the last contact; it waits for contacts from :meth:`enqueue`.
        ``accept_changes`` lets the campaign continue with other options than the journal keeps: without the do-not-call
        list, window, end or spend limit that it began with, or with other ``options``.

        :raises JournalError: on entering; the journal cannot be used, or another run dials from it.
        :raises ConfigurationError: on entering; options that the journal keeps were dropped.
        """
        check_callout_of(callout)
        self._note_file(contacts)
        engine = RunEngine(
            settings=self.settings,
            journal=self.journal,
            attempts=self._attempts(client, callout),
            pacer=self.journal.pacer(self.settings.calls_per_second, self.settings.clock),
            contacts=contacts,
            get_call=get_call_of(client) if self.settings.follow == "poll" else None,
            stay=stay,
            accept_changes=accept_changes,
            callout=fingerprint_of(callout),
        )
        return CampaignRun(engine, self)

    async def enqueue(self, contacts: Contacts) -> int:
        """Write contacts into the journal, to be dialled by a run or a worker, and return how many were new.

        It may be done again, and by several processes at once: a number is there once. Rows that are not contacts, and
        duplicates, are kept with their lines for the report.

        :raises JournalError: the journal cannot be used.
        """
        self._note_file(contacts)
        sink = _Enqueued(self.journal, self.settings.clock)
        async with self._use():
            await feed(contacts, sink, self.settings.country)
        return sink.added

    async def dial(self, contact: Contact | str, client: Any, callout: CalloutOf) -> Outcome:
        """Dial one contact at most once, and return how it stands: one idempotent step, for task queues.

        The contact is enqueued if the journal does not have it. It is dialled if it is in ``todo`` and the rules allow
        it now, in the pace of the campaign in this process; otherwise its state says why not, and ``due`` from when to
        try again. Call it again at any time, from any process: a contact that may have been called is not called again.

        :raises InvalidRequestError: ``contact`` is not a telephone number.
        :raises JournalError: the journal cannot be used.
        :raises SinchVoiceError: nothing could be sent, or the credentials are wrong; the contact is in ``todo``.
        """
        check_callout_of(callout)
        line, row = to_line(contact, 0, self.settings.country)
        if not isinstance(row, Contact):
            raise InvalidRequestError(row.problem, field="contact")
        attempts, now = self._attempts(client, callout), self.settings.clock.now
        async with self._use() as journal:
            found = await journal.find_number(row.number)
            if found is None:
                await journal.add([(line or None, row)], now())
                found = await journal.find_number(row.number)
            assert found is not None
            if found.state is ContactState.DIALING and now() - (found.placed_at or 0.0) > _OLDEST_STEP:
                note, token = found.note or _LEFT_DIALING, found.token or ""
                found = await self._mark_unknown(journal, token, note) or found
            if found.state is ContactState.TODO and found.due <= now():
                await self._dial_step(attempts, found)
            return await journal.find_number(row.number) or found

    async def preview(
        self, contacts: Contacts | None, callout: CalloutOf, *, max_text_length: int | None = 600
    ) -> Preview:
        """Return what a run would do now, without dialling and without writing.

        It takes what :meth:`run` takes; a file of contacts may be used again, an iterator is used up.
        ``max_text_length`` is that of the client.

        :raises JournalError: there is a journal, and it cannot be used.
        :raises CampaignError: the do-not-call list could not be asked.
        """
        check_callout_of(callout)
        self._note_file(contacts)
        looking = Previewing(
            eligibility=self.settings.eligibility(),
            callout_of=callout,
            clock=self.settings.clock,
            max_text_length=max_text_length,
            has_list=is_whole_list(contacts),
        )
        try:
            known = self.outcomes()
            if self._has_journal():
                async with self._use() as journal:
                    await journal.check(whole=True)
            while self._has_journal() and (page := await known.page()):
                await looking.add_known(page)
            if contacts is not None:
                await feed(contacts, looking, self.settings.country)
        finally:
            preview = await looking.result(self.settings.calls_per_second)
        return preview

    async def report(self) -> Report:
        """Return what became of the campaign so far; also while it runs, and from another process.

        :raises JournalError: the journal cannot be used, or is damaged.
        """
        async with self._use() as journal:
            await journal.check(whole=True)
            return await report_of(self, journal)

    async def settle(self, event: CallEvent, *, headers: Mapping[str, str] | None = None) -> Outcome | None:
        """Write what an event says about a contact of this campaign; return the contact, None if nothing is new.

        It is for the handlers of a ``WebhookApp``: every ICE, ACE and DiCE settles what is unknown. ``headers`` are
        those of the callback, for callouts without ``custom``. It waits for the journal and never for a reader of
        outcomes. If events come by the thousand, keep the campaign open: ``async with campaign:``.

        :raises JournalError: the journal cannot be used.
        """
        async with self._use() as journal:
            before = await attempt_of(journal, event, headers)
            if before is None:
                return None
            outcome = await self._apply(journal, before, event)
            if outcome is not None and self._engine is not None:
                await self._engine.settled(before.state, outcome)
            return outcome

    async def _apply(self, journal: Journal, before: Outcome, event: CallEvent) -> Outcome | None:
        if before.token is None:
            return None
        change, update = learnt_from(before, event)
        now = self.settings.clock.now()
        if change is Change.END and isinstance(journal, PostgresJournal):
            return await journal.settle(before, update, now, self.settings.redial)
        return await journal.change(before.token, change, update, now)

    async def answer(
        self,
        event: AnsweredCall,
        *,
        human: Answer,
        machine: Answer | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Svaml:
        """Settle an ACE and return the answer to it: one for a person, another for an answering machine.

        ``human`` and ``machine`` are SVAML, or functions that make it for a contact. None hangs up on a machine. A
        result that is not certain counts as a person. A call that a machine took has the result ``MACHINE``, which
        :class:`RedialRules` may dial again. The callout asks for detection: see ``callout_with_detection``. A call of
        no contact of this campaign is hung up.

        :raises JournalError: the journal cannot be used.
        """
        async with self._use() as journal:
            contact = await attempt_of(journal, event, headers)
            if contact is None:
                return Svaml(action=Hangup())
            await self.settle(event, headers=headers)
        wanted = machine if is_machine(event) else human
        if wanted is None:
            return Svaml(action=Hangup())
        return wanted if isinstance(wanted, Svaml) else wanted(contact.contact)

    async def number_of(self, event: CallEvent, *, headers: Mapping[str, str] | None = None) -> str | None:
        """Return the number of the contact whose current attempt an event belongs to, None if it belongs to none.

        :raises JournalError: the journal cannot be used.
        """
        async with self._use() as journal:
            found = await attempt_of(journal, event, headers)
        return None if found is None else found.number

    async def unknowns(self) -> list[Outcome]:
        """Return the contacts whose telephones may have rung, with no proof either way; a person decides about them.

        :raises JournalError: the journal cannot be used.
        """
        async with self:  # open for all pages
            return [outcome async for outcome in self.outcomes({ContactState.UNKNOWN})]

    def outcomes(self, states: Collection[ContactState] | None = None) -> Listing[Outcome]:
        """Return an async iterator over the contacts in these states, or all, as they stand.

        Iterating raises ``JournalError`` if the journal cannot be used.
        """

        async def fetch(last: Outcome | None) -> Sequence[Outcome]:
            async with self._use() as journal:
                return await journal.page(states, after=last.position if last else 0)

        return Listing(fetch)

    def row_fates(self, fate: str | None = None) -> Listing[tuple[int, RowFate]]:
        """Return an async iterator over the rows with this fate, or all, each with its position in the journal.

        Iterating raises ``JournalError`` if the journal cannot be used.
        """

        async def fetch(last: tuple[int, RowFate] | None) -> Sequence[tuple[int, RowFate]]:
            async with self._use() as journal:
                return await journal.row_fates(fate, after=last[0] if last else 0)

        return Listing(fetch)

    async def release(self, numbers: Collection[str]) -> int:
        """Let contacts be dialled again that are unknown, rejected or skipped; return how many there were.

        A person says so and has made sure: an unknown contact may be called twice by it.

        :raises InvalidRequestError: an entry is not a telephone number.
        :raises JournalError: the journal cannot be used.
        """
        wanted = self._read_numbers(numbers)
        async with self._use() as journal:
            return await journal.change_all(Change.RELEASE, _RELEASED, self.settings.clock.now(), wanted)

    async def releasable(self, numbers: Collection[str]) -> int:
        """Return how many contacts :meth:`release` would let be dialled again.

        :raises InvalidRequestError: an entry is not a telephone number.
        :raises JournalError: the journal cannot be used.
        """
        wanted = self._read_numbers(numbers)
        async with self._use() as journal:
            return await journal.releasable(wanted)

    async def differences(self) -> list[Difference]:
        """Return the options that this campaign has otherwise than the journal keeps them.

        :raises JournalError: the journal cannot be used.
        """
        if not self._has_journal():
            return []
        async with self._use() as journal:
            before = await journal.options()
        now = self.settings.described()
        return [each for each in differences(before or now, now) if each.option != "callout"]

    async def pause(self, reason: str = "paused through the journal") -> None:
        """Stop dialling until :meth:`resume`; the runs of all processes and machines obey within a second.

        :raises JournalError: the journal cannot be used.
        """
        await self._ask(pause=reason)

    async def resume(self) -> None:
        """End the pause of :meth:`pause`, and take a :meth:`cancel` back that was not obeyed yet.

        On several machines a cancellation holds until this.

        :raises JournalError: the journal cannot be used.
        """
        await self._ask(pause=None, is_cancelled=False)

    async def set_pace(self, calls_per_second: float | None) -> None:
        """Change the pace of running campaigns; None gives them their own pace back.

        :raises ConfigurationError: ``calls_per_second`` is not a positive number.
        :raises JournalError: the journal cannot be used.
        """
        await self._ask(calls_per_second=None if calls_per_second is None else Pace.of(calls_per_second).target)

    async def cancel(self) -> None:
        """End the runs of the campaign; callouts on their way come to their end. A later run begins again.

        :raises JournalError: the journal cannot be used.
        """
        await self._ask(is_cancelled=True)

    async def control(self) -> Control:
        """Return what was asked of the runs of the campaign through the journal.

        :raises JournalError: the journal cannot be used.
        """
        async with self._use() as journal:
            return await journal.control()

    async def is_running(self) -> bool | None:
        """Say whether a run of any process dials the campaign now; None if that cannot be known.

        It is known of a journal in a file, by its lock: a run that was killed does not hold it. Workers of a database
        hold no lock.

        :raises JournalError: the journal cannot be used.
        """
        async with self._use() as journal:
            return await journal.is_dialing() if isinstance(journal, SqliteJournal) else None

    async def _ask(self, **changes: Any) -> None:
        async with self._use() as journal:
            await journal.set_control(evolve(await journal.control(), **changes))

    async def _dial_step(self, attempts: Attempts, found: Outcome) -> None:
        if self._step_pacer is None:
            self._step_pacer = self.journal.pacer(self.settings.calls_per_second, self.settings.clock)
        # It may be offered in a batch: whoever claims it first dials it.
        ready = await attempts.prepare(evolve(found, batch=None))
        if not isinstance(ready, Ready):
            return
        await self._step_pacer.wait()
        dialed = await attempts.dial(ready)
        is_back = dialed.outcome is not None and dialed.outcome.state is ContactState.TODO
        if dialed.error is not None and (is_back or dialed.effect == "stop"):
            raise dialed.error

    async def _mark_unknown(self, journal: Journal, token: str, note: str) -> Outcome | None:
        from_now = self.settings.clock.now()
        return await journal.change(token, Change.MARK_UNKNOWN, AttemptUpdate(note=note), from_now)

    def _read_numbers(self, numbers: Collection[str]) -> list[str]:
        country = self.settings.country
        return [read_number(number, country=country, allow_premium=True) for number in numbers]

    @property
    def inputs(self) -> Collection[Path]:
        """The files that the campaign reads and that nothing may replace: journal, list and files of contacts."""
        found = {*self._contact_files}
        if isinstance(self.journal, SqliteJournal):
            found |= {Path(f"{self.journal.path}{ending}") for ending in ("", "-wal", "-shm")}
        if self.settings.shared_cap is not None:
            found.add(self.settings.shared_cap.path)
        if (listed := getattr(self.settings.is_listed, "path", None)) is not None:
            found.add(Path(listed))
        return found

    def _note_file(self, contacts: Contacts | None) -> None:
        if isinstance(contacts, ContactFile):
            self._contact_files.add(contacts.path)

    def _has_journal(self) -> bool:
        return not isinstance(self.journal, SqliteJournal) or self.journal.path.exists()

    async def enter(self, engine: RunEngine) -> None:
        """Open the journal and let the engine begin; for :class:`CampaignRun`."""
        if self._is_running:
            # The journal would refuse it too; but what it then releases belongs to the run that dials.
            raise JournalError(f"the campaign {self.name!r}: another run of it dials, and only one may")
        self._is_running = True
        try:
            await self._acquire()
        except BaseException:
            self._is_running = False
            raise
        try:
            await engine.begin()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.leave()
            raise
        self._engine = engine

    async def leave(self) -> None:
        """Release the journal; for :class:`CampaignRun`."""
        self._engine = None
        try:
            await self.journal.end()
            await self._release()
        finally:
            self._is_running = False


class _Enqueued:
    """Writes rows into a journal and counts the new contacts."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self.added = 0
        self._journal = journal
        self._clock = clock

    async def put(self, rows: list[Line]) -> None:
        self.added += (await self._journal.add(rows, self._clock.now())).added


def _renamed(old: str, value: float | None, new: str, given: float) -> float:
    if value is None:
        return given
    warnings.warn(f"Campaign({old}=...) is now {new}", DeprecationWarning, stacklevel=3)
    return value
