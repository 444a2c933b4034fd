"""The two halves of a campaign on several machines: one program enqueues the contacts, and workers dial them."""

from typing import Any

from sinch_voice_async.dialer.attempt import CalloutOf
from sinch_voice_async.dialer.campaign import Campaign
from sinch_voice_async.dialer.enqueueing import Contacts
from sinch_voice_async.dialer.run import CampaignRun

__all__ = ["enqueue", "worker"]


async def enqueue(campaign: Campaign, contacts: Contacts) -> int:
    """Write contacts into a campaign's journal, for workers to dial, and return how many of them were new.

    It does what ``Campaign.enqueue`` does.

    :raises JournalError: the journal cannot be used.
    """
    return await campaign.enqueue(contacts)


def worker(
    campaign: Campaign, client: Any, callout: CalloutOf, *, stay: bool = False, accept_changes: bool = False
) -> CampaignRun:
    """Return a run that dials what was enqueued, together with every other worker of the campaign.

    It is a run as on one machine, and takes the same ``client`` and ``callout``. It ends when nobody is left to dial;
    with ``stay`` it waits for more to be enqueued, until it is cancelled.
    """
    return campaign.run(client, None, callout, stay=stay, accept_changes=accept_changes)
