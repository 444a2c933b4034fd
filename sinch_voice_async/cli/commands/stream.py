"""``sinch-voice stream``: the platform's side of a media stream, against any server, with a report of how it does."""

import importlib.util
import shutil
import subprocess
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TypeAlias

import anyio
import anyio.to_thread
import click
from attrs import define, field, frozen

import sinch_voice_async
from sinch_voice_async import _files
from sinch_voice_async.cli.client import on_loop
from sinch_voice_async.cli.failures import ExitCode
from sinch_voice_async.cli.output import show_table, tell
from sinch_voice_async.cli.settings import Command, PathType, Settings, check_url, find_account, settable
from sinch_voice_async.streams import Pcm, StreamApp, StreamProtocol, StreamRequest
from sinch_voice_async.streams.pacing import Playout
from sinch_voice_async.streams.protocol import Answered, Ignored

__all__ = ["stream"]

FRAME: Final = 0.02
ANSWER_WITHIN: Final = 5.0
SILENT_DB: Final = -45.0
MOST_SECONDS_TO_SILENCE: Final = 0.1
RECORDERS: Final = {"arecord": "arecord -q -t raw -f S16_LE -c 1 -r {}", "rec": "rec -q -t raw -b 16 -c 1 -r {} -"}
PLAYERS: Final = {
    "aplay": "aplay -q -t raw -f S16_LE -c 1 -r {}",
    "play": "play -q -t raw -e signed -b 16 -c 1 -r {} -",
}

Grade: TypeAlias = Literal["ok", "note", "fault"]


@frozen
class Finding:
    """One line of the report."""

    check: str
    grade: Grade
    detail: str


@define
class Heard:
    """What a server did on one stream; times are monotonic seconds."""

    rate: int
    playout: Playout
    verdict: str | None = None
    answered_after: float = 0.0
    odd: int = 0
    ignored: int = 0
    commands: dict[str, int] = field(factory=dict)
    last_loud_at: float | None = None
    spoke_until: float | None = None
    response: float | None = None
    interrupted_at: float | None = None
    cleared_after: float | None = None
    closed: str = ""


class Caller:
    """One call to a server, as the platform makes it."""

    def __init__(
        self, socket: Any, request: StreamRequest, source: "BinaryIO | None", player: "BinaryIO | None"
    ) -> None:
        self._socket = socket
        self._protocol = StreamProtocol("platform")
        self._request = request
        self._source = source
        self._player = player
        self._decided = anyio.Event()
        self._has_hung_up = False
        self.rate: int = request.sample_rate or 8_000
        self.heard: Heard = Heard(self.rate, Playout(self.rate, time.monotonic()))

    async def call(self, sound: bytes, seconds: float) -> None:
        """Say something, listen until the time is up, interrupt the server once if it speaks, and hang up."""
        await self._socket.send(self._protocol.connect(self._request))
        began = time.monotonic()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen)
            with anyio.move_on_after(ANSWER_WITHIN):
                await self._decided.wait()
            self.heard.answered_after = time.monotonic() - began
            if self.heard.verdict == "answer":
                await self._talk(sound, seconds)
            self._has_hung_up = True
            await self._socket.close()

    async def _talk(self, sound: bytes, seconds: float) -> None:
        size, due = 2 * round(self.rate * FRAME), time.monotonic()
        end = due + seconds
        pending = sound
        while not self.heard.closed and (now := time.monotonic()) < end:
            if not pending and self._may_interrupt(now):
                pending = Pcm.tone(500, 0.5, self.rate)
                self.heard.interrupted_at = now
            frame = (await self._recorded(size)) or pending[:size].ljust(size, b"\0")
            was, pending = bool(pending), pending[size:]
            if was and not pending and self.heard.interrupted_at is None:
                self.heard.spoke_until = now
            await self._send(frame)
            due = max(due + FRAME, now)
            await anyio.sleep(max(0.0, due - time.monotonic()))

    def _may_interrupt(self, now: float) -> bool:
        """Whether the server has been speaking for half a second, with more to come, and was not interrupted before."""
        heard = self.heard
        return (
            self._source is None
            and heard.interrupted_at is None
            and heard.last_loud_at is not None
            and heard.playout.unplayed(now) > 0.02
            and heard.playout.sent > heard.rate
        )

    async def _recorded(self, size: int) -> bytes:
        return b"" if self._source is None else await anyio.to_thread.run_sync(self._source.read, size)

    async def _send(self, frame: bytes) -> None:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415  # an extra

        # The listening task learns of the end, and why.
        with suppress(ConnectionClosed):
            await self._socket.send(frame)

    async def _listen(self) -> None:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415  # an extra

        try:
            while True:
                message = await self._socket.recv()
                if isinstance(message, bytes):
                    self._hear(message, time.monotonic())
                else:
                    self._obey(message, time.monotonic())
        except ConnectionClosed as closed:
            if self._has_hung_up:
                return
            self.heard.closed = f"code {closed.rcvd.code}" if closed.rcvd else "without a close frame"
            self._decided.set()

    def _hear(self, message: bytes, now: float) -> None:
        heard = self.heard
        heard.odd += len(message) % 2
        pcm = message[: len(message) & ~1]
        heard.playout.add(pcm, now)
        if self._player is not None:
            self._player.write(pcm)
            self._player.flush()
        if Pcm.level_db(pcm) > SILENT_DB:
            if heard.spoke_until is not None and heard.response is None:
                heard.response = now - heard.spoke_until
            heard.last_loud_at = now

    def _obey(self, message: str, now: float) -> None:
        heard, event = self.heard, self._protocol.read(message)
        if isinstance(event, Answered):
            heard.verdict = event.verdict
            # Here and not in the task that waits for it: sound may arrive together with the answer.
            heard.playout = Playout(self.rate, now)
            self._decided.set()
        elif isinstance(event, Ignored):
            heard.ignored += 1
        else:
            name = type(event).__name__.lower()
            heard.commands[name] = heard.commands.get(name, 0) + 1
            if name == "cleared":
                heard.playout.clear(now)
                if heard.interrupted_at is not None and heard.cleared_after is None:
                    heard.cleared_after = now - heard.interrupted_at


@settable
@click.command(cls=Command)
@click.argument("url")
@click.option("--say", metavar="TEXT", help="Speak a text, by espeak-ng if it is installed.")
@click.option("--file", type=PathType(must_exist=True), help="Play a WAV file.")
@click.option("--mic", is_flag=True, help="Speak yourself: needs arecord and aplay, or sox.")
@click.option("--seconds", type=click.FloatRange(0.5, 3_600), default=8.0, show_default=True, help="How long to call.")
@click.option("--rate", type=click.Choice(["8000", "16000", "24000", "44100", "48000", "96000"]), default="16000")
@click.option("--call-id", default="sinch-voice-stream", show_default=True, metavar="ID")
@click.option("--call-header", "headers", multiple=True, metavar="NAME:VALUE", help="For the first message; repeat it.")
@click.option(
    "--token/--no-token", default=True, help="Whether to bring a one-time token of your secret (default: yes)."
)
@click.option("--record", type=PathType(), help="Write what was heard to a new WAV file.")
@click.pass_obj
def stream(
    settings: Settings,
    /,
    *,
    url: str,
    say: str | None,
    file: Path | None,
    mic: bool,
    seconds: float,
    rate: str,
    call_id: str,
    headers: tuple[str, ...],
    token: bool,
    record: Path | None,
) -> int:
    """Call the server of a media stream as the platform does.

    URL is that of the WebSocket, ws:// or wss://. The report says whether the server answers in time, sends whole
    samples without gaps, falls silent when it is interrupted, and takes a token twice. A server that is not built with
    this library takes no token: pass --no-token, and no key is needed.

    Examples:
      sinch-voice stream ws://127.0.0.1:8080/streams --say "What is my balance?"
      sinch-voice stream wss://example.com/agent --no-token --file hello.wav
    """
    if sum((say is not None, file is not None, mic)) > 1:
        raise click.UsageError("--say, --file and --mic exclude each other.")
    check_url(url, "URL")
    if not url.startswith(("ws://", "wss://")):
        raise click.UsageError("URL must begin with ws:// or wss://.")
    if importlib.util.find_spec("websockets") is None:
        raise sinch_voice_async.ConfigurationError("streams need websockets: pip install 'sinch-voice-async[sandbox]'")
    request = StreamRequest(
        call_id=call_id,
        application_key="sinch-voice",
        sample_rate=int(rate),
        call_headers=_headers(headers, settings, call_id, token=token),
    )
    sound = _sound(say, file, int(rate))
    with _devices(int(rate)) if mic else _none() as (source, player):

        async def run() -> tuple[Heard, str | None]:
            first = await _call(url, request, sound, seconds, source, player)
            again = None
            if token and first.verdict == "answer":
                again = (await _call(url, request, b"", 0.0, None, None)).verdict
            return first, again

        # The client of the WebSocket runs on asyncio alone.
        settings.backend = "asyncio"
        return _report(settings, on_loop(settings, run), record, asked=token)


async def _call(
    url: str, request: StreamRequest, sound: bytes, seconds: float, source: "BinaryIO | None", player: "BinaryIO | None"
) -> Heard:
    from websockets.asyncio.client import connect  # noqa: PLC0415  # an extra
    from websockets.exceptions import InvalidStatus, WebSocketException  # noqa: PLC0415  # an extra

    options: dict[str, Any] = {"compression": None, "user_agent_header": None, "proxy": None, "max_size": 6_000_000}
    options["ping_interval"] = None  # whether the platform pings is unknown
    try:
        async with connect(url, open_timeout=ANSWER_WITHIN, close_timeout=1, **options) as socket:
            caller = Caller(socket, request, source, player)
            await caller.call(sound, seconds)
            return caller.heard
    except (OSError, WebSocketException) as error:
        where = f"no WebSocket at {url.partition('?')[0]}"
        if isinstance(error, InvalidStatus) and error.response.status_code < 500:
            problem = f"{where}: HTTP {error.response.status_code}; is its path right?"
            raise sinch_voice_async.ConfigurationError(problem) from None
        raise sinch_voice_async.ConnectError(f"{where}: {error}") from None


def _headers(headers: tuple[str, ...], settings: Settings, call_id: str, *, token: bool) -> Mapping[str, str]:
    found = {name.strip(): value.strip() for name, _, value in (each.partition(":") for each in headers)}
    if token:
        found["token"] = StreamApp(credentials=find_account(settings).credentials).token(call_id)
    return found


def _sound(say: str | None, file: Path | None, rate: int) -> bytes:
    if file is not None:
        return Pcm.from_wav(file, rate)
    if say is None:
        return Pcm.tone(400, 1.0, rate)
    if importlib.util.find_spec("starlette") is None:
        raise sinch_voice_async.ConfigurationError("--say needs the sandbox: pip install 'sinch-voice-async[sandbox]'")
    from sinch_voice_async.sandbox.exchange.sounds import Espeak, sound_of  # noqa: PLC0415  # an extra

    return sound_of(Espeak(say), rate)


@contextmanager
def _none() -> Generator[tuple[None, None], None, None]:
    yield None, None


@contextmanager
def _devices(rate: int) -> Generator[tuple[Any, Any], None, None]:
    """Open the microphone and the loudspeaker, by the programs that are installed."""
    commands = [
        next((each for name, each in found.items() if shutil.which(name)), None) for found in (RECORDERS, PLAYERS)
    ]
    if None in commands:
        raise sinch_voice_async.ConfigurationError("--mic needs arecord and aplay (alsa-utils), or rec and play (sox)")
    recorder, player = (str(each).format(rate).split() for each in commands)
    with (
        subprocess.Popen(recorder, stdout=subprocess.PIPE) as source,  # noqa: S603  # programs of a fixed list
        subprocess.Popen(player, stdin=subprocess.PIPE) as sink,  # noqa: S603  # as above
    ):
        tell("Speak; Ctrl-C ends the call.")
        try:
            yield source.stdout, sink.stdin
        finally:
            source.terminate()
            sink.terminate()


def _report(settings: Settings, calls: tuple[Heard, str | None], record: Path | None, *, asked: bool) -> int:
    heard, again = calls
    if record is not None:
        with _files.create(record) as target:
            heard.playout.heard(time.monotonic()).to_wav(target)
    findings = [*_findings(heard)]
    if asked and again is not None:
        good = again == "reject"
        told = "the second use was rejected" if good else f"the second use got {again!r}: it can be replayed"
        findings.append(Finding("token", "ok" if good else "note", told))
    rows = [(finding.check, finding.grade, finding.detail) for finding in findings]
    show_table(settings, findings, ("check", "", "found"), rows)
    return ExitCode.FAILED if any(finding.grade == "fault" for finding in findings) else ExitCode.OK


def _findings(heard: Heard) -> Iterator[Finding]:
    if heard.verdict is None:
        closed = f"; the server closed the stream: {heard.closed}" if heard.closed else ""
        yield Finding("answer", "fault", f"none within {heard.answered_after:.1f} s{closed}")
        return
    yield Finding("answer", "ok", f"{heard.verdict} after {heard.answered_after * 1000:.0f} ms")
    if heard.verdict != "answer":
        return
    playout = heard.playout
    limit = 5_000_000 / 2 / heard.rate
    yield Finding("samples", "fault" if heard.odd else "ok", f"{heard.odd} messages with half a sample")
    yield Finding("messages", "note" if heard.ignored else "ok", f"{heard.ignored} that the platform does not know")
    yield Finding("sound", "ok" if playout.sent else "note", f"{playout.sent / 2 / heard.rate:.1f} s were sent")
    gaps = sum(gap.seconds for gap in playout.gaps)
    yield Finding(
        "gaps", "fault" if playout.gaps else "ok", f"{len(playout.gaps)} of 20 ms or more, {gaps:.2f} s in all"
    )
    ahead: Grade = "ok" if playout.most_ahead < limit / 2 else "fault" if playout.lost else "note"
    yield Finding("pacing", ahead, f"at most {playout.most_ahead:.1f} s ahead; the buffer holds {limit:.0f} s")
    if heard.response is not None:
        yield Finding("response", "ok", f"{heard.response * 1000:.0f} ms from the end of speech to the first sound")
    if heard.interrupted_at is not None:
        yield _interruption(heard)
    if heard.closed:
        yield Finding("end", "note", f"the server closed the stream: {heard.closed}")


def _interruption(heard: Heard) -> Finding:
    if heard.cleared_after is None:
        return Finding("interruption", "note", "the server was interrupted, and sent no clear")
    grade: Grade = "ok" if heard.cleared_after <= MOST_SECONDS_TO_SILENCE else "note"
    return Finding("interruption", grade, f"clear came {heard.cleared_after * 1000:.0f} ms after the caller spoke")
