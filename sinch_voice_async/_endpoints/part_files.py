"""A file that is being written: ``NAME.part``, and ``NAME.part.json`` that says which version of what is in it.

Rules:

- The target appears whole or not at all: everything is written to the part, which is on the disk before it is renamed.
- The note is written before the bytes that it speaks of, so a part is never taken for what it is not.
- A part is continued only where the note names the key, the validator and the length of what is offered now. Without a
  validator nothing is continued.
- A part from before the machine was started is not continued: after a loss of power it may have holes.

All of it blocks, and belongs in a worker thread. Raises OSError.
"""

import errno
import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import TypeAlias

from sinch_voice_async._endpoints.disk import sync_directory, write_all
from sinch_voice_async._endpoints.resuming import Version

__all__ = ["PartFile", "forget", "holds"]

Note: TypeAlias = dict[str, str | int | None]


class PartFile:
    """The part of one target; ``size`` is how many bytes of it have been written, ``path`` where they are."""

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
        """Open the part and return how many of its bytes are of this version, and stay."""
        self._check_target()
        continued = self._is_of(version)
        self._file = self.path.open("r+b" if continued else "wb", buffering=0)
        self._is_open = True
        self.size = self._file.seek(0, os.SEEK_END)
        self._version = version if continued else None
        return self.size

    def write(self, position: int, chunks: Sequence[bytes], version: Version) -> None:
        """Write bytes where they belong: what is behind is void, and all of it where the version is another."""
        if version != self._version:
            self._truncate(0)
            _note_path(self.target).write_text(json.dumps(_note(self._key, version)))
            self._version = version
        if position > self.size:
            raise OSError(errno.EINVAL, "a gap would be left")
        if position < self.size:
            self._truncate(position)
        try:
            for chunk in chunks:
                write_all(self._file, chunk)
        finally:
            self.size = self._file.tell()

    def finish(self) -> None:
        """Rename the part to its target, when every byte of it is on the disk."""
        os.fsync(self._file.fileno())
        self._close()
        self._check_target()
        self.path.replace(self.target)
        sync_directory(self.target.parent)

    def keep(self, position: int, chunks: Sequence[bytes], version: Version) -> None:
        """Write what is left, if that can be done, and close the part, which stays."""
        with suppress(OSError):
            if self._is_open and chunks:
                self.write(position, chunks, version)
        self._close()

    def _is_of(self, version: Version) -> bool:
        same = version.validator is not None and _read_note(self.target) == _note(self._key, version)
        if not same or not self.path.exists():
            return False
        found = self.path.stat()
        fits = version.length is None or found.st_size <= version.length
        return fits and found.st_mtime >= time.time() - time.monotonic()

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._file.close()

    def _truncate(self, size: int) -> None:
        self._file.seek(size)
        self._file.truncate()
        self.size = size

    def _check_target(self) -> None:
        if self.target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a directory", str(self.target))
        if not self._overwrite and os.path.lexists(self.target):
            raise FileExistsError(errno.EEXIST, "it exists, and overwrite was not asked for", str(self.target))


def holds(target: Path, key: str) -> bool:
    """Say whether ``target`` is the whole file of ``key``, and only its note was not forgotten any more."""
    note = _read_note(target)
    if note is None or note["key"] != key or os.path.lexists(_part_path(target)):
        return False
    return target.is_file() and note["length"] == target.stat().st_size


def forget(target: Path) -> None:
    """Remove the note of a whole file, which has served."""
    _note_path(target).unlink(missing_ok=True)


def _part_path(target: Path) -> Path:
    return target.parent / f"{target.name}.part"


def _note_path(target: Path) -> Path:
    return target.parent / f"{target.name}.part.json"


def _note(key: str, version: Version) -> Note:
    return {"key": key, "validator": version.validator, "length": version.length}


def _read_note(target: Path) -> Note | None:
    try:
        note = json.loads(_note_path(target).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return note if isinstance(note, dict) and note.keys() == {"key", "validator", "length"} else None
