"""The store of recordings: what is listed, downloaded and deleted, and how a download goes wrong.

The documents name no order of a listing: here it is oldest first. Source: Calling API, Recordings.
"""

import itertools
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from sinch_voice_async.sandbox import bounds
from sinch_voice_async.sandbox.audio import (
    HEADER_SIZE,
    PITCH,
    SAMPLE_RATE,
    Content,
    Corrupted,
    Script,
    Speech,
    Stored,
    Tone,
    speaker,
)
from sinch_voice_async.sandbox.clock import Clock

__all__ = ["PATH", "Recording", "Recordings", "Trouble"]

PATH = "/calling/v1/recording"
KEPT_FOR = timedelta(days=90)
"""The documents do not say when the platform deletes a file."""
LONGEST = 250_000.0
"""Seconds: the header of a WAV file counts up to 4 GiB."""
MOST_OF_CALLS = 10_000
"""Recordings of calls and conferences; then the oldest of them is deleted."""
MOST_BYTES = 256 * 1_048_576
"""Bytes that all recordings may hold in memory. A tone holds none."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault that happens once, at byte ``at`` of a download: silence of ``seconds``, or a drop if that is unset."""

    at: int
    seconds: float | None = None
    then_changes: bool = False


@dataclass(slots=True, eq=False)
class Recording:
    """One stored file; ``version`` counts its contents, and is what its ETag says."""

    key: str
    content: Content = field(repr=False)
    created_on: datetime
    modified_on: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    downloads: int = 0
    """How many downloads were asked for, ranges included."""
    _corrupted_at: list[int] = field(default_factory=list)
    _troubles: list[Trouble] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.content.size

    @property
    def etag(self) -> str:
        """A strong entity tag."""
        return f'"{self.version}-{self.size:x}"'

    @property
    def expires_on(self) -> datetime:
        """When the platform would delete it."""
        return self.created_on + KEPT_FOR

    def read(self) -> bytes:
        """Return the whole file, without injected faults."""
        return self.content.read(0, self.size)

    def kept(self) -> tuple[dict[str, object], bytes | None]:
        """Return a description of the file as JSON, and its bytes if it is not a tone."""
        content = self.content
        tone = [content.samples, content.frequency] if isinstance(content, Tone) else None
        script = None
        if isinstance(content, Speech):
            # Reading it here would run the speech program.
            tone, script = [content.samples, PITCH], content.script
        dates = {name: getattr(self, name).isoformat() for name in ("created_on", "modified_on")}
        return {
            **dates,
            "headers": dict(self.headers),
            "version": self.version,
            "tone": tone,
            "script": script,
        }, self.read() if tone is None else None

    def change(self, data: bytes | None = None) -> None:
        """Replace the content by ``data``, or by a tone of another pitch and the same length."""
        self.version += 1
        self.modified_on += timedelta(seconds=1)
        samples = max(0, self.size - HEADER_SIZE) // 2
        self.content = Tone(samples, 2000 + self.version) if data is None else Stored(data)

    def cut(self, *offsets: int, then_changes: bool = False) -> None:
        """Drop the connection once at each of these bytes of a download; with ``then_changes`` the file changes too."""
        for at in offsets:
            bounds.whole("offsets", at)
        bounds.flag("then_changes", then_changes)
        self._troubles += [Trouble(at, then_changes=then_changes) for at in offsets]

    def stall(self, at: int, *, seconds: float) -> None:
        """Send nothing for this many seconds, once, when a download reaches this byte."""
        self._troubles.append(Trouble(bounds.whole("at", at), bounds.seconds("seconds", seconds)))

    def corrupt(self, at: int) -> None:
        """Flip the bits of one byte in the next download."""
        self._corrupted_at.append(bounds.whole("at", at))

    def served(self) -> Content:
        """Return the content of the next download, corrupted if that was asked for."""
        self.downloads += 1
        return Corrupted(self.content, self._corrupted_at.pop(0)) if self._corrupted_at else self.content

    def next_trouble(self, start: int, stop: int) -> Trouble | None:
        """Return the next fault of a download of these bytes, and forget it."""
        ahead = sorted((trouble for trouble in self._troubles if start <= trouble.at < stop), key=lambda each: each.at)
        if not ahead:
            return None
        self._troubles.remove(ahead[0])
        return ahead[0]


class Recordings:
    """Every stored recording: iterable, counted by ``len``, found by key with ``recordings[key]``.

    ``max_page_size`` is the most that one page of a listing holds. ``accept_ranges`` says whether parts of a file can
    be downloaded. Memory is bounded: the newest 10,000 recordings of calls are kept, and all recordings together hold
    at most 256 MiB of bytes and spoken texts. Beyond that the oldest recordings of calls are deleted, and :meth:`add`
    raises ValueError.
    """

    def __init__(self, clock: Clock, *, max_page_size: int | None = None) -> None:
        self.max_page_size = max_page_size
        self.accept_ranges = True
        self._clock = clock
        self._by_key: dict[str, Recording] = {}
        self._count = itertools.count(1)
        self._of_calls: deque[str] = deque()
        self._held = 0
        self.base_url: str = "http://localhost"
        """Where the sandbox is served: the beginning of the URL of each recording."""
        self.version: int = 0
        """A number that grows when a file is stored or deleted."""

    def __iter__(self) -> Iterator[Recording]:
        # A copy, which one thread may walk while another adds or deletes.
        return iter(list(self._by_key.values()))

    def __len__(self) -> int:
        return len(self._by_key)

    def __getitem__(self, key: str) -> Recording:
        return self._by_key[key]

    def get(self, key: str) -> Recording | None:
        """Return a recording, or None if its key is not known."""
        return self._by_key.get(key)

    def url_of(self, key: str) -> str:
        """Return the URL of a recording."""
        return f"{self.base_url}{PATH}/{quote(key, safe='')}"

    def add(
        self,
        key: str | None = None,
        *,
        seconds: float = 1.0,
        created_on: datetime | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Recording:
        """Store ``data``, or a tone of ``seconds`` in WAV, at most 250,000; a time without a zone is UTC.

        Without a ``key`` its name ends in ``.mp3``, as the platform's automatic names do. Raises ValueError, with the
        name of the argument, for a value out of bounds, and if ``data`` does not fit into what the sandbox may hold.
        """
        number = next(self._count)
        moment = bounds.moment("created_on", self._clock.wall() if created_on is None else created_on)
        samples = round(bounds.seconds("seconds", seconds, most=LONGEST) * SAMPLE_RATE)
        content: Content = Tone(samples, 200 + number % 1800) if data is None else Stored(data)
        replaced = self.get(key or "")
        if self._held - (replaced.content.held if replaced else 0) + content.held > MOST_BYTES:
            raise ValueError(f"data must fit: the recordings of a sandbox hold at most {MOST_BYTES} bytes")
        key = f"{moment:%Y%m%d%H%M%S}_{number:06}.mp3" if key is None else bounds.text("key", key)
        recording = Recording(key, content, moment, moment.replace(microsecond=0), dict(headers or {}))
        self._store(recording)
        return recording

    def add_of_call(self, key: str, content: Content, created_on: datetime) -> Recording:
        """Store what a call or a conference recorded. The oldest such recordings make room for it."""
        moment = bounds.moment("created_on", created_on)
        recording = Recording(key, content, moment, moment.replace(microsecond=0))
        self._store(recording)
        self._of_calls.append(key)
        while self._of_calls and (len(self._of_calls) > MOST_OF_CALLS or self._held > MOST_BYTES):
            self._discard(self._of_calls.popleft())
        return recording

    def add_speech(self, key: str, script: Script, *, seconds: float, created_on: datetime) -> Recording:
        """Store what was said: as speech if a speech program is installed, otherwise as a tone of ``seconds``."""
        program, samples = speaker(), round(min(seconds, LONGEST) * SAMPLE_RATE)
        pitch = 200 + next(self._count) % 1800
        content = Tone(samples, pitch) if program is None else Speech(script, samples, program)
        return self.add_of_call(key, content, created_on)

    def restore(self, key: str, kept: Mapping[str, Any], content: bytes | None) -> None:
        """Store a file again, from what :meth:`Recording.kept` returned."""
        created_on, modified_on = (datetime.fromisoformat(kept[name]) for name in ("created_on", "modified_on"))
        program, script = speaker(), kept["script"]
        data: Content = Tone(*kept["tone"]) if content is None else Stored(content)
        if script is not None and program is not None:
            data = Speech(script, kept["tone"][0], program)
        self._store(Recording(key, data, created_on, modified_on, kept["headers"], kept["version"]))

    def _store(self, recording: Recording) -> None:
        self._discard(recording.key)
        self._by_key[recording.key] = recording
        self._held += recording.content.held
        self.version += 1

    def remove(self, key: str) -> None:
        """Delete a recording. Raises KeyError if its key is not known."""
        if not self._discard(key):
            raise KeyError(key)

    def _discard(self, key: str) -> bool:
        recording = self._by_key.pop(key, None)
        if recording is None:
            return False
        self._held = max(0, self._held - recording.content.held)
        self.version += 1
        return True

    def page(self, *, start: datetime | None, end: datetime | None, page: int, page_size: int) -> list[Recording]:
        """Return one page, counted from 1, of the recordings from ``start`` until before ``end``, oldest first."""
        size = min(page_size, self.max_page_size or page_size)
        chosen = [
            each
            for each in self
            if (start is None or each.created_on >= start) and (end is None or each.created_on < end)
        ]
        chosen.sort(key=lambda each: each.created_on)
        return chosen[(page - 1) * size : page * size]
