"""What a campaign must never forget, and the interface of whatever keeps it: a file, or a database.

Rules of every journal:

- What a method has done is durable when it returns: it would be there after a power cut.
- Each change is one conditional statement under the table of ``states.py``; of two that race, one does nothing.
- An attempt is known by its token, which is made anew for every claim. Who has no token of the present attempt changes
  nothing by it.
- There is one row per number. A second contact with that number is not added, whatever else it says.
- Times are seconds since 1970 in UTC, and come from the caller.
- Whatever the storage raises comes out as ``JournalError``.
"""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Protocol

from attrs import field, frozen

from sinch_voice_async.dialer.clock import Clock
from sinch_voice_async.dialer.contacts import BrokenRow, Contact
from sinch_voice_async.dialer.pacer import Paces
from sinch_voice_async.dialer.states import Change, ContactState
from sinch_voice_async.models.calls import CallReason, CallResult
from sinch_voice_async.models.money import Price

__all__ = ["Claim", "Journal", "News", "Outcome", "Total"]


@frozen(kw_only=True)
class Outcome:
    """What became of one contact so far: where it stands, and how its last attempt went.

    ``attempt`` counts the callouts that may have rung, the last one included; ``call_id``, ``result``, ``reason``,
    ``duration`` (seconds) and ``price`` are of the last attempt, None where they are not known. ``spent`` is the known
    cost of all attempts together, in the currency of ``price``. ``note`` says why a contact was skipped, rejected,
    given back or in doubt. ``placed_at`` is when the last callout was claimed, and ``changed_at`` when anything
    happened last; ``due`` is from when a contact that is to do may be dialled. All three are seconds since 1970.

    ``token`` is the intent id of the attempt, which travels in ``custom``. ``returned`` counts claims that were given
    back, ``today`` the attempts on ``day``, a date where the callee is. ``position`` orders the contacts as they came.
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
    token: str | None = field(default=None, repr=False)
    returned: int = field(default=0, repr=False)
    day: str | None = field(default=None, repr=False)
    today: int = field(default=0, repr=False)
    position: int = field(default=0, repr=False)

    @property
    def number(self) -> str:
        """The contact's telephone number."""
        return self.contact.number


@frozen(kw_only=True)
class Claim:
    """The wish to dial one contact: ``token`` is new, ``day`` the date where the callee is, ``at`` the time now."""

    number: str
    token: str
    at: float
    day: str


@frozen(kw_only=True)
class News:
    """What is learnt of an attempt; None leaves what the journal has.

    ``price`` is what this attempt has cost, and is added to what the contact has cost so far. ``due`` is from when the
    contact may be dialled (again); it is for changes that lead to ``todo``.
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
    """How many contacts share a state, a result and a currency; with their attempts, their cost and their times."""

    state: ContactState
    result: CallResult | None
    note: str | None
    contacts: int
    attempts: int
    spent: Decimal = Decimal()
    currency: str | None = None
    first_placed_at: float | None = None
    last_placed_at: float | None = None


class Journal(Protocol):
    """Keeps one campaign. The rules of every journal stand at the head of this module."""

    async def open(self, campaign: str) -> None:
        """Make the journal where it is missing, and check that it is of this campaign and of this version.

        May be called again, and does nothing then.

        :raises JournalError: it cannot be opened, or is of another campaign or version.
        """
        ...

    async def close(self) -> None:
        """Let go of the storage; nothing is lost by not doing so."""
        ...

    async def begin(self, at: float) -> int:
        """Begin to dial: claims whose claimer is gone become ``unknown``. Return how many there were.

        :raises JournalError: another process dials from this journal, and only one can.
        """
        ...

    async def end(self) -> None:
        """Dial no more."""
        ...

    def pacer(self, calls_per_second: float, clock: Clock) -> Paces:
        """Return what keeps the pace of everybody who dials from this journal, which may be opened later.

        :raises ConfigurationError: ``calls_per_second`` is no positive number.
        """
        ...

    async def enqueue(self, contacts: Sequence[Contact], at: float) -> int:
        """Add contacts whose numbers are not there yet, in one transaction, and return how many those were."""
        ...

    async def note_broken(self, broken: Sequence[BrokenRow]) -> None:
        """Remember rows that could not be read; one of the same line replaces the last."""
        ...

    async def due(self, at: float, *, limit: int = 200) -> Sequence[Outcome]:
        """Return contacts that are ``todo`` and due, the longest due first, and those as they came."""
        ...

    async def next_due(self) -> float | None:
        """Return the least ``due`` of all contacts that are ``todo``, None where there are none."""
        ...

    async def claim(self, claim: Claim) -> Outcome | None:
        """Take a contact that is ``todo`` to ``dialing``; None where somebody else was first.

        Clears what the journal knows of the attempt before, and counts this one.
        """
        ...

    async def change(self, token: str, change: Change, news: News, at: float) -> Outcome | None:
        """Apply a change to the contact whose present attempt has this token; None where it does not apply.

        ``Change.GIVE_BACK`` uncounts the attempt, and ``Change.SKIP`` too; both, and ``Change.REDIAL``, end the token.
        A change that does not lead to another state does nothing: the first answer counts.
        """
        ...

    async def put_off(self, number: str, change: Change | None, note: str, due: float, at: float) -> bool:
        """Skip a contact that is ``todo`` (``Change.SKIP``), or leave it there until ``due`` (None)."""
        ...

    async def change_all(self, change: Change, note: str | None, at: float, numbers: Collection[str] | None) -> int:
        """Apply a change to the contacts with these numbers, or to all that it applies to; return how many.

        For ``SKIP`` of what is ``todo``, ``REOPEN`` and ``RELEASE``. Contacts that are ``dialing`` stay as they are.
        """
        ...

    async def look_up(self, tokens: Collection[str]) -> Sequence[Outcome]:
        """Return the contacts whose present attempts have these tokens."""
        ...

    async def find_call(self, call_id: str) -> Outcome | None:
        """Return the contact whose last attempt became this call."""
        ...

    async def totals(self) -> Sequence[Total]:
        """Return how many contacts stand where, grouped by state, result, note of what was skipped, and currency."""
        ...

    async def page(
        self, states: Collection[ContactState] | None, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Outcome]:
        """Return contacts in these states, or in any, by ``position``, from behind ``after``."""
        ...

    async def broken_page(self, *, after: int = -1, limit: int = 1000) -> Sequence[BrokenRow]:
        """Return rows that could not be read, by ``line``, from behind ``after``."""
        ...
