"""Recordings: listed, downloaded and deleted. Source: Calling API, Recordings."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox.refusals import RefusalError
from sinch_voice_async.sandbox.routes.download import download
from sinch_voice_async.sandbox.routes.endpoint import Endpoint, note, path_member
from sinch_voice_async.sandbox.storage.recordings import PATH, Recording, Recordings

__all__ = ["RecordingRoutes"]

DEFAULT_PAGE_SIZE = 100
"""The documents name none: it is the sandbox's own."""


class RecordingRoutes:
    """Answers for the recordings."""

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    def endpoints(self) -> list[Endpoint]:
        """Return the routes."""
        return [
            Endpoint("GET", PATH, self.list),
            Endpoint("GET", f"{PATH}/", self.refuse_no_key),
            Endpoint("DELETE", f"{PATH}/", self.refuse_no_key),
            Endpoint("GET", f"{PATH}/{{key}}", self.download),
            Endpoint("DELETE", f"{PATH}/{{key}}", self.delete),
        ]

    async def list(self, request: Request) -> Response:
        """Answer with one page: a bare array, empty past the last page."""
        page = _positive(request, "page", 1, "'pageNumber' must be greater than 0")
        page_size = _positive(request, "pageSize", DEFAULT_PAGE_SIZE, "'pageSize' must be a positive integer")
        start, end = _moment(request, "from"), _moment(request, "to")
        if start is not None and end is not None and end <= start:
            raise RefusalError(40001, "'to' must be greater than 'from'")
        found = self._recordings.page(start=start, end=end, page=page, page_size=page_size)
        note(request, f"page {page}: {len(found)} of {len(self._recordings)}")
        return JSONResponse([self._described(recording) for recording in found])

    async def refuse_no_key(self, _request: Request) -> Response:
        """Answer 40002."""
        raise RefusalError(40002, "No key specified")

    async def download(self, request: Request) -> Response:
        """Answer with the file or the part that was asked for."""
        return download(self._find(request), request.headers, accept_ranges=self._recordings.accept_ranges)

    async def delete(self, request: Request) -> Response:
        """Delete the file; 204."""
        self._recordings.remove(self._find(request).key)
        return Response(status_code=204)

    def _find(self, request: Request) -> Recording:
        recording = self._recordings.get(path_member(request, "key"))
        if recording is None:
            raise RefusalError(40400, "Recording not found")
        return recording

    def _described(self, recording: Recording) -> dict[str, object]:
        return {
            "key": recording.key,
            "url": self._recordings.url_of(recording.key),
            "createdOn": _iso(recording.created_on),
            "expiresOn": _iso(recording.expires_on),
            "headers": dict(recording.headers),
        }


def _positive(request: Request, name: str, default: int, problem: str) -> int:
    text = request.query_params.get(name, str(default))
    # Longer texts are numbers as well, and beyond any page.
    if not (text.isascii() and text.isdecimal() and len(text) < 19) or int(text) < 1:
        raise RefusalError(40001, problem)
    return int(text)


def _moment(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        # A plus sign that was not percent-encoded arrives as a space.
        moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
    except ValueError:
        raise RefusalError(40001, f"'{name}' is not a timestamp") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
