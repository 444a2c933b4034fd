"""A time-out that costs next to nothing where nothing has to wait.

Most handlers answer at once, and so does the body of most requests: the timer is started when the work first waits, and
not where it never does. A cancel scope is around all of it from the beginning, since scopes must nest.
"""

import time
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

import anyio

__all__ = ["within"]

T = TypeVar("T")


async def within(seconds: float, work: Coroutine[Any, Any, T], late: Callable[[], T]) -> T:
    """Return what some work comes to, or what ``late`` does where it was cancelled after so many seconds."""
    # Made by the function, since anyio's class builds each scope twice over.
    with anyio.move_on_after(None) as scope:
        return await _begun(work, scope, time.perf_counter() + seconds)
    return late()


@types.coroutine
def _begun(work: Coroutine[Any, Any, T], scope: anyio.CancelScope, end: float) -> Generator[Any, Any, T]:
    try:
        awaited = work.send(None)
        scope.deadline = anyio.current_time() + end - time.perf_counter()
        while True:
            # What the event loop sends and throws is passed on as it is.
            try:
                sent = yield awaited
            except BaseException as error:  # noqa: BLE001 - a cancellation too
                awaited = work.throw(error)
            else:
                awaited = work.send(sent)
    except StopIteration as done:
        result: T = done.value
        return result
