"""A sandbox on a real socket, and a client that talks to it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from sinch_voice_async import VoiceClient
from sinch_voice_async.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox in which calls end quickly; one for all tests of a file, which tell their telephones apart."""
    with Sandbox(speed=50).serve() as served:
        yield served


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[VoiceClient]:
    """A client of that sandbox."""
    async with VoiceClient(**sandbox.client_options()) as made:
        yield made
