"""Time and audio: how much of what was sent the caller has heard, by the clock alone.

The platform does not say what it has played: it sends neither marks nor acknowledgements. It buffers what it gets and
plays it in real time, so the clock tells it: what was sent is heard ``sent`` seconds later, unless it was cleared.
Measured against a platform with such a buffer, this is right to 30 ms plus the delay of the network.

:class:`Pacer` is the server's count of it. :class:`Playout` is such a buffer, for tests and the command line.
"""

import time
from typing import Final, Protocol

import anyio
from attrs import field, frozen

from sinch_voice_async.streams.audio import Pcm

__all__ = [
    "REAL_TIME",
    "SAMPLE",
    "Pacer",
    "Playout",
    "PlayoutGap",
    "Position",
    "RealTime",
    "Timing",
    "Unheard",
    "frame_size",
]

SAMPLE: Final = 2
"""Bytes of a sample."""


class Timing(Protocol):
    """What a stream knows of time: the machine's, or a virtual one in tests. Seconds, from any beginning."""

    def now(self) -> float:
        """Return the time, which never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let seconds pass."""
        ...

    async def wait(self, event: anyio.Event, seconds: float | None) -> bool:
        """Wait for an event, for at most so many seconds, and say whether it has happened."""
        ...


class RealTime:
    """The machine's own time."""

    @staticmethod
    def now() -> float:
        """Return the time, which never goes back."""
        return time.monotonic()

    @staticmethod
    async def sleep(seconds: float) -> None:
        """Let seconds pass."""
        await anyio.sleep(seconds)

    @staticmethod
    async def wait(event: anyio.Event, seconds: float | None) -> bool:
        """Wait for an event, for at most so many seconds, and say whether it has happened."""
        with anyio.move_on_after(seconds):
            await event.wait()
        return event.is_set()


REAL_TIME: Final = RealTime()


@frozen
class Position:
    """Where the sound of the server is, in seconds: ``sent`` to the platform, of which ``played`` was heard by the
    caller and ``unplayed`` waits there. What :meth:`.CallStream.clear` has discarded is in ``sent`` alone.
    """

    sent: float
    played: float
    unplayed: float


@frozen
class Unheard:
    """What ``clear()`` has kept from the caller: seconds, and bytes of 16-bit PCM."""

    seconds: float
    bytes: int = field(converter=int)


def frame_size(sample_rate: int, seconds: float = 0.02) -> int:
    """Return the bytes of a frame of whole samples."""
    return max(1, round(sample_rate * seconds)) * SAMPLE


class Pacer:
    """Counts what the platform has of one stream. Time is handed in, in seconds."""

    __slots__ = ("_cleared", "_ends_at", "_per_second", "_sent")

    def __init__(self, sample_rate: int) -> None:
        self._per_second = sample_rate * SAMPLE
        self._ends_at = 0.0
        self._sent = 0.0
        self._cleared = 0.0

    def add(self, size: int, now: float) -> None:
        """Count bytes that were handed to the platform."""
        seconds = size / self._per_second
        self._sent += seconds
        self._ends_at = max(self._ends_at, now) + seconds

    def unplayed(self, now: float) -> float:
        """Return how many seconds the platform has not played."""
        return self._ends_at - now if self._ends_at > now else 0.0

    def clear(self, now: float) -> float:
        """Discard what is not played, and return how many seconds that is."""
        seconds = self.unplayed(now)
        self._cleared += seconds
        self._ends_at = now
        return seconds

    def position(self, now: float) -> Position:
        """Return how far the caller has heard it."""
        unplayed = self.unplayed(now)
        return Position(self._sent, self._sent - self._cleared - unplayed, unplayed)


SHORTEST_GAP, LONGEST_GAP = 0.02, 1.0


@frozen
class PlayoutGap:
    """The sound ran dry ``at`` seconds after the answer, for so many ``seconds``."""

    at: float
    seconds: float


class Playout:
    """Plays a server's sound in real time, from ``began`` on; at most ``limit`` bytes wait, then the oldest is lost."""

    def __init__(self, sample_rate: int, began: float, *, limit: int = 5_000_000) -> None:
        self.sample_rate: int = sample_rate
        self.gaps: list[PlayoutGap] = []
        self.sent: int = 0
        self.lost: int = 0
        self.most_ahead: float = 0.0
        self._began = began
        self._limit = limit
        self._line = bytearray()
        self._is_fresh = True

    def _size_at(self, now: float) -> int:
        return max(0, round((now - self._began) * self.sample_rate)) * SAMPLE

    def unplayed(self, now: float) -> float:
        """Return how many seconds wait to be played."""
        return max(0, len(self._line) - self._size_at(now)) / SAMPLE / self.sample_rate

    def add(self, pcm: bytes, now: float) -> None:
        """Take sound of the server."""
        played = self._size_at(now)
        dry = (played - len(self._line)) / SAMPLE / self.sample_rate
        if dry > 0:
            if not self._is_fresh and SHORTEST_GAP <= dry <= LONGEST_GAP:
                self.gaps.append(PlayoutGap(now - self._began - dry, dry))
            self._line += bytes(played - len(self._line))
        self._is_fresh = False
        self.sent += len(pcm)
        self._line += pcm
        excess = len(self._line) - played - self._limit
        if excess > 0:
            self.lost += excess
            del self._line[played : played + excess]
        self.most_ahead = max(self.most_ahead, self.unplayed(now))

    def clear(self, now: float) -> float:
        """Discard what is not played, and return how many seconds that is."""
        seconds = self.unplayed(now)
        del self._line[self._size_at(now) :]
        self._is_fresh = True
        return seconds

    def heard(self, now: float) -> Pcm:
        """Return what the caller has heard, with the silence between."""
        return Pcm(bytes(self._line[: self._size_at(now)]), self.sample_rate)
