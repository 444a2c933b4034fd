"""The control API's recordings: what is stored, what is added, and the shape of its sound."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox.control.table import Control, member, number, query_whole, seconds, text
from sinch_voice_async.sandbox.exchange.recordings import Recording, Recordings
from sinch_voice_async.sandbox.requests import Fields, found, path_member
from sinch_voice_async.sandbox.routes import download

__all__ = ["RecordingControls"]

LONGEST = 86_400.0
NEW = {
    "key": text("its name; the sandbox makes one up if it is absent", maxLength=256),
    "seconds": seconds("how long a tone it holds; 1 by default", maximum=LONGEST),
    "text": text("its content, in place of a tone"),
    "createdOn": text("when it was made, ISO 8601", format="date-time"),
}
PEAKS = 240
MOST_PEAKS = 2_000


class RecordingControls:
    """Lists, adds, plays and deletes the recordings of a sandbox."""

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        one = "/recordings/{key}"
        points = {"n": member("how many numbers; 240 by default", "integer", minimum=1, maximum=MOST_PEAKS)}
        return [
            Control("GET", "/recordings", self.list),
            Control("POST", "/recordings", self.add, NEW, status=201, example={"key": "tone.wav", "seconds": 2}),
            Control("GET", one, self.play),
            Control("GET", f"{one}/peaks", self.peaks, query=points),
            Control("DELETE", one, self.remove, status=204),
        ]

    async def list(self, _request: Request, _fields: Fields) -> Response:
        """List every recording."""
        return JSONResponse({"recordings": [_described(each) for each in self._recordings]})

    async def add(self, _request: Request, fields: Fields) -> Response:
        """Store a recording: a text, or a WAV file with a tone."""
        content = fields.text("text")
        length = number(fields, "seconds", most=LONGEST)
        recording = self._recordings.add(
            fields.text("key", most=256) or None,
            seconds=1.0 if length is None else length,
            created_on=_moment(fields, "createdOn"),
            data=None if content is None else content.encode(),
        )
        return JSONResponse(_described(recording), status_code=201)

    async def play(self, request: Request, _fields: Fields) -> Response:
        """Return a recording's content."""
        return download(self._find(request), request.headers, accept_ranges=True)

    async def peaks(self, request: Request, _fields: Fields) -> Response:
        """Return the loudness of a WAV recording over its length, as numbers from 0 to 1, to draw it."""
        count = query_whole(request, "n", default=PEAKS, least=1, most=MOST_PEAKS)
        length, peaks = _peaks(self._find(request), count)
        return JSONResponse({"seconds": length, "peaks": peaks})

    async def remove(self, request: Request, _fields: Fields) -> Response:
        """Delete a recording."""
        self._recordings.remove(self._find(request).key)
        return Response(status_code=204)

    def _find(self, request: Request) -> Recording:
        return found(self._recordings.get(path_member(request, "key")), "Recording")


def _peaks(recording: Recording, count: int) -> tuple[float, list[float]]:
    """Return seconds and peaks of 16-bit mono PCM, from a short sample of each part; nothing for other content."""
    head = recording.content.read(0, 44)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE" or int.from_bytes(head[34:36], "little") != 16:
        return 0.0, []
    rate = int.from_bytes(head[24:28], "little") or 8_000
    samples = (recording.size - 44) // 2
    step = max(1, samples // count)
    peaks = []
    for part in range(min(count, samples)):
        # 50 ms of each part say enough, and keep a day of sound cheap.
        start = 44 + 2 * part * step
        data = memoryview(recording.content.read(start, min(recording.size, start + 2 * min(step, rate // 20))))
        values = data[: len(data) // 2 * 2].cast("h")
        peaks.append(round(min(1.0, max(map(abs, values), default=0) / 12_000), 3))
    return round(samples / rate, 3), peaks


def _described(recording: Recording) -> dict[str, object]:
    return {
        "key": recording.key,
        "size": recording.size,
        "createdOn": recording.created_on.isoformat(),
        "downloads": recording.downloads,
    }


def _moment(fields: Fields, name: str) -> datetime | None:
    """Return a date, or refuse it by name; dates at the ends of time leave no room for the 90 days of storage."""
    value = fields.text(name)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        fields.illegal(name, "is not a time in ISO 8601")
    if not 1970 <= moment.year <= 2999:
        fields.illegal(name, "must be from the year 1970 to 2999")
    return moment
