"""Work has so much time from its beginning, wherever it first has to wait, and its own scopes stay its own."""

import functools
import inspect
import threading
import time
import types
from collections.abc import AsyncIterator, Coroutine, Generator, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from sinch_voice_async import svaml
from sinch_voice_async.errors import InvalidRequestError
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

    @classmethod
    async def of_the_class(cls, _: object) -> None:
        """Wait."""
        await anyio.sleep_forever()

    @staticmethod
    async def static(_: object) -> None:
        """Wait."""
        await anyio.sleep_forever()


async def waits_by_comprehension_for(_: object) -> None:
    """Wait in an asynchronous comprehension."""

    async def never() -> AsyncIterator[int]:
        await anyio.sleep_forever()
        yield 1  # pragma: no cover  # it waits for ever

    [each async for each in never()]


async def waits_in_a_branch(event: IncomingCall) -> None:
    """Wait in one branch only."""
    await anyio.sleep_forever() if event.call_id else None


def decorated(handler: Any) -> Any:
    """Wrap a handler as decorators do."""

    @functools.wraps(handler)
    async def wrapper(event: object) -> Any:
        return await handler(event)

    return wrapper


async def cannot_wait(_: object) -> svaml.IceSvaml:
    """Answer at once."""
    return HANGUP


@functools.wraps(cannot_wait)
async def waits_though_its_wrapped_cannot(_: object) -> None:
    """Wait in a wrapper of what cannot wait."""
    await anyio.sleep_forever()


@functools.wraps(cannot_wait)
def plain_wrapper_that_returns_a_coroutine(event: object) -> Any:
    """Return what waits: this runs in a thread, and its result on the loop."""
    return waits_by_await(event)


@types.coroutine
def waits_by_yield_from(_: object) -> Generator[Any, Any, None]:
    """Wait in a generator that is marked as a coroutine."""
    yield from anyio.sleep_forever().__await__()


async def with_argument(_argument: object, _event: object) -> None:
    """Wait with an argument that is bound."""
    await anyio.sleep_forever()


class Compiled:
    """A coroutine function as a compiler makes it: like a function, with empty bytecodes."""

    def __init__(self) -> None:
        self.__code__ = SimpleNamespace(co_flags=inspect.CO_COROUTINE, co_code=b"")

    async def __call__(self, _: object) -> None:
        """Wait."""
        await anyio.sleep_forever()


WAITING = {
    "await": waits_by_await,
    "with": waits_by_with,
    "for": waits_by_for,
    "comprehension": waits_by_comprehension,
    "comprehension for": waits_by_comprehension_for,
    "branch": waits_in_a_branch,
    "method": Waits().method,
    "class method": Waits.of_the_class,
    "static method": Waits().static,
    "object": Waits(),
    "decorated": decorated(decorated(waits_by_await)),
    "decorated method": decorated(Waits().method),
    "wraps what cannot wait": waits_though_its_wrapped_cannot,
    "returns a coroutine": plain_wrapper_that_returns_a_coroutine,
    "lambda": lambda event: waits_by_await(event),  # noqa: PLW0108  # it is what is tested
    "partial": functools.partial(with_argument, 1),
    "partial of a method": functools.partial(Waits.method, Waits()),
    "method of an object": types.MethodType(functools.partial(with_argument), 1),
    "method of a function": types.MethodType(with_argument, 1),
    "wrapper in C": Waits().method.__call__,  # type: ignore[operator]  # it has one
    "marked generator": waits_by_yield_from,
    "compiled": Compiled(),
}


@pytest.mark.parametrize("handler", WAITING.values(), ids=WAITING)
async def test_every_handler_that_waits_has_its_time(handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is written: the fallback is sent, by the application and by the router."""
    is_function = inspect.isfunction
    monkeypatch.setattr(inspect, "isfunction", lambda each: is_function(each) or isinstance(each, Compiled))
    app = WebhookApp(credentials=CREDENTIALS, handler_timeout=0.02, fallbacks={"ice": HANGUP})
    router = EventRouter(handler_timeout=0.02, fallbacks={"ice": HANGUP})
    app.ice(handler)
    router.ice(handler)
    answer = await call_back(app, "ice")
    assert (answer.status_code, answer.json()) == (200, {"action": {"name": "hangup"}})
    assert await router.answer(IncomingCall(call_id="1")) is HANGUP


async def test_a_coroutine_that_comes_too_late_is_closed() -> None:
    """A function that is still busy when it is given up may return one: Python does not warn that nobody awaits it."""
    router, begun, release = EventRouter(handler_timeout=None), threading.Event(), threading.Event()
    returned: list[Coroutine[Any, Any, None]] = []

    @router.ice
    def incoming(_: IncomingCall) -> Any:
        begun.set()
        release.wait(300)
        returned.append(waits_by_await(None))
        return returned[0]

    async with anyio.create_task_group() as group:
        group.start_soon(router.answer, IncomingCall(call_id="1"))
        while not begun.is_set():
            await anyio.sleep(0.001)
        group.cancel_scope.cancel()
    release.set()
    with anyio.fail_after(300):
        while not returned or inspect.getcoroutinestate(returned[0]) != inspect.CORO_CLOSED:
            await anyio.sleep(0.001)  # pragma: no cover  # it may be so at once


async def generates(_: object) -> AsyncIterator[svaml.IceSvaml]:
    """Yield an answer instead of returning it."""
    yield HANGUP  # pragma: no cover  # nothing iterates


def generates_in_a_thread(_: object) -> Iterator[svaml.IceSvaml]:
    """Yield an answer instead of returning it."""
    yield HANGUP  # pragma: no cover  # nothing iterates


@pytest.mark.parametrize(
    ("handler", "kind"),
    [(generates, "async_generator"), (generates_in_a_thread, "generator"), (len, "TypeError"), (str, "str")],
    ids=["async generator", "generator", "function in C", "class"],
)
async def test_what_cannot_answer_is_named(handler: Any, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """A generator, a function in C and a class end in an error that says what came; the platform gets a 500."""
    app, router = WebhookApp(credentials=CREDENTIALS), EventRouter()
    app.ice(handler)
    router.ice(handler)
    assert (await call_back(app, "ice")).status_code == 500
    assert kind in caplog.text
    with pytest.raises((InvalidRequestError, TypeError)):
        await router.answer(IncomingCall(call_id="1"))


async def test_a_handler_that_cannot_wait_needs_no_scope() -> None:
    """It is answered although its time is up before it begins, as ever; a router does the same."""
    app, router = (WebhookApp(credentials=CREDENTIALS, handler_timeout=1e-9), EventRouter(handler_timeout=1e-9))

    app.ice(cannot_wait)
    router.ice(cannot_wait)
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
