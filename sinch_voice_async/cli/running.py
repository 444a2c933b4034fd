"""From a command to an open client on an event loop, and back with whatever happened there."""

import importlib.util
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import sinch_voice_async
from sinch_voice_async.cli.account import find_account
from sinch_voice_async.cli.output import tell
from sinch_voice_async.cli.settings import Settings

__all__ = ["StoppedError", "client_of", "on_loop", "with_client"]

T = TypeVar("T")


class StoppedError(Exception):
    """Ctrl-C; the message says what became of what was under way."""


def region_of(settings: Settings) -> "sinch_voice_async.Region":
    """Return the region of the settings or the environment; one that is new to this version is told to the person.

    :raises ConfigurationError: when it cannot be part of a host name.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        region = sinch_voice_async.Region.parse(settings.region)
    for warning in caught:
        tell(f"Warning: {warning.message}")
    return region


def client_of(
    settings: Settings, credentials: "sinch_voice_async.Credentials", **options: Any
) -> "sinch_voice_async.VoiceClient":
    """Return the client that the settings describe; ``options`` are further ones of ``VoiceClient``."""
    return sinch_voice_async.VoiceClient(
        credentials.application_key,
        credentials.application_secret,
        region=region_of(settings),
        auth=settings.auth,
        base_url=settings.base_url,
        configuration_url=settings.configuration_url,
        timeout=settings.timeout,
        retry=sinch_voice_async.RetryPolicy(max_attempts=settings.max_attempts),
        proxy=settings.proxy,
        allow_insecure=settings.allow_insecure,
        **options,
    )


def with_client(
    settings: Settings,
    use: "Callable[[sinch_voice_async.VoiceClient], Awaitable[T]]",
    *,
    stopped: Callable[[], str] = lambda: "Stopped.",
    **options: Any,
) -> T:
    """Open a client, do with it what a command is for, and close it; ``stopped`` says what Ctrl-C left behind.

    :raises StoppedError: Ctrl-C was pressed.
    """
    # A prompt waits for the person, which nobody may do on an event loop.
    account = find_account(settings)
    client = client_of(settings, account.credentials, **options)

    async def run() -> T:
        async with client:
            return await use(client)

    return on_loop(settings, run, stopped)


def on_loop(settings: Settings, run: Callable[[], Awaitable[T]], stopped: Callable[[], str]) -> T:
    """Run a coroutine function on the event loop that was asked for.

    :raises StoppedError: Ctrl-C was pressed.
    """
    import anyio  # noqa: PLC0415 - help and completion need no event loop

    if importlib.util.find_spec(settings.backend) is None:
        raise sinch_voice_async.ConfigurationError(f"--backend {settings.backend}: pip install {settings.backend}")
    try:
        return anyio.run(run, backend=settings.backend)
    except KeyboardInterrupt:
        raise StoppedError(stopped()) from None
    except BaseExceptionGroup as group:
        # Trio hands Ctrl-C over together with what it interrupted.
        if group.subgroup(KeyboardInterrupt) is not None:
            raise StoppedError(stopped()) from None
        raise _first(group) from group


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
