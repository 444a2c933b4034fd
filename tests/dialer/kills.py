"""A campaign whose process is killed again and again, and the server that knows whom it rang.

The server runs here, in a thread, and counts each callout that it has executed, by number. It resets connections,
fails, refuses and keeps silent as chance will have it. The campaign runs in a process of its own (``python -m
tests.dialer.kills``), which is killed with SIGKILL whenever the server has executed a certain number of callouts, at
any point of its work, and is then started again.
"""

import asyncio
import json
import math
import os
import random
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from types import TracebackType
from typing import Any, Self

import anyio
from attrs import frozen

from sinch_voice_async import RetryPolicy, TtsCallout, VoiceClient
from sinch_voice_async.dialer import Campaign, Contact, ContactState, Outcome

ROOT = Path(__file__).parents[2]
_HEAD = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n%b"
# Of a thousand requests, how many end so: before anything is executed, and after.
UNEXECUTED = {"refuse": 20, "overload": 10, "close": 10}
EXECUTED = {"reset": 10, "fail": 10, "garble": 5, "cut": 5, "silence": 2, "slow": 10}
# After these nobody can know, unless the server tells: as many contacts are unknown besides those that were killed.
DOUBTFUL = ("overload", "close", "reset", "fail", "cut", "silence")
_ANSWERS = {
    "refuse": _HEAD % (429, b"Retry-After: 0\r\n", 2, b"{}"),
    "overload": _HEAD % (503, b"Retry-After: 0\r\n", 2, b"{}"),
    "fail": _HEAD % (500, b"", 2, b"{}"),
    "garble": _HEAD % (200, b"", 6, b"<html>"),
}


class Telephones:
    """The server: ``rang`` counts callouts by number, ``faults`` what went wrong on purpose."""

    def __init__(self, seed: int) -> None:
        self.rang: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in (tasks := asyncio.all_tasks(self._loop)):
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or it is over
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = json.loads(await reader.readexactly(length))
        fault = self._draw()
        if fault is not None:
            self.faults[fault] += 1
        if fault not in UNEXECUTED:
            self.rang[body["ttsCallout"]["destination"]["endpoint"]] += 1
        match fault:
            case "refuse" | "overload" | "fail" | "garble":
                writer.write(_ANSWERS[fault])
            case "close":
                return False
            case "reset":
                writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return False
            case "cut":
                writer.write(_HEAD % (200, b"", 90, b'{"callId": "'))
                return False
            case "silence":
                await asyncio.sleep(3600)
            case _:
                answer = json.dumps({"callId": f"call-{self.rang.total()}"}).encode()
                await asyncio.sleep(0.05 if fault == "slow" else 0)
                writer.write(_HEAD % (200, b"", len(answer), answer))
        await writer.drain()
        return True

    def _draw(self) -> str | None:
        drawn = self._chance.randrange(1000)
        for fault, share in {**UNEXECUTED, **EXECUTED}.items():
            if drawn < share:
                return fault
            drawn -= share
        return None


@frozen(kw_only=True)
class Verdict:
    """What was found when the campaign had come to its end."""

    contacts: int
    executed: int
    rung_twice: int
    states: dict[str, int]
    kills: int
    doubtful_faults: int
    most_unknown: int
    misjudged: int

    @property
    def is_good(self) -> bool:
        """Nobody twice, everybody accounted for, and no more in doubt than can be explained."""
        settled = self.states.get("accepted", 0) + self.states.get("unknown", 0)
        return (
            self.rung_twice == 0
            and settled == self.contacts
            and self.states.get("unknown", 0) <= self.most_unknown
            and self.misjudged == 0
        )


def campaign(journal: Path) -> Campaign:
    """The campaign of which the journal is."""
    return Campaign("kills", journal=journal, calls_per_second=math.inf, in_flight=20)


def number(place: int) -> str:
    """Return the number of a contact."""
    return f"+4670{place:07}"


def play(folder: Path, *, contacts: int, kills: int, seed: int, say: Any = lambda text: None) -> Verdict:
    """Run a campaign to its end, killed so many times on the way, and look at everybody."""
    chance, journal = random.Random(seed), folder / "kills.sqlite"
    moments = sorted(chance.sample(range(1, int(contacts * 0.9)), kills))
    with Telephones(seed) as telephones:
        for turn, moment in enumerate([*moments, None]):
            child = start(telephones.url, journal, contacts, backend=["asyncio", "trio"][turn % 2])
            while child.poll() is None and (moment is None or telephones.rang.total() < moment):
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.01))
            if moment is not None:
                child.kill()
            child.wait()
            say(f"{'killed' if moment is not None else 'ended'} at {telephones.rang.total()} callouts executed")
            assert moment is not None or child.returncode == 0
        outcomes = anyio.run(every_outcome, journal)
        return judge(telephones, outcomes, contacts, kills)


def judge(telephones: Telephones, outcomes: list[Outcome], contacts: int, kills: int) -> Verdict:
    """Compare what the journal says with what the server did."""
    doubtful = sum(telephones.faults[fault] for fault in DOUBTFUL)
    # Who is accepted was rung, and who was rung is accepted or unknown.
    misjudged = sum(
        (outcome.state is ContactState.ACCEPTED) > telephones.rang[outcome.number]
        or (outcome.state not in (ContactState.ACCEPTED, ContactState.UNKNOWN)) == telephones.rang[outcome.number] > 0
        for outcome in outcomes
    )
    return Verdict(
        contacts=contacts,
        executed=telephones.rang.total(),
        rung_twice=sum(count > 1 for count in telephones.rang.values()),
        states=dict(Counter(str(outcome.state) for outcome in outcomes)),
        kills=kills,
        doubtful_faults=doubtful,
        most_unknown=kills * 20 + doubtful,
        misjudged=misjudged,
    )


async def every_outcome(journal: Path) -> list[Outcome]:
    """Return how each contact stands."""
    return [outcome async for outcome in campaign(journal).outcomes()]


def start(url: str, journal: Path, contacts: int, *, backend: str) -> subprocess.Popen[bytes]:
    """Start a process that dials, or goes on dialling."""
    command = [sys.executable, "-m", "tests.dialer.kills", url, str(journal), str(contacts), backend]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def dial(url: str, journal: str, contacts: str) -> None:
    """Dial everybody; this is what is killed."""
    policy = RetryPolicy(max_attempts=1)
    async with VoiceClient("key", "c2VjcmV0", base_url=url, retry=policy, timeout=0.3) as client:

        def callout(contact: Contact) -> TtsCallout:
            return TtsCallout(destination=contact.number, text="See you tomorrow.")

        numbers = [number(place) for place in range(int(contacts))]
        async with campaign(Path(journal)).run(client, numbers, callout) as outcomes:
            await outcomes.wait()


if __name__ == "__main__":
    anyio.run(dial, sys.argv[1], sys.argv[2], sys.argv[3], backend=sys.argv[4])
