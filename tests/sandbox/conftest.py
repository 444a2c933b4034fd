"""A sandbox whose exchange stands still until a test steps it, and callers to it."""

from collections.abc import AsyncIterator

import pytest

from sinch_voice_async.sandbox import Sandbox

from .caller import Caller, in_process, over_sockets


@pytest.fixture
def sandbox() -> Sandbox:
    """A sandbox in which no time passes by itself."""
    return Sandbox(speed=0)


@pytest.fixture
async def caller(sandbox: Sandbox) -> AsyncIterator[Caller]:
    """Call the sandbox's application in the same process."""
    async with in_process(sandbox) as caller:
        yield caller


@pytest.fixture
async def remote(sandbox: Sandbox) -> AsyncIterator[Caller]:
    """Call the sandbox over a real socket."""
    async with over_sockets(sandbox) as caller:
        yield caller
