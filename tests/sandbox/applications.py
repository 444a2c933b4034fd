"""Applications that the exchange calls back, on real sockets, in threads of their own."""

import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.sandbox.server import Serving

Answer = Callable[[dict[str, Any]], Response | dict[str, Any] | None]


class Application:
    """A web application without a line of this project: it checks signatures by hand, and keeps what it was told.

    ``answers`` says what to answer to each event: SVAML, nothing, or any response.
    """

    def __init__(self, sandbox: Sandbox, **answers: Answer) -> None:
        self.account = sandbox.account
        self.answers = answers
        self.events: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.app = Starlette(routes=[Route("/{path:path}", self.take, methods=["POST"])])

    async def take(self, request: Request) -> Response:
        """Verify one callback, remember it, and answer."""
        body = await request.body()
        assert request.headers["authorization"] == self.expected(request, body)
        event = json.loads(body)
        self.events.append(event)
        self.headers.append(dict(request.headers))
        answer = self.answers.get(event["event"], nothing)(event)
        return answer if isinstance(answer, Response) else JSONResponse(answer) if answer else Response()

    def expected(self, request: Request, body: bytes) -> str:
        """Return the header that the documents ask for."""
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        headers = request.headers
        stamp = f"x-timestamp:{headers['x-timestamp']}"
        text = "\n".join(("POST", digest, headers["content-type"], stamp, request.url.path))
        key = base64.b64decode(self.account.application_secret)
        signature = base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()
        return f"application {self.account.application_key}:{signature}"

    def told(self) -> list[str]:
        """Return the events in order, notifications by their type."""
        return [event.get("type", event["event"]) for event in self.events]


def nothing(_event: dict[str, Any]) -> None:
    """Answer 200 without a body."""


def always(document: Response | dict[str, Any]) -> Answer:
    """Answer the same every time."""
    return lambda _event: document


@contextmanager
def served(app: ASGIApp | Callable[..., Awaitable[None]]) -> Iterator[str]:
    """Serve an application and give its URL."""
    serving = Serving(app, None, host="127.0.0.1", port=0, allow_remote=False)
    with serving:
        assert serving.url is not None
        yield f"{serving.url}/sinch"
