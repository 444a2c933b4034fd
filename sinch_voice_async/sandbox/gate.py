"""The door of the sandbox: every request is read whole, checked for credentials, dated and logged here.

What is judged is what came over the wire: the raw path, the headers and the body, before any framework has touched
them. The path is handed on undecoded, so that an id with ``%2F`` in it cannot become another route.
"""

import logging
import re
import time
from email.utils import format_datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.authentication import Arrival, authenticate
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.refusals import RefusalError

__all__ = ["Gate"]

logger: logging.Logger = logging.getLogger("sinch_voice_async.sandbox")

LARGEST_BODY = 1_048_576
MOST_OF_A_NUMBER = re.compile(r"(?<=/number/)[^/]*(?=..)")


class Gate:
    """Wraps the application; passes on only requests with the account's credentials."""

    def __init__(self, app: ASGIApp, account: Account, clock: Clock) -> None:
        self._app = app
        self._account = account
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; what is not HTTP goes straight to the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        scope = {**scope, "path": path, "state": dict(scope.get("state", {}))}
        answer = _Answer(send, self._clock)
        try:
            body = await _whole_body(receive)
            self._check(scope, body)
        except RefusalError as refusal:
            scope["state"]["note"] = f"{refusal.code}"
            await refusal.response()(scope, receive, answer.send)
        else:
            await self._app(scope, _Replay(body, receive), answer.send)
        _log(scope, answer.status, time.perf_counter() - started)

    def _check(self, scope: Scope, body: bytes) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        arrival = Arrival(scope["method"], scope["path"], headers, body)
        account = self._account
        authenticate(arrival, key=account.application_key, secret=account.application_secret, now=self._clock.wall())


class _Answer:
    """Sends an answer on, dated by the sandbox's clock, and remembers its status."""

    def __init__(self, send: Send, clock: Clock) -> None:
        self._send = send
        self._clock = clock
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        """Send one ASGI message."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            date = format_datetime(self._clock.wall(), usegmt=True).encode()
            message = {**message, "headers": [*message["headers"], (b"date", date)]}
        await self._send(message)


class _Replay:
    """Gives the body that was read already, then whatever the server has to say."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        """Receive one ASGI message."""
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


async def _whole_body(receive: Receive) -> bytes:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY:
            raise RefusalError(40003, f"Invalid request: the body is larger than {LARGEST_BODY} bytes", status=413)
    return bytes(body)


def _log(scope: Scope, status: int | None, seconds: float) -> None:
    path = MOST_OF_A_NUMBER.sub("***", scope["path"])
    outcome = "dropped" if status is None else status
    # Ids are the caller's words, and must not write lines of their own.
    note = scope["state"].get("note", "").encode("unicode_escape").decode()
    logger.info("%-6s %s  %s  %s  %.1f ms", scope["method"], path, outcome, note, seconds * 1000)
