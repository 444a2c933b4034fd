"""Work has so much time from its beginning, wherever it first has to wait, and its own scopes stay its own."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from sinch_voice_async import svaml
from sinch_voice_async.webhooks import EventRouter, IncomingCall, WebhookApp
from sinch_voice_async.webhooks.app import Overdue, begun_within, is_on_asyncio
from sinch_voice_async.webhooks.replay import MemoryReplayCache
from sinch_voice_async.webhooks.router import within
from tests.webhooks.callbacks import CREDENTIALS, call_back


def late() -> Any:
    """Say that the time was up."""
    return "late"


async def test_work_that_never_waits_is_done() -> None:
    """What it returns is returned."""

    async def work() -> str:
        return "done"

    assert await within(0.001, work(), late) == "done"


async def test_work_that_waits_is_resumed_until_it_is_done() -> None:
    """Results, errors and scopes of its own pass through, also of one that was open when it first waited."""

    async def work() -> str:
        with anyio.move_on_after(0.01) as scope:
            await anyio.sleep_forever()
        assert scope.cancelled_caught
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 0)
        return await anyio.to_thread.run_sync(lambda: "done")

    assert await within(60, work(), late) == "done"


async def test_work_that_is_late_is_cancelled() -> None:
    """It may clean up, and what is late answers instead."""
    cleaned = []

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0)
                cleaned.append(True)

    assert await within(0.01, work(), late) == "late"
    assert cleaned == [True]


async def test_time_before_the_first_wait_counts() -> None:
    """What kept the processor busy is taken off, so that the next wait is the last."""

    async def work() -> None:
        time.sleep(0.02)  # Not anyio.sleep: the event loop is to be kept busy.
        await anyio.sleep(30)

    assert await within(0.01, work(), late) == "late"


@pytest.mark.parametrize("wait", [False, True])
async def test_what_work_raises_comes_through(wait: bool) -> None:
    """Before and after a wait."""

    async def work() -> None:
        if wait:
            await anyio.sleep(0)
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await within(60, work(), late)


async def test_cancellation_from_outside_is_not_taken_for_lateness() -> None:
    """It goes on outwards."""
    with anyio.move_on_after(0.01) as outer:
        await within(60, anyio.sleep_forever(), late)
    assert outer.cancelled_caught


ON_ASYNCIO = pytest.mark.parametrize("anyio_backend", ["asyncio"])
HANGUP = svaml.Svaml(action=svaml.Hangup())


@ON_ASYNCIO
async def test_work_of_the_server_is_limited_without_a_scope() -> None:
    """It may have scopes open when it first waits; if it is late, it is cancelled, and may clean up."""
    cleaned = []

    async def work(seconds: float) -> str:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 0)
            try:
                await anyio.sleep(seconds)
            finally:
                cleaned.append(seconds)
        return "done"

    assert await begun_within(60, work(0)) == "done"
    assert await begun_within(float("inf"), work(0)) == "done"
    with pytest.raises(Overdue):
        await begun_within(0.01, work(30))
    assert cleaned == [0, 0, 30]
    await anyio.sleep(0)  # no cancellation is left behind


@ON_ASYNCIO
@pytest.mark.parametrize("wait", [False, True])
async def test_what_the_server_raises_comes_through(wait: bool) -> None:
    """A time-out of its own is not taken for ours."""

    async def work() -> None:
        if wait:
            await anyio.sleep(0)
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await begun_within(60, work())


@ON_ASYNCIO
async def test_cancellation_from_outside_reaches_the_server() -> None:
    """It goes on outwards."""
    with anyio.move_on_after(0.01) as outer:
        await begun_within(60, anyio.sleep_forever())
    assert outer.cancelled_caught


async def test_the_loop_is_known(anyio_backend_name: str) -> None:
    """Within a task."""
    assert is_on_asyncio() is (anyio_backend_name == "asyncio")


async def waits_by_await(_: object) -> None:
    """Wait in the plainest way."""
    await anyio.sleep_forever()


async def waits_by_with(_: object) -> None:
    """Wait in ``async with``."""

    @asynccontextmanager
    async def never() -> AsyncIterator[None]:
        await anyio.sleep_forever()
        yield  # pragma: no cover  # it waits for ever

    async with never():
        pass  # pragma: no cover  # it waits for ever


async def waits_by_for(_: object) -> None:
    """Wait in ``async for``."""

    async def never() -> AsyncIterator[int]:
        await anyio.sleep_forever()
        yield 1  # pragma: no cover  # it waits for ever

    async for _ in never():
        pass  # pragma: no cover  # it waits for ever


async def waits_by_comprehension(_: object) -> None:
    """Wait in a comprehension."""
    [await wait() for wait in (anyio.sleep_forever,)]  # type: ignore[func-returns-value]  # it waits


class Waits:
    """Handlers that are methods, or objects."""

    async def method(self, _: object) -> None:
        """Wait."""
        await anyio.sleep_forever()

    async def __call__(self, _: object) -> None:
        """Wait."""
        await anyio.sleep_forever()


@pytest.mark.parametrize(
    "handler",
    [waits_by_await, waits_by_with, waits_by_for, waits_by_comprehension, Waits().method, Waits()],
    ids=["await", "with", "for", "comprehension", "method", "object"],
)
async def test_every_handler_that_waits_has_its_time(handler: Any) -> None:
    """However it is written: the fallback is sent, by the application and by the router."""
    app = WebhookApp(credentials=CREDENTIALS, handler_timeout=0.02, fallbacks={"ice": HANGUP})
    app.ice(handler)
    answer = await call_back(app, "ice")
    assert (answer.status_code, answer.json()) == (200, {"action": {"name": "hangup"}})


async def test_a_handler_that_cannot_wait_needs_no_scope() -> None:
    """It is answered although its time is up before it begins, as ever; a router does the same."""
    app, router = (WebhookApp(credentials=CREDENTIALS, handler_timeout=1e-9), EventRouter(handler_timeout=1e-9))

    async def incoming(_: object) -> svaml.IceSvaml:
        return HANGUP

    app.ice(incoming)
    router.ice(incoming)
    assert (await call_back(app, "ice")).json() == {"action": {"name": "hangup"}}
    assert await router.answer(IncomingCall(call_id="1")) is HANGUP


class SlowCache(MemoryReplayCache):
    """A memory that is reached over a network."""

    async def add(self, signature: str, seconds: float) -> bool:  # type: ignore[override]  # either kind is allowed
        """Never answer."""
        await anyio.sleep_forever()
        return True  # pragma: no cover  # it waits for ever

    async def discard(self, signature: str) -> None:  # type: ignore[override]  # either kind is allowed
        """Forget nothing, since nothing was remembered."""


async def test_a_slow_replay_cache_has_its_time_too() -> None:
    """Also if the handler cannot wait, and the cache is one of ours in another's clothes."""
    app = WebhookApp(credentials=CREDENTIALS, handler_timeout=0.02, replay_cache=SlowCache(), fallbacks={"ice": HANGUP})

    @app.ice
    async def incoming(_: object) -> svaml.IceSvaml:
        return svaml.Svaml(action=svaml.Park())  # pragma: no cover  # the cache comes first, and waits for ever

    assert (await call_back(app, "ice")).json() == {"action": {"name": "hangup"}}
