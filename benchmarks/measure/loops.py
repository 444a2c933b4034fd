"""The same workers on asyncio, on uvloop and on trio, written plainly on each, since a peer's environment has no anyio."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

__all__ = ["Connect", "Place", "Work", "run", "sleep"]

Place = Callable[[], Awaitable[object]]
Connect = Callable[[str], AbstractAsyncContextManager[Place]]
Work = Callable[[Place], Coroutine[Any, Any, None]]


def run(
    backend: str, connect: Connect, url: str, work: Work, workers: int, watch: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """Open one client and let ``workers`` tasks work with it, and one task watch, until the first of them ends."""
    if backend == "trio":
        import trio

        trio.run(_on_trio, connect, url, work, workers, watch)
        return
    factory = None
    if backend == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_on_asyncio(connect, url, work, workers, watch))


async def sleep(seconds: float) -> None:
    """Sleep on whichever loop is running."""
    if asyncio._get_running_loop() is not None:
        await asyncio.sleep(seconds)
    else:
        import trio

        await trio.sleep(seconds)


async def _on_asyncio(
    connect: Connect, url: str, work: Work, workers: int, watch: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    async with connect(url) as place:
        tasks = [asyncio.create_task(watch()), *(asyncio.create_task(work(place)) for _ in range(workers))]
        ended, running = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for task in ended:
            task.result()


async def _on_trio(
    connect: Connect, url: str, work: Work, workers: int, watch: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    import trio

    async def until_one_ends(task: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await task()
        nursery.cancel_scope.cancel()

    async with connect(url) as place, trio.open_nursery() as nursery:
        nursery.start_soon(until_one_ends, watch)
        for _ in range(workers):
            nursery.start_soon(until_one_ends, lambda: work(place))
