"""The authentication of requests: their signatures and basic credentials, checked over their bytes by a middleware.

The tolerance of five minutes for timestamps is the sandbox's own: the platform publishes none. Source: Authentication,
Application signed request; Authentication, Basic authorization.
"""

import base64
import binascii
import hashlib
import hmac
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.requests import RefusalError

__all__ = ["Arrival", "AuthMiddleware", "authenticate", "signature", "string_to_sign"]

logger: logging.Logger = logging.getLogger("sinch_voice_async.sandbox")

TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request as it came: the path undecoded and without query, header names in lower case, the raw body."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Return the value of a header, or an empty string."""
        return self.headers.get(name, "")


def string_to_sign(arrival: Arrival) -> str:
    """Return the five lines that a signature covers."""
    digest = (
        base64.b64encode(hashlib.md5(arrival.body, usedforsecurity=False).digest()).decode() if arrival.body else ""
    )
    timestamp = f"x-timestamp:{arrival.header('x-timestamp')}"
    return "\n".join((arrival.method.upper(), digest, arrival.header("content-type"), timestamp, arrival.path))


def signature(secret: str, text: str) -> str:
    """Return the base64 signature of ``text`` under a base64 application secret."""
    digest = hmac.digest(base64.b64decode(secret), text.encode("utf-8", "surrogateescape"), "sha256")
    return base64.b64encode(digest).decode()


def authenticate(arrival: Arrival, *, key: str, secret: str, now: datetime) -> None:
    """Raise the platform's :class:`RefusalError` unless the request is signed, or has basic credentials, of ``key``."""
    scheme, _, credentials = arrival.header("authorization").strip().partition(" ")
    credentials = credentials.strip()
    if not scheme or not credentials:
        raise RefusalError(40100, "Authorization header is missing or illegal")
    match scheme.lower():
        case "application":
            _check_signed(arrival, credentials, key, secret, now)
        case "basic":
            _check_basic(credentials, key, secret)
        case _:
            raise RefusalError(40301, "Invalid authorization scheme for calling the method")


def _check_signed(arrival: Arrival, credentials: str, key: str, secret: str, now: datetime) -> None:
    claimed_key, colon, claimed_signature = credentials.partition(":")
    if not colon or not claimed_signature:
        raise RefusalError(40100, "Authorization header is illegal: expected 'Application key:signature'")
    if claimed_key.lower() != key.lower():
        raise RefusalError(40107, "Invalid application key")
    timestamp = _timestamp(arrival.header("x-timestamp"))
    text = string_to_sign(arrival)
    if not any(_same(claimed_signature, signature(secret, each)) for each in (text, _string_of_the_decoded(arrival))):
        message = f"Invalid signature. Expected the signature of this string: {text!r}"
        raise RefusalError(40102, message, details={"stringToSign": text})
    if abs(now - timestamp) > TOLERANCE:
        raise RefusalError(40105, f"Request expired: x-timestamp is more than {TOLERANCE} from now")


def _string_of_the_decoded(arrival: Arrival) -> str:
    """Return what the vendor's own client libraries sign where a path needs percent-encoding, as that of a conference
    called ``My Conference``: the path before it was encoded.
    """
    return string_to_sign(replace(arrival, path=unquote(arrival.path)))


def _check_basic(credentials: str, key: str, secret: str) -> None:
    try:
        pair = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise RefusalError(40100, "Authorization header is illegal: expected 'Basic base64(key:secret)'") from None
    claimed_key, _, claimed_secret = pair.partition(":")
    secret_fits = _same(claimed_secret, secret)
    if claimed_key.lower() != key.lower() or not secret_fits:
        raise RefusalError(40108, "Invalid credentials")


def _timestamp(text: str) -> datetime:
    """Read any ISO 8601 form; a time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        problem = "is not an ISO 8601 time" if text else "is missing"
        raise RefusalError(40101, f"x-timestamp {problem}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _same(claimed: str, expected: str) -> bool:
    return hmac.compare_digest(claimed.encode("utf-8", "surrogateescape"), expected.encode())


LARGEST_BODY = 1_048_576
MOST_OF_A_NUMBER = re.compile(r"(?<=/number/)[^/]*(?=..)")


class AuthMiddleware:
    """Wraps the application. It passes on requests that carry the account's credentials, and dates and logs answers.

    It judges what came over the wire, before a framework touched it: raw path, headers and body. The path is
    passed on undecoded, so that an id with ``%2F`` in it cannot become another route.
    """

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
        answer = _DatedAnswer(send, self._clock)
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


class _DatedAnswer:
    """Sends an answer on with the date of the sandbox's clock, and remembers its status."""

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
    """Gives the body that was read already, then the messages of the server."""

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
