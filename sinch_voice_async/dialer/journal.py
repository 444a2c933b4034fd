"""The journal of a campaign: what it keeps, and the interface that a file and a database implement.

The states of a contact and the changes between them are one table, ``TRANSITIONS``, which every journal obeys::

    todo --claim--> dialing --accept--> accepted --end--> done --redial--> todo
      ^               |  |  `--reject--> rejected           ^
      `--give back----'  `--mark unknown--> unknown --------'  (a callback: accept or end)
    accepted --answer--> accepted (a note: an answering machine took the call)
    todo --skip--> skipped --reopen--> todo

Rules of the table:


- A telephone can ring only after ``claim``. Of several claims of one contact, one wins.
- ``give_back`` needs the attempt id of the claimer and the proof that the platform did not act on the request.
- Only evidence (a callback of that attempt) or a person (``release``) moves a contact out of ``unknown``.
- A callback proves that the platform acted, so it outweighs a refusal.

Rules of every journal:

- What a method did is durable when it returns: it survives a power cut.
- Each change is one conditional statement under that table. Of two changes at once, one does nothing.
- An attempt is known by its token, which is new for every claim. A change with an old token does nothing.
- There is one row per telephone number.
- Times are seconds since 1970 in UTC and come from the caller.
- Errors of the storage are raised as ``JournalError``.
- A journal notices when it is not itself: empty, foreign, damaged, moved, or without a part of it.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Generic, Literal, Protocol, Self, TypeAlias, TypeVar

from attrs import define, field, frozen

from sinch_voice_async.dialer.contacts import BrokenRow, Contact
from sinch_voice_async.dialer.pacing import Clock, Paces
from sinch_voice_async.models.calls import CallReason, CallResult, Price

__all__ = [
    "REMOVED",
    "TRANSITIONS",
    "Added",
    "AttemptUpdate",
    "Change",
    "Claim",
    "ContactState",
    "Control",
    "Counts",
    "Journal",
    "Line",
    "Listing",
    "Outcome",
    "RowFate",
    "Total",
    "Transition",
    "after",
]

T = TypeVar("T")

REMOVED: Final = "no longer in the list"
"""The note of a contact that was skipped because a later list does not have it."""

Line: TypeAlias = tuple[int | None, Contact | BrokenRow]
"""A row of a source with its line, None if it has none."""


class ContactState(StrEnum):
    """Where a contact stands in a campaign."""

    TODO = "todo"
    """Not dialled yet, given back, or waiting to be dialled again."""
    DIALING = "dialing"
    """Claimed: a callout may be on its way."""
    ACCEPTED = "accepted"
    """The platform accepted the callout; the result of the call is not known, or not yet."""
    DONE = "done"
    """The call is over and its result is known."""
    REJECTED = "rejected"
    """The platform refused the callout. No telephone rang."""
    UNKNOWN = "unknown"
    """The callout was sent and no usable answer came: it may have rung. It is never dialled again by itself."""
    SKIPPED = "skipped"
    """Not dialled; the note says why. The next run looks at it again."""


class Change(StrEnum):
    """What may happen to a contact."""

    CLAIM = "claim"
    GIVE_BACK = "give_back"
    ACCEPT = "accept"
    ANSWER = "answer"
    REJECT = "reject"
    MARK_UNKNOWN = "mark_unknown"
    DOUBT = "mark_unknown"
    """The former name of ``MARK_UNKNOWN``."""
    END = "end"
    SKIP = "skip"
    REDIAL = "redial"
    REOPEN = "reopen"
    RELEASE = "release"


@frozen
class Transition:
    """A change leads from each of ``sources`` to ``target``. From any other state it does nothing."""

    sources: frozenset[ContactState]
    target: ContactState


def _transition(target: ContactState, *sources: ContactState) -> Transition:
    return Transition(frozenset(sources), target)


_S = ContactState
TRANSITIONS: Final[Mapping[Change, Transition]] = MappingProxyType(
    {
        Change.CLAIM: _transition(_S.DIALING, _S.TODO),
        Change.GIVE_BACK: _transition(_S.TODO, _S.DIALING),
        Change.ACCEPT: _transition(_S.ACCEPTED, _S.DIALING, _S.UNKNOWN, _S.REJECTED),
        Change.ANSWER: _transition(_S.ACCEPTED, _S.DIALING, _S.ACCEPTED, _S.UNKNOWN, _S.REJECTED),
        Change.REJECT: _transition(_S.REJECTED, _S.DIALING),
        Change.MARK_UNKNOWN: _transition(_S.UNKNOWN, _S.DIALING),
        Change.END: _transition(_S.DONE, _S.DIALING, _S.ACCEPTED, _S.UNKNOWN, _S.REJECTED),
        Change.SKIP: _transition(_S.SKIPPED, _S.TODO, _S.DIALING),
        Change.REDIAL: _transition(_S.TODO, _S.DONE),
        Change.REOPEN: _transition(_S.TODO, _S.SKIPPED),
        Change.RELEASE: _transition(_S.TODO, _S.UNKNOWN, _S.REJECTED, _S.SKIPPED),
    }
)


def after(state: ContactState, change: Change) -> ContactState | None:
    """Return the state to which a change leads, None if the change does not apply."""
    transition = TRANSITIONS[change]
    return transition.target if state in transition.sources else None


@frozen(kw_only=True)
class Outcome:
    """What became of one contact so far: its state and its last attempt.

    ``attempt`` counts the callouts that may have rung, including the last one. ``call_id``, ``result``, ``reason``,
    ``duration`` (seconds) and ``price`` belong to the last attempt and are None if unknown. ``spent`` is the known
    cost of all attempts, in the currency of ``price``. ``note`` says why a contact was skipped, rejected, given back
    or marked unknown. ``placed_at`` is when the last callout was claimed, ``changed_at`` when the contact last
    changed, and ``due`` from when a contact in ``todo`` may be dialled, all in seconds since 1970. ``line`` is the line
    of its source. ``dialled`` is the number that the last attempt dialled.

    ``token`` is the attempt id, which travels in ``custom``. ``returned`` counts claims that were given back.
    ``recent`` are the times of the latest attempts. ``today`` counts the attempts on ``day``, a date at the callee.
    ``position`` orders the contacts as they came. ``batch`` is the batch in which it is offered, None without one.
    """

    contact: Contact
    state: ContactState
    attempt: int = 0
    call_id: str | None = None
    result: CallResult | None = None
    reason: CallReason | None = None
    duration: int | None = None
    price: Price | None = None
    spent: Decimal = Decimal()
    note: str | None = None
    placed_at: float | None = None
    changed_at: float | None = None
    due: float = 0.0
    line: int | None = None
    token: str | None = field(default=None, repr=False)
    returned: int = field(default=0, repr=False)
    day: str | None = field(default=None, repr=False)
    today: int = field(default=0, repr=False)
    recent: Sequence[float] = field(default=(), repr=False)
    position: int = field(default=0, repr=False)
    batch: str | None = field(default=None, repr=False)

    @property
    def number(self) -> str:
        """The contact's telephone number."""
        return self.contact.number


@frozen(kw_only=True)
class Claim:
    """A request to dial one contact: ``token`` is new, ``at`` is the time now, ``day`` the date at the callee.

    With a ``batch`` the claim fails if the contact is not offered in it any more.
    """

    number: str
    token: str
    at: float
    day: str = ""
    batch: str | None = None


@frozen(kw_only=True)
class AttemptUpdate:
    """What is learnt about an attempt. None keeps the value that the journal has.

    ``price`` is the cost of this attempt and is added to the cost of the contact. ``due`` is from when the contact may
    be dialled again; it belongs to changes that lead to ``todo``.
    """

    call_id: str | None = None
    result: CallResult | None = None
    reason: CallReason | None = None
    duration: int | None = None
    price: Price | None = None
    note: str | None = None
    due: float | None = None


@frozen(kw_only=True)
class Total:
    """How many contacts share a state, result, note and currency, with their attempts, cost and times.

    ``dearest`` is the cost of the most expensive last call among them.
    """

    state: ContactState
    result: CallResult | None
    note: str | None
    contacts: int
    attempts: int
    spent: Decimal = Decimal()
    dearest: Decimal | None = None
    currency: str | None = None
    first_placed_at: float | None = None
    last_placed_at: float | None = None


@frozen
class RowFate:
    """A row of a source that is not simply a contact of the campaign.

    ``fate`` is ``broken``, ``duplicate`` (its number was there already), ``changed`` (it replaced the fields of the
    contact that a former list gave) or ``removed`` (a former list had it and the last one does not). ``detail`` says
    why, or of which line it is a duplicate. ``number`` is None for a row that is broken.
    """

    line: int | None
    fate: Literal["broken", "duplicate", "changed", "removed"]
    detail: str
    number: str | None = None


@frozen(kw_only=True)
class Control:
    """What was asked of the runs of a campaign through its journal.

    ``pause`` is the reason of a pause, None without one. ``calls_per_second`` is another pace than the
    run's own, None for its own. ``is_cancelled`` ends the run.
    """

    pause: str | None = None
    calls_per_second: float | None = None
    is_cancelled: bool = False


@frozen(kw_only=True)
class Added:
    """What became of a batch of rows: how many contacts are new, and the rows with another fate."""

    added: int
    fates: Sequence[RowFate] = ()


class Listing(Generic[T]):
    """An async iterator over pages; ``fetch`` gets the last item of the page before, None at first."""

    def __init__(self, fetch: Callable[[T | None], Awaitable[Sequence[T]]]) -> None:
        self._fetch = fetch
        self._last: T | None = None
        self._page: Sequence[T] = ()
        self._place = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """Return the next item."""
        if self._place == len(self._page):
            self._page, self._place = await self.page(), 0
            if not self._page:
                raise StopAsyncIteration
        self._place += 1
        return self._page[self._place - 1]

    async def page(self) -> Sequence[T]:
        """Return the next page; it is empty at the end."""
        page = await self._fetch(self._last)
        self._last = page[-1] if page else self._last
        return page


@define(eq=False)
class Counts:
    """The figures of a campaign: ``counts.states[ContactState.DONE]``.

    ``results`` counts calls that are over by result (``ANSWERED``, ``BUSY`` ...). ``placed`` counts the callouts that
    this run sent, without those that certainly reached no telephone. ``broken``, ``duplicates``, ``changed`` and
    ``removed`` count rows of this run by fate. ``spent`` is the known cost in all currencies together, and
    ``currencies`` names them; ``dearest`` is the most expensive call, None if no cost is known.
    """

    states: Counter[ContactState] = field(factory=Counter)
    results: Counter[str] = field(factory=Counter)
    placed: int = 0
    broken: int = 0
    duplicates: int = 0
    changed: int = 0
    removed: int = 0
    spent: Decimal = Decimal()
    dearest: Decimal | None = None
    currencies: set[str] = field(factory=set)

    def start(self, totals: Iterable[Total]) -> None:
        """Begin with the totals of the journal."""
        for total in totals:
            self.states[total.state] += total.contacts
            self.spent += total.spent
            self._note_cost(total.dearest)
            if total.spent and total.currency:
                self.currencies.add(total.currency)
            if total.state is ContactState.DONE:
                self.results[total.result or "N/A"] += total.contacts

    def move(self, source: ContactState, outcome: Outcome) -> None:
        """Move a contact from a state to the one that it is in now."""
        self.states[source] -= 1
        if source is ContactState.DONE:
            self.results[outcome.result or "N/A"] -= 1
        self.reach(outcome)

    def reach(self, outcome: Outcome) -> None:
        """Count a contact in the state that it has reached."""
        self.states[outcome.state] += 1
        if outcome.state is ContactState.DONE:
            self.results[outcome.result or "N/A"] += 1
            if outcome.price is not None:
                self.spent += outcome.price.amount
                if outcome.price.currency_id:
                    self.currencies.add(outcome.price.currency_id)
                self._note_cost(outcome.price.amount)

    def add(self, added: Added) -> None:
        """Count a batch of rows."""
        self.states[ContactState.TODO] += added.added
        fates = Counter(row.fate for row in added.fates)
        self.broken += fates["broken"]
        self.duplicates += fates["duplicate"]
        self.changed += fates["changed"]

    def _note_cost(self, amount: Decimal | None) -> None:
        if amount is not None:
            self.dearest = amount if self.dearest is None else max(self.dearest, amount)


class Journal(Protocol):
    """Keeps one campaign. The head of this module has the rules of every journal."""

    async def open(self, campaign: str) -> None:
        """Create the journal if it is missing; check that it is of this campaign and version. It may be called again.

        :raises JournalError: it cannot be opened, is empty, damaged or incomplete, or of another campaign or version.
        """
        ...

    async def close(self) -> None:
        """Release the storage; nothing is lost without it."""
        ...

    async def check(self, *, whole: bool = False) -> None:
        """Check that the storage is still the one that was opened; with ``whole``, look for damage too.

        :raises JournalError: it was moved, removed or replaced, or is damaged.
        """
        ...

    async def begin(self, at: float) -> int:
        """Take the right to dial; mark the claims of dialers that are gone ``unknown`` and return how many there were.

        :raises JournalError: another process dials from this journal, and only one can.
        """
        ...

    async def end(self) -> None:
        """Give up the right to dial."""
        ...

    def pacer(self, calls_per_second: float, clock: Clock) -> Paces:
        """Return the pacer of all that dial from this journal. The journal may be opened later.

        :raises ConfigurationError: ``calls_per_second`` is not a positive number.
        """
        ...

    async def options(self) -> Mapping[str, Any] | None:
        """Return the options that were kept, None if none were."""
        ...

    async def keep_options(self, options: Mapping[str, Any]) -> None:
        """Keep the options of the campaign, JSON values by name."""
        ...

    async def control(self) -> Control:
        """Return what was asked of the runs of the campaign."""
        ...

    async def set_control(self, control: Control) -> None:
        """Ask something of the runs of the campaign."""
        ...

    async def begin_list(self) -> int:
        """Return the id of a new list, larger than those of all former lists."""
        ...

    async def add(self, rows: Sequence[Line], at: float, *, listed: int | None = None) -> Added:
        """Add rows in one transaction, and return what became of them.

        Without ``listed``, a number that is there already is a duplicate. With the id of a list, only a number that the
        same list gave on another line is one; the row of a former list is replaced by the row of this list.
        """
        ...

    async def end_list(self, listed: int, at: float) -> int:
        """Skip contacts in ``todo`` that only a former list has, and return how many there were."""
        ...

    async def due(self, at: float, *, limit: int = 200, listed: int | None = None) -> Sequence[Outcome]:
        """Return contacts in ``todo`` that are due, with ``listed`` none of other lists.

        Those of the highest priority come first; of one priority, those that are due for longest.
        """
        ...

    async def next_due(self, *, listed: int | None = None) -> float | None:
        """Return the least ``due`` of all contacts in ``todo``, None without such contacts."""
        ...

    async def claim(self, claim: Claim) -> Outcome | None:
        """Move a contact from ``todo`` to ``dialing``; None if another claim was first.

        It clears the attempt before and counts this one.
        """
        ...

    async def change(self, token: str, change: Change, update: AttemptUpdate, at: float) -> Outcome | None:
        """Apply a change to the contact whose current attempt has this token; None if the change does not apply.

        ``Change.GIVE_BACK`` and ``Change.SKIP`` uncount the attempt. Both and ``Change.REDIAL`` end the token.
        """
        ...

    async def put_off(self, number: str, change: Change | None, note: str, due: float, at: float) -> bool:
        """Skip a contact that is in ``todo`` (``Change.SKIP``), or leave it there until ``due`` (None)."""
        ...

    async def change_all(self, change: Change, note: str | None, at: float, numbers: Collection[str] | None) -> int:
        """Apply a change to the contacts with these numbers, or to all that it applies to; return how many.

        For ``SKIP``, ``REOPEN`` and ``RELEASE``. Contacts in ``dialing`` stay, and ``REOPEN`` leaves removed ones.
        """
        ...

    async def releasable(self, numbers: Collection[str]) -> int:
        """Return how many contacts with these numbers ``RELEASE`` would change."""
        ...

    async def look_up(self, tokens: Collection[str]) -> Sequence[Outcome]:
        """Return the contacts whose current attempts have these tokens."""
        ...

    async def find_call(self, call_id: str) -> Outcome | None:
        """Return the contact whose last attempt became this call."""
        ...

    async def find_number(self, number: str) -> Outcome | None:
        """Return the contact with this number."""
        ...

    async def totals(self) -> Sequence[Total]:
        """Return how many contacts share a state, a result, the note of a skip or refusal, and a currency."""
        ...

    async def page(
        self, states: Collection[ContactState] | None, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Outcome]:
        """Return contacts in these states, or in any, ordered by ``position``, behind ``after``."""
        ...

    async def redialable(
        self, results: Collection[str], attempts: int, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Outcome]:
        """Return contacts in ``done`` with one of these results and fewer attempts, behind the position ``after``."""
        ...

    async def alive(self, since: float, *, after: int = 0, limit: int = 1000) -> Sequence[Outcome]:
        """Return contacts in ``accepted`` that were placed since, behind the position ``after``."""
        ...

    async def row_fates(
        self, fate: str | None = None, *, after: int = 0, limit: int = 1000
    ) -> Sequence[tuple[int, RowFate]]:
        """Return rows with this fate, or with any, and the position of each, behind the position ``after``."""
        ...

    async def fate_counts(self) -> Mapping[str, int]:
        """Return how many rows have each fate."""
        ...

    async def field_names(self) -> Sequence[str]:
        """Return the names of all fields that contacts came with, in the order in which they appeared."""
        ...
