"""Statements of many tasks as one: each request has its own answer, whatever becomes of the others."""

from collections.abc import Sequence

import anyio
import anyio.lowlevel
import pytest
from attrs import frozen

from sinch_voice_async.dialer.postgres.database import Merging
from sinch_voice_async.errors import JournalError


@frozen
class Request:
    """A request with a key."""

    key: str
    value: int = 0


class RefusedError(Exception):
    """What a driver raises if a value is refused."""

    sqlstate = "22003"


class Connection:
    """Notes the statements that it is sent; the first waits until it may go on."""

    def __init__(self) -> None:
        self.sent: list[list[str]] = []
        self.may_answer = anyio.Event()
        self.failure: Exception | None = None

    async def send(self, requests: Sequence[Request]) -> Sequence[int]:
        """Answer with the value of each request."""
        self.sent.append([each.key for each in requests])
        await self.may_answer.wait()
        if any(each.value < 0 for each in requests):
            raise JournalError("a value is refused") from RefusedError()
        if self.failure is not None:
            raise self.failure
        return [each.value for each in requests]


async def ask_all(connection: Connection, requests: Sequence[Request]) -> list[int | str]:
    """Ask for the first request, then for the others while it waits; return the answers or errors."""
    merging = Merging(connection.send, anyio.Lock(fast_acquire=True))
    answers: dict[int, int | str] = {}

    async def ask(place: int) -> None:
        try:
            answers[place] = await merging.ask(requests[place])
        except JournalError as error:
            answers[place] = str(error)

    async with anyio.create_task_group() as tasks:
        for place in range(len(requests)):
            tasks.start_soon(ask, place)
            await anyio.wait_all_tasks_blocked()
        connection.may_answer.set()
    return [answers[place] for place in range(len(requests))]


async def test_what_waits_goes_out_together() -> None:
    """In the order of keys, but for a second request with the same key, which goes out next."""
    connection = Connection()
    requests = [Request("x", 1), Request("b", 2), Request("a", 3), Request("b", 4)]
    assert await ask_all(connection, requests) == [1, 2, 3, 4]
    assert connection.sent == [["x"], ["a", "b"], ["b"]]


async def test_one_that_is_refused() -> None:
    """The others of its statement are sent alone."""
    connection = Connection()
    requests = [Request("x", 1), Request("a", -1), Request("b", 2)]
    assert await ask_all(connection, requests) == [1, "a value is refused", 2]
    assert connection.sent == [["x"], ["a", "b"], ["a"], ["b"]]


async def test_a_connection_that_fails() -> None:
    """All of a statement fail, and none is tried alone."""
    connection = Connection()
    connection.failure = JournalError("gone")
    assert await ask_all(connection, [Request("x"), Request("a"), Request("b")]) == ["gone"] * 3
    assert connection.sent == [["x"], ["a", "b"]]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_task_that_is_ended_while_it_sends() -> None:
    """Those whose requests it sent are told; a request that waits and is ended is not sent."""
    import asyncio

    connection = Connection()
    merging = Merging(connection.send, anyio.Lock(fast_acquire=True))
    loop = asyncio.get_running_loop()
    one = loop.create_task(merging.ask(Request("x")))
    await anyio.wait_all_tasks_blocked()
    two, three, four = (loop.create_task(merging.ask(Request(key))) for key in "abc")
    await anyio.wait_all_tasks_blocked()
    four.cancel()
    await anyio.wait_all_tasks_blocked()
    one.cancel()
    await anyio.wait_all_tasks_blocked()
    assert connection.sent == [["x"], ["a", "b"]]
    two.cancel()
    with pytest.raises(JournalError, match="its outcome is not known"):
        await three
    for task in (one, two, four):
        with pytest.raises(asyncio.CancelledError):
            await task
