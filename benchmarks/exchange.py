"""How many scripted calls the sandbox's exchange completes in a second, callbacks included, and how many without any.

Every call is answered, plays a menu, has a key pressed and ends: ACE, PIE and DiCE go over HTTP to an application in a
process of its own. All calls are placed at once, and none may lose an event. ``python -m benchmarks.exchange``.
"""

import argparse
import json
import multiprocessing
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.sandbox.exchange.documents import Callout, read_callout
from sinch_voice_async.sandbox.requests import Fields

__all__ = ["CALLS", "WITH", "main"]

CALLS = 2_000
WITH, WITHOUT = "with three callbacks each", "without callbacks"

SOMEBODY = {"type": "number", "endpoint": "+46700000001"}
MENU = {"action": {"name": "runMenu", "menus": [{"id": "main", "options": [{"dtmf": "1", "action": "return(yes)"}]}]}}
ANSWERS = {"ace": MENU, "pie": {"action": {"name": "hangup"}}}


def main(arguments: list[str] | None = None) -> None:
    """Run the rounds, and print calls per second."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--calls", type=int, default=CALLS, help="at once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print every round")
    options = parser.parse_args(arguments)
    found = measure(options.calls, options.rounds)
    if options.json:
        print(json.dumps(found))
        return
    told = ", ".join(f"{statistics.median(rates):,.0f}/s {name}" for name, rates in found.items())
    print(f"{options.calls:,} calls at once: {told}")


def measure(calls: int, rounds: int) -> dict[str, list[float]]:
    """Return how many calls were completed in a second, in each of so many rounds."""
    with served() as url:
        with_callbacks = [round_of(calls, url) for _ in range(rounds)]
    return {WITH: with_callbacks, WITHOUT: [round_of(calls, "") for _ in range(rounds)]}


def round_of(count: int, url: str) -> float:
    """Place calls all at once, see each through, and return how many were completed in a second."""
    sandbox = Sandbox(speed=100, callback_url=url, callback_timeout=60)
    sandbox.phone(SOMEBODY["endpoint"]).answers(after=2).presses("1")
    if not url:
        sandbox.phone(SOMEBODY["endpoint"]).hangs_up(after=3)
    callout, started = _callout(), time.perf_counter()
    calls = [sandbox.exchange.place(callout, {}) for _ in range(count)]
    for call in calls:
        call.until_final_sync(120)
    seconds = time.perf_counter() - started
    sandbox.close()
    expected = ["ace", "pie", "dice"] if url else []
    for call in calls:
        told = [entry.text for entry in call.timeline if entry.kind == "answer" and not entry.data.get("error")]
        if told != expected:
            raise AssertionError(f"a call was told of by {told}")
    return count / seconds


@contextmanager
def served() -> Iterator[str]:
    """Serve the application in a process of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        process = multiprocessing.get_context("fork").Process(target=_serve, args=(listener,))
        process.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            process.terminate()
            process.join()


def _serve(listener: socket.socket) -> None:
    app = Starlette(routes=[Route("/", _take, methods=["POST"])])
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run([listener])


async def _take(request: Request) -> Response:
    answer = ANSWERS.get((await request.json())["event"])
    return JSONResponse(answer) if answer else Response()


def _callout() -> Callout:
    envelope = {"method": "customCallout", "customCallout": {"destination": SOMEBODY, "cli": "+46700000000"}}
    return read_callout(Fields(envelope), max_text_length=600)


if __name__ == "__main__":
    main()
