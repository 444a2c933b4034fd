"""Calls, seen and handled from outside: dialled in, picked up, pressed, put down, and watched live."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from anyio.abc import SocketStream

from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.sandbox.control import live as control_live
from tests.sandbox.caller import Caller

from .conftest import Panel

MANUAL = "+46700000001"
MENU = json.dumps(
    {"action": {"name": "runMenu", "menus": [{"id": "main", "mainPrompt": "#tts[Press 1]", "timeoutMills": 5000}]}}
)


async def test_a_call_is_told_with_its_timeline_and_transcript(sandbox: Sandbox, panel: Panel) -> None:
    """As plain JSON, in order, with the request as it came."""
    call_id = await Caller(sandbox, panel.http).placed(text="Hello there!", cli="+46100000000", custom="order 7")
    await panel.done("POST", "/clock/step", {"seconds": 10})
    call = await panel.get(f"/calls/{call_id}")
    assert (call["from"], call["to"], call["method"], call["custom"]) == (
        "+46100000000",
        MANUAL,
        "ttsCallout",
        "order 7",
    )
    assert (call["status"], call["state"], call["result"]) == ("FINAL", "final", "ANSWERED")
    assert [entry["text"] for entry in call["timeline"] if entry["kind"] == "state"][:3] == [
        "placed",
        "ringing",
        "answered",
    ]
    assert [heard["text"] for heard in call["transcript"]] == ["Hello there!"]
    assert call["request"]["ttsCallout"]["custom"] == "order 7"
    summary = (await panel.get("/calls"))["calls"]
    assert [each["callId"] for each in summary] == [call_id]
    assert summary[0] == {name: call[name] for name in summary[0]}


async def test_somebody_is_the_human_at_the_telephone(sandbox: Sandbox, panel: Panel) -> None:
    """It rings until it is picked up, keys are pressed, and it is put down."""
    await panel.done("PUT", f"/phones/{MANUAL}", {"manual": True})
    answer = await Caller(sandbox, panel.http).callout(
        "customCallout",
        {"ice": json.dumps({"action": {"name": "connectPstn", "number": MANUAL, "cli": "+461"}}), "ace": MENU},
    )
    path = f"/calls/{answer.json()['callId']}"
    assert (await panel.get(path))["waits"] is True
    assert await panel.refused("POST", f"{path}/press", {"keys": "1"}) == (409, 40900, "no person is on the line")
    picked_up = await panel.done("POST", f"{path}/pick-up")
    assert (picked_up["waits"], picked_up["result"]) == (False, "ANSWERED")
    assert (await panel.refused("POST", f"{path}/pick-up"))[:2] == (409, 40900)
    assert (await panel.refused("POST", f"{path}/press", {"keys": "A"}))[:2] == (400, 40001)
    assert (await panel.refused("POST", f"{path}/press", {}))[:2] == (400, 40002)
    pressed = await panel.done("POST", f"{path}/press", {"keys": "4#"})
    assert [entry["text"] for entry in pressed["timeline"] if entry["kind"] == "keys"] == ["4", "#"]
    over = await panel.done("POST", f"{path}/put-down")
    assert (over["status"], over["reason"]) == ("FINAL", "CALLEEHANGUP")
    assert await panel.done("POST", f"{path}/put-down") == over


async def test_json_that_is_none_elsewhere_is_told_as_json(sandbox: Sandbox, panel: Panel) -> None:
    """Python reads NaN, half a surrogate pair and any depth; other languages need not."""
    deep: list[object] = []
    for _ in range(200_000):
        deep = [deep]
    call = sandbox.calls[await Caller(sandbox, panel.http).placed()]
    call.updates.append({"x": float("nan"), "y": "\ud800"})
    assert (await panel.get(f"/calls/{call.call_id}"))["updates"] == [{"x": "NaN", "y": "\ud800"}]
    call.updates.append({"deep": deep})
    assert (await panel.get(f"/calls/{call.call_id}"))["updates"] == {"note": "nested too deeply to be shown"}


@pytest.mark.parametrize("kind", [None, "number", "Username", "sip"])
async def test_somebody_dials_in(sandbox: Sandbox, panel: Panel, kind: str | None) -> None:
    """From a number, a user name or a SIP address."""
    body = {"from": "alice", "to": "+46200000000", "custom": "x", **({"kind": kind} if kind else {})}
    response = await panel.do("POST", "/calls", body)
    assert response.status_code == 201
    call = sandbox.calls[response.json()["callId"]]
    assert call.caller is not None
    assert (call.caller.kind, call.caller.endpoint, call.custom) == ((kind or "number").lower(), "alice", "x")
    assert response.json()["dialledIn"] is True


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("POST", "/pick-up"), ("POST", "/press"), ("POST", "/put-down")]
)
async def test_a_call_that_never_was_is_not_found(panel: Panel, method: str, path: str) -> None:
    """404, whatever was to be done with it."""
    assert await panel.refused(method, f"/calls/nobody{path}", {"keys": "1"} if path == "/press" else None) == (
        404,
        40400,
        "Call not found",
    )


class Listener:
    """Reads server-sent events off a socket, as the HTML standard says."""

    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream
        self._received = b""

    async def named(self, name: str) -> Any:
        """Return the data of the next event of this name."""
        while True:
            found, data = await self.next()
            if found == name:
                return data

    async def next(self) -> tuple[str, Any]:
        """Return the next event as its name and its data; both are empty for a comment."""
        # Between the events stand the sizes of chunks, which have no colon.
        fields = dict(line.split(": ", 1) for line in (await self.block()).splitlines() if ": " in line)
        return fields.get("event", ""), json.loads(fields.get("data", "null"))

    async def block(self, end: bytes = b"\n\n") -> str:
        """Return what comes until two line ends."""
        while end not in self._received:
            self._received += await self._stream.receive()
        block, _, self._received = self._received.partition(end)
        return block.decode()


@asynccontextmanager
async def listening(sandbox: Sandbox) -> AsyncIterator[Listener]:
    """Open the stream, and stop waiting for it at some time."""
    with anyio.fail_after(20):
        async with await anyio.connect_tcp("127.0.0.1", httpx.URL(sandbox.url).port or 0) as stream:
            await stream.send(b"GET /_sandbox/api/events HTTP/1.0\r\nhost: localhost\r\n\r\n")
            listener = Listener(stream)
            assert "content-type: text/event-stream" in await listener.block(b"\r\n\r\n")
            yield listener


async def test_what_changes_is_told_live(sandbox: Sandbox, panel: Panel) -> None:
    """First everything as it is, then each call that changed, and settings that did."""
    caller = Caller(sandbox, panel.http)
    first = await caller.placed()
    async with listening(sandbox) as events:
        name, state = await events.next()
        assert (name, state["fresh"], state["clock"]["speed"]) == ("state", True, 0)
        name, told = await events.next()
        assert (name, told["count"], [each["callId"] for each in told["calls"]]) == ("calls", 1, [first])
        second = await caller.placed()
        told = await events.named("calls")
        assert (told["count"], [each["callId"] for each in told["calls"]]) == (2, [second])
        sandbox.clock.speed = 0.001
        state = await events.named("state")
        assert (state["fresh"], state["clock"]["speed"]) == (False, 0.001)
        sandbox.reset()
        assert (await events.named("state"))["fresh"] is True
        assert (await events.named("calls"))["calls"] == []


async def test_the_newest_calls_are_enough_to_begin_with(
    sandbox: Sandbox, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody looks at two thousand."""
    monkeypatch.setattr(control_live, "MOST_CALLS", 2)
    ids = [await Caller(sandbox, panel.http).placed() for _ in range(3)]
    async with listening(sandbox) as events:
        told = await events.named("calls")
    assert (told["count"], [each["callId"] for each in told["calls"]]) == (3, ids[1:])
    assert told["more"] is True


@pytest.mark.usefixtures("panel")
async def test_a_quiet_stream_shows_that_it_lives(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a comment, now and then."""
    monkeypatch.setattr(control_live, "HEARTBEAT", 0.1)
    async with listening(sandbox) as events:
        assert [(await events.next())[0] for _ in range(4)] == ["state", "calls", "requests", ""]


async def test_a_client_that_goes_away_in_mid_request_leaves_no_trace(sandbox: Sandbox, panel: Panel) -> None:
    """Half a body is no command."""
    port = httpx.URL(sandbox.url).port or 0
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(
            b"POST /_sandbox/api/reset HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b'content-length: 9\r\n\r\n{"a"'
        )
        await anyio.sleep(0.05)
    assert (await panel.get("/state"))["calls"] == 0


async def test_the_api_works_without_a_server(caller: Caller) -> None:
    """As an ASGI application, like the platform beside it."""
    response = await caller.http.post("http://localhost/_sandbox/api/clock/step", json={"seconds": 5})
    assert response.json()["now"] == 5
    assert (await caller.http.get("http://localhost/_sandboxes")).status_code == 401
