"""Every recording in a directory, with a manifest: restartable at any moment, and nothing is deleted unsaved.

Each step of one recording is on the disk before the next begins:

1. its bytes go to a part file, with a note of which recording it is;
2. the part gets the name of the file;
3. the manifest gets a line that describes the file as it is on the disk;
4. the note is removed, and then, if requested, the recording on the platform.

A file whose process died between 2 and 3 is recognised by its note, and is not downloaded again.

Rules of the manifest, which has a line of JSON for every file that is whole and on the disk:

- A line is on the disk before anything follows from it. The last line of a process that died may be torn; it is cut.
- The last line of a key counts.
- One process writes it: the file is locked while it is open, if the system can.
- A line that names a file outside of the directory is not one of ours.
"""

import json
import os
import stat
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Any, Final

import anyio
import attrs
from attrs.validators import instance_of

from sinch_voice_async import _files
from sinch_voice_async._endpoints.recordings.download import ResumingStream, save_stream
from sinch_voice_async._endpoints.recordings.files import PartFile, blocking, digest_of, forget, holds
from sinch_voice_async._endpoints.recordings.pages import Pages
from sinch_voice_async._wire.json import format_timestamp
from sinch_voice_async.errors import DownloadError, NotFoundError, SinchVoiceError
from sinch_voice_async.models.recordings import ArchiveSummary, Recording

__all__ = ["MANIFEST", "Archive", "Entry", "Manifest"]

MANIFEST: Final = "manifest.jsonl"
_OWN: Final = (".part", ".part.json", MANIFEST)
"""Endings of the names that an archive gives to files of its own."""
_BEGINNING: Final = b'{"key": "'
"""How each line of a manifest begins."""


def _plain_name(_: object, __: object, name: Any) -> None:
    if not isinstance(name, str) or name in ("", ".", "..") or "\0" in name or {"/", "\\"} & set(name):
        raise ValueError("a file name is expected")


@attrs.frozen(kw_only=True)
class Entry:
    """One file: ``size`` in bytes, ``sha256`` in hex, ``created`` and ``expires`` in ISO 8601, None if unknown."""

    key: str = attrs.field(validator=instance_of(str))
    file: str = attrs.field(validator=_plain_name)
    size: int = attrs.field(validator=instance_of(int))
    sha256: str = attrs.field(validator=instance_of(str))
    created: str | None = None
    expires: str | None = None


@attrs.frozen(eq=False)
class Manifest:
    """``manifest.jsonl`` of one directory, open and locked; ``entries`` are those that it had then, by key.

    Its functions block and raise OSError; a line that is not an entry is a DownloadError.
    """

    path: Path
    entries: dict[str, Entry]
    _file: FileIO

    @classmethod
    def open(cls, directory: Path) -> "Manifest":
        """Open the manifest; make it if it is missing, and the directory too."""
        _files.make_directory(directory)
        path = directory / MANIFEST
        file = _files.open_or_create(path)
        try:
            _lock(file, directory)
            _files.sync_directory(directory)
            entries = _entries(file, path)
            _files.make_private(file.fileno())
            return cls(path, entries, file)
        except BaseException:
            file.close()
            raise

    def add(self, entry: Entry) -> None:
        """Write one line, to the disk."""
        end = self._file.seek(0, os.SEEK_END)
        try:
            _files.write_all(self._file, json.dumps(attrs.asdict(entry)).encode() + b"\n")
            os.fsync(self._file.fileno())
        except OSError:
            # The next line must not be glued to a part of this one.
            self._file.truncate(end)
            raise

    def close(self) -> None:
        """Close and unlock it."""
        self._file.close()


def _lock(file: FileIO, directory: Path) -> None:
    if not _files.lock(file):
        raise DownloadError(f"another archive is being made in {directory}")


def _entries(file: FileIO, path: Path) -> dict[str, Entry]:
    content = file.readall()
    *lines, rest = content.split(b"\n")
    entries = [_entry(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)]
    if rest:
        # Only what may be the beginning of a line of ours is taken away: another file keeps its last line.
        if not rest.startswith(_BEGINNING[: len(rest)]):
            raise DownloadError(f"{path}, line {len(lines) + 1}: this is not a line of a manifest")
        file.truncate(len(content) - len(rest))
    return {entry.key: entry for entry in entries}


def _entry(line: bytes, place: str) -> Entry:
    try:
        fields: Any = json.loads(line)
        return Entry(**{name: fields.get(name) for name in attrs.fields_dict(Entry)})
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DownloadError(f"{place}: this is not a line of a manifest") from error


class Archive:
    """One run over one directory."""

    def __init__(
        self,
        directory: Path,
        stream: Callable[[str], ResumingStream],
        delete: Callable[[str], Awaitable[None]] | None,
        progress: Callable[[int, int], object] | None,
    ) -> None:
        self._directory = directory
        self._stream = stream
        self._delete = delete
        self._progress = progress
        self._manifest: Manifest
        self._writing = anyio.Lock()
        self._owners: dict[str, str] = {}
        self._summary = ArchiveSummary()
        self._done = 0
        self._failed: list[tuple[str, SinchVoiceError]] = []
        self._fatal: Exception | None = None

    async def fill(self, pages: Pages[Recording], concurrency: int) -> ArchiveSummary:
        """Save every listed recording that is not there yet.

        :raises DownloadError: see ``Recordings.archive``.
        """
        self._manifest = await blocking(self._directory, Manifest.open, self._directory)
        self._owners = {entry.file.casefold(): entry.key for entry in self._manifest.entries.values()}
        try:
            # The whole listing first: deletions later on would move the pages.
            recordings = await pages.collect()
            self._summary = ArchiveSummary(listed=len(recordings))
            waiting = iter(recordings)
            async with anyio.create_task_group() as workers:
                for _ in range(min(concurrency, len(recordings))):
                    workers.start_soon(self._work, waiting, workers.cancel_scope)
        finally:
            self._manifest.close()
        if self._fatal is not None:
            raise self._fatal
        if self._failed:
            key, error = self._failed[0]
            counted = f"{len(self._failed)} of {len(recordings)} recordings could not be archived"
            raise DownloadError(f"{counted}; the first is {key!r}: {error}", attempts=error.attempts) from error
        return self._summary

    async def _work(self, waiting: Iterator[Recording], scope: anyio.CancelScope) -> None:
        try:
            for recording in waiting:
                await self._try(recording)
                self._done += 1
                if self._progress is not None:
                    self._progress(self._done, self._summary.listed)
        except Exception as error:  # noqa: BLE001  # it is raised, alone, after the other workers have ended
            self._fatal = self._fatal or error
            scope.cancel()

    async def _try(self, recording: Recording) -> None:
        try:
            await self._store(recording)
        except NotFoundError:
            self._count(vanished=1)
        except SinchVoiceError as error:
            # A disk that refuses one file refuses the next one too.
            if isinstance(error, DownloadError) and isinstance(error.__cause__, OSError):
                raise
            self._failed.append((recording.key, error))

    async def _store(self, recording: Recording) -> None:
        entry = self._manifest.entries.get(recording.key)
        if entry is not None and await blocking(self._directory, self._is_there, entry):
            self._count(already_there=1)
        else:
            await self._fetch(recording)
        if self._delete is not None:
            with suppress(NotFoundError):
                await self._delete(recording.key)
            self._count(deleted=1)

    def _is_there(self, entry: Entry) -> bool:
        path = self._directory / entry.file
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(found.st_mode) or found.st_size != entry.size:
            return False
        forget(path)
        return self._delete is None or digest_of(path) == (entry.size, entry.sha256)

    async def _fetch(self, recording: Recording) -> None:
        target, whole = await self._place(recording.key)
        part = PartFile(target, recording.key, overwrite=False)
        if not whole:
            stream = self._stream(recording.key)
            try:
                await stream.open()
                await save_stream(stream, part, None)
            finally:
                await stream.aclose()
        size, digest = await blocking(target, digest_of, target)
        created, expires = _text(recording.created_on), _text(recording.expires_on)
        entry = Entry(key=recording.key, file=target.name, size=size, sha256=digest, created=created, expires=expires)
        async with self._writing:
            await blocking(self._manifest.path, self._manifest.add, entry)
        await blocking(target, forget, target)
        if whole:
            self._count(already_there=1)
        else:
            self._count(downloaded=1, bytes_downloaded=size)

    async def _place(self, key: str) -> tuple[Path, bool]:
        """Return the path of a recording's file, and whether the whole file is there already."""
        names = _files.safe_names(key, reserved=_OWN)
        while True:
            name = next(names)
            if self._owners.setdefault(name.casefold(), key) == key:
                target = self._directory / name
                if await blocking(target, holds, target, key):
                    return target, True
                if not await blocking(target, os.path.lexists, target):
                    return target, False

    def _count(self, **more: int) -> None:
        counted = {name: getattr(self._summary, name) + number for name, number in more.items()}
        self._summary = attrs.evolve(self._summary, **counted)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_timestamp(moment)
