"""What a callout, a callback, a page of recordings and a dial cost, as numbers that no busy machine disturbs.

``python -m benchmarks.costs`` counts the bytecodes of this package that each of them executes, on asyncio and on trio,
without a network and without another process: a socket whose other end answers within ``send`` stands in for the
server. Calls into C (hashing, parsing, SQLite) and other packages are not counted; ``--callgrind`` counts all
instructions of the processor with valgrind, which takes a minute for each work.

``costs.json`` keeps the figures of each version of Python. ``tests/test_cost.py`` fails if a count is more than 3 %
above the last that was kept. ``--keep`` writes the counts of this Python; a rise needs ``--why "..."`` as well.
"""

import argparse
import contextlib
import functools
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Protocol
from unittest import mock

import anyio
import anyio.lowlevel
import attrs

import sinch_voice_async
from benchmarks.dialer import at_once, callout, contacts
from benchmarks.webhooks import EVENT, KEY, PATH, SECRET, webhook_app
from sinch_voice_async import Credentials, VoiceClient
from sinch_voice_async.dialer import Campaign
from sinch_voice_async.testing import signed_callback

__all__ = ["KEPT", "LOOPS", "WORKS", "Entry", "bars", "count_all", "over", "read", "rises_without_reason"]

LOOPS = ("asyncio", "trio")
MARGIN = 1.03
KEPT = Path(__file__).parent / "costs.json"
VERSION = "{}.{}".format(*sys.version_info)

_PACKAGE = str(Path(sinch_voice_async.__file__).parent) + os.sep
_GENERATED = ("<attrs generated", "<cattrs generated", "<reader of", "<writer of")
_WARM_UP, _COUNTED = 5, 5
_RECEIPT = b'{"callId":"adf92089-df2a-4f14-a377-1e975f588fe4"}'
_RECORDINGS = json.dumps(
    [
        {
            "key": f"2022_{number}",
            "url": f"https://calling.api.sinch.com/calling/v1/recording/2022_{number}",
            "createdOn": "2022-03-21T13:13:59Z",
            "expiresOn": "2022-04-21T13:13:59Z",
        }
        for number in range(100)
    ]
).encode()


class Counter(Protocol):
    """Counts the bytecodes that this package executes, in this thread and in those that start after it."""

    executed: int

    def start(self) -> None:
        """Count from now on."""

    def stop(self) -> None:
        """Count no more."""


class _Tracing:
    """A counter for Python 3.11, which traces."""

    def __init__(self) -> None:
        self.executed = 0

    def start(self) -> None:
        """Count from now on."""
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    def stop(self) -> None:
        """Count no more."""
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]  # None is allowed, as for sys.settrace

    def _trace(self, frame: FrameType, _event: str, _argument: object) -> Any:
        if not _is_ours(frame.f_code):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self._local

    def _local(self, _frame: FrameType, event: str, _argument: object) -> Any:
        if event == "opcode":
            self.executed += 1
        return self._local


class _Monitoring:
    """A counter for Python 3.12 and later, in which tracing loses bytecodes."""

    def __init__(self) -> None:
        self.executed = 0

    def start(self) -> None:
        """Count from now on."""
        tool = sys.monitoring.PROFILER_ID
        sys.monitoring.use_tool_id(tool, "costs")
        sys.monitoring.register_callback(tool, sys.monitoring.events.INSTRUCTION, self._note)
        sys.monitoring.restart_events()
        sys.monitoring.set_events(tool, sys.monitoring.events.INSTRUCTION)

    def stop(self) -> None:
        """Count no more."""
        tool = sys.monitoring.PROFILER_ID
        sys.monitoring.set_events(tool, sys.monitoring.events.NO_EVENTS)
        sys.monitoring.free_tool_id(tool)

    def _note(self, code: CodeType, _offset: int) -> object:
        if not _is_ours(code):
            return sys.monitoring.DISABLE
        self.executed += 1
        return None


def _counter() -> Counter:
    return _Monitoring() if sys.version_info >= (3, 12) else _Tracing()


def _is_ours(code: CodeType) -> bool:
    return code.co_filename.startswith((_PACKAGE, *_GENERATED))


class _Answering(socket.socket):
    """One end of a pair of sockets; the other end answers each request while it is sent."""

    body: bytes
    other: socket.socket

    @classmethod
    def pair(cls, body: bytes) -> "_Answering":
        """Return a socket that gets ``body`` as the answer to each request."""
        ours, other = socket.socketpair()
        made = cls(fileno=ours.detach())
        made.setblocking(False)
        made.body, made.other = body, other
        return made

    def send(self, data: Any, *flags: int) -> int:
        """Send a request, which comes in one piece, and its answer."""
        sent = super().send(data, *flags)
        self.other.recv(1 << 20)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(self.body)}\r\n\r\n"
        self.other.send(head.encode() + self.body)
        return sent

    def close(self) -> None:
        """Close both ends."""
        self.other.close()
        super().close()

    def extra(self, _: object) -> "_Answering":
        """Stand in for a stream of anyio, which gives its socket so."""
        return self


@contextlib.asynccontextmanager
async def _client(body: bytes) -> AsyncIterator[VoiceClient]:
    """A client whose connections answer every request with ``body``."""

    async def connected(*_: object, **__: object) -> _Answering:
        return _Answering.pair(body)

    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch("anyio.connect_tcp", connected))
        asyncio = sys.modules.get("asyncio")
        loop = asyncio._get_running_loop() if asyncio is not None else None  # noqa: SLF001  # None on trio
        if loop is not None:
            create = loop.create_connection

            async def create_connection(factory: Any, *_: object) -> Any:
                return await create(factory, sock=_Answering.pair(body))

            stack.enter_context(mock.patch.object(loop, "create_connection", create_connection))
        async with VoiceClient(KEY, SECRET, base_url="http://127.0.0.1:1") as client:
            yield client


@contextlib.asynccontextmanager
async def _callout() -> AsyncIterator[Callable[[], Awaitable[object]]]:
    async with _client(_RECEIPT) as client:
        yield functools.partial(
            client.callouts.tts, "+46700000001", "Hello", cli="+46700000000", locale="en-US", enable_dice=True
        )


@contextlib.asynccontextmanager
async def _recordings() -> AsyncIterator[Callable[[], Awaitable[object]]]:
    async with _client(_RECORDINGS) as client:
        yield lambda: client.recordings.list().collect(1)


@contextlib.asynccontextmanager
async def _callback() -> AsyncIterator[Callable[[], Awaitable[object]]]:
    """Answer an ICE; its request is signed before, outside of the package's own code."""
    app = webhook_app()
    body = json.dumps(EVENT | {"callid": "1"}).encode()
    now = time.time()
    # Each signature is accepted once.
    waiting = [_signed(body, now - number / 1000) for number in range(400)]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def answer() -> int:
        sent: list[Any] = []

        async def send(message: object) -> None:
            sent.append(message)

        await app(waiting.pop(), receive, send)
        status: int = sent[0]["status"]
        return status

    yield answer


def _signed(body: bytes, now: float) -> dict[str, Any]:
    """Return the scope of one signed callback."""
    headers, _ = signed_callback(body, Credentials(KEY, SECRET), PATH, now=now)
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"localhost"),
            (b"content-length", b"%d" % len(body)),
            *((name.lower().encode(), value.encode()) for name, value in headers.items()),
        ],
    }


WORKS: dict[str, Callable[[], contextlib.AbstractAsyncContextManager[Callable[[], Awaitable[object]]]]] = {
    "callout": _callout,
    "callback": _callback,
    "recordings": _recordings,
}


async def _count_work(work: str) -> int:
    """Return the bytecodes of one work, when all that it loads and remembers is there."""
    counts = []
    async with WORKS[work]() as once:
        for _ in range(_WARM_UP):
            await once()
        for _ in range(_COUNTED):
            counter = _counter()
            counter.start()
            try:
                await once()
            finally:
                counter.stop()
            counts.append(counter.executed)
    return min(counts)


class _StandingClock:
    """A clock that stands still, so that a slow machine does not count the looks of each second."""

    def now(self) -> float:
        """Return noon of a day."""
        return 1_785_499_200.0

    def monotonic(self) -> float:
        """Return the same instant."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Yield, or wait for ever."""
        await (anyio.sleep_forever() if seconds > 0 else anyio.lowlevel.checkpoint())


async def _dial(count: int) -> None:
    """Run a campaign whose callouts are answered at once, one after another, with a journal in a file."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "x.sqlite"
        campaign = Campaign("costs", journal=journal, calls_per_second=math.inf, in_flight=1, clock=_StandingClock())
        async with campaign.run(at_once, contacts(count), callout) as outcomes:
            async for _ in outcomes:
                pass


def _count_dial(loop: str) -> int:
    """Return the bytecodes of one dial: what a longer campaign costs more than a shorter one, each the least of two.

    One counter for all, since trio keeps the threads of a run for the next, and with them the function that traces.
    """
    counter = _counter()

    def campaign(contacts: int) -> int:
        before = counter.executed
        anyio.run(_dial, contacts, backend=loop)
        return counter.executed - before

    counter.start()
    try:
        campaign(2)
        few, many = (min(campaign(contacts) for _ in range(2)) for contacts in (10, 60))
    finally:
        counter.stop()
    return (many - few) // 50


def count(work: str, loop: str) -> int:
    """Return the bytecodes of one callout, callback, page of 100 recordings or dial on an event loop."""
    return _count_dial(loop) if work == "dial" else anyio.run(_count_work, work, backend=loop)


def count_all() -> dict[str, int]:
    """Return all counts, by work and loop. They are those of a fresh process if this one has counted nothing before."""
    return {f"{work} on {loop}": count(work, loop) for work in (*WORKS, "dial") for loop in LOOPS}


@attrs.frozen
class Entry:
    """Counts that were kept on one day, by version of Python and name, and why they rose if they did."""

    date: str
    why: str
    counts: dict[str, dict[str, int]]


def read() -> list[Entry]:
    """Return the entries that were kept, the oldest first."""
    return [Entry(**entry) for entry in json.loads(KEPT.read_text(encoding="utf-8"))]


def bars(entries: Sequence[Entry], version: str = VERSION) -> dict[str, int]:
    """Return the last count that was kept of each name for a version of Python."""
    return {name: kept for entry in entries for name, kept in entry.counts.get(version, {}).items()}


def over(counts: Mapping[str, int], bars: Mapping[str, int]) -> list[str]:
    """Return what costs more than 3 % above its bar, in words."""
    dear = {name: found for name, found in counts.items() if name in bars and found > bars[name] * MARGIN}
    return [f"{name}: {found:,} bytecodes, {found / bars[name] - 1:+.1%}" for name, found in dear.items()]


def rises_without_reason(entries: Sequence[Entry]) -> list[str]:
    """Return each rise in the file whose entry does not say why."""
    return [
        f"{entry.date}, Python {version}, {name}"
        for place, entry in enumerate(entries)
        for version, counts in entry.counts.items()
        for name, found in counts.items()
        if not entry.why.strip() and found > bars(entries[:place], version).get(name, math.inf)
    ]


def keep(counts: Mapping[str, int], why: str) -> str:
    """Write the counts of this Python into the file, unless they rose without a reason; return what was done."""
    entries, today = read(), datetime.now(UTC).date().isoformat()
    old = bars(entries)
    changed = {
        name: found for name, found in counts.items() if found < old.get(name, math.inf) or (why and found != old[name])
    }
    if not changed:
        return "nothing to keep: no count fell; a rise needs --why"
    last = entries[-1] if entries else None
    if last is not None and (last.date, last.why) == (today, why):
        last.counts.setdefault(VERSION, {}).update(changed)
    else:
        entries.append(Entry(today, why, {VERSION: changed}))
    KEPT.write_text(json.dumps([attrs.asdict(entry) for entry in entries], indent=1) + "\n", encoding="utf-8")
    return f"{len(changed)} counts kept in {KEPT.name}"


async def _repeat(work: str, times: int) -> None:
    async with WORKS[work]() as once:
        for _ in range(times):
            await once()


def repeat(work: str, loop: str, times: int) -> None:
    """Do one work so many times."""
    anyio.run(_dial, times, backend=loop) if work == "dial" else anyio.run(_repeat, work, times, backend=loop)


def instructions(work: str, loop: str) -> int:
    """Return the instructions of the processor for one work, Python's and those of C: a difference of two runs."""
    few, many = 50, 150
    spent = [_callgrind(work, loop, times) for times in (few, many)]
    return (spent[1] - spent[0]) // (many - few)


def _callgrind(work: str, loop: str, times: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        told = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", sys.executable]
        told += ["-m", "benchmarks.costs", "--repeat", work, loop, str(times)]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        subprocess.run(told, check=True, capture_output=True, cwd=KEPT.parent.parent, env=environment, timeout=600)
        lines = Path(folder, "out").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("summary:")).split()[1])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the counts beside the figures that were kept, or keep them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs", description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print the counts alone")
    parser.add_argument("--keep", action="store_true", help="write the counts that fell into costs.json")
    parser.add_argument("--why", default="", help="keep those that rose too, with this reason")
    parser.add_argument("--callgrind", action="store_true", help="count the instructions of the processor too")
    parser.add_argument("--repeat", nargs=3, metavar=("WORK", "LOOP", "TIMES"), help="only do one work so many times")
    given = parser.parse_args(arguments)
    if given.repeat:
        repeat(given.repeat[0], given.repeat[1], int(given.repeat[2]))
        return
    counts = count_all()
    if given.json:
        print(json.dumps(counts))
        return
    kept = bars(read())
    for name, found in counts.items():
        print(f"{name:22} {found:7,} bytecodes   kept {kept.get(name, 0):7,}")
        if given.callgrind:
            print(f"{name:22} {instructions(*name.split(' on ')):11,} instructions", flush=True)
    print(*over(counts, kept), sep="\n")
    if given.keep:
        print(keep(counts, given.why))


if __name__ == "__main__":
    main()
