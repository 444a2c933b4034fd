"""A person's microphone and loudspeaker on a media stream: bounded buffers between the page and the stream's task.

Sound is 16-bit PCM, mono, little-endian, at the rate of the stream. Both buffers are bounded: if one side is late, the
oldest sound is lost and the delay stays small.
"""

import threading
from typing import NamedTuple

__all__ = ["Heard", "Talk"]

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
