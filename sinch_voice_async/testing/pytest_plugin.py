"""Fixtures for the tests of applications, which pytest finds if this package is installed.

``signed_callback``, ``sinch_credentials``, ``sinch_sandbox``, ``sinch_stream`` and ``voice_client``. None of them needs
an event loop, so they serve tests on asyncio and on trio, under anyio's plugin, pytest-asyncio and pytest-trio alike.
Nothing is imported before a fixture is asked for: this module is loaded in every run of pytest.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sinch_voice_async.client import VoiceClient
    from sinch_voice_async.credentials import Credentials
    from sinch_voice_async.sandbox import Sandbox

# ruff: noqa: PLC0415 - see above

__all__ = ["pytest_addoption", "signed_callback", "sinch_credentials", "sinch_sandbox", "sinch_stream", "voice_client"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option ``sinch_sandbox_speed`` to the configuration file of pytest."""
    parser.addini(
        "sinch_sandbox_speed",
        "Seconds of a call that pass in one second in the fixture sinch_sandbox (default: 100).",
        default="100",
    )


@pytest.fixture
def sinch_credentials() -> "Credentials":
    """The key and secret of an application that exists in tests alone; override it to use others."""
    from sinch_voice_async.credentials import Credentials

    return Credentials("01234567-89ab-cdef-0123-456789abcdef", "bm90IGEgc2VjcmV0IQ==")


@pytest.fixture
def signed_callback(sinch_credentials: "Credentials") -> Callable[..., tuple[dict[str, str], bytes]]:
    """A function: event, path and options to the headers and body of a callback signed with ``sinch_credentials``.

    The arguments are those of :func:`sinch_voice_async.testing.signed_callback`, without the credentials.
    """
    from sinch_voice_async import testing

    def sign(event: Any, path: str = "/", **options: Any) -> tuple[dict[str, str], bytes]:
        return testing.signed_callback(event, sinch_credentials, path, **options)

    return sign


@pytest.fixture
def sinch_sandbox(sinch_credentials: "Credentials", pytestconfig: pytest.Config) -> "Iterator[Sandbox]":
    """A sandbox of the platform on a free loopback port, in a thread of its own, for ``sinch_credentials``.

    100 seconds of a call pass in one second. The option ``sinch_sandbox_speed`` of pytest's configuration file sets
    another speed, and so does ``sinch_sandbox.clock.speed``. Needs the extra ``sandbox``.
    """
    with _sandbox(sinch_credentials, str(pytestconfig.getini("sinch_sandbox_speed"))).serve() as sandbox:
        yield sandbox


def _sandbox(credentials: "Credentials", speed: str) -> "Sandbox":
    from sinch_voice_async.sandbox import Sandbox

    try:
        return Sandbox(credentials.application_key, credentials.application_secret, speed=float(speed))
    except ValueError as error:
        raise pytest.UsageError(f"sinch_sandbox_speed = {speed}: {error}") from None


@pytest.fixture
def sinch_stream() -> Callable[..., Any]:
    """A function that calls a voice agent in the same process, on a virtual clock.

    The arguments are those of :func:`sinch_voice_async.testing.stream_peer`::

        async def test_agent(sinch_stream):
            async with sinch_stream(streams) as caller:
                await caller.wait(1.0)
                assert caller.heard.level_db() > -30
    """
    from sinch_voice_async import testing

    return testing.stream_peer


@pytest.fixture
def voice_client(sinch_sandbox: "Sandbox") -> "VoiceClient":
    """A client of ``sinch_sandbox``. It keeps no connection open, so there is nothing to close in any event loop."""
    import httpx

    from sinch_voice_async.client import VoiceClient

    options = sinch_sandbox.client_options()
    return VoiceClient(
        options["application_key"],
        options["application_secret"],
        base_url=options["base_url"],
        limits=httpx.Limits(max_keepalive_connections=0),
    )
