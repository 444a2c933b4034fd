"""Speech, where a text-to-speech program is installed: ``espeak-ng`` or ``espeak``, or ``say`` on a Mac.

It is made when somebody first reads it, and not before: a thousand calls may be recorded of which nobody hears one.
Every text is spoken where it was heard, and cut short by the next one or the end. Between them there is silence; a text
that the program cannot speak is a tone.
"""

import io
import re
import shutil
import struct
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from sinch_voice_async.sandbox.storage.audio import HEADER_SIZE, SAMPLE_RATE, Tone

__all__ = ["PITCH", "Script", "Speech", "speaker"]

Script = Sequence[tuple[float, str, str]]
"""What is said: seconds from the start, the text or SSML, its locale."""
PROGRAMS = ("espeak-ng", "espeak", "say")
LOCALE = re.compile(r"[a-z]{2,3}(-[a-z]{2})?")
TAG = re.compile(r"<[^>]*>")
PATIENCE = 20.0
"""Seconds for one text; what takes longer is a tone."""
SECONDS_OF_A_TONE = 1.0
PITCH = 440


def speaker() -> str | None:
    """Return the program that speaks, None where none is installed."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Speech:
    """A playable WAV file of a script, ``samples`` long, spoken by a ``program``."""

    def __init__(self, script: Script, samples: int, program: str) -> None:
        self.script: Script = script
        self.samples: int = samples
        self.size: int = HEADER_SIZE + 2 * samples
        self._program = program

    def read(self, start: int, stop: int) -> bytes:
        """Return a part of the file."""
        return self._file[start:stop]

    @cached_property
    def _file(self) -> bytes:
        file = bytearray(Tone(self.samples, 0).read(0, self.size))
        for at, text, locale in self.script:
            begin = HEADER_SIZE + 2 * round(at * SAMPLE_RATE)
            spoken = (_spoken(self._program, text, locale) or _tone())[: self.size - begin]
            # What was still being said is cut short: whoever speaks next is heard alone.
            file[begin:] = spoken + bytes(self.size - begin - len(spoken))
        return bytes(file)


def _spoken(program: str, text: str, locale: str) -> bytes | None:
    """Return the samples of a text, None where the program fails."""
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
                    timeout=PATIENCE,
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
    return TAG.sub("", text) if Path(program).stem == "say" else text


def _samples(file: bytes) -> bytes:
    """Return the samples of a WAV file of one channel at our own rate."""
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
