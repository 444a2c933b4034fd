"""A call whose sound goes through your program: hear it, speak into it, interrupt yourself, and end it."""

from collections.abc import AsyncGenerator, AsyncIterable
from os import PathLike
from typing import Any, Protocol, Self

import anyio
from anyio.abc import TaskGroup

from sinch_voice_async import _bounds
from sinch_voice_async.errors import InvalidRequestError, StreamClosed
from sinch_voice_async.streams.audio import Pcm
from sinch_voice_async.streams.connection import Connection, StreamEnd
from sinch_voice_async.streams.pacing import Pacer, Position, Unheard, frame_size
from sinch_voice_async.streams.protocol import StreamRequest
from sinch_voice_async.streams.recording import Recording

__all__ = ["CallStream", "Frames"]

MOST_BATCH = 0.06
"""Seconds of sound that are sent at one waking, so that a long text does not wake its task for each frame."""


class CallEnder(Protocol):
    """The part of a ``VoiceClient`` that can end a call."""

    @property
    def calls(self) -> Any:
        """Has ``hang_up(call_id)``."""
        ...


class Frames:
    """The caller's sound in frames of one size: an async iterator that ends with the call."""

    def __init__(self, connection: Connection, size: int) -> None:
        self._connection = connection
        self._size = size

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the next frame."""
        try:
            frame = await self._connection.next(self._size)
        except StreamClosed:
            raise StopAsyncIteration from None
        assert frame is not None  # there is no time-out
        return frame


class _Speech:
    """One ``send_audio``: how many bytes are not sent yet, and how often was cleared before it."""

    __slots__ = ("generation", "unsent")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.unsent = 0


class CallStream:
    """One call of a :class:`.StreamApp`: iterate over it to hear, :meth:`send_audio` to speak.

    ::

        @streams.on_call
        async def echo(stream: CallStream) -> None:
            async for frame in stream:
                await stream.send_audio(frame)

    Sound is bytes of 16-bit little-endian mono PCM, at ``sample_rate`` hertz. Frames are 20 ms and whole. If the
    handler does not keep up, the oldest frames beyond the app's ``backlog`` are dropped, and counted in ``dropped``.

    ``call`` is what the platform said of the call. Any number of tasks may use one stream.

    Source: Voice Stream; connectStream.
    """

    def __init__(
        self, connection: Connection, request: StreamRequest, sample_rate: int, *, lead: float, tasks: TaskGroup
    ) -> None:
        self.call: StreamRequest = request
        self.sample_rate: int = sample_rate
        self._connection = connection
        self._timing = connection.timing
        self._lead = lead
        self._tasks = tasks
        self._frame_bytes = frame_size(sample_rate)
        self._pacer = Pacer(sample_rate)
        self._speaking = anyio.Lock(fast_acquire=True)
        self._speeches: set[_Speech] = set()
        self._generation = 0
        self._half = b""

    def __repr__(self) -> str:
        state = f"ended by {self.ended.by}" if self.ended else "ongoing"
        return f"<CallStream {self.call.call_id!r} at {self.sample_rate} Hz, {state}>"

    @property
    def call_id(self) -> str:
        """The id of the call."""
        return self.call.call_id

    @property
    def ended(self) -> StreamEnd | None:
        """How the stream ended, None while it lasts."""
        return self._connection.ended

    @property
    def dropped(self) -> int:
        """How many frames of 20 ms were dropped since the handler did not read them in time."""
        return self._connection.dropped

    @property
    def position(self) -> Position:
        """How much of your sound was sent, was heard, and waits on the platform, by the clock."""
        return self._pacer.position(self._timing.now())

    def __aiter__(self) -> Frames:
        return Frames(self._connection, self._frame_bytes)

    def frames(self, *, milliseconds: float = 20) -> Frames:
        """Iterate over frames of another length; a voice detector may want 10 or 30 ms, a model 100.

        :raises InvalidRequestError: ``milliseconds`` is not from 1 to 1,000.
        """
        _bounds.number(milliseconds, "milliseconds", least=1, most=1_000, error=InvalidRequestError)
        return Frames(self._connection, frame_size(self.sample_rate, milliseconds / 1000))

    async def receive(self, timeout: float | None = None) -> bytes | None:
        """Return the next frame of 20 ms, None if it does not come within ``timeout`` seconds.

        :raises StreamClosed: the call is over, and every frame was returned.
        """
        _bounds.seconds(timeout, "timeout", optional=True, error=InvalidRequestError)
        return await self._connection.next(self._frame_bytes, timeout)

    async def send_audio(self, pcm: bytes | bytearray | memoryview | AsyncIterable[bytes]) -> bool:
        """Speak: send sound of any length, or each piece of an async iterable as it comes.

        It is cut into frames of 20 ms and sent ahead of the clock by at most the app's ``lead``; this returns when all
        was sent, so that at most ``lead`` seconds are not heard yet. Calls that overlap are heard one after the other.
        Half a sample waits for its other half.

        Returns False if :meth:`clear` has cut it off, else True.

        :raises StreamClosed: the call is over; ``by`` says why.
        :raises InvalidRequestError: it is not bytes, or a :class:`.Pcm` of another rate.
        """
        if type(pcm) is bytes and self._fits(pcm):
            # Most frames of an echo, a bridge or a model come one by one, in time.
            return await self._send_frame(pcm, _Speech(self._generation))
        speech = _Speech(self._generation)
        self._speeches.add(speech)
        try:
            if not isinstance(pcm, (bytes, bytearray, memoryview)):
                return await self._send_pieces(pcm, speech)
            self._check(pcm)
            speech.unsent = len(pcm)
            async with self._speaking:
                return await self._play(bytes(pcm), speech)
        finally:
            self._speeches.discard(speech)

    def _fits(self, pcm: bytes) -> bool:
        """Whether whole samples, of a frame at most, may go out at once."""
        size = len(pcm)
        if size > self._frame_bytes or size & 1 or not size or self._half or self._speeches:
            return False
        unplayed = self._pacer.unplayed(self._timing.now())
        return self._connection.ended is None and unplayed + size / (2 * self.sample_rate) <= self._lead

    async def _send_pieces(self, pieces: AsyncIterable[bytes], speech: "_Speech") -> bool:
        if not isinstance(pieces, AsyncIterable):
            raise InvalidRequestError("pcm must be bytes, or an async iterable of bytes", field="pcm")
        try:
            async with self._speaking:
                return await self._play_pieces(pieces, speech)
        finally:
            if isinstance(pieces, AsyncGenerator):
                # It would be left to the garbage collector, where its clean-up cannot run.
                await pieces.aclose()

    async def _play_pieces(self, pieces: AsyncIterable[bytes], speech: "_Speech") -> bool:
        pending = bytearray()
        async for piece in pieces:
            self._check(piece)
            pending += piece
            speech.unsent = len(pending)
            whole = len(pending) - len(pending) % self._frame_bytes
            if not await self._play(bytes(pending[:whole]), speech):
                return False
            del pending[:whole]
        return await self._play(bytes(pending), speech)

    def _check(self, pcm: object) -> None:
        if not isinstance(pcm, (bytes, bytearray, memoryview)):
            raise InvalidRequestError(f"pcm must be bytes, not {type(pcm).__name__}", field="pcm")
        if isinstance(pcm, Pcm) and pcm.sample_rate != self.sample_rate:
            told = f"pcm has {pcm.sample_rate} Hz, and the stream has {self.sample_rate} Hz: resample it, or ask "
            raise InvalidRequestError(f"{told}the platform for that rate", field="pcm")

    async def _play(self, pcm: bytes, speech: "_Speech") -> bool:
        if speech.generation != self._generation:
            return False
        if self._connection.ended is not None:
            raise self._connection.closed()
        if self._half or len(pcm) & 1:
            pcm = self._half + pcm
            pcm, self._half = pcm[: len(pcm) & ~1], pcm[len(pcm) & ~1 :]
        for start in range(0, len(pcm), self._frame_bytes):
            frame = pcm[start : start + self._frame_bytes]
            if not await self._send_frame(frame, speech):
                return False
        return await self._until_unplayed(self._lead, self._lead, speech)

    async def _send_frame(self, frame: bytes, speech: "_Speech") -> bool:
        """Send a frame once it is within the lead; False if it was cleared."""
        room = self._lead - len(frame) / (2 * self.sample_rate)
        if not await self._until_unplayed(room, room - min(self._lead / 2, MOST_BATCH), speech):
            return False
        now = self._timing.now()
        for recording in self._connection.recordings:
            recording.spoken(frame, now + self._pacer.unplayed(now))
        # Counted before it is sent: a `clear` while the send waits must know of it.
        self._pacer.add(len(frame), now)
        speech.unsent -= len(frame)
        await self._connection.send(frame)
        return speech.generation == self._generation

    async def _until_unplayed(self, most: float, target: float, speech: "_Speech") -> bool:
        """Wait, if more than ``most`` seconds are unplayed, until it is ``target``; False if it was cleared."""
        most, target = max(most, 0.0), max(target, 0.0)
        while (unplayed := self._pacer.unplayed(self._timing.now())) > most + 1e-9:
            await self._timing.wait(self._connection.interrupted, unplayed - target)
            if speech.generation != self._generation:
                return False
            if self._connection.ended is not None:
                raise self._connection.closed()
        return True

    async def clear(self) -> Unheard:
        """Fall silent now: the platform discards what it has not played, and every ``send_audio`` returns False.

        Returns what the caller has not heard, which a model should not take for said.

        :raises StreamClosed: the call is over.
        """
        if self._connection.ended is not None:
            raise self._connection.closed()
        unsent = sum(speech.unsent for speech in self._speeches) + len(self._half)
        self._speeches, self._half = set(), b""
        self._generation += 1
        now = self._timing.now()
        unheard = 2 * round(self._pacer.clear(now) * self.sample_rate) + unsent
        for recording in self._connection.recordings:
            recording.cleared(now)
        self._connection.interrupt()
        await self._connection.send(self._connection.protocol.clear())
        return Unheard(unheard / (2 * self.sample_rate), unheard)

    async def drain(self) -> bool:
        """Wait until the caller has heard all that was sent; False if it was cleared, or the call is over before."""
        generation = self._generation
        while self._connection.ended is None and generation == self._generation:
            async with self._speaking:
                unplayed = self._pacer.unplayed(self._timing.now())
            if unplayed <= 0:
                return True
            await self._timing.wait(self._connection.interrupted, unplayed)
        return False

    async def hang_up(self, *, after_drain: bool = True, client: CallEnder | None = None) -> None:
        """End the call: let the caller hear what was sent, then close the stream, which is the platform's hang-up.

        ``after_drain=False`` ends it now. With ``client`` the call is also ended by the REST API if the closing is not
        acknowledged within a second. After the end it does nothing.
        """
        if after_drain:
            await self.drain()
        if self._connection.ended is not None:
            return
        self._connection.end("server", "hang_up() was called")
        closed = await self._connection.close()
        if client is not None and not closed:
            await client.calls.hang_up(self.call.call_id)

    def record(self, path: str | PathLike[str], *, overwrite: bool = False) -> Recording:
        """Write the call to a WAV file from now on: the caller on the left, your sound, as heard, on the right.

        The file is private (0600), and is written each second by a worker thread: memory does not grow, and what was
        written can be played even if the program is killed. It ends with the call, or with the ``async with`` block::

            async with stream.record("call.wav"):
                ...

        :raises OSError: the file cannot be made; it exists, and ``overwrite`` is False.
        """
        recording = Recording(path, self.sample_rate, self._timing, overwrite=overwrite)
        self._connection.recordings.append(recording)
        self._tasks.start_soon(recording.run)
        return recording
