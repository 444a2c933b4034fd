"""What a user sees of campaigns: checked by mypy and pyright, run by nobody.

Each ``type: ignore`` and ``pyright: ignore`` is a promise: the checker refuses that line, and an ignore that is not
needed is an error.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, assert_type

from sinch_voice_async import CalloutReceipt, TtsCallout, VoiceClient
from sinch_voice_async.dialer import (
    BrokenRow,
    CallingWindow,
    Campaign,
    CampaignRun,
    Contact,
    ContactFile,
    ContactState,
    Counts,
    Journal,
    Outcome,
    Preview,
    RedialRules,
    Report,
    SqliteJournal,
    read_csv,
)
from sinch_voice_async.models.events import DisconnectedCall


def callout(contact: Contact) -> TtsCallout:
    """A field may be anything that its file could say."""
    assert_type(contact.number, str)
    assert_type(contact["name"], Any)
    assert_type(contact.fields, Mapping[str, Any])
    contact.number = "+46700000001"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    return TtsCallout(destination=contact.number, text=f"Hi {contact['name']}")


def campaigns(journal: Journal, barred: set[str]) -> Campaign:
    """Paths, texts and journals; windows, rules, lists and amounts."""
    Campaign("reminders", journal="reminders.sqlite")
    Campaign("reminders", journal=Path("reminders.sqlite"), calls_per_second=0.5)
    Campaign("reminders", journal=journal, do_not_call=barred, spend_limit=Decimal("12.50"))
    Campaign("reminders")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Campaign("reminders", journal=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Campaign("reminders", "x.sqlite")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Campaign("x", journal="x", follow="post")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    window = CallingWindow("09:00", "20:00", zone="Europe/Stockholm")
    return Campaign("x", journal=SqliteJournal("x"), window=window, redial=RedialRules(attempts=2))


async def runs(campaign: Campaign, client: VoiceClient) -> Counts:
    """Contacts from anywhere; a client, or a function of one's own."""

    async def place(callout: TtsCallout, /, *, callback_headers: Mapping[str, str]) -> CalloutReceipt:
        return await client.callouts.place(callout, callback_headers=callback_headers)

    contacts = read_csv("patients.csv")
    assert_type(contacts, ContactFile)
    assert_type(iter(contacts), Iterator[Contact | BrokenRow])
    run = campaign.run(client, contacts, callout)
    assert_type(run, CampaignRun)
    async with run as outcomes:
        async for outcome in outcomes:
            look(outcome)
        assert_type(outcomes.paused, str | None)
    async with campaign.run(place, generated(), callout) as outcomes:
        outcomes.cancel()
    return await campaign.run(place, ["+46700000001"], callout).wait()


async def generated() -> AsyncIterator[Contact]:
    """A source that waits for its contacts."""
    yield Contact("+46700000001", zone="Europe/Stockholm", fields={"name": "Ann"})


def look(outcome: Outcome) -> None:
    """What is not known is None."""
    assert_type(outcome.contact, Contact)
    assert_type(outcome.state, ContactState)
    assert_type(outcome.call_id, str | None)
    assert_type(outcome.duration, int | None)
    outcome.state = ContactState.TODO  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


async def afterwards(campaign: Campaign, event: DisconnectedCall) -> Report:
    """Reports, previews, unknowns, and what an event settles."""
    assert_type(await campaign.settle(event), Outcome | None)
    assert_type(await campaign.unknowns(), list[Outcome])
    assert_type(await campaign.release(["+46700000001"]), int)
    preview = await campaign.preview(None, callout)
    assert_type(preview, Preview)
    assert_type(preview.broken_rows, int)
    async for outcome in campaign.outcomes({ContactState.UNKNOWN}):
        look(outcome)
    report = await campaign.report()
    assert_type(report.states, Mapping[ContactState, int])
    assert_type(report.spent, Mapping[str, Decimal])
    await report.write_csv(Path("called.csv"))
    return report
