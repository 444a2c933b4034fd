"""The vendor's old Python SDK is understood: its requests, recorded byte for byte, replayed over a socket."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from sinch_voice_async.sandbox import Sandbox

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "sinch-python-1.1.4.json").read_text())
REQUESTS: list[dict[str, Any]] = RECORDED["requests"]


@pytest.fixture
def sandbox() -> Sandbox:
    """The application that was recorded, on a clock of that day."""
    sandbox = Sandbox(RECORDED["application_key"], RECORDED["application_secret"], speed=0)
    recorded_on = datetime.fromisoformat(RECORDED["recorded_on"])
    sandbox.clock.offset = (recorded_on - datetime.now(UTC)).total_seconds()
    return sandbox


async def test_recorded_requests_are_let_in_and_acted_on(sandbox: Sandbox) -> None:
    """Its signatures are right, with a charset and an offset in the timestamp; call ids of that day are not found."""
    statuses = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(sandbox.app), trust_env=False) as http:
        for recorded in REQUESTS:
            method, target, _ = recorded["head"][0].split(" ")
            headers = [tuple(line.split(": ", 1)) for line in recorded["head"][1:]]
            url = httpx.URL(sandbox.url).copy_with(raw_path=target.encode())
            response = await http.send(httpx.Request(method, url, headers=headers, content=recorded["body"].encode()))
            statuses.append((recorded["head"][0], response.status_code))
    assert statuses == [(recorded["head"][0], recorded["status"]) for recorded in REQUESTS]


async def test_recorded_bytes_are_answered_over_a_socket(sandbox: Sandbox) -> None:
    """The very bytes, without any HTTP library in between."""
    first = REQUESTS[0]
    raw = "\r\n".join(first["head"]).encode() + b"\r\n\r\n" + first["body"].encode()
    async with sandbox.serve():
        port = httpx.URL(sandbox.url).port or 80
        with anyio.fail_after(10):
            async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                await stream.send(raw)
                answer = await stream.receive()
    assert answer.startswith(b"HTTP/1.1 200 ")
