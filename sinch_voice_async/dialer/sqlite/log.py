"""How far the log beside a journal reached at its last commit: a record in the journal's own file.

SQLite takes a log (``-wal``) that ends early for one that a crash left, and forgets the commits behind the cut without
a word: their claims are lost, and those contacts would be dialled again. So after each commit the number of pages in
the log is written into the file itself, into a row that no statement ever changes.

Rules:

- A commit is on the disk before its record is written. So a record never counts what is not there: a power cut may
  leave an old record, never one that is ahead of the log.
- Each time that SQLite begins the log anew it adds one to the first number of the log's header (the salt). A log with
  a smaller one is older than the record.
- The record is empty as long as the file needs no log.

Source: WAL format, sections 2.1 and 4.1.
"""

import os
import sqlite3
import struct
import zlib
from contextlib import suppress
from typing import Final

from attrs import define

__all__ = ["LogRecord", "Reach"]

_MAGIC: Final = b"SVLOGREC"
_BODY: Final = struct.Struct("<8sI")
_CHECK: Final = struct.Struct("<I")
_LENGTH: Final = len(_MAGIC) + _BODY.size + _CHECK.size
# How often a log may have begun anew since the record was written. Chance gives another log a salt this near in one of
# 65,536 cases.
_GENERATIONS: Final = 1 << 16
# The head of the index of the log, which SQLite keeps twice: where the number of pages and the salt stand in it.
_INDEX: Final = struct.Struct("=16xI12x8s8x")


@define
class Reach:
    """How many pages the log has, and the salt by which its generation is known."""

    salt: bytes
    pages: int

    def loses(self, now: "Reach") -> bool:
        """Say whether a log as it stands now has less than it had."""
        if now.salt == self.salt:
            return now.pages < self.pages
        newer = (int.from_bytes(now.salt[:4]) - int.from_bytes(self.salt[:4])) % (1 << 32)
        # SQLite reads nothing of a log whose header is damaged, and its salt as zeros.
        return now.salt == bytes(len(now.salt)) or not 0 < newer < _GENERATIONS


class LogRecord:
    """The record of one open file. ``file`` is a descriptor of the journal, ``index`` one of its ``-shm``."""

    def __init__(self, connection: sqlite3.Connection, file: int, index: int) -> None:
        self._file = file
        self._index = index
        self._place: int | None = self._find(connection)
        self._written: Reach | None = None

    def read(self) -> Reach | None:
        """Return the record, None if it is empty or was torn by a power cut."""
        if self._place is None:
            return None
        kept = os.pread(self._file, _LENGTH, self._place)[len(_MAGIC) :]
        body = kept[: _BODY.size]
        if kept[_BODY.size :] != _CHECK.pack(zlib.crc32(body)):
            return None
        salt, pages = _BODY.unpack(body)
        return Reach(salt, pages) if pages else None

    def now(self) -> Reach | None:
        """Return how far the log reaches, None while another process is about to change that."""
        head = os.pread(self._index, 2 * _INDEX.size, 0)
        if len(head) < 2 * _INDEX.size or head[: _INDEX.size] != head[_INDEX.size :]:
            return None
        pages, salt = _INDEX.unpack(head[: _INDEX.size])
        return Reach(salt, pages)

    def keep(self) -> None:
        """Write how far the log reaches; call it when a commit is on the disk. A record that stays old is harmless."""
        with suppress(OSError):
            reach = self.now()
            if reach is not None and reach.pages and reach != self._written:
                self._write(_BODY.pack(reach.salt, reach.pages))
                self._written = reach

    def clear(self) -> None:
        """Empty the record: the file needs no log."""
        self._write(bytes(_BODY.size))
        self._written = None

    def _write(self, body: bytes) -> None:
        # Another program may have moved the row, as VACUUM does: then there is nothing to write to.
        if self._place is not None and os.pread(self._file, len(_MAGIC), self._place) == _MAGIC:
            os.pwrite(self._file, body + _CHECK.pack(zlib.crc32(body)), self._place + len(_MAGIC))

    @property
    def is_found(self) -> bool:
        """Whether the row stands in the file: one that was just made may stand in the log alone."""
        return self._place is not None

    def _find(self, connection: sqlite3.Connection) -> int | None:
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'log_record'").fetchone()
        if root is None:
            return None
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        begins = (root[0] - 1) * size
        found = os.pread(self._file, size, begins).find(_MAGIC)
        return begins + found if found >= 0 else None
