"""Campaigns that any number of workers on any number of machines dial together: extra ``cluster``, PostgreSQL.

A worker is a run of the campaign, on asyncio or trio. The journal that the workers share makes it one of many.
"""

import importlib.util
from typing import Any

# Looked for before it is imported, so that one sentence says what is missing.
if importlib.util.find_spec("psycopg") is None:  # pragma: no cover  # tried in a process of its own
    raise ModuleNotFoundError(
        "workers share a journal in PostgreSQL: pip install 'sinch-voice-async[cluster]'", name="psycopg"
    )

from sinch_voice_async.dialer.attempt import CalloutOf
from sinch_voice_async.dialer.campaign import Campaign
from sinch_voice_async.dialer.postgres.journal import PostgresJournal
from sinch_voice_async.dialer.postgres.pacer import SharedPacer
from sinch_voice_async.dialer.queues import Contacts
from sinch_voice_async.dialer.run import CampaignRun

__all__ = ["PostgresJournal", "SharedPacer", "enqueue", "worker"]


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

    It is a run as on one machine, and takes the same ``client`` and ``callout``. It ends after the last contact;
    with ``stay`` it waits for more to be enqueued, until it is cancelled.
    """
    return campaign.run(client, None, callout, stay=stay, accept_changes=accept_changes)
