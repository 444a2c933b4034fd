"""What the events of a call tell about the contact that it was placed for.

Rules:

- An event belongs to an attempt by the intent id in ``custom`` or in its header, or by its call id where the platform's
  answer has told it. An event of another campaign, or of an attempt that is past, changes nothing.
- Any event proves that the platform has acted: what was unknown is accepted. A DiCE says how the call ended.
"""

from collections.abc import Mapping

from sinch_voice_async.dialer.intent import HEADER, intent_of
from sinch_voice_async.dialer.journal import Journal, News, Outcome
from sinch_voice_async.dialer.states import Change
from sinch_voice_async.models.events import CallEvent, DisconnectedCall

__all__ = ["attempt_of", "settle"]


async def attempt_of(journal: Journal, event: CallEvent, headers: Mapping[str, str] | None) -> Outcome | None:
    """Return the contact whose present attempt an event belongs to, as it stands; None where there is none."""
    named = {name.lower(): value for name, value in (headers or {}).items()}
    intent = intent_of(event.custom) or named.get(HEADER.lower())
    if intent is not None:
        return next(iter(await journal.look_up([intent])), None)
    return await journal.find_call(event.call_id)


async def settle(journal: Journal, contact: Outcome, event: CallEvent, at: float) -> Outcome | None:
    """Write down what an event tells, and return the contact as it stands then; None where it tells nothing new."""
    if contact.token is None:
        return None
    if not isinstance(event, DisconnectedCall):
        return await journal.change(contact.token, Change.ACCEPT, News(call_id=event.call_id), at)
    news = News(
        call_id=event.call_id,
        result=event.result,
        reason=event.reason,
        duration=event.duration,
        price=event.debit,
    )
    return await journal.change(contact.token, Change.END, news, at)
