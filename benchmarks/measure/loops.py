"""The same workers on asyncio, uvloop and trio, written plainly on each: a peer's environment need not have anyio."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

__all__ = ["Connect", "Place", "Task", "Work", "run", "sleep"]

Place = Callable[[], Awaitable[object]]
Connect = Callable[[str], AbstractAsyncContextManager[Any]]
Work = Callable[[Any], Coroutine[Any, Any, None]]
Task = Callable[[], Coroutine[Any, Any, None]]


def run(case: dict[str, Any], connect: Connect, work: Work, watch: Task) -> None:
    """Open one client, let as many tasks work with it as are to be in flight, and one watch, until the first ends.

    The watch goes first, on each loop, or it would miss the turn in which all the others begin.
    """
    if case["backend"] == "trio":
        import trio

        trio.run(_on_trio, case, connect, work, watch)
        return
    factory = None
    if case["backend"] == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_on_asyncio(case, connect, work, watch))


async def sleep(seconds: float) -> None:
    """Sleep on whichever loop is running."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        import trio

        await trio.sleep(seconds)
    else:
        await asyncio.sleep(seconds)


async def _on_asyncio(case: dict[str, Any], connect: Connect, work: Work, watch: Task) -> None:
    async with connect(case["url"]) as place:
        tasks = [asyncio.create_task(watch())]
        await asyncio.sleep(0)
        tasks += [asyncio.create_task(work(place)) for _ in range(case["in_flight"])]
        ended, running = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for task in ended:
            task.result()


async def _on_trio(case: dict[str, Any], connect: Connect, work: Work, watch: Task) -> None:
    import trio

    async def until_one_ends(task: Task) -> None:
        await task()
        nursery.cancel_scope.cancel()

    async with connect(case["url"]) as place, trio.open_nursery() as nursery:
        nursery.start_soon(until_one_ends, watch)
        await trio.sleep(0)
        for _ in range(case["in_flight"]):
            nursery.start_soon(until_one_ends, lambda: work(place))
