"""Callbacks as the platform would send them: signed for a handler, or sent by the sandbox to a served application."""

import threading
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, MutableMapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeAlias

from sinch_voice_async import _bounds
from sinch_voice_async._wire.codec import encode_json
from sinch_voice_async._wire.documents import encode
from sinch_voice_async._wire.signing import authorization, timestamp_at
from sinch_voice_async.credentials import Credentials
from sinch_voice_async.errors import InvalidRequestError, SinchVoiceError
from sinch_voice_async.models.events import Event

__all__ = ["serve_app", "signed_callback"]


def signed_callback(
    event: Event | Mapping[str, Any] | bytes,
    credentials: Credentials,
    path: str = "/",
    *,
    method: str = "POST",
    content_type: str = "application/json",
    now: datetime | float | None = None,
) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a callback, signed as the platform signs it.

    ``event`` is an event, its JSON object, or the bytes of the body. An event is written with the fields that it was
    made or read with, and no others. ``path`` is the called path: percent-encoded, from its first slash on. ``now`` is
    the time of the timestamp, an aware datetime or Unix seconds; the default is the time of the machine.

    ::

        headers, body = signed_callback({"event": "ice", "callId": "1", "cli": "46700000001"}, credentials, "/sinch")
        response = test_client.post("/sinch", headers=headers, content=body)

    :raises InvalidRequestError: an argument has a wrong type, or JSON cannot hold the event.

    Source: Authentication, Callback signed request.
    """
    body = _body(event)
    timestamp = timestamp_at(_seconds(now))
    signed = authorization(credentials, method, path, body, content_type, timestamp)
    return {"content-type": content_type, "x-timestamp": timestamp, "authorization": signed}, body


def _body(event: Event | Mapping[str, Any] | bytes) -> bytes:
    if isinstance(event, bytes):
        return event
    if isinstance(event, Mapping):
        return encode_json(dict(event))
    if not isinstance(event, Event):
        _bounds.refuse("event", "an event, its JSON object or bytes", event, error=InvalidRequestError)
    return encode(event)


def _seconds(now: datetime | float | None) -> float:
    if now is None:
        return time.time()
    if isinstance(now, datetime):
        return float(_bounds.moment(now, "now", error=InvalidRequestError).timestamp())
    return float(_bounds.seconds(now, "now", error=InvalidRequestError))


Message: TypeAlias = MutableMapping[str, Any]
Application: TypeAlias = Callable[..., Awaitable[Any]]


@contextmanager
def serve_app(app: Application) -> Generator[str, None, None]:
    """Serve an ASGI application on a free loopback port while the ``with`` block runs, and give its URL.

    The URL has no slash at its end: ``http://127.0.0.1:12345``. The application runs in a thread of its own, on
    asyncio; the test may use any event loop, or none. Its lifespan, if it has one, has started before the URL is given,
    and ends with the block. Needs the extra ``sandbox``.

    ::

        with serve_app(app) as url, Sandbox(key, secret, callback_url=url).serve() as sandbox:
            ...

    :raises SinchVoiceError: the lifespan of the application fails, at the start or at the end; ``__cause__`` is what it
        raised.
    """
    from sinch_voice_async.sandbox.server import Serving  # noqa: PLC0415  # of an extra

    watched = _Watched(app)
    serving = Serving(watched, watched, host="127.0.0.1", port=0, allow_remote=False, lifespan=True)
    with serving:
        watched.started.wait()
        watched.check("start")
        yield f"{serving.url}"
    watched.check("end")


class _Watched:
    """An application, and what became of its lifespan."""

    def __init__(self, app: Application) -> None:
        self.started = threading.Event()
        self._app = app
        self._failed: str | None = None
        self._error: BaseException | None = None

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def note(message: Message) -> None:
            step, _, outcome = message["type"].rpartition(".")
            if outcome == "failed":
                # The server is not told: the error is raised here, where the test can see it.
                self._failed = message.get("message", "").strip().rpartition("\n")[2] or "no reason is given"
            await send({"type": f"{step}.complete"})
            self.started.set()

        try:
            await self._app(scope, receive, note)
        except Exception as error:  # noqa: BLE001  # it is raised in the test
            # An application without a lifespan fails at the first message, before it has answered.
            if self.started.is_set():
                self._error, self._failed = error, self._failed or f"{type(error).__name__}: {error}"
        finally:
            self.started.set()

    def check(self, when: str) -> None:
        """Raise an error if the lifespan has failed."""
        if self._failed is not None:
            reason = f"the lifespan of the application failed at the {when}: {self._failed}"
            raise SinchVoiceError(reason) from self._error
