"""The content of recordings: any bytes, or a tone that is computed while it is read.

A tone is a WAV file (16-bit mono at 8 kHz). Each of its seconds is the same, so a gigabyte of it takes no memory.
"""

import math
import struct
from functools import lru_cache
from typing import Protocol

__all__ = ["Content", "Corrupted", "Stored", "Tone"]

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
