"""The control API's recordings: what is stored, and what should be."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.refusals import RefusalError
from sinch_voice_async.sandbox.routes.control_table import Control, number
from sinch_voice_async.sandbox.routes.download import download
from sinch_voice_async.sandbox.routes.endpoint import path_member
from sinch_voice_async.sandbox.storage.recordings import Recording, Recordings

__all__ = ["RecordingControls"]

LONGEST = 86_400.0


class RecordingControls:
    """Lists, adds, plays and deletes the recordings of a sandbox."""

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        new = {
            "key": "its name; without it, one is made up",
            "seconds": "how long a tone it holds: 1 without it",
            "text": "its content, in place of a tone",
            "createdOn": "when it was made, ISO 8601",
        }
        one = "/recordings/{key}"
        return [
            Control("GET", "/recordings", self.list),
            Control("POST", "/recordings", self.add, new),
            Control("GET", one, self.play),
            Control("DELETE", one, self.remove),
        ]

    async def list(self, _request: Request, _fields: Fields) -> Response:
        """List every recording."""
        return JSONResponse({"recordings": [_described(each) for each in self._recordings]})

    async def add(self, _request: Request, fields: Fields) -> Response:
        """Store a recording: a text, or a WAV file with a tone."""
        text = fields.text("text")
        seconds = number(fields, "seconds", most=LONGEST)
        recording = self._recordings.add(
            fields.text("key", most=256) or None,
            seconds=1.0 if seconds is None else seconds,
            created_on=_moment(fields, "createdOn"),
            data=None if text is None else text.encode(),
        )
        return JSONResponse(_described(recording), status_code=201)

    async def play(self, request: Request, _fields: Fields) -> Response:
        """Give a recording's content."""
        return download(self._find(request), request.headers, accept_ranges=True)

    async def remove(self, request: Request, _fields: Fields) -> Response:
        """Delete a recording."""
        self._recordings.remove(self._find(request).key)
        return Response(status_code=204)

    def _find(self, request: Request) -> Recording:
        recording = self._recordings.get(path_member(request, "key"))
        if recording is None:
            raise RefusalError(40400, "Recording not found")
        return recording


def _described(recording: Recording) -> dict[str, object]:
    return {
        "key": recording.key,
        "size": recording.size,
        "createdOn": recording.created_on.isoformat(),
        "downloads": recording.downloads,
    }


def _moment(fields: Fields, name: str) -> datetime | None:
    text = fields.text(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fields.illegal(name, "is not a time in ISO 8601")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
