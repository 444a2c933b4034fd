"""Media streams as the platform makes them. Documents: SVAML, "connectStream", and AsyncAPI "Voice Stream".

The platform is the WebSocket client. It sends ``connect``, waits for ``answer``, ``busy`` or ``reject``, and then sends
a frame of the caller's sound each 20 ms. What the server sends goes into a buffer that is played in real time, of at
most 5 MB: then the oldest is lost. ``clear`` empties it. A server that sends nothing for a minute is given up.

Each stream is a task of one event loop, which has a thread while there are streams. Times are exchange seconds, but
for the wait for the answer: that is wall time, like the wait for a callback's answer.

Assumed, since no document says it: the result and reason of each end; that 5 MB and the minute hold for
``connectStream`` too; that the upgrade offers no compression; that a caller's silence is sent as zeros.
"""

import importlib.util
import json
import random
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

import anyio
import anyio.to_thread
from anyio.from_thread import BlockingPortal

from sinch_voice_async.sandbox import bounds
from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.calls import Call
from sinch_voice_async.sandbox.exchange.people import Person
from sinch_voice_async.sandbox.exchange.sounds import Caller, Gap, Latency, Playout, Says, Talk, Tone, Track, sound_of
from sinch_voice_async.sandbox.requests import Fields

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

__all__ = ["Command", "Refused", "Stream", "StreamRules", "Streams"]

DEFAULT_RATE = 8_000
FIRST_WORDS: tuple[Says, ...] = (Tone(400, 1.0),)
"""What a caller says to whom no test has given any words. A phone that is answered by hand is silent."""
POLL = 0.02
MOST_BEHIND = 1.0
"""Seconds of frames that are sent at once after time has jumped; the rest of a longer jump is left out."""
KEPT_STREAMS = 50
MOST_MESSAGE = 6_000_000
MISSING = "it needs the package websockets, which the extra sinch-voice-async[sandbox] brings"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRules:
    """How the platform behaves on streams, and what goes wrong there.

    ``dialect`` is that of the ``connect`` message: "v2a" as in the AsyncAPI document, "tutorial" as in the tutorials.
    ``sends`` is how it writes the call headers: "callHeaders object", "callHeaders list" or "headers object".
    ``answer_within`` is wall seconds. ``silence_after`` is seconds without a message of the server. ``buffer`` is
    bytes. ``frame_ms`` is the length of a frame that is sent.

    Faults, in seconds: ``jitter`` delays each frame by up to so much; ``stall`` is after how long nothing is sent for
    how long; after ``cut_after`` the connection breaks, after ``half_open_after`` it is there and dead. A slow reader
    takes ``reads_per_second`` bytes. Chance comes from ``seed``.

    Raises ValueError for what cannot be.
    """

    dialect: Literal["v2a", "tutorial"] = "v2a"
    answer_within: float = 5.0
    silence_after: float = 60.0
    buffer: int = 5_000_000
    frame_ms: int = 20
    sends: Literal["callHeaders object", "callHeaders list", "headers object"] | None = None
    jitter: float = 0.0
    stall: tuple[float, float] | None = None
    cut_after: float | None = None
    half_open_after: float | None = None
    reads_per_second: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        bounds.choice("dialect", self.dialect, ("v2a", "tutorial"))
        if self.sends is not None:
            bounds.choice("sends", self.sends, ("callHeaders object", "callHeaders list", "headers object"))
        bounds.seconds("answer_within", self.answer_within, least=0.001)
        bounds.whole("frame_ms", self.frame_ms, least=5, most=1_000)
        bounds.whole("buffer", self.buffer, least=1)
        bounds.whole("seed", self.seed)
        for name in ("silence_after", "jitter", "cut_after", "half_open_after"):
            if getattr(self, name) is not None:
                bounds.seconds(name, getattr(self, name))
        if self.stall is not None:
            if not isinstance(self.stall, tuple | list) or len(self.stall) != 2:
                raise ValueError("stall must be a pair: after how many seconds, and for how many")
            for each in self.stall:
                bounds.seconds("stall", each)
        if self.reads_per_second is not None:
            bounds.whole("reads_per_second", self.reads_per_second, least=1)

    def frame_bytes(self, rate: int) -> int:
        """Return the length of a frame in bytes at a sample rate."""
        return 2 * (rate * self.frame_ms // 1000)


class Refused(NamedTuple):
    """Why a stream did not come about: what the call ends with, and the reason in words."""

    result: str
    reason: str
    note: str


class Command(str):
    """The name of a command that the server sent, ``at`` so many seconds after its answer; empty for other texts."""

    __slots__ = ("at",)
    at: float

    def __new__(cls, at: float, name: str) -> Self:
        """Make it of a time and a name."""
        made = super().__new__(cls, name)
        made.at = at
        return made

    @property
    def name(self) -> str:
        """The name, as any text."""
        return str(self)


class Stream:
    """One stream: what was said on it. Seconds are since its answer. Sound is kept for the first 10 MB.

    ``connect`` is the first message. ``verdict`` is the server's answer, empty until there is one. ``ended`` says why
    the stream ended, empty while it lasts.
    """

    def __init__(self, call_id: str, url: str, rate: int, buffer: int) -> None:
        self.call_id: str = call_id
        self.url: str = url
        self.sample_rate: int = rate
        self.connect: Mapping[str, object] = {}
        self.verdict: str = ""
        self.commands: list[Command] = []
        self.latency: Latency = Latency()
        self.ended: str = ""
        self.said_track: Track = Track(rate)
        self.playout: Playout = Playout(rate, buffer)
        self.talk: Talk | None = None
        """The microphone and loudspeaker of a person at the page, None if none talks."""

    def __repr__(self) -> str:
        return f"<Stream of call {self.call_id[:8]} {self.ended or self.verdict or 'connecting'}>"

    @property
    def heard(self) -> bytes:
        """What the caller heard, as a WAV file: the server's sound, with the silence between."""
        return self.playout.heard.wav()

    @property
    def sent(self) -> bytes:
        """What the server sent, heard or not, as a WAV file."""
        return self.playout.sent.wav()

    @property
    def said(self) -> bytes:
        """What the caller said, as a WAV file."""
        return self.said_track.wav()

    @property
    def gaps(self) -> list[Gap]:
        """Times of 20 ms to 1 s in which the server's sound had run dry."""
        return self.playout.gaps

    @property
    def lost(self) -> int:
        """Bytes that the full buffer has lost."""
        return self.playout.lost

    @property
    def speaks(self) -> bool:
        """Whether the stream goes on."""
        return self.verdict == "answer" and not self.ended


class Streams(Mapping[str, Stream]):
    """The streams of an exchange by call id: those that go on, and the last 50 that are over. ``rules`` may be set."""

    def __init__(self, account: Account, clock: Clock, rules: StreamRules) -> None:
        self.rules: StreamRules = rules
        self._account = account
        self._clock = clock
        self._streams: dict[str, Stream] = {}
        self._scripted: set[str] = set()
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._thread: threading.Thread | None = None
        self._going_on = 0
        self._era = 0

    def __getitem__(self, call_id: str) -> Stream:
        return self._streams[call_id]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._streams))

    def __len__(self) -> int:
        return len(self._streams)

    def open(self, call: Call, action: Fields, person: Person | None) -> None:
        """Connect a call to the server that an action names; its handle is told what came of it."""
        options = action.child("streamingOptions") or Fields({})
        url = action.required_child("destination").required_text("endpoint")
        stream = Stream(call.call_id, url, options.whole("sampleRate") or DEFAULT_RATE, self.rules.buffer)
        headers = {one.text("key") or "": one.text("value") or "" for one in action.children("callHeaders")}
        stream.connect = _connect(stream, self._account.application_key, headers, self.rules)
        with self._lock:
            self._remember(stream)
            self._going_on += 1
            era = self._era
            portal = self._portal or self._start()
        if person is not None and person.says:
            self._scripted.add(call.call_id)
        portal.start_task_soon(self._run, call, stream, person, era)

    @contextmanager
    def talk(self, call_id: str) -> Generator[tuple[Stream, Talk], None, None]:
        """Give a person a microphone and a loudspeaker on a stream; meanwhile the caller's script stands still.

        Raises ValueError, in words for the person, if the call has no stream, time is not real time, or another person
        talks.
        """
        with self._lock:
            stream = self._streams.get(call_id)
            if stream is None or not stream.speaks:
                raise ValueError("This call is not connected to a media stream.")
            if self._clock.speed != 1:
                raise ValueError("To talk, set the speed of the sandbox's clock to 1 in Settings.")
            if stream.talk is not None:
                raise ValueError("Another page talks on this call.")
            talk = Talk(stream.sample_rate, self.rules.frame_bytes(stream.sample_rate))
            stream.talk = stream.playout.loudspeaker = talk
        try:
            yield stream, talk
        finally:
            stream.talk = stream.playout.loudspeaker = None

    def hangs_up_by_itself(self, call_id: str) -> bool:
        """Whether a caller has a script, and so hangs up after it and not in the middle."""
        return call_id in self._scripted

    def end(self) -> None:
        """Have every stream closed soon, and forget all of them."""
        with self._lock:
            self._era += 1
            self._streams.clear()

    def close(self) -> None:
        """Close every stream; returns when that is done. It must not be called in a turn of the exchange."""
        with self._lock:
            self._era += 1
            thread = self._thread
        if thread is not None:
            thread.join()

    def is_over(self, era: int) -> bool:
        """Whether the streams that were opened in an era are to be closed."""
        return era != self._era

    def _remember(self, stream: Stream) -> None:
        self._streams[stream.call_id] = stream
        over = [each.call_id for each in self._streams.values() if each.ended]
        for call_id in over[: max(0, len(self._streams) - KEPT_STREAMS)]:
            del self._streams[call_id]

    def _start(self) -> BlockingPortal:
        ready = threading.Event()
        self._thread = threading.Thread(
            target=anyio.run, args=(self._loop, ready), name="sinch-sandbox-streams", daemon=True
        )
        self._thread.start()
        ready.wait()
        assert self._portal is not None  # the loop has set it
        return self._portal

    async def _loop(self, ready: threading.Event) -> None:
        async with BlockingPortal() as portal:
            self._portal = portal
            ready.set()
            await portal.sleep_until_stopped()

    async def _run(self, call: Call, stream: Stream, person: Person | None, era: int) -> None:
        try:
            await _Run(self, call, stream, person, era, self._clock).run()
        finally:
            self._scripted.discard(call.call_id)
            with self._lock:
                self._going_on -= 1
                portal = None if self._going_on else self._portal
                if portal is not None:
                    self._portal = None
            if portal is not None:
                await portal.stop()


def _connect(stream: Stream, key: str, headers: Mapping[str, str], rules: StreamRules) -> dict[str, object]:
    """Return the first message, in one of the published dialects."""
    is_tutorial = rules.dialect == "tutorial"
    sends = rules.sends or ("headers object" if is_tutorial else "callHeaders object")
    name, _, kind = sends.partition(" ")
    written = dict(headers) if kind == "object" else [{"key": key, "value": value} for key, value in headers.items()]
    if is_tutorial:
        return {"command": "connect", "callId": stream.call_id, "applicationId": key, name: written}
    return {
        "command": "connect",
        "version": 1,
        "callId": stream.call_id,
        "applicationKey": key,
        "codec": "PCM",
        "sampleRate": stream.sample_rate,
        name: written,
    }


async def _in_a_turn(change: Callable[..., object], *args: object) -> None:
    """Change a call, in a thread that may wait for its turn.

    A turn of the exchange starts streams, and waits for this event loop to take them: the loop must not wait for turns.
    """
    await anyio.to_thread.run_sync(change, *args)


class _Run:
    """One stream while it goes on."""

    def __init__(
        self, streams: Streams, call: Call, stream: Stream, person: Person | None, era: int, clock: Clock
    ) -> None:
        self._streams = streams
        self._rules = streams.rules
        self._call = call
        self._stream = stream
        self._person = person or Person()
        self._era = era
        self._clock = clock
        self._chance = random.Random(self._rules.seed)  # noqa: S311  # a fault is to come again
        self._socket: ClientConnection
        self._playout = stream.playout
        self._frame_bytes = self._rules.frame_bytes(stream.sample_rate)
        self._began = self._heard_at = 0.0

    async def run(self) -> None:
        """Connect, ask, and talk until the end."""
        try:
            says = tuple(self._person.says) or (() if self._person.is_manual else FIRST_WORDS)
            rate = self._stream.sample_rate
            sounds = [await anyio.to_thread.run_sync(sound_of, each, rate) for each in says]
            await self._connect(Caller(says, sounds, self._frame_bytes, self._stream.said_track, self._stream.latency))
        except Exception as error:  # noqa: BLE001  # the library has many of its own for a server that is none
            await self._fail(f"{type(error).__name__}: {error}")

    async def _fail(self, note: str) -> None:
        """End a call whose stream cannot go on; nothing may keep it waiting."""
        if self._stream.speaks:
            await _in_a_turn(self._call.handle.note, f"the stream failed: {note}")
            await _in_a_turn(self._call.handle.disconnect, "ANSWERED", "GENERALERROR")
        else:
            await _in_a_turn(self._call.handle.reply, Refused("FAILED", "GENERALERROR", note))
        self._end(note)

    async def _connect(self, caller: Caller) -> None:
        if importlib.util.find_spec("websockets") is None:
            raise ValueError(MISSING)
        from websockets.asyncio.client import connect  # noqa: PLC0415  # only streams need it

        options: dict[str, Any] = {"max_size": MOST_MESSAGE, "compression": None, "user_agent_header": None}
        async with connect(
            self._stream.url, open_timeout=self._rules.answer_within, close_timeout=1, proxy=None, **options
        ) as self._socket:
            await self._socket.send(json.dumps(self._stream.connect))
            refused = await self._ask()
            if refused is not None:
                self._end(refused.note)
                await _in_a_turn(self._call.handle.reply, refused)
                return
            self._began = self._heard_at = self._clock.now()
            self._playout.begin(self._began)
            await _in_a_turn(self._call.handle.reply, None)
            await self._talk(caller)

    async def _ask(self) -> Refused | None:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415  # as above

        try:
            with anyio.fail_after(self._rules.answer_within):
                while not self._stream.verdict:
                    self._stream.verdict = await self._verdict(await self._socket.recv())
        except TimeoutError:
            return Refused("NOANSWER", "TIMEOUT", f"no answer within {self._rules.answer_within:g} s")
        except ConnectionClosed as closed:
            return Refused("FAILED", "GENERALERROR", f"{type(closed).__name__}: the server closed without an answer")
        if self._stream.verdict == "busy":
            return Refused("BUSY", "CALLEEHANGUP", "the server is busy")
        if self._stream.verdict == "reject":
            return Refused("FAILED", "CALLEEHANGUP", "the server rejects the call")
        return None

    async def _verdict(self, message: str | bytes) -> str:
        name = self._command(message)
        if name in {"answer", "busy", "reject"}:
            return name
        what = f"the command {name[:40]!r}" if name else "a message that is not a command"
        await _in_a_turn(self._call.handle.note, f"before its answer the server sent {what}")
        return ""

    @staticmethod
    def _command(message: str | bytes) -> str:
        with suppress(ValueError, RecursionError):
            found = json.loads(message) if isinstance(message, str) else None
            if isinstance(found, dict) and isinstance(found.get("command"), str):
                return str(found["command"])
        return ""

    async def _talk(self, caller: Caller) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen)
            await self._speak(caller)
            tasks.cancel_scope.cancel()
        self._end("the call is over")
        await self._tell()

    async def _tell(self) -> None:
        out, back = len(self._stream.said_track.pcm), len(self._playout.sent.pcm)
        await _in_a_turn(self._call.handle.note, f"the stream is over: {out} bytes went out, {back} came back")
        if self._call.is_final:
            return
        # The documents: a stream that is closed or lost ends its call.
        result, reason = self._how()
        await _in_a_turn(self._call.handle.disconnect, result, reason)

    def _how(self) -> tuple[str, str]:
        return ("ANSWERED", "TIMEOUT" if self._stream.ended.startswith("the server sent nothing") else "CALLEEHANGUP")

    def _end(self, why: str) -> None:
        self._stream.ended = self._stream.ended or why

    async def _listen(self) -> None:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415  # as above

        try:
            while True:
                message = await self._socket.recv()
                self._heard_at = now = self._clock.now()
                if isinstance(message, bytes):
                    self._playout.add(message, now)
                else:
                    await self._obey(self._command(message), now)
                if self._rules.reads_per_second is not None:
                    await anyio.sleep(len(message) / self._rules.reads_per_second)
        except ConnectionClosed as closed:
            self._end("the server closed the stream" if closed.rcvd else "the connection broke")

    async def _obey(self, name: str, now: float) -> None:
        if name == "clear":
            self._playout.clear(now)
        elif name != "heartbeat":
            await _in_a_turn(self._call.handle.note, f"the server sent an unknown command, {name[:40]!r}")
        self._stream.commands.append(Command(now - self._began, name))

    async def _speak(self, caller: Caller) -> None:
        due, step = self._began, self._rules.frame_ms / 1000
        done_at: float | None = None
        while not self._is_over():
            now = self._clock.now()
            self._playout.play(now)
            if now - self._heard_at >= self._rules.silence_after:
                self._end(f"the server sent nothing for {self._rules.silence_after:g} s")
                continue
            if self._rules.cut_after is not None and now - self._began >= self._rules.cut_after:
                self._socket.transport.abort()
                self._end("the connection was cut")
                continue
            if now < due:
                await self._until(due, now)
                continue
            due = max(due, now - MOST_BEHIND) + step
            if caller.is_done and done_at is None:
                done_at = now
            if self._has_had_enough(caller, done_at, now):
                self._end("the caller hung up")
                await _in_a_turn(self._call.put_down)
                continue
            await self._send(self._frame(caller, now), now)

    def _frame(self, caller: Caller, now: float) -> bytes:
        talk = self._stream.talk
        if talk is None:
            return caller.frame(now, self._playout)
        frame = talk.frame()
        self._stream.said_track.add(frame)
        return frame

    def _has_had_enough(self, caller: Caller, done_at: float | None, now: float) -> bool:
        if caller.hangs_up:
            return True
        stays = self._person.hangs_up_after
        return bool(self._person.says) and done_at is not None and stays is not None and now >= done_at + stays

    async def _until(self, due: float, now: float) -> None:
        """Sleep until a frame is due, or a moment if the clock stands still or may jump."""
        speed = self._clock.speed
        await anyio.sleep(min(POLL, (due - now) / speed) if speed else POLL)

    async def _send(self, frame: bytes, now: float) -> None:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415  # as above

        if self._is_dead():
            self._socket.transport.pause_reading()
            return
        speed = self._clock.speed or 1.0
        if self._rules.stall is not None and 0 <= now - self._began - self._rules.stall[0] < self._rules.stall[1]:
            await anyio.sleep((self._rules.stall[1]) / speed)
        if self._rules.jitter:
            await anyio.sleep(self._chance.uniform(0, self._rules.jitter) / speed)
        with suppress(ConnectionClosed), anyio.move_on_after(self._rules.silence_after):
            await self._socket.send(frame)

    def _is_dead(self) -> bool:
        after = self._rules.half_open_after
        return after is not None and self._clock.now() - self._began >= after

    def _is_over(self) -> bool:
        return bool(self._stream.ended) or self._streams.is_over(self._era) or self._call.is_final
