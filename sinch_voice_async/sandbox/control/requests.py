"""The control API's log of requests: every API request and callback, why a signature failed, and sending it again."""

import base64
import json
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import anyio
import anyio.to_thread
import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.authentication import Arrival, signature, string_to_sign
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.control.signatures import compared, explain, scheme_of, steps_of, verdict_of
from sinch_voice_async.sandbox.control.table import Control, Query, member, page_of, query_whole, text
from sinch_voice_async.sandbox.request_log import (
    EXTENSION,
    LARGEST_ANSWER,
    PARTICIPANT,
    LoggedRequest,
    RequestLog,
    masked,
)
from sinch_voice_async.sandbox.requests import Fields, found, path_member

__all__ = ["CallbackTest", "RequestControls", "Sender", "request_summary"]

SHOWN = 65_536
"""Bytes of a body that stand in the description of a request; all of it is at ``/requests/{id}/body``."""
MOST = 1_000
NAMES = ("status", "method", "path", "event", "direction", "call", "id", "client", "verdict", "error", "failed")
SEARCH = {
    "q": text("words that must occur, name:value, and - before either; names: " + ", ".join(NAMES)),
    "before": text("an id: only what is older"),
    "limit": member("how many at most; 100 by default", "integer", minimum=1, maximum=MOST),
}
CREDENTIALS = re.compile(rb'(\\?"credentials\\?"\s*:\s*\\?")[^"\\]*')
HOP = ("host", "content-length", "connection", "transfer-encoding", "accept-encoding")


class Sender:
    """Sends requests again, and tests of the callback URL, signed as the sandbox signs."""

    def __init__(self, account: Account, clock: Clock, log: RequestLog, platform: ASGIApp, timeout: float) -> None:
        self._account = account
        self._clock = clock
        self._log = log
        self._platform = platform
        self._timeout = timeout

    async def callback(self, entry: LoggedRequest, *, headers: Mapping[str, str], fresh: bool) -> LoggedRequest:
        """Send a callback and log it; a problem on the way is its ``error``."""
        started = time.perf_counter()
        try:
            address = httpx.URL(entry.url)
            entry.target = address.raw_path.decode("latin-1")
            verify = address.scheme == "https"
            signed = self._signed(entry, headers) if fresh else dict(headers)
            request = httpx.Request("POST", address, content=entry.request_body, headers=signed)
            entry.request_headers = tuple(request.headers.items())
            with anyio.fail_after(self._timeout):
                async with httpx.AsyncHTTPTransport(verify=verify) as transport:
                    await _send(request, entry, transport)
        except TimeoutError:
            entry.error = f"no answer within {self._timeout:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            entry.error = f"{type(error).__name__}: {error}"
        entry.ms = 1000 * (time.perf_counter() - started)
        return self._log.add(entry)

    async def api(self, entry: LoggedRequest, *, headers: Mapping[str, str], fresh: bool) -> LoggedRequest:
        """Send a request to the platform's side again, as it was or signed anew."""
        held: list[LoggedRequest] = []

        async def platform(scope: Scope, receive: Receive, send: Send) -> None:
            raw = entry.target.partition("?")[0].encode("latin-1")
            again = {EXTENSION: (entry.resent_from, held)}
            await self._platform({**scope, "raw_path": raw, "extensions": again}, receive, send)

        signed = self._signed(entry, headers) if fresh else self._unmasked(headers)
        url = httpx.URL("http://localhost/").copy_with(raw_path=entry.target.encode("latin-1"))
        request = httpx.Request(entry.method, url, content=entry.request_body, headers=signed)
        try:
            async with httpx.ASGITransport(platform) as transport:
                await (await transport.handle_async_request(request)).aread()
        except httpx.HTTPError:
            # A fault of the sandbox has dropped the connection; the entry says so.
            pass
        return held[0]

    def _signed(self, entry: LoggedRequest, headers: Mapping[str, str]) -> dict[str, str]:
        stamp = self._clock.wall().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        kept = {"content-type": "application/json", **headers, "x-timestamp": stamp}
        key, secret = self._account.application_key, self._account.application_secret
        signed = string_to_sign(Arrival(entry.method, entry.path, kept, entry.request_body))
        return {**kept, "authorization": f"application {key}:{signature(secret, signed)}"}

    def _unmasked(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return headers with the account's own Basic credentials, which the log has masked."""
        if not headers.get("authorization", "").startswith("Basic "):
            return dict(headers)
        pair = f"{self._account.application_key}:{self._account.application_secret}"
        return {**headers, "authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


class RequestControls:
    """Lists, shows, explains, sends again and removes logged requests."""

    def __init__(self, log: RequestLog, account: Account, sender: Sender) -> None:
        self._log = log
        self._account = account
        self._sender = sender

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        one = "/requests/{id}"
        own = {"stringToSign": text("the string that the other side signed; without it, known mistakes are tried")}
        again = {
            "timestamp": text("same: the headers as they were; fresh: signed anew", enum=["same", "fresh"]),
            "body": text("another body"),
            "headers": member("headers to add or replace, by name", "object", additionalProperties={"type": "string"}),
        }
        return [
            Control("GET", "/requests", self.list, query=SEARCH),
            Control("DELETE", "/requests", self.clear, query={"q": SEARCH["q"]}),
            Control("GET", "/requests.har", self.har, query={"q": SEARCH["q"]}),
            Control("GET", one, self.get),
            Control("GET", f"{one}/body", self.body),
            Control("GET", f"{one}/response-body", self.response_body),
            Control("POST", f"{one}/explain", self.explain, own, example={}),
            Control("POST", f"{one}/resend", self.resend, again, status=201, example={"timestamp": "fresh"}),
        ]

    async def list(self, request: Request, _fields: Fields) -> Response:
        """List requests and callbacks, newest first, without their bodies."""
        limit = query_whole(request, "limit", default=100, least=1, most=MOST)
        before = request.query_params.get("before")

        def find() -> dict[str, object]:
            found = page_of(self._matching(request), name=lambda entry: entry.id, before=before, limit=limit)
            listed = [request_summary(entry) for entry in found.items]
            return {"requests": listed, "next": found.next, "count": found.count}

        found = await anyio.to_thread.run_sync(find)
        return JSONResponse({**found, "kept": self._log.kept, "dropped": self._log.dropped})

    async def clear(self, request: Request, _fields: Fields) -> Response:
        """Remove the requests that match the query from the log."""
        return JSONResponse({"deleted": self._log.remove(list(self._matching(request)))})

    async def har(self, request: Request, _fields: Fields) -> Response:
        """Return the requests that match the query as HAR 1.2, for other tools."""
        entries = [_har(entry) for entry in reversed(list(self._matching(request)))]
        log = {"version": "1.2", "creator": {"name": "sinch_voice_async sandbox", "version": "1"}, "entries": entries}
        return JSONResponse({"log": log})

    async def get(self, request: Request, _fields: Fields) -> Response:
        """Tell one request: headers, bodies, answer, and what became of its signature."""
        return JSONResponse(_described(self._find(request)))

    async def body(self, request: Request, _fields: Fields) -> Response:
        """Return the whole body of a request as a file."""
        return _file(self._find(request).request_body)

    async def response_body(self, request: Request, _fields: Fields) -> Response:
        """Return the whole body of an answer as a file."""
        return _file(self._find(request).response_body)

    async def explain(self, request: Request, fields: Fields) -> Response:
        """Find out what was signed: by a string that the other side shows, or by trying each known mistake."""
        entry, own = self._find(request), fields.text("stringToSign", most=100_000)
        if own is not None:
            expected = [str(step["expected"]) for step in steps_of(entry)]
            return JSONResponse({"steps": compared(expected, own), "explanations": [], "tried": 0})
        secret = self._account.application_secret
        found = await anyio.to_thread.run_sync(explain, entry, secret)
        steps = steps_of(entry, found.signed)
        return JSONResponse({"steps": steps, "explanations": found.described(), "tried": found.tried})

    async def resend(self, request: Request, fields: Fields) -> Response:
        """Send a callback to the application again, or a request to the API; the call does not change by a callback."""
        entry = self._find(request)
        body, extra = fields.text("body", most=LARGEST_ANSWER), fields.child("headers")
        fresh = fields.choice("timestamp", ("same", "fresh")) != "same"
        added = {} if extra is None else {name.lower(): extra.required_text(name, most=8_192) for name in extra.members}
        if not all(name.isascii() and value.isprintable() for name, value in added.items()):
            fields.illegal("headers", "must be printable")
        kept = {name.lower(): value for name, value in entry.request_headers if name.lower() not in HOP}
        again = replace(
            entry,
            at=datetime.now(UTC),
            request_body=entry.request_body if body is None else body.encode(),
            status=None,
            error="",
            response_headers=(),
            response_body=b"",
            resent_from=entry.id,
        )
        send = self._sender.callback if entry.direction == "callback" else self._sender.api
        sent = await send(again, headers={**kept, **added}, fresh=fresh)
        return JSONResponse(_described(sent), status_code=201)

    def _find(self, request: Request) -> LoggedRequest:
        return found(self._log.get(path_member(request, "id")), "Request")

    def _matching(self, request: Request) -> Iterable[LoggedRequest]:
        query = Query(request.query_params.get("q", ""), NAMES)
        for entry in reversed(list(self._log)):
            if query.matches(lambda: _members(entry), lambda: _words(entry)):  # noqa: B023  # called at once
                yield entry


class CallbackTest:
    """Tests whether an application listens at the callback URL."""

    def __init__(self, account: Account, sender: Sender) -> None:
        self._account = account
        self._sender = sender

    def controls(self) -> list[Control]:
        """Return the endpoint."""
        where = {"url": text("where to send it; the primary callback URL by default")}
        return [Control("POST", "/callback-test", self.test, where, status=201, example={})]

    async def test(self, _request: Request, fields: Fields) -> Response:
        """Send a signed notification to the callback URL, and tell what came back."""
        url = fields.text("url", most=2_048) or self._account.callback_urls.primary
        if not url.lower().startswith(("http://", "https://")):
            fields.illegal("url", "must be an http or https URL")
        event = {"event": "notify", "callid": "", "version": 1, "type": "sandboxtest", "custom": ""}
        body = json.dumps({**event, "applicationKey": self._account.application_key}, separators=(",", ":")).encode()
        entry = LoggedRequest(
            direction="callback",
            method="POST",
            url=url,
            target=url,
            request_headers=(),
            request_body=body,
            event="notify",
        )
        return JSONResponse(_described(await self._sender.callback(entry, headers={}, fresh=True)), status_code=201)


def request_summary(entry: LoggedRequest) -> dict[str, object]:
    """Return what a list shows of a request."""
    verdict, code = verdict_of(entry)
    return {
        "id": entry.id,
        "seq": entry.sequence,
        "direction": entry.direction,
        "at": entry.at.isoformat(),
        "ms": round(entry.ms, 1),
        "method": entry.method,
        "url": entry.url,
        "path": entry.path,
        "status": entry.status,
        "error": entry.error or None,
        "errorCode": code,
        "event": entry.event or None,
        "callId": entry.call_id or None,
        "userAgent": entry.header("user-agent"),
        "peer": entry.peer,
        "attempt": entry.attempt,
        "fallback": entry.is_fallback,
        "resentFrom": entry.resent_from or None,
        "failed": entry.failed,
        "verdict": verdict,
    }


def _described(entry: LoggedRequest) -> dict[str, object]:
    verdict, code = verdict_of(entry)
    conference = PARTICIPANT.search(entry.path)
    shown = scheme_of(entry)
    return {
        **request_summary(entry),
        "httpVersion": entry.http_version,
        "target": entry.target,
        "conferenceId": unquote(conference[1]) if conference else None,
        "answeredBy": entry.answered_by,
        "requestHeaders": [list(header) for header in entry.request_headers],
        "requestBody": _body(entry.request_body, entry.request_headers),
        "responseHeaders": [list(header) for header in entry.response_headers],
        "responseBody": _body(entry.response_body, entry.response_headers),
        "signature": {
            "scheme": shown,
            "verdict": verdict,
            "errorCode": code,
            "steps": steps_of(entry) if shown == "application" else [],
            "contentSecondsOff": _seconds_off(entry),
        },
    }


def _seconds_off(entry: LoggedRequest) -> float | None:
    """Return by how many seconds the timestamp differs from when the request came, if it can be read."""
    try:
        stamp = datetime.fromisoformat(entry.header("x-timestamp"))
        return round((entry.at - (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC))).total_seconds(), 1)
    except (ValueError, OverflowError):
        return None


def _body(data: bytes, headers: Iterable[tuple[str, str]]) -> dict[str, object]:
    media_type = next((value for name, value in headers if name.lower() == "content-type"), "")
    shown, size = CREDENTIALS.sub(rb"\1***", data[:SHOWN]), len(data)
    about = {"size": size, "mediaType": media_type, "truncated": size > SHOWN}
    try:
        # A cut may fall into a character: up to three bytes of it are left out.
        decoded = shown.decode() if size <= SHOWN else shown.decode("utf-8", "ignore")
    except UnicodeDecodeError:
        return {**about, "encoding": "base64", "text": base64.b64encode(shown).decode()}
    return {**about, "encoding": "utf-8", "text": decoded}


def _file(data: bytes) -> Response:
    headers = {"content-disposition": "attachment"}
    return Response(CREDENTIALS.sub(rb"\1***", data), media_type="application/octet-stream", headers=headers)


async def _send(request: httpx.Request, entry: LoggedRequest, transport: httpx.AsyncBaseTransport) -> None:
    response = await transport.handle_async_request(request)
    entry.status, entry.response_headers = response.status_code, masked(response.headers.items())
    answer = bytearray()
    async with aclosing(response):
        async for piece in response.aiter_bytes():
            answer += piece
            if len(answer) > LARGEST_ANSWER:
                entry.error = f"an answer of more than {LARGEST_ANSWER} bytes"
                break
    entry.response_body = bytes(answer[:LARGEST_ANSWER])


def _members(entry: LoggedRequest) -> Mapping[str, str]:
    return {
        "status": "" if entry.status is None else str(entry.status),
        "method": entry.method,
        "path": entry.path,
        "event": entry.event,
        "direction": entry.direction,
        "call": entry.call_id,
        "id": entry.id,
        "client": entry.header("user-agent"),
        "verdict": verdict_of(entry)[0],
        "error": entry.error,
        "failed": "yes" if entry.failed else "no",
    }


def _words(entry: LoggedRequest) -> str:
    bodies = (entry.request_body[:SHOWN], entry.response_body[:SHOWN])
    texts = [CREDENTIALS.sub(rb"\1***", body).decode("utf-8", "replace") for body in bodies]
    headers = [f"{name}: {value}" for name, value in entry.request_headers]
    return "\n".join([entry.url, *_members(entry).values(), *headers, *texts])


def _har(entry: LoggedRequest) -> dict[str, Any]:
    def pairs(headers: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
        return [{"name": name, "value": value} for name, value in headers]

    sent, came = _body(entry.request_body, entry.request_headers), _body(entry.response_body, entry.response_headers)
    request = {
        "method": entry.method,
        "url": entry.url,
        "httpVersion": f"HTTP/{entry.http_version}",
        "cookies": [],
        "headers": pairs(entry.request_headers),
        "queryString": [
            {"name": unquote(name), "value": unquote(value)}
            for name, _, value in (pair.partition("=") for pair in urlsplit(entry.target).query.split("&") if pair)
        ],
        "postData": {"mimeType": sent["mediaType"], "text": sent["text"]},
        "headersSize": -1,
        "bodySize": sent["size"],
    }
    content = {"size": came["size"], "mimeType": came["mediaType"], "text": came["text"]}
    response = {
        "status": entry.status or 0,
        "statusText": entry.error,
        "httpVersion": f"HTTP/{entry.http_version}",
        "cookies": [],
        "headers": pairs(entry.response_headers),
        "content": content if came["encoding"] == "utf-8" else {**content, "encoding": "base64"},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": came["size"],
    }
    return {
        "startedDateTime": entry.at.isoformat(),
        "time": round(entry.ms, 3),
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"send": 0, "wait": round(entry.ms, 3), "receive": 0},
    }
