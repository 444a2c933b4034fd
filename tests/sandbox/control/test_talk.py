"""The WebSocket on which a person talks on a media stream: sound both ways, bounds, refusals, and its ends."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from sinch_voice_async.sandbox import Call, Sandbox, StreamRules
from sinch_voice_async.sandbox.control import live as route
from sinch_voice_async.sandbox.exchange.callbacks import Answer
from sinch_voice_async.sandbox.exchange.calls import Party
from sinch_voice_async.sandbox.exchange.sounds import Playback, Talk
from sinch_voice_async.testing import serve_app
from tests.sandbox.exchange.scripts import place
from tests.sandbox.independent_server import Independent, tone

RATE = 8_000
FRAME = 320


def wait_for(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    until = time.monotonic() + 300
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.005)


@contextmanager
def talking(server: Independent) -> Iterator[tuple[Sandbox, Call]]:
    """Serve a sandbox in which a call is connected to a server, and end it afterwards."""
    with (
        serve_app(server.app) as url,
        Sandbox("key", "c2VjcmV0", streams=StreamRules(answer_within=300.0)).serve() as sandbox,
    ):
        action = {
            "name": "connectStream",
            "destination": {"type": "Websocket", "endpoint": url.replace("http", "ws").rstrip("/") + "/voice"},
            "streamingOptions": {"version": 1, "sampleRate": RATE},
        }
        call = place(sandbox, destination=None, ice={"action": action})
        wait_for(lambda: call.call_id in sandbox.streams and sandbox.streams[call.call_id].speaks)
        yield sandbox, call


def opened(sandbox: Sandbox, call_id: str, **headers: str) -> ClientConnection:
    """Open the WebSocket of a call, as any client does."""
    address = f"{sandbox.url}/_sandbox/api/calls/{call_id}/talk".replace("http", "ws")
    return connect(address, additional_headers=headers, proxy=None, compression=None)


def ended(websocket: ClientConnection) -> tuple[int, str]:
    """Read until the sandbox closes the WebSocket, and return the code and the reason."""
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            websocket.recv(300)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


def sound(websocket: ClientConnection) -> bytes:
    """Return the next sound."""
    while isinstance(message := websocket.recv(300), str):
        pass  # pragma: no cover  # a message in between depends on the machine
    return message


def test_sound_goes_both_ways() -> None:
    """What the person says reaches the server, and the echo of it comes back; the stream keeps both."""
    server = Independent("echo")
    pcm = tone(0.2, RATE)
    with talking(server) as (sandbox, call), opened(sandbox, call.call_id) as websocket:
        assert json.loads(websocket.recv()) == {"sampleRate": RATE}
        stream = sandbox.streams[call.call_id]
        websocket.send(pcm)
        heard = b""
        while pcm not in heard:
            heard += sound(websocket)
        assert pcm in b"".join(server.frames)
        assert pcm in bytes(stream.said_track.pcm)
        websocket.close()
        wait_for(lambda: stream.talk is None)
        assert stream.playout.loudspeaker is None
        assert stream.speaks


def test_clear_reaches_the_page() -> None:
    """The server hears the person and clears its speech: the page is told to be silent at once."""
    server = Independent("speech", seconds=30)
    with talking(server) as (sandbox, call), opened(sandbox, call.call_id) as websocket:
        message: str | bytes = b""
        while not isinstance(message, str) or "command" not in message:
            websocket.send(tone(0.1, RATE))
            message = websocket.recv(300)
        assert json.loads(message) == {"command": "clear"}
        assert "clear" in sandbox.streams[call.call_id].commands


def test_the_end_of_the_call_ends_the_talk() -> None:
    """Code 1000 says that nothing went wrong."""
    with talking(Independent()) as (sandbox, call), opened(sandbox, call.call_id) as websocket:
        websocket.recv()
        call.put_down()
        assert ended(websocket) == (1000, "The call is over.")
        with opened(sandbox, call.call_id) as late:
            assert ended(late) == (1008, "This call is not connected to a media stream.")


def test_a_second_page_is_refused_in_words() -> None:
    """The first goes on; when it has gone, the next may talk."""
    with talking(Independent()) as (sandbox, call):
        with opened(sandbox, call.call_id) as first:
            first.recv()
            with opened(sandbox, call.call_id) as second:
                assert ended(second) == (1008, "Another page talks on this call.")
            assert sound(first)
        wait_for(lambda: sandbox.streams[call.call_id].talk is None)
        with opened(sandbox, call.call_id) as third:
            assert "sampleRate" in str(third.recv())


def test_a_call_without_a_stream_is_refused_in_words() -> None:
    """A browser learns nothing of a refused handshake, so the refusal is the reason of the close."""
    with Sandbox().serve() as sandbox, opened(sandbox, "unknown") as websocket:
        assert ended(websocket) == (1008, "This call is not connected to a media stream.")


def test_a_person_needs_real_time() -> None:
    """At another speed a microphone is too slow or too fast."""
    with talking(Independent()) as (sandbox, call):
        sandbox.clock.speed = 2
        with opened(sandbox, call.call_id) as websocket:
            code, reason = ended(websocket)
        sandbox.clock.speed = 1
        assert code == 1008
        assert "set the speed of the sandbox's clock to 1" in reason


@pytest.mark.parametrize(("message", "words"), [("hello", "binary messages"), (b"odd", "whole samples of 16 bits")])
def test_a_message_that_is_not_sound_ends_the_talk(message: str | bytes, words: str) -> None:
    """The reason names the fault, and the call goes on."""
    with talking(Independent()) as (sandbox, call), opened(sandbox, call.call_id) as websocket:
        websocket.send(message)
        code, reason = ended(websocket)
        assert code == 1008
        assert words in reason
        assert sandbox.streams[call.call_id].speaks


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
def test_another_site_is_refused(headers: dict[str, str]) -> None:
    """WebSockets are not bound by the same-origin policy: the server has to check."""
    with Sandbox().serve() as sandbox, pytest.raises(InvalidStatus) as caught, opened(sandbox, "any", **headers):
        ...
    assert caught.value.response.status_code == 403


def test_a_rebound_name_is_refused() -> None:
    """The Host must be this machine's, as on every other route."""
    with Sandbox().serve() as sandbox:
        host, port = sandbox.url.removeprefix("http://").split(":")
        raw = socket.create_connection((host, int(port)))
        with raw, pytest.raises(InvalidStatus) as caught:
            connect(f"ws://evil.example:{port}/_sandbox/api/calls/1/talk", sock=raw, proxy=None)
    assert caught.value.response.status_code == 403


def test_no_other_websocket_is_answered() -> None:
    """The page's other addresses are not WebSockets."""
    with Sandbox().serve() as sandbox, pytest.raises(InvalidStatus) as caught:
        connect(f"{sandbox.url}/_sandbox/api/state".replace("http", "ws"), proxy=None)
    assert caught.value.response.status_code == 403


def test_a_page_that_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sends have a limit, so the next page may talk; the page's own sound is not kept beyond the bound meanwhile."""
    monkeypatch.setattr(route, "SEND_TIMEOUT", 0.2)
    with talking(Independent("speech", seconds=60)) as (sandbox, call):
        stream = sandbox.streams[call.call_id]
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        host, port = sandbox.url.removeprefix("http://").split(":")
        raw.connect((host, int(port)))
        with raw:
            path = f"/_sandbox/api/calls/{call.call_id}/talk"
            head = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            raw.sendall(
                f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
            )
            wait_for(lambda: stream.talk is not None)
            # More than any buffer of the two sockets holds.
            talk = stream.talk
            assert talk is not None
            talk._limit = 1 << 26
            talk.hear(bytes(1 << 25))
            wait_for(lambda: stream.talk is None)
        assert stream.speaks


def test_the_sandbox_stops_while_a_person_talks() -> None:
    """Nothing hangs, and the WebSocket ends."""
    with ExitStack() as clients:
        with talking(Independent()) as (sandbox, call):
            websocket = clients.enter_context(opened(sandbox, call.call_id))
            websocket.recv()
        with pytest.raises(ConnectionClosed):
            while True:
                websocket.recv(300)


def test_a_phone_that_is_answered_by_hand_is_silent_until_it_talks() -> None:
    """No tone reaches the server from a person's own phone."""
    server = Independent("quiet")
    with (
        serve_app(server.app) as url,
        Sandbox("key", "c2VjcmV0", streams=StreamRules(answer_within=300.0)).serve() as sandbox,
    ):
        sandbox.phone("+46700000001").is_manual()
        endpoint = url.replace("http", "ws").rstrip("/") + "/voice"
        action = {"name": "connectStream", "destination": {"type": "Websocket", "endpoint": endpoint}}
        sandbox.exchange.answers.set("ice", Answer({"action": action}, "always"))
        sandbox.exchange.dial_in(Party("number", "+46700000001"), Party("did", "+46800000000"))
        wait_for(lambda: len(server.frames) > 10)
        assert not any(b"".join(server.frames))


def test_both_buffers_are_bounded() -> None:
    """The oldest sound is lost: 0.4 s, or four frames if those are longer."""
    talk = Talk(RATE, FRAME)
    talk.say(bytes(10_000) + b"\1\0")
    talk.hear(bytes(10_000) + b"\2\0")
    pcm, is_cleared = talk.heard()
    assert (len(pcm), pcm[-2:], is_cleared) == (6_400, b"\2\0", False)
    said = b"".join(talk.frame() for _ in range(20))
    assert said[-2:] == b"\1\0"
    assert talk.frame() == bytes(FRAME)
    long = Talk(RATE, 16_000)
    long.say(b"\1\0" * 100_000)
    assert long.frame() == b"\1\0" * 8_000


def test_the_microphone_starts_with_three_frames() -> None:
    """Then a late message costs silence, and the next start waits for three frames again."""
    talk = Talk(RATE, FRAME)
    loud = b"\1\0" * (FRAME // 2)
    talk.say(2 * loud)
    assert talk.frame() == bytes(FRAME)
    talk.say(loud)
    assert [talk.frame() for _ in range(4)] == [loud, loud, loud, bytes(FRAME)]
    talk.say(loud)
    assert talk.frame() == bytes(FRAME)


def test_clear_discards_what_is_not_played() -> None:
    """It is told once."""
    talk = Talk(RATE, FRAME)
    talk.hear(b"\1\0")
    talk.clear()
    talk.hear(b"\2\0")
    assert talk.heard() == Playback(b"\2\0", is_cleared=True)
    assert talk.heard() == Playback(b"", is_cleared=False)
