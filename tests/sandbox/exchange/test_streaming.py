"""Calls that talk to a WebSocket, on real sockets."""

import json
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from sinch_voice_async.sandbox import Call, Sandbox
from tests.sandbox.exchange.scripts import lines, place, states

HEADERS = [{"key": "foo", "value": "bar"}]


class Listener:
    """A server that answers and sends back what it hears, up to a number of frames."""

    def __init__(self, most: int = 10**9) -> None:
        self.most = most
        self.hello: dict[str, Any] = {}
        self.frames: list[bytes] = []
        self.heard = threading.Event()
        self.closed = threading.Event()

    def __call__(self, socket: ServerConnection) -> None:
        """Serve one call."""
        self.hello = json.loads(socket.recv())
        socket.send(json.dumps({"event": "answer"}))
        try:
            while len(self.frames) < self.most:
                frame = socket.recv()
                assert isinstance(frame, bytes)
                self.frames.append(frame)
                socket.send(frame)
                self.heard.set()
        except ConnectionClosed:
            self.closed.set()


@contextmanager
def served(handler: Callable[[ServerConnection], None]) -> Iterator[str]:
    """Serve WebSockets in threads, and give their URL."""
    with serve(handler, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/sound"
        server.shutdown()
        thread.join()


def stream(sandbox: Sandbox, url: str, **members: Any) -> Call:
    """Have a call connected with a WebSocket."""
    action = {"name": "connectStream", "destination": {"type": "Websocket", "endpoint": url}, **members}
    return place(sandbox, destination=None, ice={"action": action})


def test_sound_goes_both_ways_until_the_time_is_up(sandbox: Sandbox) -> None:
    """The headers come first; frames of 20 ms are a tone, and what comes back is counted."""
    listener = Listener()
    with served(listener) as url:
        options = {"version": 1, "sampleRate": 44_100}
        call = stream(sandbox, url, streamingOptions=options, callHeaders=HEADERS, maxDuration=60)
        assert listener.heard.wait(10)
        assert states(call) == ["placed", "stream", "answered"]
        sandbox.clock.step(100)
        assert listener.closed.wait(10)
        sandbox.close()
    assert (call.result, call.reason, call.duration) == ("ANSWERED", "MANAGERHANGUP", 60)
    assert listener.hello == {"callId": call.call_id, "callHeaders": HEADERS, "streamingOptions": options}
    samples = struct.unpack("<882h", listener.frames[0])
    assert max(samples) > 7_000
    assert lines(call)[-1].startswith("note the stream is over: ")


def test_the_server_hangs_up(sandbox: Sandbox) -> None:
    """By closing its WebSocket; what it says needs no options."""
    with served(Listener(most=2)) as url:
        call = stream(sandbox, url)
        call.until_final_sync(10)
        sandbox.close()
    assert (call.result, call.reason) == ("ANSWERED", "CALLEEHANGUP")
    assert "note the stream is over: " in "".join(lines(call))


@pytest.mark.parametrize("over", [Sandbox.reset, Sandbox.close])
def test_no_stream_outlives_its_sandbox(sandbox: Sandbox, over: Callable[[Sandbox], None]) -> None:
    """Nor a reset."""
    listener = Listener()
    with served(listener) as url:
        stream(sandbox, url)
        assert listener.heard.wait(10)
        over(sandbox)
        assert listener.closed.wait(10)
        sandbox.close()


def refuse(_socket: ServerConnection) -> None:
    """Close at once, without an answer."""


@pytest.mark.parametrize("handler", [refuse, None])
def test_what_cannot_be_opened_fails(sandbox: Sandbox, handler: Callable[[ServerConnection], None] | None) -> None:
    """The timeline says why: nobody there, or nobody who answers."""
    if handler is None:
        call = stream(sandbox, "ws://127.0.0.1:9/")
        call.until_final_sync(10)
    else:
        with served(handler) as url:
            call = stream(sandbox, url)
            call.until_final_sync(10)
            sandbox.close()
    sandbox.close()
    assert (call.result, call.reason) == ("FAILED", "GENERALERROR")
    [problem] = [each for each in lines(call, "note") if "could not be opened" in each]
    assert ("ConnectionClosed" if handler else "ConnectionRefusedError") in problem


def test_the_package_may_be_missing(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says what to install."""
    monkeypatch.setitem(sys.modules, "websockets.sync.client", None)
    call = stream(sandbox, "ws://127.0.0.1:9/").until_final_sync(10)
    assert call.reason == "GENERALERROR"
    assert "it needs the package websockets" in lines(call, "note")[-1]


@pytest.mark.parametrize(
    ("url", "members"), [("http://127.0.0.1/", {}), ("ws://127.0.0.1/", {"streamingOptions": {"sampleRate": 7}})]
)
def test_what_is_no_stream(sandbox: Sandbox, url: str, members: dict[str, Any]) -> None:
    """Refused with the callout."""
    from sinch_voice_async.sandbox.refusals import RefusalError

    with pytest.raises(RefusalError, match="must be"):
        stream(sandbox, url, **members)
