"""What an observer is told, and that it can disturb nothing."""

import logging
import re
from collections.abc import Mapping

import anyio
import pytest

from sinch_voice_async import Attempt, AttemptResult, ConnectError, RetryPolicy, ServerError, VoiceClient
from tests.transport.servers import FaultServer, answer, silence

OK = b'{"callId":"id"}'


class Notebook:
    """An observer that writes everything down."""

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        self.started: list[Attempt] = []
        self.ended: list[AttemptResult] = []
        self._headers = headers

    def attempt_started(self, attempt: Attempt) -> Mapping[str, str] | None:
        """Write down an attempt, and send headers along."""
        self.started.append(attempt)
        return self._headers

    def attempt_ended(self, attempt: Attempt, result: AttemptResult) -> None:
        """Write down how it ended."""
        assert attempt is self.started[-1]
        self.ended.append(result)


async def test_each_attempt_is_told() -> None:
    """A look-up that fails once and then succeeds: two starts, two ends, and the delay between them."""
    notebook = Notebook({"traceparent": "00-1-1-01"})
    with FaultServer(answer(b"", status=500), answer(OK)) as server:
        async with VoiceClient(
            "key", "c2VjcmV0", base_url=server.url, observer=notebook, retry=RetryPolicy(base_delay=0)
        ) as client:
            await client.calls.get("canary")
    assert [attempt.number for attempt in notebook.started] == [1, 2]
    first = notebook.started[0]
    assert (first.method, first.route) == ("GET", "/calling/v1/calls/id/{call_id}")
    assert (first.scheme, first.host, first.port) == ("http", "localhost", server.port)
    failed, succeeded = notebook.ended
    assert (failed.status, failed.outcome, failed.error, failed.will_retry_in) == (500, "unknown", "ServerError", 0.0)
    assert (succeeded.status, succeeded.outcome, succeeded.error, succeeded.will_retry_in) == (
        200,
        "accepted",
        None,
        None,
    )
    assert all(result.seconds > 0 for result in notebook.ended)
    assert all(b"traceparent: 00-1-1-01" in head for head in server.heads)
    assert "canary" not in repr(notebook.started)


async def test_the_last_failure_is_told() -> None:
    """What is given up has no next attempt."""
    notebook = Notebook()
    async with VoiceClient(
        "key", "c2VjcmV0", base_url="http://127.0.0.1:9", observer=notebook, retry=RetryPolicy(max_attempts=1)
    ) as client:
        with pytest.raises(ConnectError):
            await client.callouts.tts("+46700000001", "Hi")
    (result,) = notebook.ended
    assert (result.status, result.outcome, result.error, result.will_retry_in) == (None, "unsent", "ConnectError", None)


async def test_a_cancelled_attempt_is_told() -> None:
    """A request that is cancelled has an end too, and nobody knows what became of it."""
    notebook = Notebook()
    with FaultServer(silence) as server:
        async with (
            VoiceClient("key", "c2VjcmV0", base_url=server.url, observer=notebook) as client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(client.callouts.tts, "+46700000001", "Hi")
            while not server.executed:
                await anyio.sleep(0.001)
            tasks.cancel_scope.cancel()
    (result,) = notebook.ended
    assert (result.status, result.outcome, result.error) == (None, "unknown", "Cancelled")


async def test_an_observer_that_fails_disturbs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Its exceptions are logged, and the request goes on."""

    class Broken:
        def attempt_started(self, attempt: Attempt) -> Mapping[str, str] | None:
            raise RuntimeError("start")

        def attempt_ended(self, attempt: Attempt, result: AttemptResult) -> None:
            raise RuntimeError("end")

    with FaultServer(answer(OK)) as server:
        async with VoiceClient("key", "c2VjcmV0", base_url=server.url, observer=Broken()) as client:
            await client.callouts.tts("+46700000001", "Hi")
    assert [record.message for record in caplog.records] == ["the observer failed; the request goes on without it"] * 2


async def test_headers_of_an_observer_cannot_break_out() -> None:
    """A header that would begin another line is refused before anything is sent."""
    notebook = Notebook({"x": "y\r\nAuthorization: z"})
    with FaultServer(answer(OK)) as server:
        async with VoiceClient("key", "c2VjcmV0", base_url=server.url, observer=notebook) as client:
            with pytest.raises(ConnectError) as caught:
                await client.callouts.tts("+46700000001", "Hi")
        assert (server.executed, caught.value.attempts, caught.value.outcome) == (0, 1, "unsent")


async def test_the_log_follows_each_attempt(caplog: pytest.LogCaptureFixture) -> None:
    """A retry is INFO, the rest is DEBUG, and both say how long it took."""
    caplog.set_level(logging.DEBUG, "sinch_voice_async")
    with FaultServer(*[answer(b"", status=502)] * 2) as server:
        async with VoiceClient(
            "key", "c2VjcmV0", base_url=server.url, retry=RetryPolicy(base_delay=0, max_attempts=2)
        ) as client:
            with pytest.raises(ServerError):
                await client.calls.get("canary")
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert [level for level, _ in lines] == ["INFO", "DEBUG"]
    attempt = r"GET /calling/v1/calls/id/\{call_id\}, attempt 1: ServerError \(unknown\) after \d+\.\d{3} s"
    assert re.fullmatch(attempt + r", again in 0\.00 s", lines[0][1])
