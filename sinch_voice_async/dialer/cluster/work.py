"""The two halves of a campaign on several machines: somebody enqueues the contacts, and workers dial them."""

from typing import Any, Self

import anyio

from sinch_voice_async.dialer.campaign import Campaign
from sinch_voice_async.dialer.contacts import BrokenRow, Contact
from sinch_voice_async.dialer.feeding import Contacts, Row, feed
from sinch_voice_async.dialer.placing import CalloutOf
from sinch_voice_async.dialer.run import CampaignRun

__all__ = ["enqueue", "worker"]


async def enqueue(campaign: Campaign, contacts: Contacts) -> int:
    """Write contacts into a campaign's journal, for workers to dial, and return how many of them were new.

    May be done again, and by several machines at once: a number is there once. Rows that are no contacts are written
    down with their lines, for the report.

    :raises JournalError: the journal cannot be used.
    """
    added = 0
    clock, journal = campaign.settings.clock, campaign.journal

    async def put(rows: list[Row]) -> None:
        nonlocal added
        added += await journal.enqueue([row for row in rows if isinstance(row, Contact)], clock.now())
        if broken := [row for row in rows if isinstance(row, BrokenRow)]:
            await journal.note_broken(broken)

    async with campaign:
        await feed(contacts, put)
    return added


def worker(campaign: Campaign, client: Any, callout: CalloutOf, *, stay: bool = False) -> CampaignRun:
    """Return a run that dials what was enqueued, together with every other worker of the campaign.

    It is a run like that of a campaign on one machine, and takes the same ``client`` and ``callout``. It ends when
    nobody is left to dial; with ``stay`` it waits for more to be enqueued, until it is cancelled.
    """
    return campaign.run(client, _NotYet() if stay else None, callout)


class _NotYet:
    """Contacts of which none has come yet."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Contact:
        while True:
            await anyio.sleep_forever()
