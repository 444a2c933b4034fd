"""The recordings that the platform keeps: ``client.recordings``."""

import builtins
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

import attrs

from sinch_voice_async import _bounds
from sinch_voice_async._endpoints.endpoint import segment
from sinch_voice_async._endpoints.recordings.archive import Archive
from sinch_voice_async._endpoints.recordings.download import Download, ResumingStream
from sinch_voice_async._endpoints.recordings.pages import Fetch, Pages
from sinch_voice_async._transport.messages import Request
from sinch_voice_async._transport.transport import Transport
from sinch_voice_async._wire.json import format_timestamp
from sinch_voice_async._wire.rest_codec import decode
from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.recordings import ArchiveSummary, Recording

__all__ = ["Recordings"]

_PATH: Final = "/calling/v1/recording"


@attrs.frozen(eq=False)
class Recordings:
    """Reads and deletes the recordings in the Sinch Drive: ``client.recordings``.

    ::

        async for recording in client.recordings.list(start=yesterday):
            async with client.recordings.download(recording.key) as download:
                await download.save(folder / "call.wav")

    A recording is downloaded and deleted by its ``key``. Its ``url`` is never followed, and no credentials go to it.

    Source: Calling API, Recordings.
    """

    _transport: Transport

    def list(
        self, *, start: datetime | None = None, end: datetime | None = None, page_size: int = 100
    ) -> Pages[Recording]:
        """Return the recordings stored from ``start`` to ``end``; nothing is sent until they are iterated over.

        Times need a zone and are sent in UTC; None is open, and an open ``end`` is fixed as the moment when iteration
        starts. ``page_size`` is how many are requested at once; the platform may give fewer. :class:`Pages` says what
        it costs and guarantees.

        :raises InvalidRequestError: a time has no zone, ``start`` is not before ``end``, or ``page_size`` is below 1.

        Source: Calling API, List Recordings.
        """
        _bounds.moment(start, "start", optional=True, error=InvalidRequestError)
        _bounds.moment(end, "end", optional=True, error=InvalidRequestError)
        _check_order(start, end)
        _bounds.whole(page_size, "page_size", least=1, error=InvalidRequestError)
        return Pages(lambda: self._fetch(start, end, page_size), _key)

    def download(self, key: str) -> Download:
        """Return a download of one recording, for ``async with``: the request is sent on entering.

        :raises InvalidRequestError: ``key`` cannot be a key.

        Source: Calling API, Download Recording.
        """
        return Download(self._stream(key), key)

    async def delete(self, key: str) -> None:
        """Delete one recording from the platform.

        :raises InvalidRequestError: ``key`` cannot be a key.
        :raises NotFoundError: there is no such recording; if ``attempts`` is more than 1, an attempt of this call whose
            answer was lost may have deleted it.

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
        ``size`` in bytes, ``sha256`` in hex, ``created`` and ``expires`` in UTC. File names are made from the keys: no
        name leaves the directory or begins with ``-``. Only the owner may read the files. After any interruption, even
        a loss of power, run the archive again and it resumes: no file in the manifest is downloaded twice.

        ``concurrency`` is how many are downloaded at once. ``delete_after`` deletes each recording from the platform
        after its file and its line in the manifest are on the disk; a file of an earlier run is read before that, and
        its digest compared. ``progress(done, total)`` is called with numbers of recordings. The listing is read whole
        first, and kept in memory. A recording that vanishes meanwhile is counted as ``vanished``.

        A recording that cannot be archived does not stop the others; its error is raised at the end. A failure of the
        disk ends the archive at once.

        :raises InvalidRequestError: a parameter is out of range, as for :meth:`list`.
        :raises DownloadError: some recordings could not be archived, the disk failed, a link or a foreign file is in
            the way, another archive is being made in ``directory``, or its manifest is damaged; ``__cause__`` is the
            first error.
        :raises DecodeError: the listing could not be read whole.

        Source: Calling API, List Recordings, Download Recording, Delete Recording.
        """
        target = _bounds.path(directory, "directory", error=InvalidRequestError)
        _bounds.whole(concurrency, "concurrency", least=1, error=InvalidRequestError)
        _bounds.flag(delete_after, "delete_after", error=InvalidRequestError)
        _bounds.function(progress, "progress", optional=True, error=InvalidRequestError)
        delete = self.delete if delete_after else None
        pages = self.list(start=start, end=end)
        return await Archive(target, self._stream, delete, progress).fill(pages, concurrency)

    def _fetch(self, start: datetime | None, end: datetime | None, page_size: int) -> Fetch[Recording]:
        """Return the function that fetches the pages of one iteration: an open end is fixed now, and stays fixed."""
        session = self._transport.session
        end = end or datetime.fromtimestamp(session.clock.now() + session.clock_offset, UTC)
        _check_order(start, end)
        window = {name: format_timestamp(moment) for name, moment in (("from", start), ("to", end)) if moment}

        async def page(number: int) -> builtins.list[Recording]:
            query = urlencode({**window, "page": number, "pageSize": page_size}, safe=":")
            request = Request(method="GET", path=f"{_PATH}?{query}", route=_PATH, repeatable=True)
            response = await self._transport.send(request)
            return decode(response.body, builtins.list[Recording], status=response.status, attempts=response.attempts)

        return page

    def _stream(self, key: str) -> ResumingStream:
        return ResumingStream(self._transport, _request("GET", key))


def _check_order(start: datetime | None, end: datetime | None) -> None:
    if start is not None and end is not None and start >= end:
        raise InvalidRequestError("start must be earlier than end", field="start")


def _request(method: str, key: str) -> Request:
    return Request(method=method, path=f"{_PATH}/{segment(key, 'key')}", route=_PATH + "/{key}", repeatable=True)


def _key(recording: Recording) -> str:
    return recording.key
