"""A sandbox of its own for each test, and a client that does not wait long before it tries again."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sinch_voice_async import RetryPolicy, VoiceClient
from sinch_voice_async._endpoints.recordings import Recordings
from sinch_voice_async.sandbox import Sandbox

QUICK = RetryPolicy(base_delay=0.001)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, as a disk that is full would."""
    resource = pytest.importorskip("resource", reason="this system limits no files")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def names(folder: Path) -> list[str]:
    """Return what is in a directory."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox on a real socket, with no recordings yet."""
    with Sandbox().serve() as served:
        yield served


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[VoiceClient]:
    """A client of that sandbox."""
    async with VoiceClient(**sandbox.client_options(), retry=QUICK) as made:
        yield made


@pytest.fixture
async def recordings(client: VoiceClient) -> Recordings:
    """What the tests are about."""
    return client.recordings
