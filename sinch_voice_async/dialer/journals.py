"""What keeps a campaign, by what its user calls it: a file's path, a database's URL, or a journal of their own."""

import importlib
import os
from typing import Final, TypeAlias

from sinch_voice_async.dialer.journal import Journal
from sinch_voice_async.dialer.sqlite.journal import SqliteJournal
from sinch_voice_async.errors import ConfigurationError

__all__ = ["KeptIn", "to_journal"]

KeptIn: TypeAlias = str | os.PathLike[str] | Journal
"""A path, ``postgresql://user@host/database``, or a journal."""

_POSTGRES: Final = ("postgresql://", "postgres://")


def to_journal(kept_in: KeptIn) -> Journal:
    """Return the journal that is meant.

    :raises ConfigurationError: it is in PostgreSQL, and the extra for that is not installed.
    """
    if isinstance(kept_in, str) and kept_in.startswith(_POSTGRES):
        return _in_postgres(kept_in)
    return SqliteJournal(kept_in) if isinstance(kept_in, (str, os.PathLike)) else kept_in


def _in_postgres(url: str) -> Journal:
    try:
        cluster = importlib.import_module("sinch_voice_async.dialer.cluster")
    except ImportError as problem:
        raise ConfigurationError("for a journal in PostgreSQL, install sinch-voice-async[cluster]") from problem
    journal: Journal = cluster.PostgresJournal(url)
    return journal
