"""``sinch-voice stream``: calls a voice server as the platform does, and reports."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from sinch_voice_async.cli.commands.stream import Caller
from sinch_voice_async.streams import CallStream, Pcm, StreamApp, StreamRequest
from sinch_voice_async.testing import serve_app
from tests.patience import run_with_more_time
from tests.sandbox.independent_server import Independent

from .conftest import KEY, SECRET, Command, Ran


@contextmanager
def served(app: Any, path: str = "/streams") -> Iterator[str]:
    """Serve a WebSocket application, and give its URL."""
    with serve_app(app) as url:
        yield url.replace("http", "ws").rstrip("/") + path


def agent() -> StreamApp:
    """Return an agent that greets at length, and falls silent when it is interrupted."""
    app = StreamApp(KEY, SECRET)

    @app.on_call
    async def talk(stream: CallStream) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.send_audio, Pcm.tone(300, 60.0, stream.sample_rate))
            heard = 0
            async for frame in stream:
                heard += Pcm.level_db(frame) > -40
                if heard == 12:
                    await stream.clear()

    return app


@pytest.fixture
def ours(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command of the agent's application."""
    monkeypatch.setenv("SINCH_APPLICATION_KEY", KEY)
    monkeypatch.setenv("SINCH_APPLICATION_SECRET", SECRET)
    return command


def run(command: Command, *arguments: str) -> Ran:
    """Run the command in a thread: what is cancelled on its event loop hides the lines of this one from coverage."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(command, "stream", *arguments).result()


def grades(document: Any) -> dict[str, str]:
    """Return the grade of each check."""
    return {finding["check"]: finding["grade"] for finding in document}


def test_an_agent_of_ours(ours: Command, tmp_path: Path) -> None:
    """All is well: it answers, has no gap, falls silent, and takes its token once; what was heard is in a file."""
    heard, said = tmp_path / "heard.wav", tmp_path / "said.wav"
    Pcm.tone(400, 0.1, 8_000).to_wav(said)

    def once(scale: float) -> None:
        heard.unlink(missing_ok=True)
        with served(agent()) as url:
            options = ("--file", str(said), "--rate", "8000", "--seconds", str(3 * scale), "--record", str(heard))
            ran = run(ours, url, *options, "--call-header", "customer: 7", "--json")
        found = grades(ran.document)
        # A machine that is busy may leave a gap, which is then a fault.
        assert ran.code == (1 if found["gaps"] == "fault" else 0)
        assert found["answer"] == found["samples"] == found["pacing"] == found["token"] == "ok"
        assert found["interruption"] in {"ok", "note"}
        assert Pcm.from_wav(heard).sample_rate == 8_000

    run_with_more_time(once)


def test_any_other_server(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that sends half samples and unknown commands, all at once, and cannot be interrupted: it is told so."""
    monkeypatch.setattr("sinch_voice_async.sandbox.exchange.sounds.speaker", lambda: None)

    def once(scale: float) -> None:
        server = Independent("odd", seconds=3.0 * min(scale, 20.0))
        with served(server.app, "/voice") as url:
            ran = run(command, url, "--no-token", "--say", "Hello", "--seconds", str(2 * scale))
        assert ran.code == 1
        assert "2 messages with half a sample" in ran.out
        assert "5 that the platform does not know" in ran.out
        assert "the server was interrupted, and sent no clear" in ran.out
        assert "ms from the end of speech" not in ran.out or "response" in ran.out
        assert "callHeaders" in server.connect

    run_with_more_time(once)


@pytest.mark.parametrize(
    ("server", "told", "code"),
    [
        (Independent(verdict="busy"), "busy after", 0),
        (Independent(verdict=None), "the server closed the stream: code 1000", 1),
        (Independent("hang up"), "the server closed the stream: code 1000", 0),
    ],
)
def test_servers_that_end_it(command: Command, server: Independent, told: str, code: int) -> None:
    """Before the answer, by the answer, and after it."""
    with served(server.app, "/voice") as url:
        ran = run(command, url, "--no-token", "--seconds", "1")
    assert ran.code == code
    assert told in ran.out


def test_a_server_that_vanishes(command: Command) -> None:
    """The end is a note; while it lasts nothing is lost."""

    async def vanish(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.send", "text": '{"command": "answer"}'})
        await receive()
        raise RuntimeError("out of order")

    with served(vanish) as url:
        ran = run(command, url, "--no-token", "--seconds", "1")
    assert "the server closed the stream" in ran.out


def test_a_token_that_is_taken_twice(ours: Command) -> None:
    """Is a note: anybody who has seen it may use it again."""
    server = Independent("speech", seconds=0.2)
    with served(server.app, "/voice") as url:
        ran = run(ours, url, "--seconds", "1")
    assert "it can be replayed" in ran.out
    assert "token" in server.connect["callHeaders"]


def test_the_microphone(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the programs that are installed; without any it says what to install."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    with served(Independent().app, "/voice") as url:
        ran = run(command, url, "--no-token", "--mic")
        assert ran.code == 2
        assert "--mic needs arecord and aplay" in ran.err
        (folder / "arecord").write_text("#!/bin/sh\nexec /bin/cat /dev/zero\n")
        (folder / "aplay").write_text(f"#!/bin/sh\nexec /bin/cat > {tmp_path / 'played'}\n")
        for name in ("arecord", "aplay"):
            (folder / name).chmod(0o755)
        ran = run(command, url, "--no-token", "--mic", "--seconds", "1")
    assert "answer after" in ran.out
    assert "Speak; Ctrl-C ends the call." in ran.err
    assert (tmp_path / "played").stat().st_size > 640


def test_arguments(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """What excludes each other, another URL, nothing at the other end, and packages that are missing."""
    assert "exclude each other" in run(command, "ws://127.0.0.1:9", "--say", "x", "--mic").err
    assert "must begin with ws" in run(command, "http://127.0.0.1").err
    ran = run(command, "ws://127.0.0.1:9/?token=secret", "--no-token")
    assert ran.code == 6
    assert "no WebSocket at ws://127.0.0.1:9/" in ran.err
    assert "secret" not in ran.err
    for missing in ("websockets", "starlette"):
        monkeypatch.setattr("importlib.util.find_spec", lambda name, missing=missing: None if name == missing else name)
        ran = run(command, "ws://127.0.0.1:9", "--no-token", "--say", "x")
        assert ran.code == 2
        assert "sinch-voice-async[sandbox]" in ran.err


class Burst:
    """A WebSocket on which the answer and a second of sound have arrived before anything reads."""

    def __init__(self) -> None:
        self.messages: list[str | bytes] = ['{"command": "answer"}', Pcm.tone(300, 1.0, 8_000)]

    async def send(self, message: str | bytes) -> None:
        """Take what the platform says."""

    async def recv(self) -> str | bytes:
        """Return the next message at once, as a socket does that has several."""
        if not self.messages:
            await anyio.sleep_forever()
        return self.messages.pop(0)

    async def close(self) -> None:
        """End the call."""
        raise EndOfCall


class EndOfCall(Exception):  # noqa: N818 - no fault
    """The call has ended."""


@pytest.mark.anyio
async def test_sound_that_comes_with_the_answer_is_heard() -> None:
    """Both may be in one segment of TCP; no sound is lost between them."""
    caller = Caller(Burst(), StreamRequest(call_id="call-1", sample_rate=8_000), None, None)
    with pytest.raises(ExceptionGroup):
        await caller.call(b"", 0.01)
    assert caller.heard.verdict == "answer"
    assert caller.heard.playout.sent == 16_000


@pytest.mark.parametrize(("status", "code", "told"), [(403, 2, "is its path right?"), (503, 6, "HTTP 503")])
def test_a_server_that_refuses_the_handshake(command: Command, status: int, code: int, told: str) -> None:
    """A wrong path is a mistake in the command; a server that is overloaded may be tried again."""

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "websocket"
        await receive()
        await send({"type": "websocket.http.response.start", "status": status, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b""})

    with served(refuse, "/wrong") as url:
        ran = run(command, url, "--no-token")
    assert ran.code == code
    assert f"no WebSocket at {url}: " in " ".join(ran.err.split())
    assert told in " ".join(ran.err.split())
