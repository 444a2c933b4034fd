"""One contact, dialled once: screened, claimed, sent, and its answer written down, in this order.

::

    prepare: build the callout, screen          nothing has happened yet
    dial:    screen again                       a list or a clock may have moved while the contact waited its turn
             claim, durably                     from here on a crash leaves `unknown`
             look at the age of the claim       a process that slept gives it back
             POST
             write down what came of it

The same for every journal, on one machine or on many.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import anyio
import anyio.lowlevel
from attrs import evolve, frozen

from sinch_voice_async.dialer.clock import Clock
from sinch_voice_async.dialer.contacts import Contact
from sinch_voice_async.dialer.failures import Effect, judge
from sinch_voice_async.dialer.intent import HEADER, new_token, with_intent
from sinch_voice_async.dialer.journal import Claim, Journal, News, Outcome
from sinch_voice_async.dialer.screening import Screen, Verdict
from sinch_voice_async.dialer.states import Change, ContactState
from sinch_voice_async.errors import CampaignError, InvalidRequestError

__all__ = ["CalloutOf", "Dialed", "Place", "Placer", "Ready", "made"]

_OLDEST_CLAIM: Final = 5.0
_LATE: Final = "paused, or asleep, between claim and sending"
_CANCELLED_BEFORE: Final = "cancelled before sending"
_CANCELLED: Final = "cancelled while this callout was on its way"


class Place(Protocol):
    """Places a callout: ``client.callouts.place``, or whatever takes the same."""

    async def __call__(self, callout: Any, /, *, callback_headers: Mapping[str, str]) -> Any:
        """Place a callout and return a receipt with its ``call_id``."""
        ...


CalloutOf = Callable[[Contact], Any]
"""Makes the callout for a contact."""


@frozen(kw_only=True)
class Ready:
    """A contact whose callout is built, and that may be dialled."""

    outcome: Outcome
    callout: Any


@frozen(kw_only=True)
class Dialed:
    """What came of an attempt: the contact as it stands, None where somebody else has it, and what is to be done.

    ``error`` is why; ``sent_at`` is the instant of the clock that never goes back, None where nothing was sent.
    """

    outcome: Outcome | None
    effect: Effect = "none"
    error: Exception | None = None
    sent_at: float | None = None


@frozen(kw_only=True)
class Placer:
    """Dials contacts, one at a time or many; ``may_go`` is asked right before each claim and each request."""

    journal: Journal
    place: Place
    callout_of: CalloutOf
    screen: Screen
    clock: Clock
    may_go: Callable[[], bool] = lambda: True

    async def prepare(self, outcome: Outcome) -> Ready | Outcome | None:
        """Return a contact that may be dialled; or what became of it; or None where it was put off.

        :raises CampaignError: the do-not-call list could not be asked.
        """
        callout, problem = made(self.callout_of, outcome.contact)
        if problem is not None:
            return await self._put_off(outcome, problem, None)
        verdict = await self.screen.verdict(outcome, self.clock.now())
        if verdict.may_dial:
            return Ready(outcome=outcome, callout=callout)
        return await self._put_off(outcome, verdict.note, verdict.due)

    async def dial(self, ready: Ready) -> Dialed:
        """Dial a contact, if that is still right.

        :raises CampaignError: the do-not-call list could not be asked.
        :raises JournalError: the journal could not be written. Where that befell the answer, the contact stays
            ``dialing``, and becomes ``unknown`` when a run begins again.
        """
        verdict = await self.screen.verdict(ready.outcome, self.clock.now())
        if not verdict.may_dial:
            return Dialed(outcome=await self._put_off(ready.outcome, verdict.note, verdict.due))
        if not self.may_go():
            return Dialed(outcome=None)
        return await self._claim_and_send(ready, verdict)

    async def _claim_and_send(self, ready: Ready, verdict: Verdict) -> Dialed:
        token = new_token()
        try:
            callout = with_intent(ready.callout, token)
        except InvalidRequestError as problem:
            return Dialed(outcome=await self._put_off(ready.outcome, str(problem), None))
        begun, since = self.clock.now(), self.clock.monotonic()
        claim = Claim(number=ready.outcome.number, token=token, at=begun, day=verdict.day)
        claimed = await self.journal.claim(claim)
        if claimed is None:
            return Dialed(outcome=None)
        try:
            await anyio.lowlevel.checkpoint_if_cancelled()
        except BaseException:
            await self._write_at_last(token, Change.GIVE_BACK, _CANCELLED_BEFORE)
            raise
        if not self.may_go() or self._is_old(begun, since):
            return Dialed(outcome=await self._write(token, Change.GIVE_BACK, News(note=_LATE)))
        return await self._send(claimed, token, callout)

    def _is_old(self, begun: float, since: float) -> bool:
        # Either clock may show it: one stands still while the machine sleeps, the other may be set.
        return max(self.clock.monotonic() - since, abs(self.clock.now() - begun)) > _OLDEST_CLAIM

    async def _send(self, claimed: Outcome, token: str, callout: Any) -> Dialed:
        sent_at = self.clock.monotonic()
        try:
            receipt = await _awaitable(self.place(callout, callback_headers={HEADER: token}))
        except Exception as error:  # noqa: BLE001 - it is judged, and what stops the campaign is raised by the run
            judgement = judge(error, returned=claimed.returned)
            outcome = await self._write(token, judgement.change, News(note=judgement.note))
            return Dialed(outcome=outcome, effect=judgement.effect, error=error, sent_at=sent_at)
        except BaseException:
            await self._write_at_last(token, Change.DOUBT, _CANCELLED)
            raise
        call_id = getattr(receipt, "call_id", None)
        return Dialed(outcome=await self._write(token, Change.ACCEPT, News(call_id=call_id)), sent_at=sent_at)

    async def _write_at_last(self, token: str, change: Change, note: str) -> None:
        with anyio.CancelScope(shield=True):
            await self._write(token, change, News(note=note))

    async def _write(self, token: str, change: Change, news: News) -> Outcome | None:
        written = await self.journal.change(token, change, news, self.clock.now())
        if written is not None:
            return written
        # An event of this very call was faster than the answer.
        return next(iter(await self.journal.look_up([token])), None)

    async def _put_off(self, outcome: Outcome, note: str, due: float | None) -> Outcome | None:
        change = Change.SKIP if due is None else None
        now = self.clock.now()
        if not await self.journal.put_off(outcome.number, change, note, due or 0.0, now) or change is None:
            return None
        return _skipped(outcome, note, now)


def made(callout_of: CalloutOf, contact: Contact) -> tuple[Any, str | None]:
    """Return the callout for a contact; or None, and why there is none."""
    try:
        return callout_of(contact), None
    except (InvalidRequestError, LookupError, ValueError) as problem:
        # What others raise may quote the row.
        reason = str(problem) if isinstance(problem, InvalidRequestError) else type(problem).__name__
        return None, f"no callout could be made: {reason}"


def _awaitable(answer: Any) -> Any:
    """Return what placing a callout gave; raise ``CampaignError`` where it was done, but not by a coroutine."""
    if not inspect.isawaitable(answer):
        raise CampaignError(f"client must place callouts asynchronously: it returned {type(answer).__name__}")
    return answer


def _skipped(outcome: Outcome, note: str, at: float) -> Outcome:
    """Return a contact as it stands when it was skipped."""
    return evolve(outcome, state=ContactState.SKIPPED, note=note, changed_at=at)
