"""The platform's buffer of a server's sound, as tests and the command line model it: what a caller hears, and when."""

from attrs import frozen

from sinch_voice_async.streams.audio import Pcm
from sinch_voice_async.streams.pacing import SAMPLE

__all__ = ["Playout", "PlayoutGap"]

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
