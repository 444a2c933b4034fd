"""The content of recordings: any bytes, a tone, or speech.

A tone is a WAV file (16-bit mono at 8 kHz), computed while it is read. Each second is the same, so a gigabyte of
it takes no memory. Speech needs a text-to-speech program: ``espeak-ng``, ``espeak``, or ``say`` on a Mac. A text is
spoken when a part of the recording that holds it is first read. It begins at the time at which it was heard; the next
text or the end cuts it short, and between them there is silence. A text that the program cannot speak is a tone.
"""

import io
import math
import re
import shutil
import struct
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from sinch_voice_async.sandbox.markup import without_markup

__all__ = ["PITCH", "Content", "Corrupted", "Script", "Speech", "Stored", "Tone", "speaker", "spoken"]

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


class Tone:
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
        self._silence = Tone(samples, 0)

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
    tone = Tone(round(SECONDS_OF_A_TONE * SAMPLE_RATE), PITCH)
    return tone.read(HEADER_SIZE, tone.size)
