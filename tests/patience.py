"""Time for tests that need a short limit: what fails within it is tried with longer ones."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest


async def with_more_time(once: Callable[[float], Awaitable[None]]) -> None:
    """Run a test with its times multiplied by 1; if it fails, by 10, and then by 100.

    A machine that stands still at the wrong moment takes more than a limit of 0.3 s. It does not take 30 s, so a fault
    of the program fails all three.
    """
    for scale in (1.0, 10.0):
        with suppress(Exception, pytest.fail.Exception):
            await once(scale)
            return
    await once(100.0)


def run_with_more_time(once: Callable[[float], None]) -> None:
    """Do the same for a test that is no coroutine."""
    for scale in (1.0, 10.0):
        with suppress(Exception, pytest.fail.Exception):
            once(scale)
            return
    once(100.0)
