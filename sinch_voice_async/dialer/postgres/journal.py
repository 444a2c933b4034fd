"""A journal in PostgreSQL: one campaign, any number of machines.

Rules, beside those of every journal:

- One conditional UPDATE decides which claim wins. Everything else is convenience: which contact is offered to whom may
  be wrong without a number being dialled twice.
- A claim without an answer for ``claim_timeout`` seconds, by the clock of the database, was lost with its machine. It
  becomes unknown and is never dialled again by itself. No worker is registered, and none gives a sign of life.
- Claims, and changes, that wait for the connection at the same moment are one statement.
- A statement that was cut off is run again, and finds out by its own mark whether it had been carried out.
"""

import json
import math
import uuid
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final, TypeVar

import anyio
import attrs
from attrs import define, evolve, frozen

from sinch_voice_async.dialer.batches import Batch, Limits, OpenWork, Plan
from sinch_voice_async.dialer.eligibility import RedialRules
from sinch_voice_async.dialer.journal import (
    REMOVED,
    Added,
    AttemptUpdate,
    Change,
    Claim,
    ContactState,
    Control,
    Outcome,
)
from sinch_voice_async.dialer.pacing import Clock, Pace
from sinch_voice_async.dialer.postgres.database import (
    STATEMENTS,
    Address,
    Connection,
    Database,
    Merging,
    Operation,
    SharedPacer,
    driver,
    make_or_check,
    translated,
)
from sinch_voice_async.dialer.sql import (
    Cursor,
    GivenRow,
    Known,
    SqlJournal,
    changed,
    clean,
    names_in,
    numbers_in,
    outcome,
    sort_rows,
)
from sinch_voice_async.errors import ConfigurationError, JournalError

__all__ = ["PostgresJournal"]

T = TypeVar("T")
_LEFT_DIALING: Final = "the worker was gone while this callout was on its way"
# What a run that dies takes with it until its lease ends.
_OFFERED: Final = 20
_LEASE: Final = 300.0
# "SVDP": the class of the locks of planners, beside the number of the campaign.
_PLAN_LOCK: Final = 0x53564450
_MOST_COUNTED: Final = 10_000
_COLUMNS: Final = ("number", "others", "fields", "zone", "line", "priority")


@frozen
class _Claiming:
    """A claim, which goes out together with others."""

    claim: Claim

    @property
    def key(self) -> str:
        """The number: one statement claims it once."""
        return self.claim.number


@frozen
class _Changing:
    """A change of one attempt, which goes out together with others."""

    token: str
    parameters: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The token: one statement changes an attempt once."""
        return self.token


@define(eq=False)
class _Open:
    database: Database
    campaign: int
    claims: "Merging[_Claiming, Outcome | None]"
    changes: "Merging[_Changing, Outcome | None]"
    added: int = 0
    analyze_at: int = 1000


class PostgresJournal(SqlJournal):
    """Keeps a campaign in PostgreSQL, for any number of workers on any number of machines, on asyncio and on trio.

    ``url`` is ``postgresql://user@host/database`` or a connection string such as ``host=... dbname=...``; several hosts
    with ``target_session_attrs=read-write`` are fine. The tables are made in a schema of their own,
    ``sinch_voice_dialer``, and hold all campaigns of the database. ``claim_timeout`` is after how many seconds a claim
    without an answer is unknown; it must be longer than the longest request of a client. ``patience`` is for how many
    seconds a statement waits for a server that is away. ``gone_after`` is ignored: no worker is watched any more.
    A journal has one connection, and each pacer of it another.

    Every method raises ``JournalError`` if the database cannot be used: not there, not allowed, or of another version.
    Durability is the server's: ``fsync`` must be on, and see the page on several machines for replicas.

    :raises ConfigurationError: the extra ``cluster`` is not installed.
    """

    def __init__(
        self, url: str, *, claim_timeout: float = 120.0, patience: float = 120.0, gone_after: float | None = None
    ) -> None:
        address = Address.of(url) if isinstance(url, str) else None
        del url  # an error report shows the variables of frames
        if address is None:
            raise JournalError(
                "the journal: not the address of a PostgreSQL database: use postgresql://user@host/database"
            )
        if gone_after is not None:
            message = "PostgresJournal(gone_after=...) is ignored: no worker is watched any more; see claim_timeout"
            warnings.warn(message, DeprecationWarning, stacklevel=2)
        self.place: str = address.place
        self._address = address
        self._claim_timeout = claim_timeout
        self._patience = patience
        self._opened: _Open | None = None
        self._run: str | None = None
        self._pacers: list[SharedPacer] = []

    def __repr__(self) -> str:
        return f"PostgresJournal({self.place!r})"

    async def open(self, campaign: str, *, create: bool = True) -> None:
        """Make the tables if they are missing, and check that they are of this version; add the campaign.

        :raises JournalError: ``create`` is False, and the database does not have the campaign.
        """
        if self._opened is not None:
            return
        database = self._database()
        try:
            with translated(self.place):
                number = await database.open(
                    lambda connection: make_or_check(connection, campaign, self.place, create=create)
                )
        except BaseException:
            await database.close()
            raise
        turn = anyio.Lock(fast_acquire=True)
        self._opened = _Open(database, number, Merging(self._claim_all, turn), Merging(self._change_all, turn))

    async def close(self) -> None:
        """Close the connections."""
        await self.end()
        opened, self._opened = self._opened, None
        while self._pacers:
            await self._pacers.pop().close()
        if opened is not None:
            await opened.database.close()

    async def check(self, *, whole: bool = False) -> None:
        """Check that the campaign is still there; damage is the matter of the server."""
        if not await self._read("alive_campaign", {}, lambda cursor: cursor.fetchall()):
            raise JournalError(f"the journal at {self.place}: the campaign was deleted")

    async def begin(self, at: float) -> int:
        """Begin a run of this process; claims that were lost with their machines become ``unknown``."""
        await self.end()
        self._run = uuid.uuid4().hex
        return await self._write("recover", {}, changed)

    async def end(self) -> None:
        """End the run: what it was offered, others may dial at once."""
        run, self._run = self._run, None
        if run is not None and self._opened is not None:
            give_back = _statement(STATEMENTS["take_back"], self._always() | {"batches": [run]}, changed)
            # A database that is away is not waited for: the lease of the offers ends too.
            with anyio.CancelScope(shield=True), suppress(driver().Error):
                await self._opened.database.open(give_back)

    def pacer(self, calls_per_second: float, clock: Clock) -> SharedPacer:
        """Return the pacer of all machines together; the last one that begins sets the pace for all."""
        return self._pacer(Pace.of(calls_per_second).target, clock)

    def follower(self, clock: Clock) -> SharedPacer:
        """Return a pacer that keeps to the pace that the planner of the campaign has set."""
        return self._pacer(None, clock)

    def _pacer(self, calls_per_second: float | None, clock: Clock) -> SharedPacer:
        pacer = SharedPacer(calls_per_second, clock, self._database(), self._campaign, self.place)
        self._pacers.append(pacer)
        return pacer

    async def pause(self, reason: str = "paused through the journal") -> None:
        """Let no machine dial until ``resume``; callouts on their way come to their end. The first reason is kept."""
        await self._write("pause", {"reason": clean(reason)}, changed)

    async def resume(self) -> None:
        """Let all machines go on, after a pause or a cancellation."""
        await self._write("resume", {}, changed)

    async def control(self) -> Control:
        """Return what was asked of the runs of the campaign."""
        row = await self._read("control", {}, lambda cursor: cursor.fetchone())
        if row is None:
            raise JournalError(f"the journal at {self.place}: the campaign was deleted")
        kept = json.loads(row["control"] or "{}")
        now = {"pause": row["pause"], "is_cancelled": row["is_cancelled"], "calls_per_second": row["wanted_rate"]}
        return Control(**(kept | now))

    async def set_control(self, control: Control) -> None:
        """Ask something of the runs of the campaign."""
        columns = {
            "pause": clean(control.pause),
            "is_cancelled": control.is_cancelled,
            "wanted_rate": control.calls_per_second,
        }
        await self._write("set_control", columns | {"control": json.dumps(attrs.asdict(control))}, changed)

    async def plan(self, limits: Limits) -> Plan:
        """Offer contacts in batches, as many as there is room for. Planners take turns."""
        with translated(self.place):
            planned = await self._use().database.run(lambda connection: _plan(connection, self._always(), limits))
        if planned is None:
            raise JournalError(f"the journal at {self.place}: the campaign was deleted")
        return planned

    async def take_back(self, batches: Sequence[str]) -> int:
        """Take back the offers of batches that are left; return how many contacts there were."""
        return await self._write("take_back", {"batches": [*batches]}, changed)

    async def of_batch(self, batch: str) -> Sequence[Outcome]:
        """Return the contacts of a batch that are still offered in it."""
        return await self._read("of_batch", {"batch": batch}, self._outcomes)

    async def open_batches(self) -> Sequence[str]:
        """Return some of the batches that are offered and not done."""
        return await self._read("open_batches", {}, lambda cursor: [row["batch"].hex for row in cursor])

    async def to_look_at(self, limit: int, max_call_duration: float, poll_interval: float) -> Sequence[Outcome]:
        """Return calls to ask the platform about: those that it was asked about longest ago."""
        parameters = {"limit": limit, "max_call_duration": max_call_duration, "poll_interval": poll_interval}
        return await self._write("to_look_at", parameters, self._outcomes)

    async def settle(self, before: Outcome, update: AttemptUpdate, at: float, rules: RedialRules) -> Outcome | None:
        """End the call of a contact, and let it be dialled again if the rules say so, in one transaction.

        The contact is returned as the end left it, in ``done``; None if the end changes nothing.
        """
        token = before.token or ""
        ended = evolve(before, state=ContactState.DONE, result=update.result, reason=update.reason, changed_at=at)
        due = rules.due_after(ended)
        if due is None:
            return await self.change(token, Change.END, update, at)
        end = self._change_parameters(token, Change.END, update, at)
        redial = self._change_parameters(token, Change.REDIAL, AttemptUpdate(due=due), at)
        marks = self._always() | {"changed_by": uuid.uuid4()}

        def operation(connection: Connection) -> Outcome | None:
            with connection.transaction():
                found = self._first_outcome(connection.execute(STATEMENTS["change"], marks | _many([end])))
                if found is not None:
                    connection.execute(STATEMENTS["change"], marks | _many([redial]))
            return found

        with translated(self.place):
            return await self._use().database.run(operation)

    async def name(self) -> str:
        """Return the name of the campaign."""
        name: str = await self._read("name", {}, lambda cursor: cursor.fetchone()["name"])
        return name

    async def kept(self, name: str | None) -> tuple[str, Mapping[str, Any]] | None:
        """Return the name and the options of a campaign, None without it; None for a name takes the only campaign.

        :raises ConfigurationError: there are several campaigns.
        """
        database = self._database()
        try:
            with translated(self.place):
                found = await database.open(_kept)
        finally:
            await database.close()
        if name is None and len(found) > 1:
            raise ConfigurationError(f"the journal at {self.place} has several campaigns: give the name of one")
        wanted = [each for each in found if name in (None, each[0])]
        return wanted[0] if wanted else None

    async def due(self, at: float, *, limit: int = 200, listed: int | None = None) -> Sequence[Outcome]:
        """Return contacts in ``todo`` that are due and offered to no other: fewer than ``limit`` mostly."""
        given = {"at": at, "limit": min(limit, _OFFERED), "listed": listed, "lease": _LEASE}
        parameters = self._always() | given

        def operation(connection: Connection) -> Sequence[Outcome]:
            with connection.transaction():
                connection.execute(STATEMENTS["recover"], parameters)
                connection.execute(STATEMENTS["expire"], parameters)
                return self._outcomes(connection.execute(STATEMENTS["due"], parameters))

        with translated(self.place):
            return await self._use().database.run(operation)

    async def claim(self, claim: Claim) -> Outcome | None:
        """Move a contact to ``dialing``, together with other claims that wait."""
        return await self._use().claims.ask(_Claiming(claim))

    async def change(self, token: str, change: Change, update: AttemptUpdate, at: float) -> Outcome | None:
        """Apply a change to an attempt, together with other changes that wait."""
        return await self._use().changes.ask(_Changing(token, self._change_parameters(token, change, update, at)))

    async def _claim_all(self, requests: Sequence[_Claiming]) -> Sequence[Outcome | None]:
        claims = [each.claim for each in requests]
        parameters = {
            "numbers": [each.number for each in claims],
            "tokens": [each.token for each in claims],
            "days": [each.day for each in claims],
            "ats": [each.at for each in claims],
            "batches": [each.batch for each in claims],
        }
        rows = await self._write_marked("claim", parameters)
        found = {each.token: each for each in rows.values()}
        return [found.get(each.token) for each in claims]

    async def _change_all(self, requests: Sequence[_Changing]) -> Sequence[Outcome | None]:
        rows = await self._write_marked("change", _many([each.parameters for each in requests]))
        return [rows.get(each.token) for each in requests]

    def _change_parameters(self, token: str, change: Change, update: AttemptUpdate, at: float) -> dict[str, Any]:
        parameters = self.change_parameters(token, change, update, at)
        return parameters | {"sources": ",".join(parameters["sources"])}

    async def _write_marked(self, name: str, parameters: Mapping[str, Any]) -> dict[str, Outcome]:
        """Run a statement; if its connection breaks, it is looked for by its mark before it is run again."""
        everything = {**parameters, **self._always(), "changed_by": uuid.uuid4()}

        def run(connection: Connection) -> dict[str, Outcome]:
            return self._by_token(connection.execute(STATEMENTS[name], everything))

        def again(connection: Connection) -> dict[str, Outcome]:
            found = self._by_token(connection.execute(STATEMENTS["changed"], everything))
            # It was one transaction: what it changed is either all there or not at all.
            return found or run(connection)

        with translated(self.place):
            return await self._use().database.run(run, again=again)

    def _by_token(self, cursor: Any) -> dict[str, Outcome]:
        with self._readable():
            return {row.get("given_token", row["token"]): self._outcome(row) for row in cursor}

    def _outcome(self, row: Any) -> Outcome:
        return outcome(row, None if row["batch"] is None else row["batch"].hex)

    async def _add(self, rows: Sequence[GivenRow], at: float, listed: int | None) -> Added:
        always = self._always() | {"at": at, "listed": listed, "removed": REMOVED}

        def operation(connection: Connection) -> Added:
            with connection.transaction():
                return _add_rows(connection, rows, always)

        with translated(self.place):
            added = await self._use().database.run(operation)
        await self._analyze(added.added)
        return added

    async def _analyze(self, new: int) -> None:
        """Let PostgreSQL look at new rows each time that the table has grown tenfold.

        It does so itself a minute later; until then it would look for each contact among all.
        """
        opened = self._use()
        opened.added += new
        if opened.added >= opened.analyze_at:
            opened.analyze_at = 10 * opened.added
            await self._write("analyze", {}, changed)

    async def _read(self, name: str, parameters: Mapping[str, Any], give: Callable[[Cursor], T]) -> T:
        return await self._write(name, parameters, give)

    async def _write(self, name: str, parameters: Mapping[str, Any], give: Callable[[Cursor], T]) -> T:
        with translated(self.place):
            return await self._use().database.run(_statement(STATEMENTS[name], {**parameters, **self._always()}, give))

    def _set(self, values: Collection[str]) -> list[str]:
        return [*values]

    def _always(self) -> dict[str, Any]:
        timeout = self._claim_timeout
        return {"campaign": self._use().campaign, "run": self._run, "claim_timeout": timeout, "left": _LEFT_DIALING}

    def _campaign(self) -> int:
        return self._use().campaign

    def _database(self) -> Database:
        return Database(self._address, self._patience)

    def _use(self) -> _Open:
        if self._opened is None:
            raise JournalError(f"the journal at {self.place}: it is not open")
        return self._opened


def _plan(connection: Connection, always: Mapping[str, Any], limits: Limits) -> Plan | None:
    """Offer contacts, and return the plan; None if the campaign was deleted."""
    parameters = {**always, "target": limits.calls_per_second, "max_call_duration": limits.max_call_duration}
    with connection.transaction():
        connection.execute(STATEMENTS["lock_plan"], parameters | {"plan_lock": _PLAN_LOCK})
        connection.execute(STATEMENTS["set_target"], parameters)
        standing = connection.execute(STATEMENTS["standing"], parameters).fetchone()
        if standing is None:
            return None
        recovered = connection.execute(STATEMENTS["recover"], parameters).rowcount
        connection.execute(STATEMENTS["expire"], parameters)
        open_work = _open_work(connection, parameters, standing["rate"], follows=limits.follows)
        is_open = standing["is_open"] and standing["now"] >= limits.starts_at
        room = limits.room(open_work) if is_open else 0
        batches = _offer(connection, parameters, limits, room, open_work.rate) if room else ()
        left = _one_row(connection, "count_left", parameters | {"most": _MOST_COUNTED})
    pending = open_work.offered + open_work.dialing + sum(batch.size for batch in batches)
    return Plan(
        batches=batches,
        recovered=recovered,
        left=min(left["waiting"] + pending, _MOST_COUNTED),
        next_due=left["next_due"],
        alive=open_work.alive,
    )


def _open_work(connection: Connection, parameters: Mapping[str, Any], rate: float, *, follows: bool) -> OpenWork:
    counts = _one_row(connection, "count_open", parameters)
    if not follows:
        return OpenWork(rate=rate, **counts)
    calls = _one_row(connection, "count_calls", parameters)
    return OpenWork(
        rate=rate,
        alive=calls["alive"],
        uncosted=calls["uncosted"],
        spent=Decimal(calls["spent"] or 0).scaleb(-9),
        dearest=None if calls["dearest"] is None else Decimal(calls["dearest"]).scaleb(-9),
        **counts,
    )


def _offer(
    connection: Connection, parameters: Mapping[str, Any], limits: Limits, room: int, rate: float
) -> Sequence[Batch]:
    given = {
        "room": room,
        "size": limits.size,
        "lease": limits.lease_at(rate),
        "batches": [uuid.uuid4() for _ in range(math.ceil(room / limits.size))],
    }
    rows = connection.execute(STATEMENTS["offer"], {**parameters, **given})
    return tuple(Batch(campaign=limits.campaign, id=row["batch"].hex, size=row["size"]) for row in rows)


def _one_row(connection: Connection, name: str, parameters: Mapping[str, Any]) -> Any:
    return connection.execute(STATEMENTS[name], parameters).fetchone()


def _statement(statement: bytes, parameters: Mapping[str, Any], give: Callable[[Cursor], T]) -> "Operation[T]":
    return lambda connection: give(connection.execute(statement, parameters))


def _many(changes: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return changes as the arrays of one statement."""
    return {f"{name}s": [each[name] for each in changes] for name in changes[0]}


def _kept(connection: Connection) -> list[tuple[str, Mapping[str, Any]]]:
    found = connection.execute(b"SELECT to_regclass('sinch_voice_dialer.campaign') IS NOT NULL AS found").fetchone()
    if found is None or not found["found"]:
        return []
    rows = connection.execute(STATEMENTS["campaigns"])
    return [(row["name"], json.loads(row["options"] or "{}")) for row in rows]


def _add_rows(connection: Connection, rows: Sequence[GivenRow], always: dict[str, Any]) -> Added:
    known = connection.execute(STATEMENTS["known"], always | {"numbers": numbers_in(rows)})
    done = sort_rows(rows, {row["given"]: Known.of(row) for row in known}, always["listed"])
    new, again, added = [*done.new.values()], done.again, 0
    if new:
        added = connection.execute(STATEMENTS["insert"], always | _columns(new)).rowcount
    if again:
        connection.execute(STATEMENTS["again"], always | _columns(again))
        connection.execute(STATEMENTS["forget_phones"], always | _columns(again))
    if with_phones := [row for row in (*new, *again) if row["others"] is not None]:
        connection.execute(STATEMENTS["keep_phones"], always | _columns(with_phones))
    if names := [clean(name) for name in names_in(rows)]:
        connection.execute(STATEMENTS["keep_fields"], always | {"names": names})
    # One fate for each line: PostgreSQL refuses to replace what the same statement has inserted.
    by_line = {(each.line, place if each.line is None else None): each for place, each in enumerate(done.fates)}
    fates = [*by_line.values()]
    if fates:
        columns = {f"{name}s": [getattr(each, name) for each in fates] for name in ("line", "fate", "detail", "number")}
        connection.execute(STATEMENTS["keep_fates"], always | columns)
    return Added(added=added, fates=done.fates)


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {f"{name}s": [row[name] for row in rows] for name in _COLUMNS}
