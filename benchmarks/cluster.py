"""Three workers on one PostgreSQL, one killed and replaced: who was rung how often, and how evenly.

``python -m benchmarks.cluster`` starts a throw-away PostgreSQL, a platform that writes down each POST, and the workers
as processes of their own; kills one of them with SIGKILL after a third of the campaign, and starts another. It prints
what the platform saw and what the journal says, and fails if a bar is missed.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio
from attrs import define, field

from sinch_voice_async import CalloutReceipt, TtsCallout, VoiceClient
from sinch_voice_async.dialer import Campaign, Contact, ContactState, Report
from sinch_voice_async.dialer.cluster import PostgresJournal, enqueue, worker
from tests.dialer.cluster.postgres import Postgres, programs, server

_NAME = "reminders"
_CLAIM_TIMEOUT = 5.0
_LATENCY = 0.25
_ANSWER_BODY = '{"callId": "%s"}'
_NUMBER = re.compile(rb'"endpoint": ?"(\+[0-9]+)"')


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a worker that was killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@define
class Platform:
    """Writes down when each number was rung, by one clock, and when a worker began to send that."""

    rang: list[tuple[float, str]] = field(factory=list)
    sent: list[float] = field(factory=list)

    def take(self, body: bytes, sent: str | None = None) -> str:
        """Note one POST, and return its call id."""
        found = _NUMBER.search(body)
        assert found is not None
        if sent is not None:
            self.sent.append(float(sent))
        self.rang.append((time.perf_counter(), found[1].decode()))
        return str(uuid.uuid4())

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve on a free port, and yield the address."""
        platform = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                call_id = platform.take(self.rfile.read(int(self.headers["Content-Length"])), self.headers["X-CB-Sent"])
                time.sleep(_LATENCY)
                answer = (_ANSWER_BODY % call_id).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                with suppress(ConnectionError):  # the worker that asked was killed
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with _Server(("127.0.0.1", 0), Handler) as http:
            threading.Thread(target=http.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{http.server_address[1]}"
            http.shutdown()


@define
class Result:
    """What the platform saw, and what the journal says."""

    asked: float
    rang: list[tuple[float, str]]
    sent: list[float]
    report: Report
    seconds: float
    chaos: bool

    @property
    def mean(self) -> float:
        """Callouts per second, from the first to the last."""
        return (len(self.rang) - 1) / (self.rang[-1][0] - self.rang[0][0])

    @property
    def arrived(self) -> list[float]:
        """When the platform read the requests: later than they were sent, and unevenly, on a busy machine."""
        return [moment for moment, _ in self.rang]

    def lines(self) -> Iterator[tuple[bool, str]]:
        """Yield whether each bar was met, and what it says."""
        times = Counter(number for _, number in self.rang)
        states = {state.value: count for state, count in self.report.states.items() if count}
        twice = sum(count > 1 for count in times.values())
        unknown = {outcome.number for outcome in self.report.unknown}
        accepted = self.report.states[ContactState.ACCEPTED]
        settled = (
            accepted + len(unknown) == self.report.contacts and len(times.keys() | unknown) == self.report.contacts
        )
        yield twice == 0, f"{len(self.rang)} POSTs, {len(times)} distinct numbers, {twice} rung twice"
        yield settled, f"{self.report.contacts} contacts: {states}"
        if not self.chaos:
            steady = abs(self.mean / self.asked - 1) <= 0.02
            yield steady, f"mean pace {self.mean:.2f} a second of {self.asked:g} asked for"
        sent, arrived, wanted = most(self.sent), most(self.arrived), self.asked * 1.1
        yield sent <= wanted, f"most in a rolling second: {sent} sent, {arrived} arrived; at most {wanted:g} wanted"


def most(times: list[float]) -> int:
    """Return the most instants in any rolling second."""
    return max(sum(moment <= each < moment + 1.0 for each in times) for moment in times)


def campaign_of(url: str, pace: float) -> Campaign:
    """Return the campaign, as each process makes it."""
    return Campaign(_NAME, journal=PostgresJournal(url, claim_timeout=_CLAIM_TIMEOUT), calls_per_second=pace)


async def work(url: str, pace: float, platform: str) -> None:
    """Be a worker."""

    def reminder(contact: Contact) -> TtsCallout:
        return TtsCallout(destination=contact.number, text="See you tomorrow.", cli="+46700000000")

    warnings.simplefilter("ignore", DeprecationWarning)
    async with VoiceClient("key", "c2VjcmV0", base_url=platform) as client:

        async def place(callout: TtsCallout, *, callback_headers: Mapping[str, str]) -> CalloutReceipt:
            # All processes of a machine share this clock.
            marked = {**callback_headers, "X-CB-Sent": f"{time.monotonic():.6f}"}
            return await client.callouts.place(callout, callback_headers=marked)

        async with worker(campaign_of(url, pace), place, reminder) as outcomes:
            await outcomes.wait()


def start(url: str, pace: float, platform: str, backend: str) -> "subprocess.Popen[bytes]":
    """Start a worker as a process of its own."""
    arguments = json.dumps([url, pace, platform])
    return subprocess.Popen([sys.executable, "-m", "benchmarks.cluster", "--worker", arguments, "--backend", backend])


async def switch(url: str, *, on: bool) -> None:
    """Pause the campaign for all workers, or resume it."""
    journal = PostgresJournal(url)
    await journal.open(_NAME)
    await (journal.resume() if on else journal.pause())
    await journal.close()


def disturb(postgres: Postgres, platform: Platform, numbers: int, worker: "subprocess.Popen[bytes]") -> None:
    """Stop a worker for longer than a claim holds, and then restart PostgreSQL without an orderly end."""
    while len(platform.rang) < numbers / 2:
        time.sleep(0.01)
    worker.send_signal(signal.SIGSTOP)
    time.sleep(2 * _CLAIM_TIMEOUT)
    worker.send_signal(signal.SIGCONT)
    postgres.stop(signal.SIGQUIT)
    time.sleep(4)
    postgres.start()


def run(postgres: Postgres, numbers: int, pace: float, workers: int, *, chaos: bool) -> Result:
    """Carry out the campaign, and kill one of its workers."""
    url = postgres.database()
    platform = Platform()
    began = time.perf_counter()
    with platform.served() as address:
        contacts = [Contact(f"+4670{last:07}") for last in range(numbers)]
        anyio.run(enqueue, campaign_of(url, pace), contacts)
        anyio.run(lambda: switch(url, on=False))
        running = [start(url, pace, address, ("asyncio", "trio")[each % 2]) for each in range(workers)]
        time.sleep(4 + workers)  # until all of them have come
        anyio.run(lambda: switch(url, on=True))
        while len(platform.rang) < numbers / 3:
            time.sleep(0.01)
        running.pop(0).send_signal(signal.SIGKILL)
        running.append(start(url, pace, address, "asyncio"))
        if chaos:
            disturb(postgres, platform, numbers, running[0])
        assert [each.wait() for each in running] == [0] * workers
    report = anyio.run(campaign_of(url, pace).report)
    return Result(pace, sorted(platform.rang), platform.sent, report, time.perf_counter() - began, chaos)


def main() -> int:
    """Run the campaign, print what came of it, and return 1 if a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=int, default=400)
    parser.add_argument("--pace", type=float, default=20.0, help="callouts per second")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--chaos", action="store_true", help="stop a worker and restart PostgreSQL, too")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--backend", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        anyio.run(work, *json.loads(given.worker), backend=given.backend)
        return 0
    folder = programs()
    if folder is None:
        parser.error("PostgreSQL is not installed on this machine")
    with server(folder) as postgres:
        result = run(postgres, given.numbers, given.pace, given.workers, chaos=given.chaos)
    also = ", one stopped, PostgreSQL restarted" if given.chaos else ""
    print(f"{given.workers} workers on PostgreSQL, one killed and replaced{also}, {os.cpu_count()} cores")
    met = True
    for is_met, line in result.lines():
        met &= is_met
        print(f"{'ok  ' if is_met else 'MISS'} {line}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
