"""What every test has: both event loops, and no credentials from the environment of whoever runs them."""

import pytest


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Each async test runs on asyncio and again on trio."""
    backend: str = request.param
    return backend


@pytest.fixture(autouse=True)
def _no_ambient_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's real account is rung by a test."""
    for name in (
        "SINCH_APPLICATION_KEY",
        "SINCH_APPLICATION_SECRET",
        "SINCH_VOICE_REGION",
        "SINCH_VOICE_BASE_URL",
        "SINCH_VOICE_CONFIGURATION_URL",
    ):
        monkeypatch.delenv(name, raising=False)
