"""Campaigns that any number of workers on any number of machines dial together: extra ``cluster``, PostgreSQL.

A worker is a run of the campaign, on asyncio or trio. The journal that the workers share makes it one of many.
"""

import importlib.util

# Looked for before it is imported, so that one sentence says what is missing.
if importlib.util.find_spec("psycopg") is None:  # pragma: no cover  # tried in a process of its own
    raise ModuleNotFoundError(
        "workers share a journal in PostgreSQL: pip install 'sinch-voice-async[cluster]'", name="psycopg"
    )

from sinch_voice_async.dialer.cluster.work import enqueue, worker
from sinch_voice_async.dialer.postgres.journal import PostgresJournal
from sinch_voice_async.dialer.postgres.pacer import SharedPacer

__all__ = ["PostgresJournal", "SharedPacer", "enqueue", "worker"]
