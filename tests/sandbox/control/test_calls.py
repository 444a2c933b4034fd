"""Calls, seen and handled from outside: dialled in, picked up, pressed, put down, and watched live."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from anyio.abc import SocketStream

from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.sandbox.control import live as control_live
from sinch_voice_async.sandbox.exchange import people as people_module
from sinch_voice_async.sandbox.exchange.streams import Stream
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


async def test_the_levels_of_a_long_stream_are_joined(sandbox: Sandbox, panel: Panel) -> None:
    """At most 600 heights of each direction are told, each the loudest of its time; without a stream there are none."""
    call_id = await Caller(sandbox, panel.http).placed()
    assert (await panel.get(f"/calls/{call_id}"))["levels"] is None
    stream = Stream(call_id, "ws://127.0.0.1/", 8_000, 100)
    stream.playout.begin(7.0)
    stream.said_track.add(bytes(1_600 * 1_000) + b"\x00\x40" * 800)
    sandbox.exchange.streams._streams[call_id] = stream
    levels = (await panel.get(f"/calls/{call_id}"))["levels"]
    assert levels == {"at": 7.0, "every": 0.2, "caller": [0.0] * 500 + [0.5], "server": []}


async def test_somebody_is_the_human_at_the_telephone(sandbox: Sandbox, panel: Panel) -> None:
    """It rings until it is picked up, keys are pressed, and it is put down."""
    await panel.done("PUT", f"/phones/{MANUAL}", {"manual": True})
    answer = await Caller(sandbox, panel.http).callout(
        "customCallout",
        {"ice": json.dumps({"action": {"name": "connectPstn", "number": MANUAL, "cli": "+461"}}), "ace": MENU},
    )
    path = f"/calls/{answer.json()['callId']}"
    assert {**await panel.get(path)}.items() >= {"waits": True, "rings": MANUAL}.items()
    assert await panel.refused("POST", f"{path}/press", {"keys": "1"}) == (409, 40900, "no person is on the line")
    picked_up = await panel.done("POST", f"{path}/pick-up")
    assert (picked_up["waits"], picked_up["rings"], picked_up["result"]) == (False, "", "ANSWERED")
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
async def listening(sandbox: Sandbox, headers: str = "") -> AsyncIterator[Listener]:
    """Open the stream, and stop waiting for it at some time."""
    with anyio.fail_after(300):
        async with await anyio.connect_tcp("127.0.0.1", httpx.URL(sandbox.url).port or 0) as stream:
            await stream.send(f"GET /_sandbox/api/events HTTP/1.0\r\nhost: localhost\r\n{headers}\r\n".encode())
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


def test_a_reset_in_the_middle_of_a_look_is_told_by_the_next(sandbox: Sandbox) -> None:
    """Another thread may clear the calls after the state was read and before the calls are."""
    resets: list[Callable[[], None]] = []

    def state() -> dict[str, object]:
        while resets:
            resets.pop()()
        return {"clock": {}}

    changes = control_live._Changes(sandbox.exchange, "id", state)
    assert b"event: state" in changes.next()
    resets.append(sandbox.reset)
    assert b"event: state" not in changes.next()
    assert b"event: state" in changes.next()
    assert changes.next() == b""


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


async def test_calls_are_searched_and_paged(sandbox: Sandbox, panel: Panel) -> None:
    """Newest first, by words and members and state, and only then in pages; a clear removes what is over."""
    caller = Caller(sandbox, panel.http)
    sandbox.phone("+46700000002").is_busy()
    ids = [await caller.placed(text=f"apples and {each}") for each in ("pears", "plums")]
    ids.append(await caller.placed(destination={"type": "number", "endpoint": "+46700000002"}, custom="order 7"))
    await panel.done("POST", "/clock/step", {"seconds": 30})
    ids.append((await panel.done("POST", "/calls", {"from": "+461", "to": "+462"}))["callId"])
    for query, found in (
        ("q=apples", ids[1::-1]),
        ("q=apples -plums", ids[:1]),
        ("q=kind:incoming", ids[3:]),
        ("q=result:busy", ids[2:3]),
        ('q=custom:"order 7"', ids[2:3]),
        (f"q=id:{ids[0]}", ids[:1]),
        ("q=failed:no&state=completed", ids[1::-1]),
        ("state=failed", ids[2:3]),
        ("limit=2", ids[:1:-1]),
        (f"limit=2&before={ids[2]}", ids[1::-1]),
    ):
        told = await panel.get(f"/calls?{query}")
        assert (query, [each["callId"] for each in told["calls"]]) == (query, found)
    assert (await panel.get("/calls?limit=2"))["next"] == ids[2]
    assert (await panel.refused("GET", "/calls?state=odd"))[:2] == (400, 40001)
    assert (await panel.http.delete("/calls?q=apples")).json() == {"deleted": 2}
    assert [each["callId"] for each in (await panel.get("/calls"))["calls"]] == ids[2:]


async def test_a_callout_is_placed_through_the_api(sandbox: Sandbox, panel: Panel) -> None:
    """Signed by the sandbox, so that it shows in the log; what the platform refuses is refused."""
    body = {
        "method": "ttsCallout",
        "ttsCallout": {"destination": {"type": "number", "endpoint": "+461234567"}, "text": "x"},
    }
    response = await panel.do("POST", "/calls/callout", body)
    told = response.json()
    assert (response.status_code, told["request"]["body"]) == (201, body)
    assert told["callId"] in {call.call_id for call in sandbox.calls}
    assert [each["path"] for each in (await panel.get("/requests"))["requests"]] == ["/calling/v1/callouts"]
    sandbox.account.out_of_credit = True
    assert await panel.refused("POST", "/calls/callout", body) == (402, 40200, "Not enough credit")
    sandbox.faults.add(drop="before")
    assert (await panel.refused("POST", "/calls/callout", body))[:2] == (502, 50200)


async def test_a_call_tells_its_parties_ringing_and_faults(sandbox: Sandbox, panel: Panel) -> None:
    """Seconds of ringing, who took part, recordings, and SVAML that was illegal."""
    sandbox.phone(MANUAL).answers(after=4)
    call_id = await Caller(sandbox, panel.http).placed()
    await panel.done("POST", "/clock/step", {"seconds": 2})
    assert (await panel.get(f"/calls/{call_id}"))["ringSeconds"] == 2
    await panel.done("POST", "/clock/step", {"seconds": 10})
    call = await panel.get(f"/calls/{call_id}")
    assert (call["ringSeconds"], call["parties"][0]["endpoint"], call["recordings"]) == (4, MANUAL, [])
    inbound = (await panel.done("POST", "/calls", {"from": "+461", "to": "+462"}))["callId"]
    assert (await panel.get(f"/calls/{inbound}"))["ringSeconds"] is None


@pytest.mark.parametrize("place", ["latest", "wrong", "other"])
async def test_a_reader_that_comes_back_gets_what_it_has_missed(sandbox: Sandbox, panel: Panel, place: str) -> None:
    """By the id of the last event; without a good one, it gets everything."""
    caller = Caller(sandbox, panel.http)
    await caller.placed()
    async with listening(sandbox) as events:
        await events.named("calls")
        block = await events.block()
    seen = next(line for line in block.splitlines() if line.startswith("id: "))[4:]
    wrong = {"latest": seen, "wrong": "x", "other": f"0{seen[1:]}" if seen[0] != "0" else f"1{seen[1:]}"}[place]
    second = await caller.placed()
    async with listening(sandbox, f"last-event-id: {wrong}\r\n") as events:
        state = await events.named("state")
        told = await events.named("calls")
    assert state["fresh"] is (place != "latest")
    assert [each["callId"] for each in told["calls"]][-1] == second
    assert len(told["calls"]) == (1 if place == "latest" else 2)


async def test_a_page_that_goes_takes_its_phone_along(
    sandbox: Sandbox, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a lease; what a program has set stays, and what was there before comes back."""
    monkeypatch.setattr(people_module, "LEASE_BEGINS", 0.0)
    monkeypatch.setattr(people_module, "LEASE_LASTS", 0.0)
    sandbox.phone("+462").is_busy()
    await panel.done("PUT", "/phones/+461", {"manual": True})
    async with listening(sandbox, "sec-fetch-site: same-origin\r\n") as events:
        await events.named("calls")
        await panel.done("PUT", "/phones/+462", {"manual": True, "lease": "page"})
        await panel.done("PUT", "/phones/+463", {"manual": True, "lease": "page"})
        await panel.done("PUT", "/phones/+464", {"manual": True, "lease": "page"})
        await panel.done("DELETE", "/phones/+464")
        assert len((await panel.get("/phones"))["phones"]) == 3
        assert [number for number, _ in sandbox.people.lasting()] == ["462", "461"]
        assert len(sandbox.people) == 3
    with anyio.fail_after(300):
        while len((await panel.get("/phones"))["phones"]) != 2:
            await anyio.sleep(0.01)  # pragma: no cover  # it may be so at once
    assert (sandbox.people.at("+461").is_manual, sandbox.people.at("+462").refuses) == (True, "busy")


async def test_a_page_that_only_asks_keeps_its_phone(sandbox: Sandbox, panel: Panel) -> None:
    """While it goes on asking."""
    await panel.done("PUT", "/phones/+461", {"manual": True, "lease": "page"})
    assert (await panel.get("/state?lease=page"))["phones"][0]["manual"] is True
    changed = await panel.done("PATCH", "/phones/+461", {"answersAfter": 7, "lease": None})
    assert (changed["manual"], changed["answersAfter"]) == (True, 7)
    assert [number for number, _ in sandbox.people.lasting()] == ["461"]
    busy = await panel.done(
        "PATCH",
        "/phones/+461",
        {"refuses": "busy", "manual": False, "presses": ["1"], "machine": True, "hangsUpAfter": 3},
    )
    assert (busy["refuses"], busy["presses"], busy["machine"], busy["hangsUpAfter"]) == ("busy", ["1"], True, 3)


async def test_a_browser_is_led_to_the_page(sandbox: Sandbox, panel: Panel) -> None:
    """From the first address, for GET and HEAD; a program that signs nothing is refused as by the platform."""
    html = {"accept": "text/html,application/xhtml+xml"}
    for method in ("GET", "HEAD"):
        answer = await panel.http.request(method, f"{sandbox.url}/", headers=html)
        assert (answer.status_code, answer.headers["location"]) == (303, "/_sandbox/")
    assert (await panel.http.get(f"{sandbox.url}/")).status_code == 401
    assert (await panel.http.post(f"{sandbox.url}/", headers=html)).status_code == 401
    assert (await panel.http.get(f"{sandbox.url}/calling/v1/calls/id/x", headers=html)).status_code == 401
    assert (await panel.http.get(f"{sandbox.url}/_sandbox", headers=html)).status_code == 308


async def test_a_name_that_was_allowed_is_let_in() -> None:
    """So that a test in another container reaches the control API."""
    sandbox = Sandbox(allow_hosts=["sandbox"])
    async with sandbox.serve(), httpx.AsyncClient(base_url=f"{sandbox.url}/_sandbox/api", trust_env=False) as http:
        assert (await http.get("/state", headers={"host": "sandbox:8099"})).json()["hosts"] == ["sandbox"]
        assert (await http.get("/state", headers={"host": "elsewhere"})).status_code == 403
