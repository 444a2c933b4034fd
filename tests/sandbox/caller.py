"""A caller with credentials who signs as the documents say, and shares no code with either end."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from sinch_voice_async.sandbox import Sandbox

TTS: dict[str, Any] = {"destination": {"type": "number", "endpoint": "+46700000001"}, "text": "Hello!"}


class Caller:
    """Sends signed requests to a sandbox."""

    def __init__(self, sandbox: Sandbox, http: httpx.AsyncClient) -> None:
        self.sandbox = sandbox
        self.http = http

    def request(
        self, method: str, target: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Request:
        """Return a signed request; a body that is no bytes is sent as JSON."""
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        timestamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        lines = (method, _md5(raw), "application/json", f"x-timestamp:{timestamp}", target.partition("?")[0])
        account = self.sandbox.account
        key = base64.b64decode(account.application_secret)
        signature = base64.b64encode(hmac.digest(key, "\n".join(lines).encode(), "sha256")).decode()
        signed = {
            "authorization": f"application {account.application_key}:{signature}",
            "content-type": "application/json",
            "x-timestamp": timestamp,
        }
        url = httpx.URL(f"{self.sandbox.url}/").copy_with(raw_path=target.encode())
        return self.http.build_request(method, url, content=raw, headers={**signed, **(headers or {})})

    async def send(
        self, method: str, target: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send a signed request and read the answer."""
        return await self.http.send(self.request(method, target, body, headers))

    async def tts(self, **members: object) -> httpx.Response:
        """Place a text-to-speech callout."""
        return await self.callout("ttsCallout", {**TTS, **members})

    async def callout(self, method: str, members: Mapping[str, object]) -> httpx.Response:
        """Place a callout of any kind; members that are None are left out."""
        chosen = {name: value for name, value in members.items() if value is not None}
        return await self.send("POST", "/calling/v1/callouts", {"method": method, method: chosen})

    async def placed(self, **members: object) -> str:
        """Place a text-to-speech callout and return its call id."""
        call_id: str = (await self.tts(**members)).json()["callId"]
        return call_id

    async def call(self, call_id: str) -> dict[str, Any]:
        """Read a call."""
        body: dict[str, Any] = (await self.send("GET", f"/calling/v1/calls/id/{call_id}")).json()
        return body


def error(response: httpx.Response) -> tuple[int, int]:
    """Return an answer's HTTP status and error code, once its error object has been found complete."""
    body = response.json()
    assert body["message"]
    assert body["reference"]
    return response.status_code, body["errorCode"]


@asynccontextmanager
async def in_process(sandbox: Sandbox) -> AsyncIterator[Caller]:
    """Call a sandbox's application without a server."""
    transport = httpx.ASGITransport(sandbox.app)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as http:
        yield Caller(sandbox, http)


@asynccontextmanager
async def over_sockets(sandbox: Sandbox) -> AsyncIterator[Caller]:
    """Serve a sandbox and call it over TCP."""
    async with sandbox.serve(), httpx.AsyncClient(verify=False, trust_env=False) as http:  # plain http
        yield Caller(sandbox, http)


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode() if body else ""
