"""What the tests of webhooks share: an application, its events, and a way to call an ASGI application."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import httpx

from sinch_voice_async.credentials import Credentials
from sinch_voice_async.testing import signed_callback

# The pair that the documents publish with their callback; see test_inbound.py.
CREDENTIALS = Credentials("669E367E-6BBA-48AB-AF15-266871C28135", "BeIukql3pTKJ8RGL5zo0DA==")
STRANGER = Credentials("01234567-89ab-cdef-0123-456789abcdef", "bm90IGEgc2VjcmV0IQ==")

# Voice API, Callbacks: the samples of the OpenAPI document, shortened.
EVENTS: dict[str, dict[str, Any]] = {
    "ice": {
        "event": "ice",
        "callId": "3b0a7ccd-05e1-4728-bafd-023b77c47784",
        "timestamp": "2022-03-21T13:13:59Z",
        "version": 1,
        "cli": "31639136121",
        "to": {"type": "did", "endpoint": "+3197121281500"},
        "domain": "pstn",
        "originationType": "PSTN",
    },
    "ace": {"event": "ace", "callid": "822aa4b7-05b4-4d83-87c7-1f835ee0b6f6_257", "version": 1},
    "pie": {
        "event": "pie",
        "callId": "3b0a7ccd-05e1-4728-bafd-023b77c47784",
        "menuResult": {"menuId": "sub", "type": "sequence", "value": "3576", "inputMethod": "dtmf"},
    },
    "dice": {
        "event": "dice",
        "callId": "3b0a7ccd-05e1-4728-bafd-023b77c47784",
        "reason": "GENERALERROR",
        "result": "FAILED",
        "from": "31639136121",
    },
    "notify": {"event": "notify", "callId": "da2d576b-d35a-476a-93cc-09e083fe8729", "type": "recording_finished"},
}

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


async def post(app: App, path: str, headers: dict[str, str], body: bytes, **options: Any) -> httpx.Response:
    """Send one POST to an ASGI application, without a socket."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, **options), base_url="http://app") as client:
        return await client.post(path, headers=headers, content=body)


async def call_back(
    app: App, event: Any, path: str = "/sinch", credentials: Credentials = CREDENTIALS
) -> httpx.Response:
    """Send an application one signed callback."""
    headers, body = signed_callback(EVENTS[event] if isinstance(event, str) else event, credentials, path)
    return await post(app, path, headers, body)


def scope(**changes: Any) -> Message:
    """Return the ASGI scope of a POST, with changes."""
    usual = {"type": "http", "method": "POST", "path": "/sinch", "raw_path": b"/sinch", "headers": []}
    return usual | changes


async def exchange(app: App, request: Message, messages: Iterable[Message]) -> list[Message]:
    """Play the server: hand an application a scope and messages, and return what it sends."""
    pending, sent = iter(messages), list[Message]()

    async def receive() -> Message:
        return next(pending)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(request, receive, send)
    return sent
