"""A campaign on several machines while everything around it fails: ``python -m benchmarks.chaos --minutes 60``.

A throw-away PostgreSQL, a platform that counts each POST, and supervised workers as processes of their own: two of
procrastinate, and a loop over ``plan`` and ``dial_batch`` on trio. The clock of a worker may be wrong by an hour. Every
few seconds one of these happens: a worker is killed, stopped for a while, or asked to end; PostgreSQL is restarted
without an orderly end; jobs are doubled or lost; the campaign's row stays locked; the disk of PostgreSQL is full (root
on Linux only). Then the campaign has some minutes to come to its end. It prints what the platform saw and what the
journal says, and returns 1 if a number was called twice, a row was lost or a contact was left over.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import anyio
import psycopg
from attrs import define, field
from procrastinate import App, PsycopgConnector

from benchmarks.cluster import Platform
from sinch_voice_async import JournalError, TtsCallout, VoiceClient
from sinch_voice_async.dialer import Campaign, Contact, ContactState, Report
from sinch_voice_async.dialer.cluster import PostgresJournal
from sinch_voice_async.dialer.cluster.procrastinate import ProcrastinateEngine
from tests.dialer.cluster.postgres import Postgres, programs

_NAME: Final = "reminders"
_LEASE: Final = 30.0
_CLAIM_TIMEOUT: Final = 30.0
_CALM: Final = 240.0
_ROOT: Final = Path(__file__).parents[1]
_MODULE: Final = "from benchmarks.chaos import make_engine\nengine = make_engine()\n"
_COMMANDS: Final = (
    ("-m", "sinch_voice_async", "dial", "worker", "chaotic:engine"),
    ("-m", "sinch_voice_async", "dial", "worker", "chaotic:engine"),
    ("-m", "benchmarks.chaos", "--loop"),
)
_JOBS: Final = b"task_name LIKE 'sinch_voice.dial_batch:%' AND status IN ('todo', 'doing')"
_DOUBLE: Final = (
    b"INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args, status) "
    b"SELECT queue_name, task_name, priority, args, 'todo' FROM procrastinate_jobs WHERE " + _JOBS
)
_LOSE: Final = b"DELETE FROM procrastinate_jobs WHERE " + _JOBS


@define
class WrongClock:
    """The clocks of a machine whose time of day is wrong by so many seconds."""

    wrong_by: float

    def now(self) -> float:
        """Return seconds since 1970, wrong."""
        return time.time() + self.wrong_by

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await anyio.sleep(max(seconds, 0.0))


def make_campaign() -> Campaign:
    """Return the campaign, as each process makes it."""
    journal = PostgresJournal(os.environ["DATABASE_URL"], claim_timeout=_CLAIM_TIMEOUT)
    clock = WrongClock(float(os.environ.get("WRONG_BY", "0")))
    return Campaign(_NAME, journal=journal, calls_per_second=float(os.environ["PACE"]), clock=clock)


def reminder(contact: Contact) -> TtsCallout:
    """Return what a contact hears."""
    return TtsCallout(destination=contact.number, text="See you tomorrow.", cli="+46700000000")


def make_client() -> VoiceClient:
    """Return the client of a worker; its longest request is shorter than a claim holds."""
    return VoiceClient("key", "c2VjcmV0", base_url=os.environ["PLATFORM"], timeout=5.0)


def make_engine() -> ProcrastinateEngine:
    """Return the engine of a worker."""
    app = App(connector=PsycopgConnector(conninfo=os.environ["DATABASE_URL"]))
    return ProcrastinateEngine(
        app, make_campaign, make_client, reminder, every=2, size=20, lease=_LEASE, stalled_after=8.0
    )


async def dial_in_a_loop() -> None:
    """Be a worker without a task queue."""
    campaign = make_campaign()
    async with make_client() as client, campaign.shift(client, reminder) as shift:
        while True:
            plan = await campaign.plan(size=20, lease=_LEASE)
            for batch in plan.batches:
                await shift.dial_batch(batch.id)
            await anyio.sleep(1)


@define
class Workers:
    """The processes, and their supervisor: a worker that has ended is started again by ``look``."""

    folder: Path
    log: Path
    chance: random.Random
    running: "list[subprocess.Popen[bytes]]" = field(factory=list)
    ended: Counter[str] = field(factory=Counter)

    def start(self, command: tuple[str, ...]) -> "subprocess.Popen[bytes]":
        """Start one of them, with a clock of its own."""
        wrong_by = self.chance.choice((0, 3600, -3600))
        environment = os.environ | {"WRONG_BY": str(wrong_by), "PYTHONPATH": str(_ROOT)}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *command], cwd=self.folder, env=environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def look(self) -> None:
        """Start those that are missing."""
        self.running = self.running or [self.start(command) for command in _COMMANDS]
        for place, command in enumerate(_COMMANDS):
            code = self.running[place].poll()
            if code is not None:
                self.ended[f"exit code {code}"] += 1
                self.running[place] = self.start(command)

    def stop(self) -> None:
        """Kill all of them."""
        for each in self.running:
            with suppress(OSError):
                os.killpg(each.pid, signal.SIGKILL)
            each.wait()

    def any(self) -> "subprocess.Popen[bytes]":
        """Return one of them."""
        return self.chance.choice(self.running)


@define
class Chaos:
    """What happens to the workers, to the database and to the jobs."""

    postgres: Postgres
    url: str
    workers: Workers
    chance: random.Random
    disk: Path | None
    done: Counter[str] = field(factory=Counter)

    def happen(self) -> str:
        """Let one thing happen, and return what it was."""
        possible: list[Callable[[], object]] = [
            self.kill, self.suspend, self.terminate, self.restart, self.double, self.lose, self.lock,
        ]  # fmt: skip
        possible += [self.fill] if self.disk is not None else []
        chosen = self.chance.choice(possible)
        name = chosen.__name__
        with suppress(psycopg.Error):
            chosen()
        self.done[name] += 1
        return name

    def kill(self) -> None:
        """End a worker with SIGKILL."""
        os.killpg(self.workers.any().pid, signal.SIGKILL)

    def terminate(self) -> None:
        """Ask a worker to end."""
        self.workers.any().terminate()

    def suspend(self) -> None:
        """Stop a worker, perhaps for longer than a claim holds, and let it go on."""
        stopped = self.workers.any()
        stopped.send_signal(signal.SIGSTOP)
        time.sleep(self.chance.choice((3, 12, _CLAIM_TIMEOUT + 5)))
        stopped.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        """Break PostgreSQL off, and start it again some seconds later."""
        self.postgres.stop(signal.SIGQUIT)
        time.sleep(self.chance.choice((0, 2, 8)))
        self.postgres.start()

    def double(self) -> None:
        """Let every job that waits or runs be delivered once more."""
        self.execute(_DOUBLE)

    def lose(self) -> None:
        """Delete the jobs that wait and those that run."""
        self.execute(_LOSE)

    def lock(self) -> None:
        """Keep the row of the campaign locked for longer than a statement waits for it."""
        with psycopg.connect(self.url) as connection:
            connection.execute("SELECT FROM sinch_voice_dialer.campaign FOR UPDATE")
            time.sleep(12)

    def fill(self) -> None:
        """Fill the disk of PostgreSQL for ten seconds."""
        assert self.disk is not None
        ballast = self.disk / "ballast"
        try:
            with suppress(OSError), ballast.open("wb", buffering=0) as file:
                while file.write(bytes(65536)):
                    pass
            time.sleep(10)
        finally:
            ballast.unlink()
        time.sleep(2)
        assert self.postgres.process is not None
        if self.postgres.process.poll() is not None:
            self.postgres.start()

    def execute(self, statement: bytes) -> None:
        """Carry out one statement."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def small_disk() -> Iterator[tuple[Path, bool]]:
    """Yield a folder, and whether it is a disk of its own that may be filled."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        is_disk = False
        if sys.platform == "linux" and os.geteuid() == 0:
            mount = ["mount", "-t", "tmpfs", "-o", "size=640m", "tmpfs", folder]
            is_disk = subprocess.run(mount, check=False, capture_output=True).returncode == 0
        try:
            yield Path(folder), is_disk
        finally:
            if is_disk:
                subprocess.run(["umount", folder], check=True)


@contextmanager
def database() -> Iterator[tuple[Postgres, str, Path | None]]:
    """Run a server, and yield it, the URL of a database, and the disk that may be filled."""
    found = programs()
    if found is None:
        sys.exit("PostgreSQL is not installed on this machine")
    with small_disk() as (folder, is_disk):
        postgres = Postgres(found, folder)
        postgres.initialize()
        postgres.start()
        try:
            with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET max_wal_size = '96MB'")
                connection.execute("SELECT pg_reload_conf()")
            yield postgres, postgres.database(), folder if is_disk else None
        finally:
            postgres.stop(signal.SIGQUIT)


@define
class Run:
    """The campaign while it lasts: contacts are added as they are needed."""

    pace: float
    platform: Platform
    chaos: Chaos
    begun: float = field(factory=time.monotonic)
    enqueued: int = 0

    def enqueue(self) -> None:
        """Keep a minute of contacts ahead of what was dialled; a database that is away is tried again later."""
        wanted = len(self.platform.rang) + round(60 * self.pace)
        if self.enqueued < wanted:
            contacts = [Contact(f"+4670{last:07}") for last in range(self.enqueued, wanted)]
            with suppress(JournalError):
                anyio.run(make_campaign().enqueue, contacts)
                self.enqueued = wanted

    def tell(self, what: str) -> None:
        """Print the counts of the moment."""
        seconds = time.monotonic() - self.begun
        rang, numbers = len(self.platform.rang), len({number for _, number in self.platform.rang})
        print(f"{seconds:6.0f} s  {what:10} {rang} POSTs, {numbers} numbers, {self.enqueued} contacts", flush=True)

    def disturb(self, seconds: float) -> None:
        """Let something happen every few seconds."""
        while time.monotonic() - self.begun < seconds:
            self.enqueue()
            self.chaos.workers.look()
            self.tell(self.chaos.happen())
            for _ in range(self.chaos.chance.randrange(3, 12)):
                time.sleep(1)
                self.chaos.workers.look()

    def finish(self) -> Report:
        """Wait until nothing is left, or for some minutes, and return the report."""
        deadline = time.monotonic() + _CALM
        while True:
            self.chaos.workers.look()
            report: Report = anyio.run(make_campaign().report)
            if _left(report) == 0 or time.monotonic() > deadline:
                return report
            self.tell("calm")
            time.sleep(5)


def _left(report: Report) -> int:
    return report.states.get(ContactState.TODO, 0) + report.states.get(ContactState.DIALING, 0)


def _verdict(run: Run, report: Report) -> bool:
    rang = Counter(number for _, number in run.platform.rang)
    twice = sum(times > 1 for times in rang.values())
    unknown = {outcome.number for outcome in report.unknown}
    accepted = report.states.get(ContactState.ACCEPTED, 0)
    missing = run.enqueued - report.contacts
    unaccounted = len(rang.keys() - unknown) - accepted
    print(f"{sum(rang.values())} POSTs, {len(rang)} numbers, {twice} called twice")
    states = {str(state): count for state, count in report.states.items() if count}
    print(f"{run.enqueued} contacts: {states}; {missing} rows lost, {_left(report)} left over")
    print(f"{len(unknown)} unknown, {len(unknown & rang.keys())} of them rang; {unaccounted} calls without a row")
    print(f"happened: {dict(run.chaos.done)}; workers ended: {dict(run.chaos.workers.ended)}")
    return twice == missing == unaccounted == _left(report) == 0


def main() -> int:
    """Run the campaign, print what came of it, and return 1 if the promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--pace", type=float, default=5.0, help="callouts per second")
    parser.add_argument(
        "--seed", type=int, default=time.time_ns() % 1_000_000, help="repeats the order of what happens"
    )
    parser.add_argument("--log", type=Path, default=Path(os.devnull), help="a file for what the workers print")
    parser.add_argument("--loop", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.loop:
        anyio.run(dial_in_a_loop, backend="trio")

    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    chance = random.Random(given.seed)
    with ExitStack() as stack:
        postgres, url, disk = stack.enter_context(database())
        platform = Platform()
        address = stack.enter_context(platform.served())
        os.environ.update({"DATABASE_URL": url, "PLATFORM": address, "PACE": str(given.pace)})
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "chaotic.py").write_text(_MODULE)
        workers = Workers(folder, given.log.absolute(), chance)
        stack.callback(workers.stop)
        run = Run(given.pace, platform, Chaos(postgres, url, workers, chance, disk))
        print(f"seed {given.seed}, {given.pace:g} a second, full disk: {'yes' if disk else 'not possible here'}")
        run.disturb(60 * given.minutes)
        return 0 if _verdict(run, run.finish()) else 1


if __name__ == "__main__":
    sys.exit(main())
