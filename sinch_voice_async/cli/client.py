"""From a command to an open client on an event loop, and back with what happened there."""

import gc
import importlib.util
import warnings
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import sinch_voice_async
from sinch_voice_async.cli.failures import StoppedError
from sinch_voice_async.cli.output import tell
from sinch_voice_async.cli.settings import Settings, find_account

if TYPE_CHECKING:
    from sinch_voice_async.errors import Outcome

__all__ = ["LastOutcome", "client_of", "on_loop", "region_of", "with_client"]

T = TypeVar("T")


class LastOutcome:
    """An observer that knows how far the last request has come: ``outcome``, as in the errors."""

    outcome: "Outcome" = "unsent"

    def attempt_started(self, attempt: "sinch_voice_async.Attempt") -> None:
        """Expect the worst until it has ended."""
        self.outcome = "unknown"

    def attempt_ended(self, attempt: "sinch_voice_async.Attempt", result: "sinch_voice_async.AttemptResult") -> None:
        """Note how it ended."""
        self.outcome = result.outcome


def region_of(settings: Settings) -> "sinch_voice_async.Region":
    """Return the region of the settings or the environment; tell the person about one that this version does not know.

    :raises ConfigurationError: it cannot be part of a host name.
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
    retry = options.pop("retry", None) or sinch_voice_async.RetryPolicy(max_attempts=settings.max_attempts)
    return sinch_voice_async.VoiceClient(
        credentials.application_key,
        credentials.application_secret,
        region=region_of(settings),
        auth=settings.auth,
        base_url=settings.base_url,
        configuration_url=settings.configuration_url,
        timeout=settings.timeout,
        retry=retry,
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
    # A prompt waits for the person, which must not happen on an event loop.
    account = find_account(settings)
    client = client_of(settings, account.credentials, **options)

    async def run() -> T:
        async with client:
            return await use(client)

    return on_loop(settings, run, stopped)


def on_loop(settings: Settings, run: Callable[[], Awaitable[T]], stopped: Callable[[], str] = lambda: "Stopped.") -> T:
    """Run a coroutine function on the event loop that was asked for.

    :raises StoppedError: Ctrl-C was pressed.
    """
    import anyio  # noqa: PLC0415  # help and completion need no event loop

    if importlib.util.find_spec(settings.backend) is None:
        raise sinch_voice_async.ConfigurationError(f"--backend {settings.backend}: pip install {settings.backend}")
    # A full collection walks over all modules, 30 ms in which no request is served. A frozen object is left out of it.
    gc.freeze()
    try:
        return anyio.run(run, backend=settings.backend)
    except KeyboardInterrupt:
        raise StoppedError(stopped()) from None
    except BaseExceptionGroup as group:
        # Trio hands Ctrl-C over together with what it interrupted.
        if group.subgroup(KeyboardInterrupt) is not None:
            raise StoppedError(stopped()) from None
        raise _first(group) from group
    finally:
        gc.unfreeze()


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
