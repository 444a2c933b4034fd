"""What became of a campaign: the totals, every contact and every row, in files that a spreadsheet may open safely."""

import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol

import anyio
import anyio.to_thread
from attrs import field, frozen

from sinch_voice_async import _files
from sinch_voice_async.dialer.contacts import BrokenRow
from sinch_voice_async.dialer.journal import ContactState, Journal, Listing, Outcome, RowFate, Total
from sinch_voice_async.errors import CampaignError

__all__ = ["Report", "csv_line", "report_of"]

_SHOWN: Final = 1000
# A formula at the beginning of a cell, or behind what another program takes for the end of one; also with full-width
# signs, and behind spaces or quotes.
_FORMULA: Final = re.compile("(^|[;\\t\\r\\n|,])([\\s\"'\ufeff]{0,9})(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])")
_COLUMNS: Final = (
    "number",
    "state",
    "result",
    "reason",
    "attempts",
    "duration",
    "price",
    "currency",
    "spent",
    "call_id",
    "placed_at",
    "note",
    "line",
)


class Source(Protocol):
    """The campaign that a report is about; its journal is open within ``async with``."""

    async def __aenter__(self) -> Any: ...

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    @property
    def name(self) -> str:
        """The name of the campaign."""
        ...

    def outcomes(self, states: Collection[ContactState] | None = None) -> Listing[Outcome]:
        """Return the contacts in these states."""
        ...

    def row_fates(self, fate: str | None = None) -> Listing[tuple[int, RowFate]]:
        """Return the rows with this fate."""
        ...

    @property
    def inputs(self) -> Collection[Path]:
        """The files that the campaign reads, which no report may replace."""
        ...


@frozen(kw_only=True)
class Report:
    """A campaign in figures, as its journal has them.

    ``states`` counts contacts by state, ``results`` those in ``done`` by the result of their last call. ``skipped`` and
    ``rejected`` count by the reason. ``attempts`` is how many callouts may have rung; ``spent`` the known cost by
    currency. ``rate`` is callouts per second from the first to the last, None if there were not two. ``unknown`` are
    contacts whose telephones may have rung, with no proof either way. ``fates`` counts the rows of the source that are
    more than a contact: ``broken``, ``duplicate``, ``changed``, ``removed``. ``rows``, ``broken`` and ``unknown`` have
    the first thousand of each.
    """

    campaign: str
    states: Mapping[ContactState, int]
    results: Mapping[str, int]
    skipped: Mapping[str, int]
    rejected: Mapping[str, int]
    attempts: int
    spent: Mapping[str, Decimal]
    rate: float | None
    unknown: Sequence[Outcome] = field(repr=lambda unknown: f"<{len(unknown)} outcomes>")
    broken: Sequence[BrokenRow] = field(repr=lambda broken: f"<{len(broken)} rows>")
    fates: Mapping[str, int] = field(factory=dict)
    rows: Sequence[RowFate] = field(default=(), repr=lambda rows: f"<{len(rows)} rows>")
    _fields: Sequence[str] = field(default=(), alias="fields", repr=False, eq=False)
    _source: Source = field(alias="source", repr=False, eq=False)

    @property
    def contacts(self) -> int:
        """How many contacts the campaign has."""
        return sum(self.states.values())

    @property
    def broken_rows(self) -> int:
        """How many rows could not be read."""
        return self.fates.get("broken", 0)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    async def write_csv(self, path: str | os.PathLike[str], *, bom: bool = False) -> None:
        """Write every contact into a CSV file in UTF-8, the unknown ones first, with all fields of all contacts.

        The file is readable by its owner alone, and replaces a file of that name when it is whole. A text that a
        spreadsheet could take for a formula gets an apostrophe before it. ``bom`` writes a byte order mark, by which
        Excel recognizes UTF-8.

        :raises CampaignError: the file cannot be written, or is the journal or a list that the campaign reads.
        :raises JournalError: the journal cannot be used.
        """
        own = [name for name in self._fields if name != "number"]
        head = ("\ufeff" if bom else "") + csv_line([*_COLUMNS, *map(_own_name, own)])
        await self._write(path, _csv_of(self._source, head, own))

    async def write_json(self, path: str | os.PathLike[str]) -> None:
        """Write the totals and every contact into a JSON file, the unknown ones first.

        :raises CampaignError: the file cannot be written.
        :raises JournalError: the journal cannot be used.
        """
        await self._write(path, _json_of(self._source, self._totals()))

    async def write_rejects(self, path: str | os.PathLike[str]) -> None:
        """Write every row that is broken, a duplicate, changed or removed into a CSV file: line, fate, number, why.

        :raises CampaignError: the file cannot be written.
        :raises JournalError: the journal cannot be used.
        """
        await self._write(path, _rejects_of(self._source))

    async def _write(self, path: str | os.PathLike[str], pieces: AsyncIterator[str]) -> None:
        target = Path(path)
        async with self._source:  # open for all pages
            await self._write_pieces(target, pieces)

    async def _write_pieces(self, path: Path, pieces: AsyncIterator[str]) -> None:
        try:
            _files.check_apart(path, self._source.inputs)
            file = await anyio.to_thread.run_sync(lambda: _files.NewFile(path, overwrite=True))
            try:
                async for piece in pieces:
                    # A lone surrogate, which no encoding has, must not cost the report.
                    await anyio.to_thread.run_sync(file.write, piece.encode("utf-8", "backslashreplace"))
                await anyio.to_thread.run_sync(file.commit)
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(file.abort)
        except OSError as error:
            raise CampaignError(f"the report cannot be written to {path}: {error.strerror}") from error

    def _totals(self) -> dict[str, Any]:
        return {
            "campaign": self.campaign,
            "states": dict(self.states),
            "results": dict(self.results),
            "skipped": dict(self.skipped),
            "rejected": dict(self.rejected),
            "attempts": self.attempts,
            "spent": {currency: str(amount) for currency, amount in self.spent.items()},
            "rate": self.rate,
            "rows": dict(self.fates),
            "broken": [{"line": row.line, "problem": row.problem} for row in self.broken],
            "duplicates": [
                {"line": row.line, "number": row.number, "detail": row.detail}
                for row in self.rows
                if row.fate == "duplicate"
            ],
        }

    def _lines(self) -> Iterator[str]:
        yield f"{self.campaign}: {_count_of(self.contacts, 'contact')}, {_count_of(self.attempts, 'callout')}"
        if unknown := self.states.get(ContactState.UNKNOWN, 0):
            yield f"  {unknown} unknown: the telephones may have rung; no run dials them again"
        for state in (each for each in ContactState if each is not ContactState.UNKNOWN):
            if count := self.states.get(state, 0):
                yield f"  {count} {state}{_reasons(self._reasons_of(state))}"
        for currency, amount in self.spent.items():
            yield f"  {amount:f} {currency} spent"
        if self.rate is not None:
            yield f"  {self.rate:.2f} callouts per second, from the first to the last"
        if self.broken:
            yield f"  rows that could not be read: {self.broken_rows}; the first is line {self.broken[0].line}"
        for fate, words in _FATES.items():
            if count := self.fates.get(fate, 0):
                yield f"  {words}: {count}{self._examples(fate)}"

    def _examples(self, fate: str) -> str:
        rows = [row for row in self.rows if row.fate == fate]
        shown = [f"line {row.line}: {row.detail}" if row.line is not None else row.detail for row in rows[:3]]
        return f" ({'; '.join(shown)}{' ...' if len(rows) > len(shown) else ''})" if shown else ""

    def _reasons_of(self, state: ContactState) -> Mapping[str, int]:
        by_state = {"done": self.results, "skipped": self.skipped, "rejected": self.rejected}
        return by_state.get(state, {})


_FATES: Final = {
    "duplicate": "rows with the number of another row",
    "changed": "rows that changed since the last list",
    "removed": "contacts that the last list no longer has",
}


async def report_of(source: Source, journal: Journal) -> Report:
    """Return the report on what an open journal says.

    :raises JournalError: the journal cannot be read.
    """
    unknown = await journal.page({ContactState.UNKNOWN})
    rows = [row for _, row in await journal.row_fates(limit=_SHOWN)]
    broken = [row for _, row in await journal.row_fates("broken", limit=_SHOWN)]
    totals = await journal.totals()
    spent: dict[str, Decimal] = {}
    for total in totals:
        if total.spent:
            currency = total.currency or "?"
            spent[currency] = spent.get(currency, Decimal()) + total.spent
    return Report(
        campaign=source.name,
        states=_count(totals, lambda total: total.state),
        results=_count(totals, lambda total: total.result or "N/A", ContactState.DONE),
        skipped=_count(totals, lambda total: total.note or "?", ContactState.SKIPPED),
        rejected=_count(totals, lambda total: total.note or "?", ContactState.REJECTED),
        attempts=sum(total.attempts for total in totals),
        spent=spent,
        rate=_rate(totals),
        unknown=unknown,
        broken=[BrokenRow(row.line or 0, row.detail) for row in sorted(broken, key=lambda row: row.line or 0)],
        fates=await journal.fate_counts(),
        rows=rows,
        fields=await journal.field_names(),
        source=source,
    )


async def _pages(source: Source) -> AsyncIterator[Sequence[Outcome]]:
    for states in ({ContactState.UNKNOWN}, {*ContactState} - {ContactState.UNKNOWN}):
        listing = source.outcomes(states)
        while page := await listing.page():
            yield page


async def _csv_of(source: Source, head: str, own: Sequence[str]) -> AsyncIterator[str]:
    yield head
    async for page in _pages(source):
        yield "".join(csv_line(_cells(outcome, own)) for outcome in page)


async def _json_of(source: Source, totals: Mapping[str, Any]) -> AsyncIterator[str]:
    yield f'{json.dumps(totals, ensure_ascii=False, indent=1)[:-2]},\n "contacts": ['
    separator = "\n"
    async for page in _pages(source):
        yield separator + ",\n".join(json.dumps(_record(outcome), ensure_ascii=False) for outcome in page)
        separator = ",\n"
    yield "\n]}\n"


async def _rejects_of(source: Source) -> AsyncIterator[str]:
    yield csv_line(["line", "fate", "number", "detail"])
    listing = source.row_fates()
    while page := await listing.page():
        yield "".join(csv_line([row.line, row.fate, row.number, row.detail]) for _, row in page)


def _count(
    totals: Sequence[Total], key: Callable[[Total], Any], state: ContactState | None = None
) -> Mapping[Any, int]:
    counted: Counter[Any] = Counter()
    for total in totals:
        if state is None or total.state is state:
            counted[key(total)] += total.contacts
    return dict(counted.most_common())


def _rate(totals: Sequence[Total]) -> float | None:
    attempts = sum(total.attempts for total in totals)
    first = min((total.first_placed_at for total in totals if total.first_placed_at is not None), default=0.0)
    last = max((total.last_placed_at for total in totals if total.last_placed_at is not None), default=0.0)
    return (attempts - 1) / (last - first) if last > first else None


def _count_of(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _reasons(counted: Mapping[str, int]) -> str:
    return f": {', '.join(f'{count} {reason}' for reason, count in counted.items())}" if counted else ""


def _record(outcome: Outcome) -> dict[str, Any]:
    price = outcome.price
    return {
        "number": outcome.number,
        "state": outcome.state,
        "result": outcome.result,
        "reason": outcome.reason,
        "attempts": outcome.attempt,
        "duration": outcome.duration,
        "price": None if price is None else f"{price.amount:f}",
        "currency": None if price is None else price.currency_id,
        "spent": f"{outcome.spent:f}",
        "call_id": outcome.call_id,
        "placed_at": None if outcome.placed_at is None else datetime.fromtimestamp(outcome.placed_at, UTC).isoformat(),
        "note": outcome.note,
        "line": outcome.line,
        "fields": dict(outcome.contact.fields),
    }


def _cells(outcome: Outcome, own: Sequence[str]) -> list[object]:
    record = _record(outcome)
    fields = record.pop("fields")
    return [*record.values(), *(fields.get(name) for name in own)]


def _own_name(column: str) -> str:
    return f"contact.{column}" if column in _COLUMNS else column


def csv_line(cells: Sequence[object]) -> str:
    """Return a row of CSV without a formula that a spreadsheet would find; a plus stays, behind an apostrophe."""
    line = io.StringIO()
    csv.writer(line).writerow([_safe(cell) for cell in cells])
    return line.getvalue()


def _safe(cell: object) -> object:
    """Return a cell in which no spreadsheet finds a formula, whatever separator it takes."""
    if isinstance(cell, (dict, list)):
        cell = json.dumps(cell, ensure_ascii=False)
    if not isinstance(cell, str) or cell.isalnum():
        return cell
    return _FORMULA.sub(r"\1'\2", cell)
