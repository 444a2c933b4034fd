"""A sandbox whose exchange stands still, for calls that are told by inline SVAML, and one that runs for callbacks."""

from collections.abc import Iterator

import pytest

from sinch_voice_async.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Sandbox:
    """A sandbox in which no time passes by itself."""
    return Sandbox(speed=0)


@pytest.fixture
def fast() -> Iterator[Sandbox]:
    """A sandbox in which a minute passes in an instant, and whose thread is gone when the test is."""
    sandbox = Sandbox(speed=1_000, callback_timeout=300.0)
    yield sandbox
    sandbox.close()
