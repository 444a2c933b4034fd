"""Recordings: their content, the store that lists and deletes them, and how a download goes wrong.

The content is any bytes, a tone, or speech. A tone is a WAV file (16-bit mono at 8 kHz), computed while it is read.
Each second is the same, so a gigabyte of it takes no memory. Speech needs a text-to-speech program: ``espeak-ng``,
``espeak``, or ``say`` on a Mac. A text is spoken when a part of the recording that holds it is first read. It begins at
the time at which it was heard; the next text or the end cuts it short, and between them there is silence. A text that
the program cannot speak is a tone.

The documents name no order of a listing: here it is oldest first. Source: Calling API, Recordings.
"""

import io
import itertools
import math
import re
import shutil
import struct
import subprocess
import tempfile
import wave
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from sinch_voice_async.sandbox import bounds
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.documents import without_markup

__all__ = [
    "PATH",
    "PITCH",
    "Content",
    "Corrupted",
    "Recording",
    "Recordings",
    "Script",
    "Speech",
    "Stored",
    "ToneFile",
    "Trouble",
    "speaker",
    "spoken",
]

SAMPLE_RATE = 8_000
BYTES_PER_SECOND = 2 * SAMPLE_RATE
HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
HEADER_SIZE = HEADER.size


class Content(Protocol):
    """The bytes of a file, of which any part can be read."""

    is_slow: bool
    """Whether reading may take seconds, so that an event loop has to read in a thread."""

    @property
    def size(self) -> int:
        """The number of bytes."""
        ...

    @property
    def held(self) -> int:
        """The number of bytes that the content holds in memory."""
        ...

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from ``start`` up to ``stop``, both within the file."""
        ...


class Stored:
    """Bytes that were handed in."""

    is_slow = False

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size: int = len(data)
        self.held: int = len(data)

    def read(self, start: int, stop: int) -> bytes:
        """Return a part of them."""
        return self._data[start:stop]


class ToneFile:
    """A playable WAV file of one tone, ``samples`` long; ``frequency`` is in Hz, a whole number."""

    is_slow = False
    held = 0

    def __init__(self, samples: int, frequency: int) -> None:
        length = 2 * samples
        self.size: int = HEADER_SIZE + length
        self._header = HEADER.pack(
            *(b"RIFF", HEADER_SIZE - 8 + length, b"WAVE"),
            *(b"fmt ", 16, 1, 1, SAMPLE_RATE, BYTES_PER_SECOND, 2, 16),
            *(b"data", length),
        )
        self.samples: int = samples
        self.frequency: int = frequency

    def read(self, start: int, stop: int) -> bytes:
        """Return a part of the file."""
        block = _block_of(self.frequency)
        pieces = [self._header[start:stop]]
        position = max(start, HEADER_SIZE) - HEADER_SIZE
        while position < stop - HEADER_SIZE:
            offset = position % len(block)
            piece = block[offset : offset + stop - HEADER_SIZE - position]
            pieces.append(piece)
            position += len(piece)
        return b"".join(pieces)


class Corrupted:
    """A file of which one byte is changed."""

    def __init__(self, content: Content, at: int) -> None:
        self.is_slow: bool = content.is_slow
        self.held: int = 0
        self._content = content
        self._at = at
        self.size: int = content.size

    def read(self, start: int, stop: int) -> bytes:
        """Return a part of the file."""
        data = bytearray(self._content.read(start, stop))
        if start <= self._at < stop:
            data[self._at - start] ^= 0xFF
        return bytes(data)


@lru_cache(maxsize=16)
def _block_of(frequency: int) -> bytes:
    """Return 32 seconds of a tone in one piece, so that a usual read copies from one place."""
    step = 2 * math.pi * frequency / SAMPLE_RATE
    samples = (round(8_000 * math.sin(step * index)) for index in range(SAMPLE_RATE))
    return struct.pack(f"<{SAMPLE_RATE}h", *samples) * 32


Script = Sequence[tuple[float, str, str]]
"""What is said: seconds from the start, the text or SSML, its locale."""
PROGRAMS = ("espeak-ng", "espeak", "say")
LOCALE = re.compile(r"[a-z]{2,3}(-[a-z]{2})?")
TIMEOUT = 20.0
"""Seconds for one text. A text that takes longer is a tone."""
MOST_CHARACTERS = 4_000
"""What is spoken of one text, about five minutes; the rest is silence."""
SECONDS_OF_A_TONE = 1.0
PITCH = 440


def speaker() -> str | None:
    """Return the speech program, None if none is installed."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Speech:
    """A playable WAV file of a script, ``samples`` long, spoken by a ``program``. It holds the script alone."""

    is_slow = True

    def __init__(self, script: Script, samples: int, program: str) -> None:
        self.script: Script = script
        self.samples: int = samples
        self.size: int = HEADER_SIZE + 2 * samples
        self.held: int = sum(len(text) for _, text, _ in script)
        self._program = program
        self._silence = ToneFile(samples, 0)

    def read(self, start: int, stop: int) -> bytes:
        """Return a part of the file."""
        part = bytearray(self._silence.read(start, stop))
        begins = [HEADER_SIZE + 2 * round(at * SAMPLE_RATE) for at, _, _ in self.script]
        for begin, end, (_, text, locale) in zip(begins, [*begins[1:], self.size], self.script, strict=True):
            first, last = max(begin, start), min(end, stop)
            if first < last:
                sound = _sound(self._program, text[:MOST_CHARACTERS], locale)[first - begin : last - begin]
                part[first - start : first - start + len(sound)] = sound
        return bytes(part)


@lru_cache(maxsize=16)
def _sound(program: str, text: str, locale: str) -> bytes:
    """Return the samples of a text, or a tone if the program fails."""
    return spoken(program, text, locale) or _tone()


def spoken(program: str, text: str, locale: str) -> bytes | None:
    """Return the samples of a text, None if the program fails."""
    voice = locale.partition("/")[0].lower()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "speech.wav"
        for chosen in (voice, "") if LOCALE.fullmatch(voice) else ("",):
            try:
                subprocess.run(  # noqa: S603  # a fixed program; the text goes through its input
                    _command(program, text, chosen, output),
                    input=_input(program, text).encode(),
                    capture_output=True,
                    check=True,
                    timeout=TIMEOUT,
                )
                return _samples(output.read_bytes())
            except (OSError, subprocess.SubprocessError, EOFError, wave.Error):
                continue
    return None


def _command(program: str, text: str, voice: str, output: Path) -> list[str]:
    if Path(program).stem == "say":
        return [program, "-o", str(output), f"--data-format=LEI16@{SAMPLE_RATE}", "-f", "-"]
    markup = ["-m"] if "<" in text else []
    return [program, "--stdin", "-w", str(output), *markup, *(["-v", voice] if voice else [])]


def _input(program: str, text: str) -> str:
    return without_markup(text) if Path(program).stem == "say" else text


def _samples(file: bytes) -> bytes:
    """Return the samples of a WAV file of one channel, at 8 kHz."""
    with wave.open(io.BytesIO(file)) as speech:
        if (speech.getnchannels(), speech.getsampwidth()) != (1, 2):
            raise wave.Error("not 16-bit mono")
        raw, step = speech.readframes(speech.getnframes()), speech.getframerate() / SAMPLE_RATE
    heights = struct.unpack(f"={len(raw) // 2}h", raw)
    count = max(0, int((len(heights) - 1) / step))
    return struct.pack(f"<{count}h", *(_between(heights, index * step) for index in range(count)))


def _between(heights: Sequence[int], position: float) -> int:
    index = int(position)
    return round(heights[index] + (heights[index + 1] - heights[index]) * (position - index))


def _tone() -> bytes:
    tone = ToneFile(round(SECONDS_OF_A_TONE * SAMPLE_RATE), PITCH)
    return tone.read(HEADER_SIZE, tone.size)


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
        tone = [content.samples, content.frequency] if isinstance(content, ToneFile) else None
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
        self.content = ToneFile(samples, 2000 + self.version) if data is None else Stored(data)

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
        content: Content = ToneFile(samples, 200 + number % 1800) if data is None else Stored(data)
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
        content = ToneFile(samples, pitch) if program is None else Speech(script, samples, program)
        return self.add_of_call(key, content, created_on)

    def restore(self, key: str, kept: Mapping[str, Any], content: bytes | None) -> None:
        """Store a file again, from what :meth:`Recording.kept` returned."""
        created_on, modified_on = (datetime.fromisoformat(kept[name]) for name in ("created_on", "modified_on"))
        program, script = speaker(), kept["script"]
        data: Content = ToneFile(*kept["tone"]) if content is None else Stored(content)
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
