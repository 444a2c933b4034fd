"""What journals in SQL have in common: which statement answers which question, and what its rows mean.

The text of a statement and how it is run are the database's own matter.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from sinch_voice_async.dialer.contacts import BrokenRow
from sinch_voice_async.dialer.journal import Claim, News, Outcome, Total
from sinch_voice_async.dialer.sql import rows
from sinch_voice_async.dialer.states import TRANSITIONS, Change, ContactState

__all__ = ["Cursor", "SqlJournal", "changed"]

T = TypeVar("T")
_UNCOUNTED: Final = frozenset({Change.GIVE_BACK, Change.SKIP})
_ENDS_TOKEN: Final = _UNCOUNTED | {Change.REDIAL}


class Cursor(Protocol):
    """What has been found: rows by the names of their columns."""

    @property
    def rowcount(self) -> int:
        """How many rows a statement has changed, negative where it changes none."""
        ...

    def fetchone(self) -> Any:
        """Return the next row."""
        ...

    def fetchall(self) -> Sequence[Any]:
        """Return the rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class SqlJournal(ABC):
    """The methods of a journal that are one statement each."""

    @abstractmethod
    async def _read(self, name: str, parameters: Mapping[str, Any], give: Callable[[Cursor], T]) -> T:
        """Run a statement that changes nothing."""

    @abstractmethod
    async def _write(self, name: str, parameters: Mapping[str, Any], give: Callable[[Cursor], T]) -> T:
        """Run a statement, and return when what it has changed is durable."""

    @abstractmethod
    def _set(self, values: Collection[str]) -> Any:
        """Return a set as the parameter of a statement."""

    async def due(self, at: float, *, limit: int = 200) -> Sequence[Outcome]:
        """Return contacts that are to do and due."""
        return await self._read("due", {"at": at, "limit": limit}, _outcomes)

    async def next_due(self) -> float | None:
        """Return when the next contact that is to do is due."""
        due: float | None = await self._read("next_due", {}, lambda cursor: cursor.fetchone()["due"])
        return due

    async def claim(self, claim: Claim) -> Outcome | None:
        """Take a contact to ``dialing``."""
        parameters = {"number": claim.number, "token": claim.token, "at": claim.at, "day": claim.day}
        return await self._write("claim", parameters, _first_outcome)

    async def change(self, token: str, change: Change, news: News, at: float) -> Outcome | None:
        """Apply a change to the contact whose attempt has this token."""
        parameters = rows.news_parameters(news) | self._transition(change)
        parameters |= {"token": token, "at": at}
        parameters |= {"uncounted": int(change in _UNCOUNTED), "ends_token": change in _ENDS_TOKEN}
        return await self._write("change", parameters, _first_outcome)

    async def put_off(self, number: str, change: Change | None, note: str, due: float, at: float) -> bool:
        """Skip a contact that is to do, or leave it there until ``due``."""
        target = ContactState.TODO if change is None else TRANSITIONS[change].target
        parameters = {"number": number, "target": target.value, "note": note, "due": due, "at": at}
        return await self._write("put_off", parameters, changed) > 0

    async def change_all(self, change: Change, note: str | None, at: float, numbers: Collection[str] | None) -> int:
        """Apply a change to these contacts, or to all that it applies to."""
        parameters = self._transition(change, but=ContactState.DIALING) | {"note": note, "at": at}
        if numbers is None:
            return await self._write("change_all", parameters, changed)
        return await self._write("change_some", parameters | {"numbers": self._set(numbers)}, changed)

    async def look_up(self, tokens: Collection[str]) -> Sequence[Outcome]:
        """Return the contacts whose attempts have these tokens."""
        return await self._read("look_up", {"tokens": self._set(tokens)}, _outcomes)

    async def find_call(self, call_id: str) -> Outcome | None:
        """Return the contact whose last attempt became this call."""
        return await self._read("find_call", {"call_id": call_id}, _first_outcome)

    async def totals(self) -> Sequence[Total]:
        """Return how many contacts stand where."""
        return await self._read("totals", {}, lambda cursor: [rows.total(row) for row in cursor])

    async def page(
        self, states: Collection[ContactState] | None, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Outcome]:
        """Return contacts in these states, or in any, from behind a position."""
        wanted = None if states is None else self._set([state.value for state in states])
        return await self._read("page", {"states": wanted, "after": after, "limit": limit}, _outcomes)

    async def broken_page(self, *, after: int = -1, limit: int = 1000) -> Sequence[BrokenRow]:
        """Return rows that could not be read, from behind a line."""
        return await self._read("broken_page", {"after": after, "limit": limit}, _broken)

    def _transition(self, change: Change, *, but: ContactState | None = None) -> dict[str, Any]:
        transition = TRANSITIONS[change]
        sources = sorted(state.value for state in transition.sources - {but})
        return {"target": transition.target.value, "sources": self._set(sources)}


def changed(cursor: Cursor) -> int:
    """Return how many rows were changed."""
    return max(cursor.rowcount, 0)


def _outcomes(cursor: Cursor) -> Sequence[Outcome]:
    return [rows.outcome(row) for row in cursor]


def _first_outcome(cursor: Cursor) -> Outcome | None:
    # All are fetched: SQLite has carried a statement out when its last row is read.
    return next((rows.outcome(row) for row in cursor.fetchall()), None)


def _broken(cursor: Cursor) -> Sequence[BrokenRow]:
    return [BrokenRow(row["line"], row["problem"]) for row in cursor]
