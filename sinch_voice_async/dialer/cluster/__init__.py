"""Campaigns that any number of workers on any number of machines dial together: extra ``cluster``, PostgreSQL.

A worker is a run of the campaign, on asyncio or trio; what makes it one of many is the journal that they share.
"""

from sinch_voice_async.dialer.cluster.journal import PostgresJournal
from sinch_voice_async.dialer.cluster.pacer import SharedPacer
from sinch_voice_async.dialer.cluster.work import enqueue, worker

__all__ = ["PostgresJournal", "SharedPacer", "enqueue", "worker"]
