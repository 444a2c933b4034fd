"""A file that is being saved: ``NAME.part``, and ``NAME.part.json``, the note that says which version of what is in it.

Rules:

- The target appears whole or not at all: everything is written to the part, which is on the disk before it is renamed.
- Every file is made by :mod:`~sinch_voice_async._files`: private, exclusive, and never through a link.
- The note is written before the bytes that it describes, so a part is never taken for something else.
- A part is continued only if it and its note are private files of this user, without another name, and the note has the
  key, the validator and the length of the offered version. Without a validator nothing is continued.
- A part from before the machine was started is not continued: after a loss of power it may have holes.
- What stands at the name of a part and cannot be continued is removed, not opened.

Every function but :func:`blocking` blocks, and belongs in a worker thread. They raise OSError.
"""

import errno
import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from io import FileIO
from pathlib import Path
from typing import Final, TypeAlias, TypeVar, TypeVarTuple, Unpack

import anyio.to_thread
import attrs

from sinch_voice_async import _files
from sinch_voice_async.errors import DownloadError

__all__ = ["PartFile", "Version", "blocking", "digest_of", "forget", "holds", "parse_date"]

Args = TypeVarTuple("Args")
R = TypeVar("R")
Note: TypeAlias = dict[str, str | int | None]

_LENGTH: Final = re.compile("[0-9]{1,18}")
_NOTE_FIELDS: Final = {"key", "validator", "length"}


@attrs.frozen
class Version:
    """One version of a file: the validator that names it (a strong ETag or a date), and its length in bytes."""

    validator: str | None
    length: int | None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Version":
        """Return the version of the whole file that these headers announce."""
        length = _LENGTH.fullmatch(headers.get("content-length", ""))
        return cls(_validator(headers), int(length[0]) if length else None)


class PartFile:
    """The part of one target; ``size`` is how many bytes have been written, ``path`` is where they are."""

    _file: FileIO

    def __init__(self, target: Path, key: str, *, overwrite: bool) -> None:
        self.target = target
        self.path = _part_path(target)
        self.size = 0
        self._key = key
        self._overwrite = overwrite
        self._version: Version | None = None
        self._is_open = False

    def open(self, version: Version) -> int:
        """Open the part, and return how many bytes of this version it holds."""
        _files.check_target(self.target, overwrite=self._overwrite)
        continued = self._is_of(version)
        if continued:
            self._file = _files.reopen(self.path)
        else:
            _files.discard(self.path)
            self._file = _files.create(self.path)
        self._is_open = True
        self.size = self._file.seek(0, os.SEEK_END)
        self._version = version if continued else None
        return self.size

    def write(self, position: int, chunks: Sequence[bytes], version: Version) -> None:
        """Write bytes at their position; the bytes behind them are void, and all bytes of another version."""
        if version != self._version:
            self._truncate(0)
            self._write_note(version)
            self._version = version
        if position > self.size:
            raise OSError(errno.EINVAL, "a gap would be left")
        if position < self.size:
            self._truncate(position)
        try:
            for chunk in chunks:
                _files.write_all(self._file, chunk)
        finally:
            self.size = self._file.tell()

    def finish(self) -> None:
        """Put every byte on the disk, and rename the part to its target."""
        os.fsync(self._file.fileno())
        written = os.fstat(self._file.fileno())
        self._close()
        _files.place(self.path, self.target, overwrite=self._overwrite)
        if not os.path.samestat(written, os.lstat(self.target)):
            raise OSError(errno.EPERM, "the file was replaced while it was renamed")

    def keep(self, position: int, chunks: Sequence[bytes], version: Version) -> None:
        """Write the remaining bytes if possible, and close the part, which stays."""
        with suppress(OSError):
            if self._is_open and chunks:
                self.write(position, chunks, version)
        self._close()

    def _is_of(self, version: Version) -> bool:
        same = version.validator is not None and _read_note(self.target) == _note(self._key, version)
        if not same or not _files.is_private(self.path):
            return False
        found = os.lstat(self.path)
        fits = version.length is None or found.st_size <= version.length
        return fits and found.st_mtime >= time.time() - time.monotonic()

    def _write_note(self, version: Version) -> None:
        path = _note_path(self.target)
        _files.discard(path)
        with _files.create(path) as file:
            _files.write_all(file, json.dumps(_note(self._key, version)).encode())

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._file.close()

    def _truncate(self, size: int) -> None:
        self._file.seek(size)
        self._file.truncate()
        self.size = size


def holds(target: Path, key: str) -> bool:
    """Return whether ``target`` is the whole file of ``key``, of which only the note has not been removed yet."""
    note = _read_note(target)
    if note is None or note["key"] != key:
        return False
    try:
        found = os.lstat(target)
        with suppress(FileNotFoundError):
            # A process may die between the two steps of a rename that replaces nothing: both names are there then.
            if not os.path.samestat(os.lstat(_part_path(target)), found):
                return False
            _part_path(target).unlink()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found.st_mode) and note["length"] == found.st_size


def forget(target: Path) -> None:
    """Remove the note of a whole file."""
    _note_path(target).unlink(missing_ok=True)


def digest_of(path: Path) -> tuple[int, str]:
    """Return the size and the SHA-256 of a file; a link is an error."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with open(handle, "rb") as file:  # noqa: PTH123  # a path could be a link by now
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


async def blocking(path: Path, function: Callable[[Unpack[Args]], R], *arguments: *Args) -> R:
    """Call a function that works on ``path`` in a worker thread.

    :raises DownloadError: the function raised OSError or ValueError, which is the ``__cause__``.
    """
    try:
        return await anyio.to_thread.run_sync(function, *arguments)
    except FileExistsError as error:
        raise DownloadError(f"{path} already exists; pass overwrite=True to replace it") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DownloadError(f"cannot save to {path}: {reason}") from error


def parse_date(text: str) -> datetime:
    """Return the moment of an HTTP date; raise ValueError if it is not one."""
    try:
        date = parsedate_to_datetime(text)
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    except (TypeError, IndexError, OverflowError) as error:
        raise ValueError("an HTTP date is expected") from error


def _validator(headers: Mapping[str, str]) -> str | None:
    etag = headers.get("etag", "")
    if len(etag) > 1 and etag[0] == etag[-1] == '"':
        return etag
    modified = headers.get("last-modified", "")
    try:
        answered = parse_date(headers["date"]) if "date" in headers else datetime.now(UTC)
        return modified if parse_date(modified) <= answered - timedelta(seconds=1) else None
    except (ValueError, OverflowError):
        return None


def _part_path(target: Path) -> Path:
    return target.parent / f"{target.name}.part"


def _note_path(target: Path) -> Path:
    return target.parent / f"{target.name}.part.json"


def _note(key: str, version: Version) -> Note:
    return {"key": key, "validator": version.validator, "length": version.length}


def _read_note(target: Path) -> Note | None:
    if not _files.is_private(_note_path(target)):
        return None
    try:
        with _files.reopen(_note_path(target)) as file:
            note = json.loads(file.readall())
    except (OSError, ValueError, RecursionError):
        return None
    return note if isinstance(note, dict) and note.keys() == _NOTE_FIELDS else None
