"""From whatever the contacts come from into the journal, in bounded memory.

Rules:

- A contact is in the journal before anything happens to it; thousands of them share one transaction.
- What is ready goes in: a slow source does not hold back the contacts that it has given.
- A row that is no contact is written down with its line, and the rest goes on.
"""

import json
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import anyio
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from sinch_voice_async.dialer.contacts import BrokenRow, Contact
from sinch_voice_async.errors import ConfigurationError, InvalidRequestError

__all__ = ["Contacts", "Row", "feed", "to_row"]

Row: TypeAlias = Contact | BrokenRow
Contacts: TypeAlias = Iterable[Contact | BrokenRow | str] | AsyncIterable[Contact | BrokenRow | str]
"""Contacts, or telephone numbers: any iterable, ``async`` or not. A file's broken rows may be among them."""

Put: TypeAlias = Callable[[list[Row]], Awaitable[None]]

_BATCH: Final = 1000
_LONGEST_READING: Final = 0.1
_PLAIN: Final = (str, int, float, bool, type(None))


def to_row(item: object, line: int) -> Row:
    """Return a contact, or why an item is none; ``line`` is its number where it does not know its own."""
    try:
        if isinstance(item, BrokenRow):
            return item
        contact = item if isinstance(item, Contact) else _from_number(item)
        _check_fields(contact.fields)
    except InvalidRequestError as problem:
        return BrokenRow(line, str(problem))
    return contact


async def feed(contacts: Contacts, put: Put) -> None:
    """Give ``put`` what the source has given meanwhile, up to a thousand rows at a time, until the source ends.

    A source that is not ``async`` is read in a worker thread, so that it may block. What it raises comes through.

    :raises ConfigurationError: ``contacts`` is no iterable, or a single text.
    """
    if isinstance(contacts, AsyncIterable):
        await _feed_async(contacts, put)
        return
    if isinstance(contacts, (str, Mapping)) or not isinstance(contacts, Iterable):
        raise ConfigurationError("contacts must be an iterable of Contact or of telephone numbers")
    items = enumerate(contacts, 1)
    while rows := await anyio.to_thread.run_sync(_some, items):
        await put(rows)


async def _feed_async(contacts: AsyncIterable[Any], put: Put) -> None:
    failures: list[Exception] = []
    send, receive = anyio.create_memory_object_stream[Row](_BATCH)
    async with anyio.create_task_group() as tasks, receive:
        tasks.start_soon(_read, contacts, send, failures)
        async for row in receive:
            await put([row, *_waiting(receive)])
    if failures:
        raise failures[0]


async def _read(contacts: AsyncIterable[Any], send: MemoryObjectSendStream[Row], failures: list[Exception]) -> None:
    line = 0
    with send:
        try:
            async for item in contacts:
                line += 1
                await send.send(to_row(item, line))
        except Exception as problem:  # noqa: BLE001 - it is raised when what came before it is in the journal
            failures.append(problem)


def _waiting(receive: MemoryObjectReceiveStream[Row]) -> Iterator[Row]:
    for _ in range(receive.statistics().current_buffer_used):
        yield receive.receive_nowait()


def _some(items: Iterator[tuple[int, Any]]) -> list[Row]:
    rows, until = list[Row](), time.monotonic() + _LONGEST_READING
    for line, item in items:
        rows.append(to_row(item, line))
        if len(rows) == _BATCH or time.monotonic() >= until:
            break
    return rows


def _from_number(item: object) -> Contact:
    if not isinstance(item, str):
        raise InvalidRequestError(f"a contact is a Contact or a telephone number, not {type(item).__name__}")
    return Contact(item)


def _check_fields(fields: Mapping[str, Any]) -> None:
    if all(isinstance(value, _PLAIN) for value in fields.values()):
        return
    try:
        json.dumps(dict(fields))
    except (TypeError, ValueError):
        raise InvalidRequestError("fields must hold what JSON can: text, numbers, lists …", field="fields") from None
