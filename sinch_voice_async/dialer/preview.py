"""What a campaign would do, without ringing anybody: who is called, who is not and why, and how long it takes."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Literal

import anyio.to_thread
from attrs import define, field, frozen

from sinch_voice_async.dialer.clock import Clock
from sinch_voice_async.dialer.contacts import BrokenRow, Contact
from sinch_voice_async.dialer.feeding import Row
from sinch_voice_async.dialer.journal import Outcome
from sinch_voice_async.dialer.placing import CalloutOf, made
from sinch_voice_async.dialer.screening import Screen
from sinch_voice_async.dialer.states import ContactState
from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models import limits
from sinch_voice_async.models.callouts import TtsCallout

__all__ = ["Preview", "Previewing"]

_SHOWN: Final = 1000
_TO_DIAL: Final = frozenset({ContactState.TODO, ContactState.SKIPPED})


@frozen(kw_only=True)
class Preview:
    """What a run would do now.

    ``to_call`` is how many contacts would be called, ``waiting`` how many of these only later, when their calling
    window opens: the first at ``opens_at``, seconds since 1970. ``skipped`` counts those that would not be called, by
    the reason. ``called`` counts those that the journal has, and that would not be dialled again, by state.
    ``duplicates`` are rows whose number another row had; ``broken`` the first thousand rows that could not be read, of
    ``broken_rows``. ``seconds`` is how long the callouts take at the pace that was asked for, without waiting for
    windows.
    """

    to_call: int
    waiting: int
    opens_at: float | None
    skipped: Counter[str]
    called: Counter[ContactState]
    duplicates: int
    broken_rows: int
    broken: Sequence[BrokenRow] = field(repr=lambda broken: f"<{len(broken)} rows>")
    seconds: float


class _Seen:
    """A set of numbers that grows on the disk and not in memory, and of each whether a row had it or the journal."""

    def __init__(self) -> None:
        # A database without a name is a temporary one, which SQLite deletes by itself.
        self._numbers = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._numbers.execute("CREATE TABLE seen (number TEXT PRIMARY KEY, in_rows INTEGER) WITHOUT ROWID")

    async def remember(self, numbers: Sequence[str]) -> None:
        """Add numbers that the journal has."""
        await anyio.to_thread.run_sync(self._write, "INSERT INTO seen VALUES (?, 0)", numbers)

    async def add(self, numbers: Sequence[str]) -> list[Literal["new", "known", "again"]]:
        """Add numbers of rows, and say of each whether it is new, in the journal, or that of another row."""
        return await anyio.to_thread.run_sync(self._add, numbers)

    async def close(self) -> None:
        await anyio.to_thread.run_sync(self._numbers.close)

    def _add(self, numbers: Sequence[str]) -> list[Literal["new", "known", "again"]]:
        new = self._write("INSERT OR IGNORE INTO seen VALUES (?, NULL)", numbers)
        known = self._write("UPDATE seen SET in_rows = 1 WHERE number = ? AND in_rows = 0", numbers)
        return ["new" if new_ else "known" if known_ else "again" for new_, known_ in zip(new, known, strict=True)]

    def _write(self, statement: str, numbers: Sequence[str]) -> list[bool]:
        self._numbers.execute("BEGIN")
        changed = [self._numbers.execute(statement, (number,)).rowcount > 0 for number in numbers]
        self._numbers.execute("COMMIT")
        return changed


@define(eq=False, kw_only=True)
class Previewing:
    """Looks at contacts one by one, and remembers their numbers on the disk: a million of them may be looked at."""

    screen: Screen
    callout_of: CalloutOf
    clock: Clock
    max_text_length: int | None
    _to_call: int = 0
    _opens: list[float] = field(factory=list)
    _waiting: int = 0
    _skipped: Counter[str] = field(factory=Counter)
    _called: Counter[ContactState] = field(factory=Counter)
    _duplicates: int = 0
    _broken_rows: int = 0
    _broken: list[BrokenRow] = field(factory=list)
    _seen: _Seen = field(factory=_Seen)

    async def add_known(self, outcomes: Sequence[Outcome]) -> None:
        """Look at contacts that the journal has."""
        await self._seen.remember([outcome.number for outcome in outcomes])
        for outcome in outcomes:
            if outcome.state in _TO_DIAL:
                await self._look(outcome)
            else:
                self._called[outcome.state] += 1

    async def add_rows(self, rows: Sequence[Row]) -> None:
        """Look at contacts of the source, and count what is none."""
        contacts = [row for row in rows if isinstance(row, Contact)]
        broken = [row for row in rows if isinstance(row, BrokenRow)]
        self._broken_rows += len(broken)
        self._broken += broken[: _SHOWN - len(self._broken)]
        for contact, stood in zip(contacts, await self._seen.add([each.number for each in contacts]), strict=True):
            if stood == "new":
                await self._look(Outcome(contact=contact, state=ContactState.TODO))
            self._duplicates += stood == "again"

    async def result(self, calls_per_second: float) -> Preview:
        """Return what was seen, and forget the numbers."""
        await self._seen.close()
        return Preview(
            to_call=self._to_call,
            waiting=self._waiting,
            opens_at=min(self._opens, default=None),
            skipped=self._skipped,
            called=self._called,
            duplicates=self._duplicates,
            broken_rows=self._broken_rows,
            broken=self._broken,
            seconds=self._to_call / calls_per_second,
        )

    async def _look(self, outcome: Outcome) -> None:
        callout, problem = made(self.callout_of, outcome.contact)
        if problem := problem or self._too_long(callout):
            self._skipped[problem] += 1
            return
        verdict = await self.screen.verdict(outcome, self.clock.now())
        if not verdict.may_dial and verdict.due is None:
            self._skipped[verdict.note] += 1
            return
        self._to_call += 1
        if verdict.due is not None:
            self._waiting += 1
            self._opens = [min([*self._opens, verdict.due])]

    def _too_long(self, callout: Any) -> str | None:
        if not isinstance(callout, TtsCallout):
            return None
        try:
            limits.check_text_length(callout.text, callout.prompts, self.max_text_length)
        except InvalidRequestError as problem:
            return f"it cannot be sent: {problem}"
        return None
