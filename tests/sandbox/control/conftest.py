"""A served sandbox whose exchange stands still, and a client to its control API."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from sinch_voice_async.sandbox import Sandbox


@dataclass(frozen=True)
class Panel:
    """A program in any language, as far as the sandbox can tell."""

    http: httpx.AsyncClient

    async def get(self, path: str) -> Any:
        """Return what an endpoint tells."""
        response = await self.http.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    async def do(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Send JSON and return the answer."""
        return await self.http.request(method, path, json={} if body is None else body)

    async def done(self, method: str, path: str, body: object = None) -> Any:
        """Send JSON and return what came of it."""
        response = await self.do(method, path, body)
        assert response.is_success, response.text
        return response.json() if response.content else None

    async def refused(self, method: str, path: str, body: object = None) -> tuple[int, int, str]:
        """Send JSON and return status, code and message of the refusal."""
        response = await self.do(method, path, body)
        error = response.json()
        assert error["reference"]
        return response.status_code, error["errorCode"], error["message"]


@pytest.fixture
async def panel(sandbox: Sandbox) -> AsyncIterator[Panel]:
    """Control a sandbox over a real socket."""
    async with (
        sandbox.serve(),
        httpx.AsyncClient(base_url=f"{sandbox.url}/_sandbox/api", verify=False, trust_env=False) as http,  # plain http
    ):
        yield Panel(http)
