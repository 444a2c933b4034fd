"""The two queues of a run: contacts on their way into the journal, and outcomes on their way to the caller.

Contacts come from any iterable, in batches, in bounded memory. Rules:

- A contact is in the journal before anything happens to it. Thousands of contacts share one transaction.
- What is ready is passed on: a slow source does not hold back the contacts that it has given.
- A row that is not a contact is kept with its line, and the rest goes on.

A :class:`Signal` tells the tasks of one event loop that something has changed.
"""

import json
import time
from collections import deque
from collections.abc import AsyncIterable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol, TypeAlias

import anyio
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from sinch_voice_async.dialer.contacts import BrokenRow, Contact
from sinch_voice_async.dialer.journal import Line, Outcome
from sinch_voice_async.dialer.sources import ContactFile
from sinch_voice_async.errors import ConfigurationError, InvalidRequestError

__all__ = ["Contacts", "Outbox", "Signal", "Sink", "feed", "is_whole_list", "to_line"]

Contacts: TypeAlias = Iterable[Contact | BrokenRow | str] | AsyncIterable[Contact | BrokenRow | str]
"""Contacts, or telephone numbers: any iterable, ``async`` or not. The broken rows of a file may be among them."""

_BATCH: Final = 1000
_LONGEST_READING: Final = 0.1
_PLAIN: Final = (str, int, float, bool, type(None))


def is_whole_list(contacts: Contacts | None) -> bool:
    """Say whether contacts are a whole list, as a file or a ``list`` is, and not a stream of which more may come."""
    return isinstance(contacts, (ContactFile, Collection))


def to_line(item: object, line: int, country: str | None = None) -> Line:
    """Return a contact with its line, or why an item is not one; ``line`` counts items that have no line."""
    try:
        if isinstance(item, BrokenRow):
            return item.line, item
        contact = item if isinstance(item, Contact) else _from_number(item, country)
        _check_fields(contact.fields)
    except InvalidRequestError as error:
        return line, BrokenRow(line, str(error))
    return contact.line or line, contact


class Sink(Protocol):
    """Takes rows."""

    async def put(self, rows: list[Line]) -> None:
        """Take a batch of rows."""
        ...


async def feed(contacts: Contacts, sink: Sink, country: str | None = None) -> None:
    """Pass on what the source has given meanwhile, at most a thousand rows at a time, until it ends.

    A source that is not ``async`` is read in a worker thread, so it may block. Its exceptions are raised here.

    :raises ConfigurationError: ``contacts`` is not an iterable, or is a single text.
    """
    if isinstance(contacts, AsyncIterable):
        await _feed_async(contacts, sink, country)
        return
    if isinstance(contacts, (str, Mapping)) or not isinstance(contacts, Iterable):
        raise ConfigurationError("contacts must be an iterable of Contact or of telephone numbers")
    lines = contacts.lines() if isinstance(contacts, ContactFile) else enumerate(contacts, 1)
    while rows := await anyio.to_thread.run_sync(_some, lines, country):
        await sink.put(rows)


async def _feed_async(contacts: AsyncIterable[Any], sink: Sink, country: str | None) -> None:
    failures: list[Exception] = []
    send, receive = anyio.create_memory_object_stream[Line](_BATCH)
    async with anyio.create_task_group() as tasks, receive:
        tasks.start_soon(_read, contacts, send, failures, country)
        async for row in receive:
            await sink.put([row, *_waiting(receive)])
    if failures:
        raise failures[0]


async def _read(
    contacts: AsyncIterable[Any], send: MemoryObjectSendStream[Line], failures: list[Exception], country: str | None
) -> None:
    line = 0
    with send:
        try:
            async for item in contacts:
                line += 1
                await send.send(to_line(item, line, country))
        except Exception as error:  # noqa: BLE001 - it is raised when what came before it is in the journal
            failures.append(error)


def _waiting(receive: MemoryObjectReceiveStream[Line]) -> Iterator[Line]:
    for _ in range(receive.statistics().current_buffer_used):
        yield receive.receive_nowait()


def _some(items: Iterator[tuple[int, Any]], country: str | None) -> list[Line]:
    rows, until = list[Line](), time.monotonic() + _LONGEST_READING
    for line, item in items:
        rows.append(to_line(item, line, country))
        if len(rows) == _BATCH or time.monotonic() >= until:
            break
    return rows


def _from_number(item: object, country: str | None) -> Contact:
    if not isinstance(item, str):
        raise InvalidRequestError(f"a contact is a Contact or a telephone number, not {type(item).__name__}")
    return Contact(item, country=country)


def _check_fields(fields: Mapping[str, Any]) -> None:
    if all(isinstance(value, _PLAIN) for value in fields.values()):
        return
    try:
        json.dumps(dict(fields))
    except (TypeError, ValueError, RecursionError):
        raise InvalidRequestError("fields must hold what JSON can: text, numbers, lists ...", field="fields") from None


_BUFFER: Final = 1000


class Signal:
    """Wakes the tasks that wait for a change; ``version`` counts the changes, so that each is noticed."""

    def __init__(self) -> None:
        self.version: int = 0
        self._event: anyio.Event | None = None

    def notify(self) -> None:
        """Wake all that wait."""
        self.version += 1
        if self._event is not None:
            self._event.set()
            self._event = None

    async def wait(self, version: int) -> None:
        """Return when something has changed since a version."""
        if self.version == version:
            self._event = self._event or anyio.Event()
            await self._event.wait()


class Outbox:
    """The outcomes that have not been read yet. Adding one never waits."""

    def __init__(self) -> None:
        self._outcomes: deque[Outcome] = deque()
        self._changed = Signal()
        self._is_closed = False

    def add(self, outcome: Outcome) -> None:
        """Add an outcome; after :meth:`close` it is in the journal alone."""
        if not self._is_closed:
            self._outcomes.append(outcome)
            self._changed.notify()

    def close(self) -> None:
        """Take no more outcomes."""
        self._is_closed = True
        self._changed.notify()

    async def get(self) -> Outcome | None:
        """Return the next outcome, None at the end."""
        while not self._outcomes:
            if self._is_closed:
                return None
            await self._changed.wait(self._changed.version)
        outcome = self._outcomes.popleft()
        if len(self._outcomes) == _BUFFER - 1:
            self._changed.notify()
        return outcome

    async def wait_for_room(self) -> None:
        """Return when fewer than a thousand outcomes wait to be read, or the outbox is closed."""
        while len(self._outcomes) >= _BUFFER and not self._is_closed:
            await self._changed.wait(self._changed.version)
