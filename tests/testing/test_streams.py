"""The caller on a virtual clock, and its fixture."""

import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from sinch_voice_async import svaml
from sinch_voice_async.streams import CallStream, Pcm, StreamApp
from sinch_voice_async.testing import stream_peer
from sinch_voice_async.testing.streams import VirtualTime
from tests.streams.agents import echo


def agent(**options: Any) -> StreamApp:
    """Return an application that greets, and echoes."""
    app = StreamApp("key", "c2VjcmV0", url="wss://agent.example.com/streams", **options)

    @app.on_call
    async def talk(stream: CallStream) -> None:
        await stream.send_audio(Pcm.tone(400, 0.5, stream.sample_rate))
        await echo(stream)

    return app


async def test_the_fixture_calls_an_agent(sinch_stream: Callable[..., Any]) -> None:
    """The caller hears the greeting and the echo, with the silence between."""
    async with sinch_stream(agent()) as caller:
        await caller.wait(1.0)
        assert caller.heard[:16_000] == Pcm.tone(400, 0.5)
        await caller.say(Pcm.tone(300, 0.2))
        await caller.wait(0.5)
        assert caller.heard.level_db() > -30
        assert 1.69 < caller.heard.seconds < 1.71
        assert caller.commands == ["answer"]


async def test_ten_minutes_take_a_moment() -> None:
    """Since nothing waits for the clock on the wall."""
    began = time.monotonic()
    async with stream_peer(agent()) as caller:
        await caller.wait(600)
        assert caller.now >= 600
    assert time.monotonic() - began < 600


async def test_any_application_can_be_called() -> None:
    """With the action that a handler answered to the ICE, or with a token; a rate is assumed if none is said."""
    app = agent(sample_rate=24_000)

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        assert scope["path"] == "/streams"
        await app(scope, receive, send)

    async with stream_peer(outer, action=app.connect("call-1")) as caller:
        assert (caller.verdict, caller.sample_rate) == ("answer", 24_000)
    async with stream_peer(outer, action=app.connect("call-1"), sample_rate=8_000) as caller:
        assert caller.sample_rate == 8_000
    async with stream_peer(outer, action=svaml.ConnectStream("wss://agent.example.com/streams")) as caller:
        assert (caller.verdict, caller.sample_rate) == ("reject", 16_000)
    async with stream_peer(outer, token=app.token("call-1")) as caller:
        assert caller.verdict == "answer"
    async with stream_peer(outer) as caller:
        assert caller.verdict == "reject"


async def test_until_something_holds() -> None:
    """Or the time is up."""
    async with stream_peer(agent()) as caller:
        await caller.until(lambda: caller.heard.seconds > 0.3)
        with pytest.raises(TimeoutError):
            await caller.until(lambda: False, timeout=0.1)


async def test_a_failed_assertion_is_seen_as_it_is() -> None:
    """No task group wraps it."""
    with pytest.raises(AssertionError, match="as it is"):
        async with stream_peer(agent()):
            raise AssertionError("as it is")


async def test_a_caller_who_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither sends nor receives, and may hang up again; what needs real time at the end may have it."""
    monkeypatch.setattr("sinch_voice_async.testing.streams.LONGEST_ENDING", 0.0)
    sent: list[str] = []

    async def work(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        try:
            await send({"type": "websocket.send", "text": '{"command": "answer"}'})
        except OSError as error:
            sent.append(str(error))
        await send({"type": "websocket.close", "code": 1000})
        await anyio.sleep(0.1)
        sent.append("done")

    async with stream_peer(work) as caller:
        await caller.hang_up()
        caller.send("late")
        await caller.wait(1.0)
    assert sent == ["the caller has hung up", "done"]
    assert (caller.close_code, caller.verdict) == (1000, None)


async def test_virtual_time() -> None:
    """It wakes what is due, in order, and what waits for an event when that happens."""
    clock, woken = VirtualTime(), list[str]()

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    event = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleep, "late", 2.0)
        tasks.start_soon(sleep, "early", 1.0)
        await anyio.wait_all_tasks_blocked()
        assert clock.next_at() == 1.0
        for _ in range(2):
            clock.advance(clock.now() + 1.0)
            await anyio.wait_all_tasks_blocked()
        assert woken == ["early", "late"]
        event.set()
        assert await clock.wait(event, None)
        assert clock.next_at() is None
