"""Campaigns that any number of machines dial together: extra ``cluster``, PostgreSQL.

``Campaign.plan_into`` and ``Campaign.shift`` do the work; here are the journal that the machines share, and the former
worker.
"""

import importlib.util

# Looked for before it is imported, so that one sentence says what is missing.
if importlib.util.find_spec("psycopg") is None:  # pragma: no cover  # tried in a process of its own
    raise ModuleNotFoundError(
        "workers share a journal in PostgreSQL: pip install 'sinch-voice-async[cluster]'", name="psycopg"
    )

from sinch_voice_async.dialer.campaign import Campaign
from sinch_voice_async.dialer.cluster.worker import Worker, worker
from sinch_voice_async.dialer.postgres.database import SharedPacer
from sinch_voice_async.dialer.postgres.journal import PostgresJournal
from sinch_voice_async.dialer.queues import Contacts

__all__ = ["PostgresJournal", "SharedPacer", "Worker", "enqueue", "worker"]


async def enqueue(campaign: Campaign, contacts: Contacts) -> int:
    """Write contacts into a campaign's journal, for any machine to dial, and return how many of them were new.

    It does what ``Campaign.enqueue`` does.

    :raises JournalError: the journal cannot be used.
    """
    return await campaign.enqueue(contacts)
