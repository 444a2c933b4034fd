"""Batches of contacts: from a source into the journal, and from a planner to the machines that dial them.

Contacts come from any iterable, in batches, in bounded memory. Rules:

- A contact is in the journal before anything happens to it. Thousands of contacts share one transaction.
- What is ready is passed on: a slow source does not hold back the contacts that it has given.
- A row that is not a contact is kept with its line, and the rest goes on.

A planner offers contacts in batches, an existing task queue carries each batch to a machine, and that machine dials it.
The journal decides everything: a batch is a hint, and a lost or doubled one does no harm.
"""

import json
import math
import time
from collections.abc import AsyncIterable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol, TypeAlias

import anyio
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from attrs import define, field, frozen

from sinch_voice_async import _bounds
from sinch_voice_async.dialer.contacts import BrokenRow, Contact
from sinch_voice_async.dialer.journal import Line
from sinch_voice_async.dialer.sources import ContactFile
from sinch_voice_async.errors import ConfigurationError, InvalidRequestError

__all__ = [
    "Batch",
    "Contacts",
    "Engine",
    "Limits",
    "OpenWork",
    "Plan",
    "Sink",
    "Tally",
    "feed",
    "is_whole_list",
    "to_line",
]

_MOST_OFFERED: Final = 50_000
# At an infinite pace: what is offered at a time.
_MOST_AT_ANY_PACE: Final = 10_000


@frozen(kw_only=True)
class Batch:
    """Contacts that one machine is to dial: all that travels in a job of a task queue.

    ``campaign`` is the name of the campaign, ``id`` is new for each batch, and ``size`` the number of contacts. It
    holds no telephone number, since task queues log the arguments of jobs.
    """

    campaign: str
    id: str
    size: int


@frozen(kw_only=True)
class Plan:
    """What a planner did: the batches that it offered, and what is left.

    ``recovered`` counts claims that were lost with their machines and are unknown now. ``left`` counts the contacts
    that are to dial or being dialled, up to 10,000. ``next_due`` is from when the next contact that is not offered may
    be dialled, in seconds since 1970; None without one. ``alive`` counts the calls that are followed and not over.
    """

    batches: Sequence[Batch]
    recovered: int
    left: int
    next_due: float | None
    alive: int = 0


class Engine(Protocol):
    """A task queue that carries batches to machines; :meth:`Campaign.plan_into` uses it."""

    async def send(self, batches: Sequence[Batch]) -> None:
        """Let each batch be dialled by ``shift.dial_batch(batch.id)``, on any machine.

        At least once or not at all: both are harmless. A batch that is lost is offered again when its lease ends.
        """
        ...


@define(kw_only=True)
class Tally:
    """What became of the contacts of a batch.

    ``accepted``, ``rejected``, ``unknown`` and ``skipped`` are the states that they reached. ``put_off`` may be called
    later, such as when the calling window opens. ``returned`` were given back and are offered again: after a 429, when
    nothing could be sent, or when the batch was stopped. ``missed`` were dialled or taken back elsewhere meanwhile.
    ``is_stopped`` says that the batch ended early: it was stopped, or the campaign is paused, held or cancelled.
    """

    accepted: int = 0
    rejected: int = 0
    unknown: int = 0
    skipped: int = 0
    put_off: int = 0
    returned: int = 0
    missed: int = 0
    is_stopped: bool = False

    @property
    def placed(self) -> int:
        """How many callouts may have reached the platform."""
        return self.accepted + self.rejected + self.unknown

    @property
    def total(self) -> int:
        """How many contacts the batch had."""
        return self.placed + self.skipped + self.put_off + self.returned + self.missed


@frozen(kw_only=True)
class OpenWork:
    """What is open in a campaign, counted by the planner: offered contacts, claims, calls, and what calls cost.

    ``alive`` counts calls that are not over, ``uncosted`` all calls whose cost the journal does not know.
    """

    rate: float
    offered: int
    dialing: int
    alive: int = 0
    uncosted: int = 0
    spent: Decimal = Decimal()
    dearest: Decimal | None = None


@frozen(kw_only=True)
class Limits:
    """How much is offered: for ``ahead`` seconds of dialling, and each offer for ``lease`` seconds.

    ``in_flight``, ``follows``, ``max_call_duration`` and ``spend_limit`` are those of the campaign, for all machines
    together. ``calls_per_second`` is its pace, and ``starts_at`` is when dialling starts, in seconds since 1970.
    """

    campaign: str
    calls_per_second: float
    in_flight: int
    follows: bool
    max_call_duration: float
    spend_limit: Decimal | None
    starts_at: float = 0.0
    size: int = field(default=100, validator=_bounds.checked(_bounds.whole, least=1, most=10_000))
    ahead: float = field(default=60.0, validator=_bounds.checked(_bounds.seconds, zero=False))
    lease: float = field(default=300.0, validator=_bounds.checked(_bounds.seconds, zero=False))

    def room(self, open_work: OpenWork) -> int:
        """Return how many more contacts may be offered now."""
        ahead = open_work.rate * self.ahead
        room = math.ceil(min(ahead, _MOST_OFFERED)) if math.isfinite(ahead) else _MOST_AT_ANY_PACE
        room -= open_work.offered
        if self.follows:
            room = min(room, self.in_flight - open_work.alive - open_work.dialing - open_work.offered)
        if self.spend_limit is not None:
            room = min(room, self._room_to_spend(self.spend_limit, open_work))
        return max(room, 0)

    def lease_at(self, rate: float) -> float:
        """Return how long an offer holds: long enough for one callout at the slowest pace."""
        return max(self.lease, 3.0 / rate)

    def _room_to_spend(self, limit: Decimal, open_work: OpenWork) -> int:
        pending = open_work.offered + open_work.dialing
        if open_work.spent >= limit:
            return 0
        if open_work.dearest is None:
            # While no cost is known, calls go one at a time.
            return 1 - pending - open_work.alive
        if not open_work.dearest:
            return _MOST_OFFERED  # calls cost nothing
        # Assume that each call whose cost is not known costs as much as the most expensive one so far.
        return math.ceil((limit - open_work.spent) / open_work.dearest) - open_work.uncosted - pending


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
