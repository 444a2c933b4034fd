"""What it costs to verify and decode a callback: ``WebhookApp`` beside two Starlette routes that answer fixed bytes.

Both read the whole body and answer the same bytes under uvicorn, on a core of their own, to signed requests over kept
connections; each request is signed anew, as the platform does. The bare route looks at nothing that it reads. The
verifying route is the least that an application of one's own has to do: it compares the signature and runs
``json.loads``, without a look at the age, at repeats, at limits or at a time-out. The application is measured with a
handler that builds its document for each call, and with one that gives a constant. Rounds alternate, and the median
counts.
``python -m benchmarks.webhooks``.
"""

import argparse
import asyncio
import base64
import functools
import hashlib
import hmac
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import attrs

__all__ = ["BAR", "BARE", "BUILT", "CONNECTIONS", "CONSTANT", "VERIFYING", "measure"]

BAR = 0.8
BARE, VERIFYING = "bare Starlette route", "Starlette route that verifies"
BUILT, CONSTANT = "WebhookApp", "WebhookApp, constant document"
CONNECTIONS = 32
PATH = "/sinch/ice"
KEY, SECRET = "669E367E-6BBA-48AB-AF15-266871C28135", "BeIukql3pTKJ8RGL5zo0DA=="
EVENT = {
    "event": "ice",
    "callResourceUrl": "https://calling-euc1.api.sinch.com/calling/v1/calls/id/3b0a7ccd-05e1-4728-bafd-023b77c47784",
    "timestamp": "2022-03-21T13:13:59Z",
    "version": 1,
    "userRate": {"currencyId": "USD", "amount": 0.03},
    "cli": "31639136121",
    "to": {"type": "did", "endpoint": "+3197121281500"},
    "domain": "pstn",
    "applicationKey": KEY,
    "originationType": "PSTN",
}
ANSWER = b'{"instructions":[{"name":"say","text":"Hello!"}],"action":{"name":"hangup"}}'


def main(arguments: list[str] | None = None) -> None:
    """Run the rounds, and print throughput, p99 and how they compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--requests", type=int, default=10_000, help="in each round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    rounds = measure(options.requests, options.rounds)
    found = {name: summary(name, rounds[name]) for name in rounds}
    for name in (BUILT, CONSTANT):
        for other in (BARE, VERIFYING):
            ratio = statistics.median(
                ours["per_second"] / theirs["per_second"]
                for ours, theirs in zip(rounds[name], rounds[other], strict=True)
            )
            cpu = found[other]["cpu_us"] / found[name]["cpu_us"]
            print(f"{name}: throughput {ratio:.2f} x the {other}, by processor time {cpu:.2f} x")


def measure(requests: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Return the figures of so many rounds of each application, taken in turn; ``requests`` are those of one round."""
    found: dict[str, list[dict[str, float]]] = {BARE: [], VERIFYING: [], BUILT: [], CONSTANT: []}
    with pinned(1), ExitStack() as stack:
        servers = {name: stack.enter_context(served(name)) for name in found}
        for _ in range(rounds):
            for name, server in servers.items():
                found[name].append(asyncio.run(drive(server, signed_requests(requests))))
    return found


@attrs.frozen
class Server:
    """A server in a process of its own."""

    port: int
    process: subprocess.Popen[bytes]

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used, 0 if the system does not tell."""
        with suppress(OSError), open(f"/proc/{self.process.pid}/schedstat") as file:
            return int(file.read().split()[0]) / 1e9
        return 0.0


def summary(name: str, rounds: list[dict[str, float]]) -> dict[str, float]:
    """Print and return the medians of one application's rounds."""
    found = {figure: statistics.median(one[figure] for one in rounds) for figure in rounds[0]}
    shown = "{per_second:8.0f} requests/s   p99 {p99_ms:6.2f} ms   server CPU {cpu_us:5.0f} us each"
    print(f"{name:30}{shown.format(**found)}")
    return found


def signed_requests(count: int) -> list[bytes]:
    """Return so many different requests, ready for the wire."""
    from sinch_voice_async import Credentials
    from sinch_voice_async.testing import signed_callback

    credentials = Credentials(KEY, SECRET)
    made = []
    for number in range(count):
        body = json.dumps(EVENT | {"callid": f"{os.getpid()}-{time.time_ns()}-{number}"}).encode()
        headers, body = signed_callback(body, credentials, PATH)
        lines = [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([f"POST {PATH} HTTP/1.1", "host: localhost", f"content-length: {len(body)}", *lines])
        made.append(f"{head}\r\n\r\n".encode() + body)
    return made


class Caller(asyncio.Protocol):
    """One connection: sends the next request when an answer is complete."""

    def __init__(self, requests: Iterator[bytes], latencies: list[float], done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._latencies = latencies
        self._done = done
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._received.endswith(ANSWER):
            return
        assert self._received.startswith(b"HTTP/1.1 200 "), self._received
        self._latencies.append(time.perf_counter() - self._sent)
        self._received = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or ConnectionResetError(self._received.decode(errors="replace")))

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._done.set_result(None)
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)


async def drive(server: Server, requests: list[bytes]) -> dict[str, float]:
    """Send all requests, one at a time on each connection; ``cpu_us`` is the server's, for each."""
    loop = asyncio.get_running_loop()
    waiting, latencies = iter(requests), list[float]()
    begin, begin_cpu = time.perf_counter(), server.cpu()
    futures: list[asyncio.Future[None]] = []
    for _ in range(CONNECTIONS):
        futures.append(loop.create_future())
        connect = functools.partial(Caller, waiting, latencies, futures[-1])
        await loop.create_connection(connect, "127.0.0.1", server.port)
    await asyncio.gather(*futures)
    took = time.perf_counter() - begin
    assert len(latencies) == len(requests)
    return {
        "per_second": len(requests) / took,
        "p99_ms": statistics.quantiles(latencies, n=100)[98] * 1e3,
        "cpu_us": (server.cpu() - begin_cpu) / len(requests) * 1e6,
    }


@contextmanager
def served(which: str) -> Iterator[Server]:
    """Serve an application in a process of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        port = listener.getsockname()[1]
        os.set_inheritable(listener.fileno(), True)
        command = [sys.executable, "-m", "benchmarks.webhooks", "--serve", which, str(listener.fileno())]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()])
    # From here on the child alone holds the socket: should it die, connections are refused rather than left waiting.
    try:
        yield Server(port, process)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keep this process to one core, if the system lets it and has more than one."""
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[core]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def serve(which: str, descriptor: int) -> None:
    """Serve the bare route or the webhook application on a listening socket, on the first core."""
    import uvicorn

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {0})
    apps = {BARE: bare_app, VERIFYING: verifying_app}
    app = apps[which]() if which in apps else webhook_app(constant=which == CONSTANT)
    config = uvicorn.Config(app, log_level="warning", access_log=False, http="httptools", loop="asyncio")
    # Not Config(fd=...): uvicorn takes that for a Unix socket, and leaves Nagle's algorithm on.
    uvicorn.Server(config).run([socket.socket(fileno=descriptor)])


def bare_app() -> Any:
    """Return a Starlette application with one route, which answers without a look at the request."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def answer(request: Request) -> Response:
        await request.body()
        return Response(ANSWER, media_type="application/json")

    return Starlette(routes=[Route(PATH, answer, methods=["POST"])])


def verifying_app() -> Any:
    """Return a Starlette application that verifies the signature and reads the JSON, by hand."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    secret = base64.b64decode(SECRET)

    async def answer(request: Request) -> Response:
        body, headers = await request.body(), request.headers
        content = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        stamp = headers["x-timestamp"]
        text = f"POST\n{content}\n{headers['content-type']}\nx-timestamp:{stamp}\n{request.url.path}"
        expected = base64.b64encode(hmac.digest(secret, text.encode(), "sha256")).decode()
        given = headers["authorization"].rpartition(":")[2]
        if not hmac.compare_digest(given, expected):
            return Response(status_code=401)
        event = json.loads(body)
        assert event["event"] == "ice"
        return Response(ANSWER, media_type="application/json")

    return Starlette(routes=[Route(PATH, answer, methods=["POST"])])


def webhook_app(*, constant: bool = False) -> Any:
    """Return the application that verifies, decodes, dispatches and encodes, its document built anew or always one."""
    from sinch_voice_async import Credentials, svaml
    from sinch_voice_async.webhooks import IncomingCall, WebhookApp

    app = WebhookApp(credentials=Credentials(KEY, SECRET))

    def hello() -> svaml.IceSvaml:
        return svaml.Svaml(instructions=[svaml.Say("Hello!")], action=svaml.Hangup())

    always = hello()

    @app.ice
    async def incoming(_: IncomingCall) -> svaml.IceSvaml:
        return always if constant else hello()

    return app


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        main()
