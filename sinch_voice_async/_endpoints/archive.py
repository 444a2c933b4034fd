"""Every recording in a directory, with a manifest: restartable at any moment, and nothing deleted unsaved.

What happens to one recording, each step on the disk before the next begins:

1. its bytes go to a part file, with a note of which recording it is;
2. the part gets the name of the file;
3. the manifest gets a line with what is in the file, read from the disk;
4. the note goes, and then, if that was asked for, the recording on the platform.

A file whose process died between 2 and 3 is recognised by its note, and is not downloaded again.
"""

import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import anyio
import attrs

from sinch_voice_async._endpoints.file_names import file_names
from sinch_voice_async._endpoints.manifest import Entry, Manifest
from sinch_voice_async._endpoints.pages import Pages
from sinch_voice_async._endpoints.part_files import PartFile, forget, holds
from sinch_voice_async._endpoints.resuming import ResumingStream
from sinch_voice_async._endpoints.saving import blocking, save_stream
from sinch_voice_async._wire.timestamps import format_timestamp
from sinch_voice_async.errors import DownloadError, NotFoundError, SinchVoiceError
from sinch_voice_async.models.recordings import ArchiveSummary, Recording

__all__ = ["Archive"]


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
        """Store what is listed and not there yet.

        :raises DownloadError: see ``Recordings.archive``.
        """
        self._manifest = await blocking(self._directory, Manifest.open, self._directory)
        self._owners = {entry.file.casefold(): entry.key for entry in self._manifest.entries.values()}
        try:
            # The whole listing first: what is deleted later on would move the pages.
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
            key, problem = self._failed[0]
            counted = f"{len(self._failed)} of {len(recordings)} recordings could not be archived"
            raise DownloadError(f"{counted}; the first is {key!r}: {problem}", attempts=problem.attempts) from problem
        return self._summary

    async def _work(self, waiting: Iterator[Recording], scope: anyio.CancelScope) -> None:
        try:
            for recording in waiting:
                await self._try(recording)
                self._done += 1
                if self._progress is not None:
                    self._progress(self._done, self._summary.listed)
        except Exception as problem:  # noqa: BLE001 - it is raised, alone, when the other workers have ended
            self._fatal = self._fatal or problem
            scope.cancel()

    async def _try(self, recording: Recording) -> None:
        try:
            await self._store(recording)
        except NotFoundError:
            self._count(vanished=1)
        except SinchVoiceError as problem:
            # What the disk refuses now, it will refuse to the next recording too.
            if isinstance(problem, DownloadError) and isinstance(problem.__cause__, OSError):
                raise
            self._failed.append((recording.key, problem))

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
        if not path.is_file() or path.stat().st_size != entry.size:
            return False
        forget(path)
        return self._delete is None or _contents(path) == (entry.size, entry.sha256)

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
        size, digest = await blocking(target, _contents, target)
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
        """Return where a recording belongs, and whether the file is there already, and whole."""
        names = file_names(key)
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


def _contents(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_timestamp(moment)
