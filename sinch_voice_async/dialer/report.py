"""What became of a campaign: the totals, and every contact, into a file that a spreadsheet may open safely."""

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeAlias

import anyio
import anyio.to_thread
from attrs import field, frozen

from sinch_voice_async.dialer.contacts import BrokenRow
from sinch_voice_async.dialer.journal import Outcome, Total
from sinch_voice_async.dialer.paging import Listing
from sinch_voice_async.dialer.states import ContactState
from sinch_voice_async.errors import CampaignError

__all__ = ["Report", "report_of"]

List: TypeAlias = Callable[[Collection[ContactState] | None], Listing[Outcome]]

_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r")
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
)


@frozen(kw_only=True)
class Report:
    """A campaign in numbers, as its journal has them.

    ``states`` counts contacts by where they stand, ``results`` those that are done by the result of their last call.
    ``skipped`` and ``rejected`` count by the reason. ``attempts`` is how many callouts may have rung; ``spent`` the
    known cost by currency. ``rate`` is callouts per second from the first to the last, None where there were not two.
    ``unknown`` are the contacts whose telephones may have rung, and nobody can say; ``broken`` the rows that could not
    be read; of each the first thousand.
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
    _list: List = field(alias="list", repr=False, eq=False)

    @property
    def contacts(self) -> int:
        """How many contacts the campaign has."""
        return sum(self.states.values())

    def __str__(self) -> str:
        return "\n".join(self._lines())

    async def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write every contact into a CSV file, the unknown ones first, each with the fields that it came with.

        A cell that a spreadsheet would take for a formula gets an apostrophe before it.

        :raises CampaignError: the file cannot be written.
        :raises JournalError: the journal cannot be used.
        """
        first = await anext(self._list(None), None)
        own = [name for name in (first.contact.fields if first else ()) if name != "number"]

        def text(outcomes: Iterable[Outcome]) -> Iterator[str]:
            return (_csv_line(_cells(outcome, own)) for outcome in outcomes)

        await self._write(Path(path), head=_csv_line([*_COLUMNS, *map(_own_name, own)]), text=text, foot="")

    async def write_json(self, path: str | os.PathLike[str]) -> None:
        """Write the totals and every contact into a JSON file, the unknown ones first.

        :raises CampaignError: the file cannot be written.
        :raises JournalError: the journal cannot be used.
        """
        totals = json.dumps(self._totals(), ensure_ascii=False, indent=1)
        count = 0

        def text(outcomes: Iterable[Outcome]) -> Iterator[str]:
            nonlocal count
            for outcome in outcomes:
                count += 1
                yield ("\n" if count == 1 else ",\n") + json.dumps(_record(outcome), ensure_ascii=False)

        await self._write(Path(path), head=f'{totals[:-2]},\n "contacts": [', text=text, foot="\n]}\n")

    async def _write(
        self, path: Path, *, head: str, text: Callable[[Iterable[Outcome]], Iterator[str]], foot: str
    ) -> None:
        part = path.with_name(path.name + ".part")
        try:
            async with await anyio.open_file(part, "w", encoding="utf-8", newline="") as file:
                await file.write(head)
                for states in ({ContactState.UNKNOWN}, {*ContactState} - {ContactState.UNKNOWN}):
                    listing = self._list(states)
                    while page := await listing.page():
                        await file.write("".join(text(page)))
                await file.write(foot)
            await anyio.to_thread.run_sync(os.replace, part, path)
        except OSError as problem:
            raise CampaignError(f"the report cannot be written to {path}: {problem.strerror}") from problem

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
            "broken": [{"line": row.line, "problem": row.problem} for row in self.broken],
        }

    def _lines(self) -> Iterator[str]:
        yield f"{self.campaign}: {self.contacts} contacts, {self.attempts} callouts"
        if unknown := self.states.get(ContactState.UNKNOWN, 0):
            yield f"  {unknown} unknown: they may have rung, and are not dialled again by themselves"
        for state in (each for each in ContactState if each is not ContactState.UNKNOWN):
            if count := self.states.get(state, 0):
                yield f"  {count} {state}{_reasons(self._reasons_of(state))}"
        for currency, amount in self.spent.items():
            yield f"  {amount:f} {currency} spent"
        if self.rate is not None:
            yield f"  {self.rate:.2f} callouts per second"
        if self.broken:
            yield f"  rows that could not be read: {len(self.broken)}; the first is line {self.broken[0].line}"

    def _reasons_of(self, state: ContactState) -> Mapping[str, int]:
        by_state = {"done": self.results, "skipped": self.skipped, "rejected": self.rejected}
        return by_state.get(state, {})


def report_of(
    campaign: str, totals: Sequence[Total], *, unknown: Sequence[Outcome], broken: Sequence[BrokenRow], listing: List
) -> Report:
    """Return the report on what a journal says."""
    spent: dict[str, Decimal] = {}
    for total in totals:
        if total.spent:
            currency = total.currency or "?"
            spent[currency] = spent.get(currency, Decimal()) + total.spent
    return Report(
        campaign=campaign,
        states=_count(totals, lambda total: total.state),
        results=_count(totals, lambda total: total.result or "N/A", ContactState.DONE),
        skipped=_count(totals, lambda total: total.note or "?", ContactState.SKIPPED),
        rejected=_count(totals, lambda total: total.note or "?", ContactState.REJECTED),
        attempts=sum(total.attempts for total in totals),
        spent=spent,
        rate=_rate(totals),
        unknown=unknown,
        broken=broken,
        list=listing,
    )


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
        "fields": dict(outcome.contact.fields),
    }


def _cells(outcome: Outcome, own: Sequence[str]) -> list[object]:
    record = _record(outcome)
    fields = record.pop("fields")
    return [*record.values(), *(fields.get(name) for name in own)]


def _own_name(column: str) -> str:
    return f"contact.{column}" if column in _COLUMNS else column


def _csv_line(cells: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([_safe(cell) for cell in cells])
    return line.getvalue()


def _safe(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_DANGEROUS) else cell
