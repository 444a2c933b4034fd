"""Which journal is meant: the path of a file, the address of a database in any of its spellings, or a journal."""

import os
from collections.abc import Mapping
from typing import Any, TypeAlias

from attrs import field, frozen

from sinch_voice_async.credentials import hidden
from sinch_voice_async.dialer.journal import Journal
from sinch_voice_async.dialer.postgres.journal import PostgresJournal
from sinch_voice_async.dialer.sql import is_address
from sinch_voice_async.dialer.sqlite.journal import SqliteJournal
from sinch_voice_async.errors import ConfigurationError

__all__ = ["KeptCampaign", "KeptIn", "kept", "to_journal"]

KeptIn: TypeAlias = str | os.PathLike[str] | Journal
"""A path, ``postgresql://user@host/database``, a connection string such as ``host=... dbname=...``, or a journal."""


@frozen
class KeptCampaign:
    """What a journal keeps about its campaign: its name and its options, by name."""

    name: str
    options: Mapping[str, Any] = field(factory=dict)


def to_journal(kept_in: KeptIn) -> Journal:
    """Return the journal that is meant.

    :raises ConfigurationError: it is neither a path nor a database in PostgreSQL, or the extra ``cluster`` is missing.
    :raises JournalError: the address of the database is not valid.
    """
    if not isinstance(kept_in, (str, bytes, os.PathLike)):
        if not hasattr(kept_in, "claim"):
            raise ConfigurationError(f"the journal must be a path, a URL or a Journal, not {type(kept_in).__name__}")
        return kept_in
    written, kept_in = os.fsdecode(kept_in), ""
    # What is wrong is raised from here, where no variable holds the password any more.
    found, written = _journal_or_error(written), ""
    if isinstance(found, Exception):
        raise found.with_traceback(None)
    return found


def _journal_or_error(written: str) -> Journal | Exception:
    try:
        return PostgresJournal(written) if is_address(written) else SqliteJournal(written)
    except Exception as error:  # noqa: BLE001 - the caller raises it, from a frame that does not know the password
        return error


async def kept(journal: KeptIn, name: str | None = None) -> KeptCampaign | None:
    """Return what a journal keeps about its campaign, None if it has none; nothing is made by asking.

    ``name`` is for a database, which may have several campaigns; it may be left out if there is one.

    :raises ConfigurationError: a database has several campaigns, and ``name`` is None.
    :raises JournalError: the journal cannot be used: empty, foreign, damaged, without its log, or out of reach.
    """
    # Neither this frame nor that of an error holds a password.
    journal = hidden(journal) or "" if isinstance(journal, str) else journal
    found = to_journal(journal)
    if isinstance(found, SqliteJournal):
        return await _kept_in_file(found)
    known = await found.kept(name) if isinstance(found, PostgresJournal) else None
    return None if known is None else KeptCampaign(*known)


async def _kept_in_file(journal: SqliteJournal) -> KeptCampaign | None:
    if not journal.path.exists():
        return None
    await journal.open(None)
    try:
        return KeptCampaign(await journal.name(), await journal.options() or {})
    finally:
        await journal.close()
