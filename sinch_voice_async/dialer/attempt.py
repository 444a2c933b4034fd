"""One attempt to call a contact: its callout, its claim, its request, and what the answer or an event says about it.

::

    prepare: make the callout, check its destination and the rules      nothing has happened yet
    dial:    check the rules again             a list or a clock may have changed while the contact waited its turn
             claim, durably                    from here on a crash leaves `unknown`
             look at the age of the claim      a process that slept gives it back
             look at the instant of the pace   a shared pace gives another if this one has passed
             POST
             write the answer into the journal

It is the same for every journal, on one machine and on many.

Rules:

- What is dialled is what was screened: the destination of the callout is a number of the contact.
- The attempt id travels in ``custom``, behind the user's own text, and in an ``X-CB-`` header. Every event of the call
  brings it back.
- A contact goes back to ``todo`` only with the proof that the platform did not act on the request.
- An exception that is not the client's proves nothing: the telephone may have rung, and the campaign stops.
- Any event proves that the platform acted, so a contact in ``unknown`` is accepted. A DiCE says how the call ended.
"""

import inspect
import json
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar

import anyio
import anyio.lowlevel
import attrs
from attrs import evolve, field, frozen

from sinch_voice_async.dialer.contacts import Contact
from sinch_voice_async.dialer.eligibility import ENOUGH, MACHINE, Eligibility, Verdict, in_turn
from sinch_voice_async.dialer.journal import AttemptUpdate, Change, Claim, ContactState, Journal, Outcome
from sinch_voice_async.dialer.pacing import Clock, Health, PauseControl, Reaction, Turn
from sinch_voice_async.errors import (
    APIError,
    AuthenticationError,
    CampaignError,
    ConfigurationError,
    InvalidRequestError,
    PaymentRequiredError,
    RateLimitedError,
    SinchVoiceError,
)
from sinch_voice_async.models.callouts import ConferenceCallout, CustomCallout, TtsCallout
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.events import CallEvent, DisconnectedCall
from sinch_voice_async.models.svaml.actions import Amd, ConnectPstn
from sinch_voice_async.models.svaml.document import Svaml

__all__ = [
    "HEADER",
    "Attempts",
    "CalloutOf",
    "Dialed",
    "Effect",
    "Judgement",
    "Place",
    "Ready",
    "attempt_id_of",
    "attempt_of",
    "callout_with_detection",
    "is_machine",
    "judge",
    "learnt_from",
    "make_callout",
    "new_attempt_id",
    "own_custom",
    "place_of",
    "reaction_to",
    "with_attempt_id",
    "with_machine_result",
]

logger: Final = logging.getLogger("sinch_voice_async.dialer")

C = TypeVar("C")

HEADER: Final = "X-CB-Intent"
"""The header of a callback in which the attempt id comes back."""

_DIALS_NOBODY: Final = ("connectconf", "connectstream")
_MARK: Final = re.compile(r" ?\[intent:([0-9a-f]{32})\]$")
_OLDEST_CLAIM: Final = 5.0
_MOST_RETURNS: Final = 10
_LATE: Final = "paused, or asleep, between claim and sending"
_CANCELLED_BEFORE: Final = "cancelled before sending"
_CANCELLED: Final = "cancelled while this callout was on its way"
_BY_MACHINE: Final = "answered by a machine"
_NOT_CALLED: Final = frozenset({ContactState.TODO, ContactState.SKIPPED})
_CHANGED: Final = "the row changed between reading and claim"


class Place(Protocol):
    """Places a callout: ``client.callouts.place``, or a function with the same parameters."""

    async def __call__(self, callout: Any, /, *, callback_headers: Mapping[str, str]) -> Any:
        """Place a callout and return a receipt with its ``call_id``."""
        ...


CalloutOf = Callable[[Contact], Any]
"""Makes the callout for a contact."""

Effect: TypeAlias = Literal["none", "refused", "slow down", "unknown", "unsent", "no credit", "stop"]
"""What an answer means for the campaign."""


def new_attempt_id() -> str:
    """Return an id that no other attempt has, on any machine."""
    return uuid.uuid4().hex


def with_attempt_id(callout: C, token: str) -> C:
    """Return a callout whose ``custom`` ends with the attempt id; one without ``custom`` is returned as it is.

    Text-to-speech and conference callouts also get ``enable_dice``, unless it is set.

    :raises InvalidRequestError: ``custom`` has no room left for the 42 bytes of the id.
    """
    known: Any = callout
    if not attrs.has(type(known)) or "custom" not in attrs.fields_dict(type(known)):
        return callout
    mark = f"[intent:{token}]"
    changes: dict[str, Any] = {"custom": f"{known.custom} {mark}" if known.custom else mark}
    if isinstance(known, (TtsCallout, ConferenceCallout)) and known.enable_dice is None:
        changes["enable_dice"] = True
    try:
        return attrs.evolve(known, **changes)  # type: ignore[no-any-return]
    except InvalidRequestError as error:
        raise InvalidRequestError(
            "custom must leave 42 of its 1,024 bytes to the attempt id of the campaign", field="custom"
        ) from error


def attempt_id_of(custom: str | None) -> str | None:
    """Return the attempt id in the ``custom`` of an event, None if it has none."""
    found = _MARK.search(custom or "")
    return found[1] if found else None


def own_custom(custom: str | None) -> str | None:
    """Return the ``custom`` of an event as the callout had it, without the campaign's attempt id."""
    return None if custom is None else _MARK.sub("", custom) or None


def place_of(client: Any) -> Place:
    """Return the coroutine function that places callouts: ``client.callouts.place``, or ``client`` itself.

    :raises ConfigurationError: ``client`` is neither.
    """
    callouts = getattr(client, "callouts", None)
    place = client if callouts is None else callouts.place
    if not callable(place):
        raise ConfigurationError("client must be a VoiceClient, have callouts.place, or be a coroutine function")
    return place  # type: ignore[no-any-return]


def contact_in_turn(outcome: Outcome) -> Contact:
    """Return the contact as the callout function gets it: ``number`` is the number whose turn it is."""
    contact = outcome.contact
    number = in_turn(outcome)
    if number == contact.number:
        return contact
    return Contact.restored(number, contact.fields, contact.zone, contact.numbers, contact.line, contact.priority)


def make_callout(callout_of: CalloutOf, contact: Contact) -> tuple[Any, str | None]:
    """Return the callout for a contact; or None and the reason.

    A callout whose destination is not a number of the contact is refused.
    """
    try:
        callout = callout_of(contact)
        problem = _wrong_destination(callout, contact)
    except InvalidRequestError as error:
        return None, f"no callout could be made: {error}"
    except (KeyboardInterrupt, SystemExit):
        raise
    # The function is not async: even a cancellation that it raises is its own, and no end of the run.
    except BaseException as error:
        # The message of another exception may quote the row.
        logger.debug("no callout could be made", exc_info=True)
        return None, f"no callout could be made: {type(error).__name__}"
    return (None, problem) if problem else (callout, None)


def _wrong_destination(callout: Any, contact: Contact) -> str | None:
    """Return why a callout would not dial the contact, None if it does."""
    if callout is None or inspect.iscoroutine(callout):
        if callout is not None:
            callout.close()
        return f"no callout could be made: the function returned {type(callout).__name__}"
    dialled = _dialled_by(callout)
    if not dialled:
        return "the callout does not say whom it dials, so that it cannot be checked"
    if all(number in contact.numbers for number in dialled):
        return None
    return "the callout dials another number than the contact's, so that no rule was checked for it"


def _dialled_by(callout: Any) -> list[str | None]:
    """Return the numbers that a callout dials; None for an end that is not a telephone number."""
    dialled = [] if (end := _field(callout, "destination")) is None else [_number_of(end)]
    if isinstance(callout, CustomCallout) and callout.ice is not None:
        dialled += _dialled_by_ice(callout.ice)
    # Unknown fields are sent along as they are, and could name another destination.
    extra = _field(callout, "extra")
    if isinstance(extra, Mapping) and {str(name).lower() for name in extra} & {"destination", "ice"}:
        dialled.append(None)
    return dialled


def _dialled_by_ice(ice: Any) -> list[str | None]:
    """Return the number to which an inline answer to ICE connects the call, which overrides the destination."""
    if not isinstance(ice, str):
        action = ice.action
        # Unknown fields are sent along as they are, and the platform does not look at the case of a name.
        extra = {str(field).lower() for each in (ice, action) for field in getattr(each, "extra", None) or ()}
        if extra & {"action", "name", "number", "destination"}:
            return [None]
        name, number = getattr(action, "name", None) or type(action).__name__, getattr(action, "number", None)
        destination = getattr(action, "destination", None)
    elif ice.lstrip().startswith("{"):
        try:
            fields = {**json.loads(ice, object_pairs_hook=_unambiguous)["action"]}
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return [None]
        name, number, destination = fields.get("name"), fields.get("number"), _end_of(fields.get("destination"))
    else:
        return []  # the URL is asked later, with the destination
    kind = str(name).lower()
    if kind == "connectpstn":
        # The documents have the number alone, and samples have both: which one the platform dials is not known.
        return [_number_of(end) for end in (number, destination) if end is not None]
    dials = kind.startswith("connect") or number is not None
    return [None] if dials and not kind.startswith(_DIALS_NOBODY) else []


def _end_of(written: Any) -> Any:
    """Return the destination of a JSON document as a model, if it is one."""
    if isinstance(written, dict) and isinstance(written.get("endpoint"), str):
        return Destination(type=str(written.get("type") or "number"), endpoint=written["endpoint"])
    return written


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object with its names in small letters; two of one name could be read in two ways."""
    fields = {name.lower(): value for name, value in pairs}
    if len(fields) < len(pairs):
        raise ValueError("a name comes twice in one object")
    return fields


def _field(callout: Any, name: str) -> Any:
    return callout.get(name) if isinstance(callout, Mapping) else getattr(callout, name, None)


def _number_of(end: Any) -> str | None:
    if isinstance(end, Destination):
        end = end.endpoint if (end.type or "number").lower() == "number" else None
    return f"+{end.removeprefix('+')}" if isinstance(end, str) else None


@frozen(kw_only=True)
class Judgement:
    """The change of the contact, why, and what it means for the campaign."""

    change: Change
    note: str
    effect: Effect = "none"


def judge(error: Exception, *, returned: int) -> Judgement:
    """Return what an exception means; ``returned`` is how often the contact was given back before."""
    match error:
        case AuthenticationError() | ConfigurationError():
            return Judgement(change=Change.GIVE_BACK, note=_described(error), effect="stop")
        case InvalidRequestError():
            return Judgement(change=Change.SKIP, note=f"it cannot be sent: {error}")
        case PaymentRequiredError():
            return Judgement(change=Change.GIVE_BACK, note=_described(error), effect="no credit")
        case SinchVoiceError() if not isinstance(error, CampaignError):
            return _judge_by_outcome(error, returned)
        case _:
            return Judgement(change=Change.MARK_UNKNOWN, note=_described(error), effect="stop")


def _judge_by_outcome(error: SinchVoiceError, returned: int) -> Judgement:
    note = _described(error)
    if error.outcome == "unsent":
        return Judgement(change=Change.GIVE_BACK, note=note, effect="unsent")
    if error.outcome == "accepted":
        return Judgement(change=Change.ACCEPT, note=f"the call id was not readable: {note}")
    if error.outcome == "unknown":
        return Judgement(change=Change.MARK_UNKNOWN, note=note, effect="unknown")
    if not _is_too_much(error):
        return Judgement(change=Change.REJECT, note=note, effect="refused")
    change = Change.GIVE_BACK if returned < _MOST_RETURNS else Change.REJECT
    return Judgement(change=change, note=note, effect="slow down")


def _is_too_much(error: SinchVoiceError) -> bool:
    return isinstance(error, RateLimitedError) or (isinstance(error, APIError) and error.status == 503)


def _described(error: Exception) -> str:
    """Return what happened, in words that many contacts share and that show no number."""
    if isinstance(error, APIError):
        return f"{error.status}" if error.code is None else f"{error.status} ({error.code})"
    return type(error).__name__


@frozen(kw_only=True)
class Ready:
    """A contact that may be dialled, and its callout."""

    outcome: Outcome
    callout: Any

    @property
    def rank(self) -> tuple[int, float, int]:
        """Where it stands in the order of calls, the least first: by priority, then by due, then as contacts came."""
        return -self.outcome.contact.priority, self.outcome.due, self.outcome.position


@frozen(kw_only=True)
class Dialed:
    """What came of an attempt: the contact as it stands, None if another dialer has it, and what that means.

    ``error`` is the exception of the request; ``sent_at`` is an instant of the monotonic clock, None if nothing was
    sent. ``note`` describes the error.
    """

    outcome: Outcome | None
    effect: Effect = "none"
    error: Exception | None = None
    note: str = ""
    sent_at: float | None = None


def reaction_to(dialed: Dialed, health: Health, now: float) -> Reaction:
    """Return what the campaign does after an attempt; ``now`` is an instant of the monotonic clock."""
    if dialed.sent_at is None:
        return Reaction()
    match dialed.effect:
        case "none":
            return health.accepted(dialed.sent_at)
        case "slow down":
            return health.too_fast(now, dialed.sent_at)
        case "refused":
            return health.refused(_refusal(dialed), dialed.sent_at)
        case "unknown":
            return health.unknown(dialed.note, now, dialed.sent_at)
        case "no credit":
            return health.no_credit()
        case "stop":
            return Reaction(give_up=True)
        case _:
            if not health.is_down:
                logger.warning("nothing can be sent (%s): trying again for %g s", dialed.note, health.network_timeout)
            return health.unsent(now, dialed.sent_at)


def _refusal(dialed: Dialed) -> str:
    return str(dialed.error.status) if isinstance(dialed.error, APIError) else dialed.note


@frozen(kw_only=True)
class Attempts:
    """Dials contacts, one at a time or many. ``pause`` is looked at right before each claim and each request."""

    journal: Journal
    place: Place
    callout_of: CalloutOf
    eligibility: Eligibility
    clock: Clock
    pause: PauseControl = field(factory=PauseControl)

    async def prepare(self, outcome: Outcome, *, is_overspent: bool = False) -> Ready | Outcome | None:
        """Return a contact that may be dialled; or the contact that was skipped; or None if it was put off.

        :raises CampaignError: the do-not-call list could not be asked.
        """
        callout, problem = make_callout(self.callout_of, contact_in_turn(outcome))
        if problem is not None:
            return await self._put_off(outcome, problem, None)
        verdict = await self.eligibility.verdict(outcome, self.clock.now(), is_overspent=is_overspent)
        if verdict.may_dial:
            return Ready(outcome=outcome, callout=callout)
        return await self._put_off(outcome, verdict.note, verdict.due)

    async def dial(self, ready: Ready, *, is_overspent: bool = False, turn: Turn | None = None) -> Dialed:
        """Dial a contact, if the rules still allow it. With a ``turn``, it waits for another one if this has passed.

        :raises CampaignError: the do-not-call list could not be asked.
        :raises JournalError: the journal could not be written. If that was the answer, the contact stays ``dialing``,
            and becomes ``unknown`` when a run begins.
        """
        verdict = await self.eligibility.verdict(ready.outcome, self.clock.now(), is_overspent=is_overspent)
        if not verdict.may_dial:
            return Dialed(outcome=await self._put_off(ready.outcome, verdict.note, verdict.due))
        if not self.pause.is_open:
            return Dialed(outcome=None)
        cap = self.eligibility.shared_cap
        if cap is None:
            return await self._claim_and_send(ready, verdict, turn)
        number, at = in_turn(ready.outcome), self.clock.now()
        if not await cap.take(number, at):
            # Another campaign was faster.
            return Dialed(outcome=await self._put_off(ready.outcome, ENOUGH, await cap.free_at(number, at)))
        dialed = await self._claim_and_send(ready, verdict, turn)
        if dialed.outcome is None or dialed.outcome.state in _NOT_CALLED:
            await cap.give_back(number, at)
        return dialed

    async def _claim_and_send(self, ready: Ready, verdict: Verdict, turn: Turn | None) -> Dialed:
        token = new_attempt_id()
        try:
            callout = with_attempt_id(ready.callout, token)
        except InvalidRequestError as error:
            return Dialed(outcome=await self._put_off(ready.outcome, str(error), None))
        begun, since = self.clock.now(), self.clock.monotonic()
        contact = ready.outcome
        claim = Claim(number=contact.number, token=token, at=begun, day=verdict.day, batch=contact.batch)
        claimed = await self.journal.claim(claim)
        if claimed is None:
            return Dialed(outcome=None)
        try:
            await anyio.lowlevel.checkpoint_if_cancelled()
            is_in_time = await self._is_in_time(begun, since, turn)
        except BaseException:
            await self._write_at_last(token, Change.GIVE_BACK, _CANCELLED_BEFORE)
            raise
        if claimed.contact != ready.outcome.contact:
            return Dialed(outcome=await self._write(token, Change.GIVE_BACK, AttemptUpdate(note=_CHANGED)))
        if not is_in_time:
            return Dialed(outcome=await self._write(token, Change.GIVE_BACK, AttemptUpdate(note=_LATE)))
        return await self._send(claimed, token, callout)

    async def _is_in_time(self, begun: float, since: float, turn: Turn | None) -> bool:
        if not self.pause.is_open or self._is_old(begun, since):
            return False
        if turn is None:
            return True
        return await turn.is_in_time() and self.pause.is_open and not self._is_old(begun, since)

    def _is_old(self, begun: float, since: float) -> bool:
        # Either clock may show it: one stands still while the machine sleeps, the other may be set.
        return max(self.clock.monotonic() - since, abs(self.clock.now() - begun)) > _OLDEST_CLAIM

    async def _send(self, claimed: Outcome, token: str, callout: Any) -> Dialed:
        sent_at = self.clock.monotonic()
        try:
            receipt = await _awaitable(self.place(callout, callback_headers={HEADER: token}))
        except Exception as error:  # noqa: BLE001 - it is judged, and the engine raises what stops the campaign
            judgement = judge(error, returned=claimed.returned)
            outcome = await self._write(token, judgement.change, AttemptUpdate(note=judgement.note))
            return Dialed(outcome=outcome, effect=judgement.effect, error=error, note=judgement.note, sent_at=sent_at)
        except BaseException:
            await self._write_at_last(token, Change.MARK_UNKNOWN, _CANCELLED)
            raise
        call_id = getattr(receipt, "call_id", None)
        update = AttemptUpdate(call_id=call_id if isinstance(call_id, str) else None)
        return Dialed(outcome=await self._write(token, Change.ACCEPT, update), sent_at=sent_at)

    async def _write_at_last(self, token: str, change: Change, note: str) -> None:
        with anyio.CancelScope(shield=True):
            await self._write(token, change, AttemptUpdate(note=note))

    async def _write(self, token: str, change: Change, update: AttemptUpdate) -> Outcome | None:
        written = await self.journal.change(token, change, update, self.clock.now())
        if written is not None:
            return written
        # An event of this very call was faster than the answer.
        return next(iter(await self.journal.look_up([token])), None)

    async def _put_off(self, outcome: Outcome, note: str, due: float | None) -> Outcome | None:
        change = Change.SKIP if due is None else None
        now = self.clock.now()
        if not await self.journal.put_off(outcome.number, change, note, due or 0.0, now) or change is None:
            return None
        return evolve(outcome, state=ContactState.SKIPPED, note=note, changed_at=now)


def _awaitable(answer: Any) -> Awaitable[Any]:
    """Return what placing a callout gave.

    :raises CampaignError: the callout was placed, but not by a coroutine function.
    """
    if not inspect.isawaitable(answer):
        raise CampaignError(f"client must place callouts asynchronously: it returned {type(answer).__name__}")
    return answer


async def attempt_of(journal: Journal, event: CallEvent, headers: Mapping[str, str] | None) -> Outcome | None:
    """Return the contact whose current attempt an event belongs to, None if it belongs to no attempt.

    The attempt id in ``custom`` or in the header decides; without one, the call id does.
    """
    named = {name.lower(): value for name, value in (headers or {}).items()}
    token = attempt_id_of(event.custom) or named.get(HEADER.lower())
    if token is not None:
        return next(iter(await journal.look_up([token])), None)
    return await journal.find_call(event.call_id)


def learnt_from(contact: Outcome, event: CallEvent) -> tuple[Change, AttemptUpdate]:
    """Return what an event says about the current attempt of a contact."""
    if is_machine(event):
        return Change.ANSWER, AttemptUpdate(call_id=event.call_id, note=_BY_MACHINE)
    if not isinstance(event, DisconnectedCall):
        return Change.ACCEPT, AttemptUpdate(call_id=event.call_id)
    update = AttemptUpdate(
        call_id=event.call_id,
        result=event.result,
        reason=event.reason,
        duration=event.duration,
        price=event.debit,
    )
    return Change.END, with_machine_result(contact, update)


def is_machine(event: object) -> bool:
    """Say whether an event tells that an answering machine took the call: an ACE or a notification."""
    status = getattr(getattr(event, "amd", None), "status", None)
    return isinstance(status, str) and status.lower() == "machine"


def with_machine_result(contact: Outcome, update: AttemptUpdate) -> AttemptUpdate:
    """Return what the end of a call says, with the result ``MACHINE`` if an answering machine took it."""
    if contact.note != _BY_MACHINE or update.result != "ANSWERED":
        return update
    return evolve(update, result=MACHINE, note=_BY_MACHINE)


def callout_with_detection(
    number: str,
    *,
    callback_url: str,
    cli: str | None = None,
    asynchronous: bool = False,
    custom: str | None = None,
    max_duration: int | None = None,
) -> CustomCallout:
    """Return a callout for which the platform finds out whether a person or an answering machine answers.

    The answer comes with the ACE, which is sent to ``callback_url`` like the DiCE: return ``Campaign.answer`` from its
    handler. Detection takes a few seconds, in which the callee hears silence; with ``asynchronous`` the ACE comes at
    once and a notification follows, which :meth:`Campaign.settle` takes too. ``max_duration`` is in seconds.

    :raises InvalidRequestError: an argument cannot be sent.

    Source: AMD v2, Request.
    """
    connect = ConnectPstn(number, cli=cli, max_duration=max_duration, amd=Amd(async_=True if asynchronous else None))
    return CustomCallout(
        destination=number, cli=cli, ice=Svaml(action=connect), ace=callback_url, dice=callback_url, custom=custom
    )
