"""What a user sees of policies, observers, errors, pages and downloads: checked by mypy and pyright, run by nobody.

Each ``type: ignore`` and ``pyright: ignore`` is a promise: the checker refuses that line, and an ignore that is not
needed is an error.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import assert_type

from sinch_voice_async import (
    APIError,
    ArchiveSummary,
    Attempt,
    AttemptResult,
    Credentials,
    DecodeError,
    Download,
    DownloadError,
    InvalidRequestError,
    Observer,
    Pages,
    RateLimitedError,
    Recording,
    RequestTimeoutError,
    RetryPolicy,
    SinchVoiceError,
    VoiceClient,
)
from sinch_voice_async.errors import Outcome, TimeoutPhase


def policies() -> RetryPolicy:
    """Numbers by their names, and None where no deadline is wanted."""
    policy = RetryPolicy(max_attempts=5, deadline=None, retry_503=True, base_delay=0.1)
    assert_type(policy.deadline, float | None)
    RetryPolicy(3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    RetryPolicy(max_attempts=2.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    policy.max_attempts = 1  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    return policy


class Counter:
    """An observer is any class with the two methods; nothing needs to be inherited."""

    def attempt_started(self, attempt: Attempt) -> Mapping[str, str] | None:
        """The headers that are returned go along."""
        assert_type(attempt.number, int)
        return {"traceparent": attempt.route}

    def attempt_ended(self, attempt: Attempt, result: AttemptResult) -> None:
        """Whether it is tried again, and after how long."""
        assert_type(result.will_retry_in, float | None)
        assert_type(result.outcome, Outcome)


class Half:
    """One method is not enough."""

    def attempt_started(self, attempt: Attempt) -> None:
        """No headers."""


def observers() -> Observer:
    """What is no observer is refused where the client is made."""
    VoiceClient(observer=Counter())
    VoiceClient(observer=Half())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return Counter()


async def what_to_do_next(client: VoiceClient) -> Outcome:
    """Each except clause knows the fields of its error."""
    try:
        await client.callouts.tts("+46700000001", "Hi")
    except RateLimitedError as error:
        assert_type(error.retry_after, float | None)
    except APIError as error:
        assert_type(error.status, int)
        assert_type(error.code, int | None)
        assert_type(error.message, str)
        assert_type(error.reference, str | None)
        assert_type(error.headers, Mapping[str, str])
    except RequestTimeoutError as error:
        assert_type(error.phase, TimeoutPhase)
    except (DecodeError, InvalidRequestError) as error:
        assert_type(error.attempts, int)
    except SinchVoiceError as error:
        assert_type(error.outcome_unknown, bool)
        return error.outcome
    return "accepted"


async def pages(client: VoiceClient) -> Pages[Recording]:
    """A listing may be passed on before it is read, and keeps its type."""
    listing = client.recordings.list(page_size=10)
    assert_type(listing, Pages[Recording])
    assert_type([recording.key async for recording in listing], list[str])
    return listing


async def downloads(download: Download, path: Path) -> None:
    """A path is a path or a string, and progress is any callable of two numbers."""

    def tell(done: int, total: int | None) -> None: ...

    def count(done: int) -> None: ...

    assert_type(await download.read(), bytes)
    assert_type(download.content_length, int | None)
    assert_type(download.headers, Mapping[str, str])
    await download.save(path, progress=tell)
    await download.save("call.wav", progress=print)
    await download.save(path, progress=count)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def archives(client: VoiceClient) -> ArchiveSummary:
    """What is left of a failed one is typed too."""
    try:
        return await client.recordings.archive("folder", delete_after=True, progress=lambda done, total: done / total)
    except DownloadError as error:
        assert_type(error.part_path, Path | None)
        assert_type(error.bytes_written, int)
        raise


def credentials_hide_their_secret() -> str:
    """Both parts are text."""
    own = Credentials("key", "c2VjcmV0")
    assert_type(own.application_key, str)
    return own.application_secret
