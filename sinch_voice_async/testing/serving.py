"""An application that is served to the sandbox, which calls it back over HTTP."""

import threading
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from sinch_voice_async.errors import SinchVoiceError

__all__ = ["serve_app"]

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
