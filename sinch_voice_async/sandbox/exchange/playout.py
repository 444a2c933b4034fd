"""The two buffers of a stream: the platform's, with what the caller hears of it, and those of a person who talks.

The sound of a server waits in a :class:`Playout` until the caller hears it. A person on the page has a :class:`Talk`: a
microphone and a loudspeaker. Its buffers are bounded: if one side is late, the oldest sound is lost and the delay stays
small. Sound is 16-bit PCM, mono, little-endian, at the rate of the stream.
"""

import threading
from array import array
from dataclasses import dataclass, field
from typing import NamedTuple

from sinch_voice_async.sandbox.audio import HEADER

__all__ = ["Gap", "Heard", "Latency", "Playout", "Talk", "Track"]

MOST_SECONDS = 0.4
"""Seconds that each buffer holds; four frames if those are longer."""
STARTS_WITH = 3
"""Frames that the microphone is ahead before the first is used, so that a late message does not cut a word."""


class Heard(NamedTuple):
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

    def heard(self) -> Heard:
        """Return what the loudspeaker has to play since the last time."""
        with self._lock:
            heard = Heard(bytes(self._heard), self._is_cleared)
            self._heard.clear()
            self._is_cleared = False
            return heard


LOUD = 500
"""The height of a sample from which on something is heard; the largest is 32,767."""
SHORTEST_GAP, LONGEST_GAP = 0.02, 1.0
KEPT_BYTES = 10_000_000


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

    def add(self, pcm: bytes) -> None:
        """Keep more, as long as there is room."""
        self.pcm += pcm[: max(0, KEPT_BYTES - len(self.pcm))]

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
