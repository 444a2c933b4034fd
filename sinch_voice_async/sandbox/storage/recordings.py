"""The store of recordings: what is listed, downloaded and deleted, and how its downloads go wrong.

Documents: Calling API, "List Recordings" and what follows. They name no order: here it is oldest first.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.storage.audio import HEADER_SIZE, SAMPLE_RATE, Content, Corrupted, Stored, Tone
from sinch_voice_async.sandbox.storage.speech import PITCH, Script, Speech, speaker

__all__ = ["Recording", "Recordings", "Trouble"]

KEPT_FOR = timedelta(days=90)
"""When the platform deletes a file by itself is not documented."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens once when a download reaches byte ``at``: silence of ``seconds``, or None: the connection drops."""

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
    """How often it was asked for, ranges included."""
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
        """Return the whole file, as it should arrive."""
        return self.content.read(0, self.size)

    def kept(self) -> tuple[dict[str, object], bytes | None]:
        """Return what there is to know of the file as JSON, and its bytes where it is not a tone."""
        content = self.content
        tone = [content.samples, content.frequency] if isinstance(content, Tone) else None
        script = None
        if isinstance(content, Speech):
            # Not read here, for then it would have to be spoken; without a program it is a tone next time.
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
        """Replace the content, by ``data`` or by a tone of another pitch, as long as it was."""
        self.version += 1
        self.modified_on += timedelta(seconds=1)
        samples = max(0, self.size - HEADER_SIZE) // 2
        self.content = Tone(samples, 2000 + self.version) if data is None else Stored(data)

    def cut(self, *offsets: int, then_changes: bool = False) -> None:
        """Drop the connection when a download reaches each of these bytes, once each, and maybe change the file."""
        self._troubles += [Trouble(at, then_changes=then_changes) for at in offsets]

    def stall(self, at: int, *, seconds: float) -> None:
        """Fall silent for a while when a download reaches this byte, once."""
        self._troubles.append(Trouble(at, seconds))

    def corrupt(self, at: int) -> None:
        """Flip the bits of one byte in the next download that is asked for."""
        self._corrupted_at.append(at)

    def served(self) -> Content:
        """Return what the next download gives, corruption included."""
        self.downloads += 1
        return Corrupted(self.content, self._corrupted_at.pop(0)) if self._corrupted_at else self.content

    def next_trouble(self, start: int, stop: int) -> Trouble | None:
        """Return the trouble that lies ahead of a download of these bytes, and forget it."""
        ahead = sorted((trouble for trouble in self._troubles if start <= trouble.at < stop), key=lambda each: each.at)
        if not ahead:
            return None
        self._troubles.remove(ahead[0])
        return ahead[0]


class Recordings:
    """Every stored recording: iterable, counted by ``len``, found by key with ``recordings[key]``.

    ``max_page_size`` is the most that one page of a listing holds whatever was asked for; ``accept_ranges`` whether
    parts of files can be had.
    """

    def __init__(self, clock: Clock, *, max_page_size: int | None = None) -> None:
        self.max_page_size = max_page_size
        self.accept_ranges = True
        self._clock = clock
        self._by_key: dict[str, Recording] = {}
        self._count = itertools.count(1)
        self.version: int = 0
        """Grows with every file that is stored or deleted."""

    def __iter__(self) -> Iterator[Recording]:
        # A copy, which one thread may walk while another adds or deletes.
        return iter(list(self._by_key.values()))

    def __len__(self) -> int:
        return len(self._by_key)

    def __getitem__(self, key: str) -> Recording:
        return self._by_key[key]

    def get(self, key: str) -> Recording | None:
        """Return a recording, or None where there is none of this name."""
        return self._by_key.get(key)

    def add(
        self,
        key: str | None = None,
        *,
        seconds: float = 1.0,
        created_on: datetime | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Recording:
        """Store ``data``, or a tone of ``seconds`` in WAV; a time without a zone is UTC."""
        number = next(self._count)
        moment = _utc(self._clock.wall() if created_on is None else created_on)
        content: Content = Tone(round(seconds * SAMPLE_RATE), 200 + number % 1800) if data is None else Stored(data)
        key = f"{moment:%Y%m%d%H%M%S}_{number:06}.wav" if key is None else key
        recording = Recording(key, content, moment, moment.replace(microsecond=0), dict(headers or {}))
        self._store(recording)
        return recording

    def add_speech(self, key: str, script: Script, *, seconds: float, created_on: datetime) -> Recording:
        """Store what was said, with speech where a program for it is installed, and a tone of ``seconds`` elsewhere."""
        recording, program = self.add(key, seconds=seconds, created_on=created_on), speaker()
        if program is not None:
            recording.content = Speech(script, round(seconds * SAMPLE_RATE), program)
        return recording

    def restore(self, key: str, kept: Mapping[str, Any], content: bytes | None) -> None:
        """Store a file again, from what :meth:`Recording.kept` returned."""
        created_on, modified_on = (datetime.fromisoformat(kept[name]) for name in ("created_on", "modified_on"))
        program, script = speaker(), kept["script"]
        data: Content = Tone(*kept["tone"]) if content is None else Stored(content)
        if script is not None and program is not None:
            data = Speech(script, kept["tone"][0], program)
        self._store(Recording(key, data, created_on, modified_on, kept["headers"], kept["version"]))

    def _store(self, recording: Recording) -> None:
        self._by_key[recording.key] = recording
        self.version += 1

    def remove(self, key: str) -> None:
        """Delete a recording; raises KeyError where there is none of this name."""
        del self._by_key[key]
        self.version += 1

    def page(self, *, start: datetime | None, end: datetime | None, page: int, page_size: int) -> list[Recording]:
        """Return one page, counted from 1, of what was created from ``start`` until before ``end``, oldest first."""
        size = min(page_size, self.max_page_size or page_size)
        chosen = [
            each
            for each in self
            if (start is None or each.created_on >= start) and (end is None or each.created_on < end)
        ]
        chosen.sort(key=lambda each: each.created_on)
        return chosen[(page - 1) * size : page * size]


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
