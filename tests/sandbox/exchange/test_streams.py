"""Media streams as the platform makes them, to servers that share no code with it, on real sockets."""

import io
import json
import socket
import sys
import threading
import time
import wave
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from sinch_voice_async.sandbox import (
    Call,
    Espeak,
    HangUp,
    Interrupt,
    Person,
    Sandbox,
    StreamRules,
    Tone,
    Wait,
    Wav,
)
from sinch_voice_async.sandbox.exchange import sounds
from sinch_voice_async.sandbox.exchange import streams as module
from sinch_voice_async.sandbox.requests import RefusalError
from sinch_voice_async.testing import serve_app
from tests.patience import run_with_more_time
from tests.sandbox.exchange.scripts import lines, place, states
from tests.sandbox.independent_server import Independent

HEADERS = [{"key": "customer", "value": "7"}, {"key": "language", "value": "sv"}]
CALLER = "+46700000001"


@contextmanager
def sandboxed(speed: float = 1.0, **rules: Any) -> Iterator[Sandbox]:
    """A sandbox in real time, unless said otherwise, whose streams behave by rules."""
    sandbox = Sandbox("key", "c2VjcmV0", speed=speed, streams=StreamRules(**{"answer_within": 300.0} | rules))
    yield sandbox
    sandbox.close()


@contextmanager
def served(server: Independent) -> Iterator[str]:
    """Serve an independent server, and give its URL."""
    with serve_app(server.app) as url:
        yield url.replace("http", "ws").rstrip("/") + "/voice"


def stream(sandbox: Sandbox, url: str, rate: int | None = 8_000, **members: Any) -> Call:
    """Place a call that is connected with a server."""
    options = {} if rate is None else {"streamingOptions": {"version": 1, "sampleRate": rate}}
    action = {"name": "connectStream", "destination": {"type": "Websocket", "endpoint": url}, **options, **members}
    return place(sandbox, destination=None, ice={"action": action})


def dial(sandbox: Sandbox, url: str, *says: Any, rate: int = 8_000, stays: float | None = None, **members: Any) -> Call:
    """Place a call that is connected with a server; the caller says something."""
    sandbox.phone(CALLER).says(*says)
    sandbox.phone(CALLER).hangs_up(after=stays)
    action = {
        "name": "connectStream",
        "destination": {"type": "Websocket", "endpoint": url},
        "streamingOptions": {"sampleRate": rate},
        **members,
    }
    # A call to a number whose ICE is written into the callout rings that telephone first.
    return place(sandbox, destination=None, ice={"action": action}) if not says else _dial(sandbox, action)


def _dial(sandbox: Sandbox, action: dict[str, Any]) -> Call:
    answer = json.dumps({"action": action}).encode()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    from sinch_voice_async.sandbox.exchange.calls import Party

    with serve_app(application) as url:
        sandbox.account.callback_urls.primary = url
        call = sandbox.exchange.dial_in(Party("number", CALLER), Party("did", "+46800000000"))
        call.until_final_sync(300)
    return call


def pcm(wav: bytes) -> tuple[int, bytes]:
    """Return the rate and the samples of a WAV file of one channel."""
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), file.readframes(file.getnframes())


def wait_for(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    until = time.monotonic() + 300
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.005)


def outcome(call: Call) -> tuple[str, str]:
    """Return how a call ended."""
    call.until_final_sync(300)
    return call.result, call.reason


def test_an_independent_server_talks_with_a_caller() -> None:
    """Written from the documents alone: the first message has every documented field, and sound goes both ways."""
    server = Independent()
    with served(server) as url, sandboxed() as sandbox:
        call = dial(sandbox, url + "?token=secret", Tone(400, 0.5), Wait(0.3), HangUp(), callHeaders=HEADERS)
    assert server.connect == {
        "command": "connect",
        "version": 1,
        "callId": call.call_id,
        "applicationKey": "key",
        "codec": "PCM",
        "sampleRate": 8_000,
        "callHeaders": {"customer": "7", "language": "sv"},
    }
    assert server.query == "token=secret"
    assert not {name for name in server.headers if "extension" in name or name == "user-agent"}
    assert outcome(call) == ("ANSWERED", "CALLERHANGUP")
    found = sandbox.streams[call.call_id]
    assert {len(frame) for frame in server.frames} == {320}
    assert pcm(found.said)[0] == 8_000
    assert pcm(found.said)[1].startswith(b"".join(server.frames))
    assert pcm(found.sent)[1] == b"".join(server.frames[: len(pcm(found.sent)[1]) // 320])
    assert max(pcm(found.heard)[1]) > 0
    assert found.latency.response == [] or found.latency.response[0] < 5
    assert (found.verdict, found.ended, found.speaks) == ("answer", "the caller hung up", False)
    assert "token" not in "".join(lines(call, "state"))
    assert repr(found) == f"<Stream of call {call.call_id[:8]} the caller hung up>"


@pytest.mark.parametrize(
    ("rules", "members"),
    [
        ({"dialect": "tutorial"}, {"applicationId": "key", "headers": {"a": "b"}}),
        ({"dialect": "tutorial", "sends": "callHeaders list"}, {"callHeaders": [{"key": "a", "value": "b"}]}),
        ({"sends": "headers object"}, {"headers": {"a": "b"}, "codec": "PCM", "version": 1}),
    ],
)
def test_both_published_dialects(rules: dict[str, Any], members: dict[str, Any]) -> None:
    """The tutorials name fields otherwise than the AsyncAPI document; a server can be tried with either."""
    server = Independent()
    with served(server) as url, sandboxed(**rules) as sandbox:
        call = stream(sandbox, url, callHeaders=[{"key": "a", "value": "b"}])
        wait_for(lambda: bool(server.frames))
        call.hang_up()
    assert {**server.connect, **members} == server.connect
    assert server.connect["callId"] == call.call_id
    assert ("sampleRate" in server.connect) == (rules.get("dialect") != "tutorial")


@pytest.mark.parametrize(
    ("verdict", "result"), [("busy", ("BUSY", "CALLEEHANGUP")), ("reject", ("FAILED", "CALLEEHANGUP"))]
)
def test_a_server_refuses(verdict: str, result: tuple[str, str]) -> None:
    """Busy and reject end the call, and neither counts as an answer."""
    server = Independent(verdict=verdict)
    with served(server) as url, sandboxed() as sandbox:
        call = stream(sandbox, url)
        assert outcome(call) == result
    assert states(call) == ["placed", "stream", "final"]
    assert sandbox.streams[call.call_id].verdict == verdict
    assert not server.frames


def mute(connection: ServerConnection) -> None:
    """Take the call, and say nothing."""
    try:
        while True:
            connection.recv()
    except ConnectionClosed:
        pass


@contextmanager
def listening(handler: Callable[[ServerConnection], None]) -> Iterator[str]:
    """Serve WebSockets in threads, and give their URL."""
    with serve(handler, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/voice"
        server.shutdown()
        thread.join()


def test_no_answer_in_time() -> None:
    """The platform gives up, by the clock on the wall."""

    def once(scale: float) -> None:
        with listening(mute) as url, sandboxed(answer_within=0.1 * scale) as sandbox:
            call = stream(sandbox, url)
            assert outcome(call) == ("NOANSWER", "TIMEOUT")
        assert f"no answer within {0.1 * scale:g} s" in lines(call, "note")[-1]

    run_with_more_time(once)


@pytest.mark.parametrize("kind", ["nobody", "closes", "http", "garbage"])
def test_what_cannot_be_opened_fails(kind: str) -> None:
    """The timeline says why."""
    server = Independent(verdict=None)
    with served(server) as url, sandboxed() as sandbox, listener() as garbage:
        where = {"nobody": "ws://127.0.0.1:9/", "closes": url, "http": url + "x", "garbage": garbage}[kind]
        call = stream(sandbox, where)
        assert outcome(call) == ("FAILED", "GENERALERROR")
    [problem] = [each for each in lines(call, "note") if "could not be opened" in each]
    assert {
        "nobody": "ConnectionRefusedError",
        "closes": "the server closed without an answer",
        "http": "HTTP 403",
        "garbage": "Invalid",
    }[kind] in problem


@contextmanager
def listener() -> Iterator[str]:
    """A port that answers with garbage."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            try:
                peer, _ = server.accept()
                peer.recv(1_000)
                peer.sendall(b"garbage\r\n\r\n")
                peer.close()
            except OSError:
                pass

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"ws://127.0.0.1:{server.getsockname()[1]}/"
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_odd_messages_are_noted_and_cost_nothing() -> None:
    """What is not a command, an unknown command, and half a sample."""
    server = Independent("odd", seconds=0.1)
    with served(server) as url, sandboxed() as sandbox:
        call = stream(sandbox, url)
        wait_for(lambda: len(sandbox.streams[call.call_id].commands) == 2)
        wait_for(lambda: len(sandbox.streams[call.call_id].sent) > 44)
        call.hang_up()
        call.until_final_sync(300)
    notes = lines(call, "note")[1:]
    assert notes[:5] == [
        "note before its answer the server sent a message that is not a command",
        "note before its answer the server sent a message that is not a command",
        "note before its answer the server sent a message that is not a command",
        "note before its answer the server sent a message that is not a command",
        "note before its answer the server sent the command 'hello'",
    ]
    assert notes[5] == "note the server sent an unknown command, 'dance'"
    assert [each.name for each in sandbox.streams[call.call_id].commands] == ["dance", "heartbeat"]
    assert len(pcm(sandbox.streams[call.call_id].sent)[1]) == 1_598


def test_an_interruption_clears_the_buffer() -> None:
    """Ten seconds are sent at once; the caller interrupts after half a second, and hears no more of them."""
    server = Independent("speech", seconds=10.0)
    with served(server) as url, sandboxed() as sandbox:
        call = dial(sandbox, url, Interrupt(after=0.5), Wait(0.5), HangUp())
    found = sandbox.streams[call.call_id]
    assert len(pcm(found.sent)[1]) == 160_000
    assert "clear" in found.commands
    assert found.commands[0].name == "clear"
    assert 0.4 < found.commands[0].at < 9
    heard = pcm(found.heard)[1].rstrip(b"\0")
    assert 0.4 < len(heard) / 16_000 < found.commands[0].at + 0.1
    assert len(found.latency.interrupt) == 1
    assert found.latency.interrupt[0] < 5


def test_how_long_a_caller_waits_for_an_answer() -> None:
    """From the end of each speech to the first sound: this server answers after a tenth of a second of silence."""
    server = Independent("reply", seconds=0.3)
    with served(server) as url, sandboxed() as sandbox:
        call = dial(
            sandbox, url, Tone(400, 0.2), Wait.until_silence(0.3), Tone(400, 0.2), Wait.until_silence(), HangUp()
        )
    response = sandbox.streams[call.call_id].latency.response
    assert len(response) == 2
    # A machine that is busy sends late frames in one go, and so hears the answer sooner or later.
    assert all(0 <= each < 10 for each in response)


def test_a_full_buffer_loses_its_oldest() -> None:
    """Of a second that is sent at once, a buffer of a tenth keeps the end."""
    server = Independent("speech", seconds=1.0)
    with served(server) as url, sandboxed(buffer=1_601) as sandbox:
        call = dial(sandbox, url, Wait(0.4), HangUp())
    found = sandbox.streams[call.call_id]
    assert found.lost == 16_000 - 1_600
    assert pcm(found.heard)[1].strip(b"\0")[-100:] == pcm(found.sent)[1].rstrip(b"\0")[-100:]


def test_a_silent_server_is_given_up() -> None:
    """After a minute, here half a second; a server that is heard is not."""

    def answer(connection: ServerConnection) -> None:
        connection.send('{"command": "answer"}')
        mute(connection)

    with listening(answer) as url, sandboxed(silence_after=0.3) as sandbox:
        call = stream(sandbox, url)
        assert outcome(call) == ("ANSWERED", "TIMEOUT")
        assert sandbox.streams[call.call_id].ended == "the server sent nothing for 0.3 s"


def test_the_server_hangs_up() -> None:
    """By closing its WebSocket."""
    server = Independent("hang up")
    with served(server) as url, sandboxed() as sandbox:
        call = stream(sandbox, url, rate=None)
        assert outcome(call) == ("ANSWERED", "CALLEEHANGUP")
        wait_for(lambda: "the stream is over" in "".join(lines(call)))
    assert server.connect["sampleRate"] == 8_000
    assert sandbox.streams[call.call_id].ended == "the server closed the stream"


def test_a_lost_server_ends_the_call() -> None:
    """Without a close frame, too."""

    def vanish(connection: ServerConnection) -> None:
        connection.send('{"command": "answer"}')
        connection.recv()
        connection.socket.shutdown(socket.SHUT_RDWR)

    with listening(vanish) as url, sandboxed() as sandbox:
        call = stream(sandbox, url)
        assert outcome(call) == ("ANSWERED", "CALLEEHANGUP")
    assert sandbox.streams[call.call_id].ended == "the connection broke"


def test_a_hole_in_the_sound_is_a_gap() -> None:
    """Sound that comes a tenth of a second late was not there for the caller; a pause of over a second is a pause."""

    def halting(connection: ServerConnection) -> None:
        connection.send('{"command": "answer"}')
        for pause in (0.15, 1.2, 0.0):
            connection.send(b"\x10\x10" * 800)
            time.sleep(0.1 + pause)
        mute(connection)

    with listening(halting) as url, sandboxed() as sandbox:
        call = stream(sandbox, url)
        wait_for(lambda: len(sandbox.streams[call.call_id].sent) >= 44 + 4_800)
        call.hang_up()
    [gap] = sandbox.streams[call.call_id].gaps
    assert 0.02 <= gap.seconds < 1.0
    assert gap.at > 0


@pytest.mark.parametrize(
    ("rules", "ended"),
    [
        ({"cut_after": 0.2}, "the connection was cut"),
        ({"half_open_after": 0.2, "silence_after": 0.4}, "the server sent nothing for 0.4 s"),
        ({"jitter": 0.03, "seed": 5}, "the call is over"),
        ({"stall": (0.1, 0.2)}, "the call is over"),
        ({"reads_per_second": 3_200}, "the call is over"),
    ],
)
def test_faults_of_the_network(rules: dict[str, Any], ended: str) -> None:
    """A cut, a connection that is there and dead, jitter, a stall, and a platform that reads slowly."""
    server = Independent()
    with served(server) as url, sandboxed(**rules) as sandbox:
        call = stream(sandbox, url)
        if ended == "the call is over":
            wait_for(lambda: len(server.frames) >= 25)
            call.hang_up()
        call.until_final_sync(300)
        wait_for(lambda: bool(sandbox.streams[call.call_id].ended))
    found = sandbox.streams[call.call_id]
    assert found.ended == ended
    if "reads_per_second" in rules:
        assert len(found.sent) < len(found.said)


def test_a_caller_has_a_script(tmp_path: Path) -> None:
    """A file of two channels at another rate, speech, a tone, and waits; then the caller stays for so long."""
    file = tmp_path / "hello.wav"
    with wave.open(str(file), "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(8_000)
        writer.writeframes(b"\x00\x10\x00\x20" * 800)
    server = Independent()
    with served(server) as url, sandboxed() as sandbox:
        says = (Wav(file), Wait.until_silence(0.1), Espeak("Hi"), Tone(300, 0.1), Wait(0.1))
        call = dial(sandbox, url, *says, rate=16_000, stays=0.2)
    assert outcome(call) == ("ANSWERED", "CALLERHANGUP")
    found = sandbox.streams[call.call_id]
    said = pcm(found.said)[1]
    assert said[:3_000] == b"\x00\x18" * 1_500
    assert len(said) > 16_000 * 2 * 0.5
    assert found.ended == "the caller hung up"


def test_files_of_one_channel_are_played_as_they_are(tmp_path: Path) -> None:
    """At their own rate not a sample changes."""
    with wave.open(str(tmp_path / "one.wav"), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8_000)
        writer.writeframes(b"\x01\x02\x03\x04")
    assert sounds.sound_of(Wav(tmp_path / "one.wav"), 8_000) == b"\x01\x02\x03\x04"


def test_many_callers_share_a_thread() -> None:
    """Each stream is a task."""
    server = Independent()
    with served(server) as url, sandboxed() as sandbox:
        calls = [stream(sandbox, url) for _ in range(5)]
        wait_for(lambda: all(len(sandbox.streams[call.call_id].sent) > 44 for call in calls))
        assert [each.name for each in threading.enumerate()].count("sinch-sandbox-streams") == 1
        calls[0].hang_up()
        wait_for(lambda: bool(sandbox.streams[calls[0].call_id].ended))
        assert all(sandbox.streams[call.call_id].speaks for call in calls[1:])


def test_a_stream_begins_while_another_waits_for_its_turn() -> None:
    """A turn of the exchange starts streams on an event loop that must not stand still until the turn is over."""
    server = Independent()

    def take_a_long_turn() -> None:
        with sandbox.exchange.step():
            calls.append(stream(sandbox, url))
            wait_for(lambda: sandbox.streams[calls[0].call_id].verdict == "answer")
            calls.append(stream(sandbox, url))

    with served(server) as url, sandboxed() as sandbox:
        calls: list[Call] = []
        turn = threading.Thread(target=take_a_long_turn, daemon=True)
        turn.start()
        turn.join(300)
        assert not turn.is_alive()
        wait_for(lambda: all(sandbox.streams[call.call_id].speaks for call in calls))


def test_a_fault_of_the_sandbox_ends_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for a stream that has failed."""

    def fail(*_: Any) -> bytes:
        raise RuntimeError("out of words")

    server = Independent()
    monkeypatch.setattr(sounds.Caller, "frame", fail)
    with served(server) as url, sandboxed() as sandbox:
        call = stream(sandbox, url)
        assert outcome(call) == ("ANSWERED", "GENERALERROR")
    assert "the stream failed" in "".join(lines(call, "note"))


def test_a_caller_does_not_wait_for_ever() -> None:
    """Neither for silence nor for a word to interrupt."""
    server = Independent("quiet")
    with served(server) as url, sandboxed() as sandbox:
        says = (Wait.until_silence(timeout=0.1), Interrupt(says=Tone(500, 0.1), timeout=0.1), HangUp())
        call = dial(sandbox, url, *says)
    assert call.duration < 60
    assert len(pcm(sandbox.streams[call.call_id].said)[1]) >= 1_600


def test_speech_without_a_program_is_a_tone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of about the length of the text."""
    monkeypatch.setattr(sounds, "speaker", lambda: None)
    assert len(sounds.sound_of(Espeak("x" * 20), 8_000)) == 2 * round(1.2 * 8_000)
    assert sounds.sound_of(HangUp(), 8_000) == b""


def test_speech_is_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the program that is installed; one that fails leaves a tone."""
    monkeypatch.setattr(sounds, "speaker", lambda: "espeak-ng")
    monkeypatch.setattr(sounds, "spoken", lambda program, text, locale: b"\x01\x00" * 8)
    assert len(sounds.sound_of(Espeak("Hi"), 16_000)) == 2 * 14
    assert sounds.sound_of(Espeak("Hi"), 8_000) == b"\x01\x00" * 8


def test_a_file_that_cannot_be_played(tmp_path: Path) -> None:
    """The call fails, and says which file."""
    (tmp_path / "no.wav").write_bytes(b"RIFF")
    with wave.open(str(tmp_path / "eight.wav"), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(1)
        writer.setframerate(8_000)
        writer.writeframes(b"\x00\x10")
    for name, reason in (("no.wav", "cannot be played"), ("eight.wav", "8 bits"), ("missing.wav", "cannot be played")):
        with pytest.raises(ValueError, match=reason):
            sounds.sound_of(Wav(tmp_path / name), 8_000)
    with sandboxed() as sandbox:
        sandbox.people.default = Person(says=[Wav(tmp_path / "no.wav")])
        call = dial(sandbox, "ws://127.0.0.1:9/", Wav(tmp_path / "no.wav"))
    assert outcome(call) == ("FAILED", "GENERALERROR")
    assert "no.wav cannot be played" in "".join(lines(call, "note"))


def test_a_person_says_things() -> None:
    """Any other value is refused, as are numbers out of bounds; every kind survives being kept."""
    says = (
        Wav("a.wav"),
        Tone(400, 1.0),
        Espeak("Hi"),
        Wait(1.0),
        Wait.until_silence(),
        Interrupt(0.5, Tone(1, 1)),
        HangUp(),
    )
    assert Person(says=list(says)).says == says
    from dataclasses import asdict

    assert tuple(sounds.restored(asdict(each)) for each in says) == says
    with pytest.raises(ValueError, match="says must be"):
        Person(says=["hello"])  # type: ignore[list-item]
    for wrong in (lambda: Tone(0, 1), lambda: Tone(400, -1), lambda: Wait(-1), lambda: Interrupt(after=-1)):
        with pytest.raises(ValueError, match="must be"):
            wrong()


def test_what_is_said_survives_a_restart(tmp_path: Path) -> None:
    """A person's script is kept in the file with everything else."""
    file = tmp_path / "sandbox.db"
    first = Sandbox(state=file)
    first.phone(CALLER).says(Espeak("Hi"), Interrupt(says=Wav("a.wav")))
    first.close()
    second = Sandbox(state=file)
    assert second.people.at(CALLER).says == (Espeak("Hi"), Interrupt(says=Wav("a.wav")))
    second.close()


@pytest.mark.parametrize("rate", [7, 11_025, 96_001])
def test_rates_are_those_that_are_published(rate: int) -> None:
    """Others are refused with the callout, as is another URL than that of a WebSocket."""
    with sandboxed() as sandbox:
        with pytest.raises(RefusalError, match="8000, 16000"):
            stream(sandbox, "ws://127.0.0.1/", rate=rate)
        with pytest.raises(RefusalError, match="ws or wss"):
            stream(sandbox, "http://127.0.0.1/")


@pytest.mark.parametrize(
    "wrong",
    [
        {"dialect": "v3"},
        {"sends": "cookies"},
        {"answer_within": 0},
        {"silence_after": float("nan")},
        {"buffer": 0},
        {"frame_ms": 1},
        {"jitter": -1},
        {"stall": (1, -1)},
        {"reads_per_second": 0},
        {"cut_after": True},
    ],
)
def test_rules_are_bounded(wrong: dict[str, Any]) -> None:
    """The name of the rule is in the message."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        StreamRules(**wrong)


def test_time_may_stand_still_and_jump() -> None:
    """A caller's sound stands still with the exchange's clock; a jump is not made up for frame by frame."""
    server = Independent()
    with served(server) as url, sandboxed(speed=0) as sandbox:
        call = stream(sandbox, url, maxDuration=60)
        wait_for(lambda: bool(server.frames))
        assert states(call) == ["placed", "stream", "answered"]
        sandbox.clock.step(30)
        wait_for(lambda: len(server.frames) > 40)
        sandbox.clock.step(100)
        assert outcome(call) == ("ANSWERED", "MANAGERHANGUP")
        wait_for(lambda: server.closed is not None)
    assert call.duration == 60
    assert len(server.frames) < 150


@pytest.mark.parametrize("over", [Sandbox.reset, Sandbox.close])
def test_no_stream_outlives_its_sandbox(over: Callable[[Sandbox], None]) -> None:
    """Nor a reset; and the thread ends with the last stream."""
    server = Independent()
    with served(server) as url, sandboxed() as sandbox:
        stream(sandbox, url)
        wait_for(lambda: bool(server.frames))
        over(sandbox)
        wait_for(lambda: server.closed is not None)
        sandbox.close()
    wait_for(lambda: not any(each.name == "sinch-sandbox-streams" for each in threading.enumerate()))


def test_a_person_without_a_script_hangs_up_as_always() -> None:
    """Who has nothing to say on a stream says a tone of a second; the time until they hang up is that of the call."""

    def once(scale: float) -> None:
        server = Independent()
        with served(server) as url, sandboxed(speed=4) as sandbox:
            sandbox.phone(CALLER).hangs_up(after=1.0 * scale)
            action = {"name": "connectStream", "destination": {"endpoint": url}}
            call = _dial(sandbox, action)
        assert outcome(call) == ("ANSWERED", "CALLERHANGUP")
        assert max(server.frames[0]) > 0

    run_with_more_time(once)


def test_streams_are_many_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last ones are remembered; what was said on each is bounded."""
    monkeypatch.setattr(module, "KEPT_STREAMS", 2)
    monkeypatch.setattr(sounds, "KEPT_BYTES", 800)
    server = Independent("hang up")
    with served(server) as url, sandboxed() as sandbox:
        for _ in range(4):
            outcome(stream(sandbox, url))
            wait_for(lambda: all(each.ended for each in sandbox.streams.values()))
        assert len(sandbox.streams) == len(list(sandbox.streams)) <= 3
        assert all(len(each.said) <= 844 for each in sandbox.streams.values())


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050])
def test_levels_are_those_of_the_sound(rate: int) -> None:
    """One for each whole tenth of a second, whether they are asked for once or while the sound grows."""
    tenth = array("h", [1_000] * (rate // 10)).tobytes()
    loud = array("h", [-32_768] * (rate // 10)).tobytes()
    at_once, growing = sounds.Track(rate), sounds.Track(rate)
    assert at_once.levels() == []
    for part in (tenth, loud, bytes(len(tenth)), tenth[:10]):
        at_once.add(part)
        for start in range(0, len(part), 320):
            growing.add(part[start : start + 320])
            growing.levels()
    assert at_once.levels() == growing.levels() == [0.031, 1.0, 0.0]


def test_the_package_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says what to install."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with sandboxed() as sandbox:
        call = stream(sandbox, "ws://127.0.0.1:9/").until_final_sync(300)
    assert call.reason == "GENERALERROR"
    assert "it needs the package websockets" in lines(call, "note")[-1]
    assert "websockets" in sys.modules
