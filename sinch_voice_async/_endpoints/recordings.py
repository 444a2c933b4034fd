"""The recordings that the platform keeps: listed, downloaded, archived, deleted."""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import attrs

from sinch_voice_async._endpoints.arguments import check_whole
from sinch_voice_async._endpoints.downloads import Download
from sinch_voice_async._endpoints.listing import PATH, Listing
from sinch_voice_async._endpoints.pages import Pages
from sinch_voice_async._endpoints.paths import segment
from sinch_voice_async._endpoints.resuming import ResumingStream
from sinch_voice_async._transport.messages import Request
from sinch_voice_async._transport.transport import Transport
from sinch_voice_async.models.recordings import ArchiveSummary, Recording

__all__ = ["Recordings"]


@attrs.frozen(eq=False)
class Recordings:
    """Reads and deletes the recordings in the Sinch Drive: ``client.recordings``.

    ::

        async for recording in client.recordings.list(start=yesterday):
            async with client.recordings.download(recording.key) as download:
                await download.save(folder / "call.wav")

    A recording is reached by its ``key``. Its ``url`` is the platform's to give away: nothing here follows it, and no
    credentials go to it.
    """

    _transport: Transport

    def list(
        self, *, start: datetime | None = None, end: datetime | None = None, page_size: int = 100
    ) -> Pages[Recording]:
        """Return the recordings stored from ``start`` to ``end``; nothing is sent until they are iterated over.

        Times need a zone and are sent in UTC; None is open, and an open ``end`` is fixed as the moment when iteration
        starts. ``page_size`` is how many are asked for at once; the platform may give fewer. What :class:`Pages` costs
        and guarantees stands there.

        :raises InvalidRequestError: a time has no zone, ``start`` is not before ``end``, or ``page_size`` is below 1.

        Source: Calling API, List Recordings.
        """
        listing = Listing(transport=self._transport, start=start, end=end, page_size=page_size)
        return Pages(listing.begin, _key)

    def download(self, key: str) -> Download:
        """Return a download of one recording, for ``async with``: the request is sent on entering.

        :raises InvalidRequestError: ``key`` cannot be one.

        Source: Calling API, Download Recording.
        """
        return Download(self._stream(key), key)

    async def delete(self, key: str) -> None:
        """Delete one recording from the platform.

        :raises InvalidRequestError: ``key`` cannot be one.
        :raises NotFoundError: there is no such recording; where ``attempts`` is more than 1, an attempt of this very
            call, whose answer was lost, may have deleted it.

        Source: Calling API, Delete Recording.
        """
        await self._transport.send(_request("DELETE", key))

    async def archive(
        self,
        directory: str | os.PathLike[str],
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        concurrency: int = 8,
        delete_after: bool = False,
        progress: Callable[[int, int], object] | None = None,
    ) -> ArchiveSummary:
        """Download every recording from ``start`` to ``end`` that ``directory`` does not hold yet.

        ``manifest.jsonl`` in it gets a line of JSON for each file that is whole and on the disk: ``key``, ``file``,
        ``size`` in bytes, ``sha256`` in hex, ``created`` and ``expires`` in UTC. File names are made from the keys.
        Whatever ends an archive, even the machine's power, running it again completes it: nothing that the manifest
        holds is downloaded twice.

        ``concurrency`` is how many are downloaded at once. ``delete_after`` deletes each recording from the platform,
        once its file and its line in the manifest are on the disk; a file of an earlier run is read before that, and
        its sum compared. ``progress(done, total)`` is called with numbers of recordings. The listing is read whole
        first, and kept in memory. A recording that vanishes meanwhile is counted as that.

        A recording that cannot be archived does not keep the others from it; the error comes at the end. A failure of
        the disk ends it at once.

        :raises InvalidRequestError: a parameter is out of range, as for :meth:`list`.
        :raises DownloadError: some recordings could not be archived, or the disk failed, or another archive is being
            made in ``directory``, or its manifest is damaged; ``__cause__`` is the first error.
        :raises DecodeError: the listing could not be read whole.

        Source: Calling API, List Recordings, Download Recording, Delete Recording.
        """
        # Not everybody archives, and what an archive needs takes as long to load as the rest of this folder.
        from sinch_voice_async._endpoints.archive import Archive  # noqa: PLC0415 - see above

        check_whole(concurrency, "concurrency", least=1)
        delete = self.delete if delete_after else None
        pages = self.list(start=start, end=end)
        return await Archive(Path(directory), self._stream, delete, progress).fill(pages, concurrency)

    def _stream(self, key: str) -> ResumingStream:
        return ResumingStream(self._transport, _request("GET", key))


def _request(method: str, key: str) -> Request:
    return Request(method=method, path=f"{PATH}/{segment(key, 'key')}", route=PATH + "/{key}", repeatable=True)


def _key(recording: Recording) -> str:
    return recording.key
