"""The vendor's own SDKs are understood: their requests, recorded byte for byte, replayed."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import httpx
import pytest

from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.sandbox.exchange import exchange

VECTORS = sorted((Path(__file__).parent / "vectors").glob("sinch-*.json"))
RECORDED = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in VECTORS}


def then(recorded: Mapping[str, Any]) -> Sandbox:
    """Return the application that was recorded, on a clock of that day."""
    sandbox = Sandbox(recorded["application_key"], recorded["application_secret"], speed=0)
    recorded_on = datetime.fromisoformat(recorded["recorded_on"])
    sandbox.clock.offset = (recorded_on - datetime.now(UTC)).total_seconds()
    return sandbox


@pytest.mark.parametrize("sdk", RECORDED)
async def test_recorded_requests_are_let_in_and_acted_on(sdk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every operation succeeds on calls that have the ids of that day: signatures, spellings and shapes are theirs."""
    recorded = RECORDED[sdk]
    sandbox = then(recorded)
    ids = iter(recorded["call_ids"])
    monkeypatch.setattr(exchange, "uuid", SimpleNamespace(uuid4=lambda: next(ids)))
    statuses = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(sandbox.app), trust_env=False) as http:
        for request in recorded["requests"]:
            method, target, _ = request["head"][0].split(" ")
            headers = [tuple(line.split(": ", 1)) for line in request["head"][1:]]
            url = httpx.URL(sandbox.url).copy_with(raw_path=target.encode())
            response = await http.send(httpx.Request(method, url, headers=headers, content=request["body"].encode()))
            statuses.append((request["head"][0], response.status_code))
    sandbox.close()
    assert statuses == [(request["head"][0], request["status"]) for request in recorded["requests"]]
    # Each asked once for a call that there is none of.
    assert [target for target, status in statuses if status >= 300] == ["GET /calling/v1/calls/id/nope HTTP/1.1"]
    assert sandbox.executed == len(recorded["call_ids"])


@pytest.mark.parametrize("sdk", RECORDED)
async def test_recorded_bytes_are_answered_over_a_socket(sdk: str) -> None:
    """The very bytes, without any HTTP library in between."""
    first, sandbox = RECORDED[sdk]["requests"][0], then(RECORDED[sdk])
    raw = "\r\n".join(first["head"]).encode() + b"\r\n\r\n" + first["body"].encode()
    async with sandbox.serve():
        port = httpx.URL(sandbox.url).port or 80
        with anyio.fail_after(300):
            async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                await stream.send(raw)
                answer = await stream.receive()
    assert answer.startswith(b"HTTP/1.1 200 ")
