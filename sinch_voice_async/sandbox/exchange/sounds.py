"""The sound of a media stream: what the caller says, and the buffers in which sound waits to be heard.

A caller says sounds, waits, and interruptions, in order::

    sandbox.phone("+46700000001").says(
        Espeak("What is my balance?"), Wait.until_silence(), Interrupt(after=0.5), Wait(1.0), HangUp()
    )

The sound of a server waits in a :class:`Playout`, the platform's buffer, until the caller hears it. A person on the
page has a :class:`Talk`: a microphone and a loudspeaker. Its buffers are bounded: if one side is late, the oldest sound
is lost and the delay stays small. Sound is 16-bit PCM, mono, little-endian, at the rate of the stream.
"""

import math
import threading
import wave
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sinch_voice_async.sandbox import bounds
from sinch_voice_async.sandbox.exchange.recordings import HEADER, SAMPLE_RATE, speaker, spoken

__all__ = [
    "LEVEL_SECONDS",
    "Caller",
    "Espeak",
    "Gap",
    "HangUp",
    "Interrupt",
    "Latency",
    "Playback",
    "Playout",
    "Says",
    "Sound",
    "Talk",
    "Tone",
    "Track",
    "Wait",
    "Wav",
    "restored",
    "sound_of",
]

MOST_SECONDS = 0.4
"""Seconds that each buffer holds; four frames if those are longer."""
STARTS_WITH = 3
"""Frames that the microphone is ahead before the first is used, so that a late message does not cut a word."""


class Playback(NamedTuple):
    """What the loudspeaker plays next. If ``is_cleared``, it first discards what it has not played."""

    pcm: bytes
    is_cleared: bool


class Talk:
    """The microphone and the loudspeaker of one person on one stream. Threads may share it.

    ``frame`` is the length in bytes of the frames that the stream sends.
    """

    def __init__(self, rate: int, frame: int) -> None:
        self.sample_rate: int = rate
        self._frame = frame
        self._limit = max(2 * int(rate * MOST_SECONDS), (STARTS_WITH + 1) * frame)
        self._said = bytearray()
        self._heard = bytearray()
        self._flows = False
        self._is_cleared = False
        self._lock = threading.Lock()

    def say(self, pcm: bytes) -> None:
        """Take sound of the microphone. Raises ValueError if a sample is incomplete."""
        if len(pcm) % 2:
            raise ValueError("a message must hold whole samples of 16 bits")
        with self._lock:
            self._said += pcm
            del self._said[: -self._limit]

    def frame(self) -> bytes:
        """Return the next frame that the caller says: silence if the microphone is late."""
        with self._lock:
            ready = len(self._said)
            self._flows = ready >= (self._frame if self._flows else STARTS_WITH * self._frame)
            if not self._flows:
                return bytes(self._frame)
            frame = bytes(self._said[: self._frame])
            del self._said[: self._frame]
            return frame

    def hear(self, pcm: bytes) -> None:
        """Take sound that the caller hears."""
        with self._lock:
            self._heard += pcm
            del self._heard[: -self._limit]

    def clear(self) -> None:
        """Discard what is not played: the server has interrupted itself."""
        with self._lock:
            self._heard.clear()
            self._is_cleared = True

    def heard(self) -> Playback:
        """Return what the loudspeaker has to play since the last time."""
        with self._lock:
            heard = Playback(bytes(self._heard), self._is_cleared)
            self._heard.clear()
            self._is_cleared = False
            return heard


LOUD = 500
"""The height of a sample from which on something is heard; the largest is 32,767."""
SHORTEST_GAP, LONGEST_GAP = 0.02, 1.0
KEPT_BYTES = 10_000_000
LEVEL_SECONDS = 0.1
"""Seconds of sound that one level stands for."""
LOOKS_AT = 4
"""Of so many samples one is looked at for a level: a tenth of a second of speech has peaks enough."""


class Gap(NamedTuple):
    """The server's sound ran dry for ``seconds`` from ``at`` on, in the middle of speech."""

    at: float
    seconds: float


@dataclass(slots=True)
class Latency:
    """Seconds that the caller waited: from the end of speech to the first sound of the server, and from the beginning
    of an interruption to silence.
    """

    response: list[float] = field(default_factory=list)
    interrupt: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Track:
    """Sound that is kept, up to :data:`KEPT_BYTES`."""

    rate: int
    pcm: bytearray = field(default_factory=bytearray)
    _levels: list[float] = field(default_factory=list)

    def add(self, pcm: bytes) -> None:
        """Keep more, as long as there is room."""
        self.pcm += pcm[: max(0, KEPT_BYTES - len(self.pcm))]

    def levels(self) -> list[float]:
        """Return the height of each whole :data:`LEVEL_SECONDS`, from 0 to 1. Each is worked out once."""
        size = 2 * int(self.rate * LEVEL_SECONDS)
        told, fresh = len(self._levels), []
        for start in range(told * size, len(self.pcm) - size + 1, size):
            # A copy: a view would keep the sound from growing meanwhile.
            samples = memoryview(bytes(self.pcm[start : start + size])).cast("h")[::LOOKS_AT]
            fresh.append(round(max(map(abs, samples)) / 32_768, 3))
        # By its place, for two threads may ask at once.
        self._levels[told : told + len(fresh)] = fresh
        return list(self._levels)

    def wav(self) -> bytes:
        """Return it as a WAV file."""
        size = len(self.pcm)
        kind = (b"fmt ", 16, 1, 1, self.rate, 2 * self.rate, 2, 16)
        return HEADER.pack(b"RIFF", 36 + size, b"WAVE", *kind, b"data", size) + bytes(self.pcm)


class Playout:
    """The platform's buffer of the server's sound, and what the caller hears of it."""

    def __init__(self, rate: int, limit: int) -> None:
        self.heard: Track = Track(rate)
        self.sent: Track = Track(rate)
        self.gaps: list[Gap] = []
        self.lost: int = 0
        self.loudspeaker: Talk | None = None
        self._rate = rate
        self._limit = limit
        self._buffer = bytearray()
        self._half = b""
        self._played_until = self._began = 0.0
        self._ran_dry_at: float | None = None
        self.loud_since: float | None = None
        self.loud_at: float | None = None

    @property
    def began(self) -> float:
        """When the server answered, in exchange seconds; 0 before."""
        return self._began

    def begin(self, now: float) -> None:
        """Say when the server has answered."""
        self._played_until = self._began = now

    def add(self, data: bytes, now: float) -> None:
        """Take what the server sends; what is beyond the limit pushes out the oldest."""
        self.play(now)
        data = self._half + data
        whole = len(data) & ~1
        pcm, self._half = data[:whole], data[whole:]
        self.sent.add(pcm)
        if not self._buffer and self._ran_dry_at is not None and pcm:
            seconds = now - self._ran_dry_at
            if SHORTEST_GAP <= seconds <= LONGEST_GAP:
                self.gaps.append(Gap(self._ran_dry_at - self._began, seconds))
            self._ran_dry_at = None
        self._buffer += pcm
        excess = len(self._buffer) - self._limit
        if excess > 0:
            excess += excess & 1
            del self._buffer[:excess]
            self.lost += excess

    def clear(self, now: float) -> None:
        """Discard what is not played."""
        self.play(now)
        self._buffer.clear()
        self._ran_dry_at = None
        if (loudspeaker := self.loudspeaker) is not None:
            loudspeaker.clear()

    def play(self, now: float) -> None:
        """Play what is due: the caller hears it, and silence if there is nothing."""
        rate = self._rate
        samples = int((now - self._played_until) * rate + 1e-6)
        if samples <= 0:
            return
        begins = self._played_until
        self._played_until += samples / rate
        pcm = bytes(self._buffer[: 2 * samples])
        del self._buffer[: 2 * samples]
        if pcm and not self._buffer:
            self._ran_dry_at = begins + len(pcm) / 2 / rate
        self._listen(pcm, begins, begins + len(pcm) / 2 / rate)
        if (loudspeaker := self.loudspeaker) is not None:
            loudspeaker.hear(pcm)
        silence = min(2 * samples - len(pcm), KEPT_BYTES)
        self.heard.add(pcm + bytes(silence))

    def _listen(self, pcm: bytes, begins: float, ends: float) -> None:
        if _is_loud(pcm):
            if self.loud_at is None or begins - self.loud_at > 0.2:
                self.loud_since = begins
            self.loud_at = ends


def _is_loud(pcm: bytes) -> bool:
    samples = array("h", pcm)
    return bool(samples) and (max(samples) >= LOUD or min(samples) <= -LOUD)


PEAK = 8_000
OVERLAP = 0.2
"""Seconds before a wait begins in which the server may have fallen silent: an echo ends with what it echoes."""
SECONDS_OF_A_CHARACTER = 0.06


@dataclass(frozen=True, slots=True)
class Wav:
    """A WAV file of 16-bit PCM; several channels are mixed, another rate is resampled."""

    path: str | Path
    kind: Literal["wav"] = "wav"

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", str(self.path))


@dataclass(frozen=True, slots=True)
class Tone:
    """A tone of ``frequency`` hertz for so many seconds."""

    frequency: float
    seconds: float
    kind: Literal["tone"] = "tone"

    def __post_init__(self) -> None:
        bounds.number("frequency", self.frequency, least=1, most=24_000)
        bounds.seconds("seconds", self.seconds, most=3_600)


@dataclass(frozen=True, slots=True)
class Espeak:
    """A text, spoken by ``espeak-ng``; a tone of about its length if no such program is installed."""

    text: str
    locale: str = "en-US"
    kind: Literal["espeak"] = "espeak"

    def __post_init__(self) -> None:
        bounds.text("text", self.text, most=4_000)
        bounds.text("locale", self.locale)


@dataclass(frozen=True, slots=True)
class Wait:
    """Silence for ``seconds``; :meth:`until_silence` waits for the server to have spoken and fallen silent."""

    seconds: float
    is_for_silence: bool = False
    timeout: float = 30.0
    kind: Literal["wait"] = "wait"

    def __post_init__(self) -> None:
        bounds.seconds("seconds", self.seconds)
        bounds.seconds("timeout", self.timeout)

    @classmethod
    def until_silence(cls, seconds: float = 0.4, *, timeout: float = 30.0) -> "Wait":
        """Wait until the server was heard, and then not for ``seconds``; after ``timeout`` seconds go on anyway."""
        return cls(seconds, is_for_silence=True, timeout=timeout)


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Speak while the server speaks: once it was heard for ``after`` seconds, say ``says``, a short tone if None.

    If the server does not speak within ``timeout`` seconds, it is said anyway.
    """

    after: float = 0.5
    says: Wav | Tone | Espeak | None = None
    timeout: float = 30.0
    kind: Literal["interrupt"] = "interrupt"

    def __post_init__(self) -> None:
        bounds.seconds("after", self.after)
        bounds.seconds("timeout", self.timeout)


@dataclass(frozen=True, slots=True)
class HangUp:
    """Hang up."""

    kind: Literal["hang_up"] = "hang_up"


Sound = Wav | Tone | Espeak
Says = Wav | Tone | Espeak | Wait | Interrupt | HangUp

_KINDS: Mapping[str, Any] = {
    "wav": Wav,
    "tone": Tone,
    "espeak": Espeak,
    "wait": Wait,
    "interrupt": Interrupt,
    "hang_up": HangUp,
}


class Caller:
    """What the caller says, frame by frame, as a script has it."""

    def __init__(self, says: tuple[Says, ...], sounds: list[bytes], frame: int, said: Track, latency: Latency) -> None:
        self._said = said
        self._latency = latency
        self._frame = frame
        self._silence = bytes(frame)
        self._steps = self._script(says, sounds)
        self._playout: Playout
        self.now: float = 0.0
        self.is_done: bool = False
        self.hangs_up: bool = False
        self._spoke_until: float | None = None
        self._interrupts_at: float | None = None

    def frame(self, now: float, playout: Playout) -> bytes:
        """Return the next frame."""
        self.now, self._playout = now, playout
        self._measure()
        frame = next(self._steps)
        self._said.add(frame)
        return frame

    def _measure(self) -> None:
        since, at = self._playout.loud_since, self._playout.loud_at
        if self._spoke_until is not None and since is not None and since >= self._spoke_until:
            self._latency.response.append(since - self._spoke_until)
            self._spoke_until = None
        if self._interrupts_at is not None and at is not None and self.now - at > 0.1:
            self._latency.interrupt.append(max(0.0, at - self._interrupts_at))
            self._interrupts_at = None

    def _script(self, says: tuple[Says, ...], sounds: list[bytes]) -> Iterator[bytes]:
        for each, sound in zip(says, sounds, strict=True):
            if isinstance(each, HangUp):
                self.hangs_up = True
            elif isinstance(each, Wait):
                yield from self._wait(each)
            elif isinstance(each, Interrupt):
                yield from self._until_spoken_to(each)
                self._interrupts_at = self.now
                yield from self._say(sound)
            else:
                yield from self._say(sound)
                self._spoke_until = self.now
        self.is_done = True
        while True:
            yield self._silence

    def _say(self, sound: bytes) -> Iterator[bytes]:
        for start in range(0, len(sound), self._frame):
            yield sound[start : start + self._frame].ljust(self._frame, b"\0")

    def _wait(self, wait: Wait) -> Iterator[bytes]:
        begin = self.now
        if not wait.is_for_silence:
            while self.now < begin + wait.seconds - 1e-9:
                yield self._silence
            return
        while self.now < begin + wait.timeout:
            at = self._playout.loud_at
            if at is not None and at > begin - OVERLAP and self.now - at >= wait.seconds:
                return
            yield self._silence

    def _until_spoken_to(self, interrupt: Interrupt) -> Iterator[bytes]:
        begin = self.now
        while self.now < begin + interrupt.timeout:
            since, at = self._playout.loud_since, self._playout.loud_at
            speaks = since is not None and at is not None and self.now - at < 0.1
            if speaks and since is not None and self.now - max(since, begin) >= interrupt.after:
                return
            yield self._silence


def restored(kept: Mapping[str, Any]) -> Says:
    """Return what ``dataclasses.asdict`` has made a mapping of."""
    members = dict(kept)
    if members.get("says") is not None:
        members["says"] = restored(members["says"])
    says: Says = _KINDS[members["kind"]](**members)
    return says


def sound_of(says: Says, rate: int) -> bytes:
    """Return the samples of what is said, at a rate; empty for a wait. Blocks.

    Raises ValueError, with the reason, for a file that cannot be played.
    """
    match says:
        case Tone():
            return _tone(says.frequency, says.seconds, rate)
        case Wav():
            return _wav(says.path, rate)
        case Espeak():
            return _speech(says, rate)
        case Interrupt():
            return sound_of(says.says or Tone(400, 0.5), rate)
        case _:
            return b""


def _tone(frequency: float, seconds: float, rate: int) -> bytes:
    step = math.tau * frequency / rate
    return array("h", (round(PEAK * math.sin(step * index)) for index in range(round(seconds * rate)))).tobytes()


def _wav(path: str | Path, rate: int) -> bytes:
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2:
                raise ValueError(f"{path} has {8 * file.getsampwidth()} bits a sample, and not 16")
            channels, own = file.getnchannels(), file.getframerate()
            samples = array("h", file.readframes(file.getnframes()))
    except (OSError, wave.Error, EOFError) as error:
        raise ValueError(f"{path} cannot be played: {error}") from None
    if channels > 1:
        parts = [samples[channel::channels] for channel in range(channels)]
        samples = array("h", (round(sum(each) / channels) for each in zip(*parts, strict=True)))
    return _resampled(samples, own, rate)


def _speech(says: Espeak, rate: int) -> bytes:
    program = speaker()
    samples = spoken(program, says.text, says.locale) if program else None
    if samples is None:
        return _tone(440, max(0.3, SECONDS_OF_A_CHARACTER * len(says.text)), rate)
    return _resampled(array("h", samples), SAMPLE_RATE, rate)


def _resampled(samples: "array[int]", own: int, rate: int) -> bytes:
    """Return samples at another rate, by straight lines between them: good enough for a test."""
    if own == rate or len(samples) < 2:
        return samples.tobytes()
    step, last = own / rate, len(samples) - 1
    found = array("h")
    for index in range(int(last / step)):
        at, part = divmod(index * step, 1.0)
        one, other = samples[int(at)], samples[min(int(at) + 1, last)]
        found.append(round(one + (other - one) * part))
    return found.tobytes()
