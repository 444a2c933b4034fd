"""Work has so much time from its beginning, wherever it first has to wait, and its own scopes stay its own."""

import time
from typing import Any

import anyio
import pytest

from sinch_voice_async.webhooks.router import within


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
