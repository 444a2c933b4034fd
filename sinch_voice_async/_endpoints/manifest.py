"""The manifest of an archive: a line of JSON for every file that is whole and on the disk.

Rules:

- A line is on the disk before anything follows from it. The last line of a process that died may be torn; it is cut.
- The last line of a key counts.
- One process writes it: the file is locked for as long as it is open, where the system can.

All of it blocks, and belongs in a worker thread. Raises OSError; DownloadError where a line is no entry.
"""

import importlib
import json
import os
import sys
from io import FileIO
from pathlib import Path
from typing import Any, Final

import attrs
from attrs.validators import instance_of

from sinch_voice_async._endpoints.disk import sync_directory, write_all
from sinch_voice_async.errors import DownloadError

__all__ = ["MANIFEST", "Entry", "Manifest"]

MANIFEST: Final = "manifest.jsonl"

# Windows needs no lock: a file that is open cannot be replaced there.
_fcntl: Any = None if sys.platform == "win32" else importlib.import_module("fcntl")


@attrs.frozen(kw_only=True)
class Entry:
    """One file: ``size`` in bytes, ``sha256`` in hex, ``created`` and ``expires`` in ISO 8601, None where unknown."""

    key: str = attrs.field(validator=instance_of(str))
    file: str = attrs.field(validator=instance_of(str))
    size: int = attrs.field(validator=instance_of(int))
    sha256: str = attrs.field(validator=instance_of(str))
    created: str | None = None
    expires: str | None = None


@attrs.frozen(eq=False)
class Manifest:
    """``manifest.jsonl`` of one directory, open and locked; ``entries`` is what it held then, by key."""

    path: Path
    entries: dict[str, Entry]
    _file: FileIO

    @classmethod
    def open(cls, directory: Path) -> "Manifest":
        """Open it, made where it is missing, with the directory."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / MANIFEST
        file = path.open("a+b", buffering=0)
        try:
            _lock(file, directory)
            sync_directory(directory)
            return cls(path, _read(file, path), file)
        except BaseException:
            file.close()
            raise

    def add(self, entry: Entry) -> None:
        """Write one line, to the disk."""
        end = self._file.seek(0, os.SEEK_END)
        try:
            write_all(self._file, json.dumps(attrs.asdict(entry)).encode() + b"\n")
            os.fsync(self._file.fileno())
        except OSError:
            # The next line must not be glued to a part of this one.
            self._file.truncate(end)
            raise

    def close(self) -> None:
        """Close and unlock it."""
        self._file.close()


def _lock(file: FileIO, directory: Path) -> None:
    if _fcntl is None:
        return
    try:
        _fcntl.flock(file, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
    except BlockingIOError as problem:
        raise DownloadError(f"another archive is being made in {directory}") from problem


def _read(file: FileIO, path: Path) -> dict[str, Entry]:
    file.seek(0)
    content = file.readall()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        file.truncate(whole)
    lines = enumerate(content[:whole].split(b"\n")[:-1], 1)
    entries = [_entry(line, f"{path}, line {number}") for number, line in lines]
    return {entry.key: entry for entry in entries}


def _entry(line: bytes, place: str) -> Entry:
    try:
        fields = json.loads(line)
        return Entry(**{name: fields.get(name) for name in attrs.fields_dict(Entry)})
    except (ValueError, TypeError, AttributeError) as problem:
        raise DownloadError(f"{place}: this is no line of a manifest") from problem
