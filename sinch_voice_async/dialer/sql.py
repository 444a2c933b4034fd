"""What the journals in SQL share: which statement answers which question, what its rows mean, and how rows are sorted.

The text of a statement and how it runs belong to the database. Amounts are kept as whole billionths, so that SQL adds
them up exactly.
"""

import json
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import attrs
from attrs import define, field, frozen

from sinch_voice_async.dialer.contacts import BrokenRow, Contact
from sinch_voice_async.dialer.journal import (
    REMOVED,
    TRANSITIONS,
    Added,
    AttemptUpdate,
    Change,
    Claim,
    ContactState,
    Control,
    Line,
    Outcome,
    RowFate,
    Total,
)
from sinch_voice_async.errors import ConfigurationError, InvalidRequestError, JournalError
from sinch_voice_async.models.calls import Price

__all__ = [
    "Cursor",
    "GivenRow",
    "Known",
    "Row",
    "SqlJournal",
    "changed",
    "clean",
    "is_address",
    "named_statements",
    "names_in",
    "numbers_in",
    "outcome",
    "row_of",
    "sort_rows",
]

T = TypeVar("T")

GivenRow: TypeAlias = tuple[int | None, dict[str, Any] | BrokenRow]
"""A line and the parameters of its contact, or why it is broken."""

_UNCOUNTED: Final = frozenset({Change.GIVE_BACK, Change.SKIP})
_ENDS_TOKEN: Final = _UNCOUNTED | {Change.REDIAL}
_DIGITS: Final = 9
# A call that costs more is a fault. Billionths of it fit into 64 bits, and so does the sum of a long campaign.
_MOST: Final = Decimal(9_000_000)
_LONGEST_DURATION: Final = 2**31 - 1
_LONGEST_TEXT: Final = 300
_SAME = (
    "attempt",
    "returned",
    "token",
    "day",
    "today",
    "call_id",
    "result",
    "reason",
    "duration",
    "note",
    "due",
    "line",
)
_TIMES = ("placed_at", "changed_at")


_POSTGRES: Final = re.compile(r"postgres(ql)?(\+\w+)?://", re.IGNORECASE)
# The words of libpq's connection strings.
_WORD: Final = re.compile(
    r"(host|hostaddr|port|dbname|user|password|passfile|service|options|application_name|fallback_application_name|"
    r"connect_timeout|client_encoding|target_session_attrs|load_balance_hosts|channel_binding|require_auth|requirepeer|"
    r"replication|gssencmode|krbsrvname|gsslib|gssdelegation|ssl\w+|keepalives\w*|tcp_user_timeout)\s*=",
    re.IGNORECASE,
)
# SQLite's own URIs are others too: "file:x" and "x" would be two journals of one campaign.
_OTHER_SCHEME: Final = re.compile(
    r"[a-z][a-z0-9+.-]+:/|(?:file|sqlite|jdbc|postgres(?:ql)?(?:\+\w+)?):|:memory:$", re.IGNORECASE
)
_OTHER_WORD: Final = re.compile(
    r"(?:server|data ?source|initial catalog|database|username|user id|uid|pg[a-z]+)\s*=", re.IGNORECASE
)
_PASSWORD: Final = re.compile(
    r"(?:password|passwd|passphrase|pwd)\s*[=:]|(?:^|/)[^/\\\s@:]*:[^/\\\s@]*@", re.IGNORECASE
)


class Row(Protocol):
    """A row by the names of its columns."""

    def __getitem__(self, column: str, /) -> Any: ...

    def keys(self) -> Iterable[str]:
        """Return the names of the columns."""
        ...


class Cursor(Protocol):
    """The result of a statement."""

    @property
    def rowcount(self) -> int:
        """How many rows a statement changed, negative if it changes none."""
        ...

    def fetchone(self) -> Any:
        """Return the next row."""
        ...

    def fetchall(self) -> Sequence[Any]:
        """Return the rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


def is_address(written: str) -> bool:
    """Say whether a text is the address of a database in PostgreSQL.

    :raises ConfigurationError: it is the address of something else, or may be one; it is not repeated.
    """
    text = written.strip()
    if _POSTGRES.match(text) or _WORD.match(text):
        return True
    # Some keyboards and programs write a colon of full width, or quotation marks around the whole.
    bare = unicodedata.normalize("NFKC", text).strip("'\" ")
    patterns = (_POSTGRES.match, _WORD.match, _OTHER_WORD.match, _OTHER_SCHEME.match, _PASSWORD.search)
    if not bare or any(found(bare) for found in patterns):
        raise ConfigurationError(
            "the journal must be the path of a file, or a database in PostgreSQL: postgresql://user@host/database"
        )
    return False


def named_statements(text: str) -> Mapping[str, str]:
    """Return the statements of a file by the names in ``-- name: ...`` before each."""
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)[1:]
    return MappingProxyType({name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)})


def clean(text: str | None) -> str | None:
    """Return a text that any database can keep: no NUL, no lone surrogates, at most 300 characters."""
    if text is None or (len(text) <= _LONGEST_TEXT and text.isascii() and text.isprintable()):
        return text
    return text[:_LONGEST_TEXT].encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def row_of(contact: Contact, line: int | None = None, listed: int | None = None) -> dict[str, Any]:
    """Return the parameters that add a contact.

    :raises InvalidRequestError: a field holds a value that JSON cannot.
    """
    try:
        fields = json.dumps(dict(contact.fields))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"fields must hold what JSON can: {error}", field="fields") from None
    others = contact.numbers[1:]
    return {
        "number": contact.number,
        "fields": fields,
        "zone": contact.zone,
        "priority": contact.priority,
        "line": line,
        "listed": listed,
        "others": json.dumps(others) if others else None,
        "names": tuple(map(str, contact.fields)),
    }


@frozen
class Known:
    """What the journal knows of a number when a row with it comes: the contact ``owner``, by its first number."""

    owner: str
    line: int | None
    listed: int | None
    fields: str
    zone: str | None
    others: str | None
    priority: int

    @classmethod
    def of(cls, row: Row) -> "Known":
        """Return what a row of the table says."""
        given = (row["fields"], row["zone"], row["others"], row["priority"])
        return cls(row["number"], row["line"], row["listed"], *given)

    def is_as(self, row: Mapping[str, Any]) -> bool:
        """Say whether a row of a later list has the same fields."""
        given = (row["fields"], row["zone"], row["others"], row["priority"])
        return (self.fields, self.zone, self.others, self.priority) == given


@define
class Sorted:
    """A batch of rows: those to insert, those to replace, and the fates of the others."""

    listed: int | None
    known: dict[str, Known]
    new: dict[str, dict[str, Any]] = field(factory=dict)
    again: list[dict[str, Any]] = field(factory=list)
    fates: list[RowFate] = field(factory=list)

    def add(self, line: int | None, row: dict[str, Any]) -> None:
        """Decide what becomes of a row."""
        number = row["number"]
        before = self.known.get(number)
        self._keep_own_numbers(row)
        if before is None:
            self.new[number] = row
        elif before.owner != number or before.listed == self.listed or self.listed is None:
            if before.owner != number or before.line != line or line is None:
                self.fates.append(RowFate(line, "duplicate", _duplicate_of(before.line), number))
            return
        else:
            self.again.append(row)
            self._release_numbers(before)
            if not before.is_as(row):
                self.fates.append(RowFate(line, "changed", "the list has other fields now", number))
        given = (row["fields"], row["zone"], row["others"], row["priority"])
        for each in (number, *json.loads(row["others"] or "[]")):
            self.known[each] = Known(number, line, self.listed, *given)

    def _release_numbers(self, before: Known) -> None:
        for number in json.loads(before.others or "[]"):
            known = self.known.get(number)
            if known is not None and known.owner == before.owner:
                del self.known[number]

    def _keep_own_numbers(self, row: dict[str, Any]) -> None:
        # A further number that belongs to another contact is dialled for that one alone.
        if row["others"] is not None:
            owners = {each: self.known.get(each) for each in json.loads(row["others"])}
            own = [each for each, known in owners.items() if known is None or known.owner == row["number"]]
            row["others"] = json.dumps(own) if own else None


def sort_rows(rows: Sequence[GivenRow], known: dict[str, Known], listed: int | None) -> Sorted:
    """Decide what becomes of each row, from what the journal knows of the numbers."""
    found = Sorted(listed, known)
    for line, row in rows:
        if isinstance(row, BrokenRow):
            found.fates.append(RowFate(row.line, "broken", clean(row.problem) or ""))
        else:
            found.add(line, row)
    return found


def numbers_in(rows: Sequence[GivenRow]) -> list[str]:
    """Return all numbers of a batch of rows."""
    contacts = [row for _, row in rows if not isinstance(row, BrokenRow)]
    return [number for row in contacts for number in (row["number"], *json.loads(row["others"] or "[]"))]


def names_in(rows: Sequence[GivenRow]) -> list[str]:
    """Return the names of the fields of a batch of rows, in the order in which they appear."""
    return [*dict.fromkeys(name for _, row in rows if isinstance(row, dict) for name in row["names"])]


def _duplicate_of(line: int | None) -> str:
    return "the campaign has the number already" if line is None else f"duplicate of line {line}"


class SqlJournal(ABC):
    """The methods of a journal that are one statement each."""

    place: str

    @abstractmethod
    async def _read(self, name: str, parameters: Mapping[str, Any], give: Callable[[Cursor], T]) -> T:
        """Run a statement that changes nothing."""

    @abstractmethod
    async def _write(self, name: str, parameters: Mapping[str, Any], give: Callable[[Cursor], T]) -> T:
        """Run a statement, and return when its changes are durable."""

    @abstractmethod
    async def _add(self, rows: Sequence[GivenRow], at: float, listed: int | None) -> Added:
        """Sort and write rows in one transaction."""

    @abstractmethod
    def _set(self, values: Collection[str]) -> Any:
        """Return a set as the parameter of a statement."""

    async def options(self) -> Mapping[str, Any] | None:
        """Return the options that were kept."""
        kept: str | None = await self._read("options", {}, lambda cursor: cursor.fetchone()["options"])
        return None if kept is None else dict(json.loads(kept))

    async def keep_options(self, options: Mapping[str, Any]) -> None:
        """Keep the options of the campaign."""
        await self._write("keep_options", {"options": json.dumps(dict(options))}, changed)

    async def control(self) -> Control:
        """Return what was asked of the runs of the campaign."""
        kept: str | None = await self._read("control", {}, lambda cursor: cursor.fetchone()["control"])
        return Control() if kept is None else Control(**json.loads(kept))

    async def set_control(self, control: Control) -> None:
        """Ask something of the runs of the campaign."""
        await self._write("set_control", {"control": json.dumps(attrs.asdict(control))}, changed)

    async def begin_list(self) -> int:
        """Return the id of a new list."""
        listed: int = await self._write("begin_list", {}, lambda cursor: cursor.fetchall()[0]["listing"])
        return listed

    async def enqueue(self, contacts: Sequence[Contact], at: float) -> int:
        """Add contacts whose numbers are not there yet, and return how many there were."""
        return (await self._add([(None, row_of(contact)) for contact in contacts], at, None)).added

    async def note_broken(self, broken: Sequence[BrokenRow]) -> None:
        """Keep rows that could not be read."""
        await self._add([(row.line, row) for row in broken], 0.0, None)

    async def add(self, rows: Sequence[Line], at: float, *, listed: int | None = None) -> Added:
        """Add rows in one transaction, and return what became of them."""
        given = [(line, row if isinstance(row, BrokenRow) else row_of(row, line, listed)) for line, row in rows]
        return await self._add(given, at, listed)

    async def end_list(self, listed: int, at: float) -> int:
        """Skip contacts in ``todo`` that only a former list has."""
        return await self._write("end_list", {"listed": listed, "at": at, "removed": REMOVED}, changed)

    async def next_due(self, *, listed: int | None = None) -> float | None:
        """Return when the next contact in ``todo`` is due."""
        due: float | None = await self._read("next_due", {"listed": listed}, lambda cursor: cursor.fetchone()["due"])
        return due

    async def claim(self, claim: Claim) -> Outcome | None:
        """Move a contact to ``dialing``."""
        parameters = {"number": claim.number, "token": claim.token, "at": claim.at, "day": claim.day}
        return await self._write("claim", parameters, self._first_outcome)

    async def change(self, token: str, change: Change, update: AttemptUpdate, at: float) -> Outcome | None:
        """Apply a change to the contact whose attempt has this token."""
        return await self._write("change", self.change_parameters(token, change, update, at), self._first_outcome)

    def change_parameters(self, token: str, change: Change, update: AttemptUpdate, at: float) -> dict[str, Any]:
        """Return the parameters of a change."""
        parameters = update_parameters(update) | self._transition(change) | {"token": token, "at": at}
        return parameters | {"uncounted": int(change in _UNCOUNTED), "ends_token": change in _ENDS_TOKEN}

    async def put_off(self, number: str, change: Change | None, note: str, due: float, at: float) -> bool:
        """Skip a contact in ``todo``, or leave it there until ``due``."""
        target = ContactState.TODO if change is None else TRANSITIONS[change].target
        parameters = {"number": number, "target": target.value, "note": clean(note), "due": due, "at": at}
        return await self._write("put_off", parameters, changed) > 0

    async def change_all(self, change: Change, note: str | None, at: float, numbers: Collection[str] | None) -> int:
        """Apply a change to these contacts, or to all that it applies to."""
        parameters = self._transition(change, but=ContactState.DIALING) | {"note": note, "at": at}
        parameters["removed"] = REMOVED if change is Change.REOPEN else None
        if numbers is None:
            return await self._write("change_all", parameters, changed)
        return await self._write("change_some", parameters | {"numbers": self._set(numbers)}, changed)

    async def releasable(self, numbers: Collection[str]) -> int:
        """Return how many contacts with these numbers ``RELEASE`` would change."""
        parameters = self._transition(Change.RELEASE) | {"numbers": self._set(numbers)}
        count: int = await self._read("count_some", parameters, lambda cursor: cursor.fetchone()["contacts"])
        return count

    async def look_up(self, tokens: Collection[str]) -> Sequence[Outcome]:
        """Return the contacts whose attempts have these tokens."""
        return await self._read("look_up", {"tokens": self._set(tokens)}, self._outcomes)

    async def find_call(self, call_id: str) -> Outcome | None:
        """Return the contact whose last attempt became this call."""
        return await self._read("find_call", {"call_id": clean(call_id)}, self._first_outcome)

    async def find_number(self, number: str) -> Outcome | None:
        """Return the contact with this number."""
        return await self._read("find_number", {"number": number}, self._first_outcome)

    async def totals(self) -> Sequence[Total]:
        """Return how many contacts stand where."""
        return await self._read("totals", {}, self._totals)

    async def page(
        self, states: Collection[ContactState] | None, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Outcome]:
        """Return contacts in these states, or in any, behind a position."""
        if states is None:
            return await self._read("page", {"after": after, "limit": limit}, self._outcomes)
        if len(states) == 1:
            only = {"state": next(iter(states)).value, "after": after, "limit": limit}
            return await self._read("page_of", only, self._outcomes)
        wanted = self._set([state.value for state in states])
        return await self._read("page_some", {"states": wanted, "after": after, "limit": limit}, self._outcomes)

    async def redialable(
        self, results: Collection[str], attempts: int, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Outcome]:
        """Return contacts in ``done`` that a redial rule may allow."""
        parameters = {"results": self._set(results), "attempts": attempts, "after": after, "limit": limit}
        return await self._read("redialable", parameters, self._outcomes)

    async def alive(self, since: float, *, after: int = 0, limit: int = 1000) -> Sequence[Outcome]:
        """Return contacts in ``accepted`` that were placed since."""
        return await self._read("alive", {"since": since, "after": after, "limit": limit}, self._outcomes)

    async def row_fates(
        self, fate: str | None = None, *, after: int = 0, limit: int = 1000
    ) -> Sequence[tuple[int, RowFate]]:
        """Return rows with this fate, or with any, behind a position."""
        return await self._read("row_fates", {"fate": fate, "after": after, "limit": limit}, _fates)

    async def fate_counts(self) -> Mapping[str, int]:
        """Return how many rows have each fate."""
        return await self._read("fate_counts", {}, lambda cursor: {row["fate"]: row["lines"] for row in cursor})

    async def field_names(self) -> Sequence[str]:
        """Return the names of all fields."""
        return await self._read("field_names", {}, lambda cursor: [row["name"] for row in cursor])

    async def stream_results(self, states: Collection[ContactState]) -> None:
        """Keep a result each time that a contact reaches one of these states, until it is forgotten; none for none."""
        await self._write("keep_result_states", {"states": self._set([state.value for state in states])}, changed)

    async def results(self, limit: int) -> Sequence[tuple[int, Mapping[str, Any]]]:
        """Return the first results that were not forgotten, each with its id, in order."""
        return await self._read("results", {"limit": limit}, self._results)

    async def forget_results(self, ids: Collection[int]) -> None:
        """Forget results."""
        await self._write("forget_results", {"ids": self._set([*map(str, ids)])}, changed)

    def _results(self, cursor: Cursor) -> Sequence[tuple[int, Mapping[str, Any]]]:
        with self._readable():
            return [(row["id"], as_result(json.loads(row["body"]))) for row in cursor]

    def _transition(self, change: Change, *, but: ContactState | None = None) -> dict[str, Any]:
        transition = TRANSITIONS[change]
        sources = sorted(state.value for state in transition.sources - {but})
        return {"target": transition.target.value, "sources": self._set(sources)}

    def _outcomes(self, cursor: Cursor) -> Sequence[Outcome]:
        with self._readable():
            return [self._outcome(row) for row in cursor]

    def _first_outcome(self, cursor: Cursor) -> Outcome | None:
        # All rows are fetched: SQLite has carried a statement out when its last row is read.
        with self._readable():
            return next((self._outcome(row) for row in cursor.fetchall()), None)

    def _outcome(self, row: Row) -> Outcome:
        return outcome(row)

    def _totals(self, cursor: Cursor) -> Sequence[Total]:
        with self._readable():
            return [total(row) for row in cursor]

    @contextmanager
    def _readable(self) -> Generator[None]:
        """Raise what cannot be read in a row as ``JournalError``."""
        try:
            yield
        except (ValueError, TypeError, KeyError, InvalidRequestError, ArithmeticError):
            # Nothing of the row in the message, and no cause: a row has telephone numbers.
            raise JournalError(f"the journal {self.place} is damaged: a row cannot be read") from None


def changed(cursor: Cursor) -> int:
    """Return how many rows were changed."""
    return max(cursor.rowcount, 0)


def _fates(cursor: Cursor) -> Sequence[tuple[int, RowFate]]:
    return [(row["position"], RowFate(row["line"], row["fate"], row["detail"], row["number"])) for row in cursor]


def update_parameters(update: AttemptUpdate) -> dict[str, Any]:
    """Return what was learnt, as parameters that the storage can keep."""
    parameters = attrs.asdict(update, recurse=False)
    price: Price | None = parameters.pop("price")
    amount = None if price is None else _billionths(price.amount)
    for name in ("call_id", "result", "reason", "note"):
        parameters[name] = clean(parameters[name])
    duration = parameters["duration"]
    if duration is not None and not 0 <= duration <= _LONGEST_DURATION:
        parameters["duration"] = None
    return parameters | {
        "amount": amount,
        "currency": clean(price.currency_id) if price and amount is not None else None,
    }


def outcome(row: Row, batch: str | None = None) -> Outcome:
    """Return what a row says; ``batch`` is the batch in which the contact is offered."""
    contact = _contact(row)
    amount, recent = row["amount"], row["recent"]
    return Outcome(
        contact=contact,
        state=ContactState(row["state"]),
        price=None if amount is None else Price(amount=_units(amount), currency_id=row["currency"]),
        spent=_units(row["spent"]),
        recent=tuple(json.loads(recent) if isinstance(recent, str) else recent),
        position=row["position"],
        batch=batch,
        **{name: row[name] for name in (*_SAME, *_TIMES)},
    )


def _contact(row: Row) -> Contact:
    others = row["others"]
    numbers = (row["number"], *json.loads(others)) if others else ()
    fields, priority = json.loads(row["fields"]), row["priority"]
    return Contact.restored(row["number"], fields, row["zone"], numbers, row["line"], priority)


def total(row: Row) -> Total:
    """Return one line of the totals."""
    parameters: dict[str, Any] = dict(row)
    dearest = parameters["dearest"]
    parameters.update(
        state=ContactState(row["state"]),
        spent=_units(row["spent"]),
        dearest=None if dearest is None else _units(dearest),
    )
    return Total(**parameters)


def as_result(kept: dict[str, Any]) -> Mapping[str, Any]:
    """Return a result as others read it: amounts in units of the currency, times in ISO 8601."""
    amount = kept.pop("amount")
    # Python writes NaN and Infinity, which JSON has not.
    kept["fields"] = json.loads(kept["fields"], parse_constant=str)
    kept["price"] = None if amount is None else f"{_units(amount):f}"
    for name in ("placed_at", "changed_at"):
        kept[name] = None if kept[name] is None else datetime.fromtimestamp(kept[name], UTC).isoformat()
    return kept


def _billionths(amount: Decimal) -> int | None:
    # Compared, never computed with: an exponent of a billion would overflow.
    if not amount.is_finite() or amount.copy_abs() > _MOST:
        return None
    if amount.adjusted() < -_DIGITS - 1:
        return 0
    return int(amount.scaleb(_DIGITS).to_integral_value())


def _units(billionths: int) -> Decimal:
    return Decimal(billionths).scaleb(-_DIGITS).normalize()
