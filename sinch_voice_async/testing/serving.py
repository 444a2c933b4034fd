"""Serving an application to the sandbox, which calls it back over HTTP."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any

__all__ = ["serve_app"]


@contextmanager
def serve_app(app: Callable[..., Awaitable[Any]]) -> Generator[str, None, None]:
    """Serve an ASGI application on a free loopback port while the ``with`` block runs, and give its URL.

    It runs in a thread of its own, on asyncio, without a lifespan; the test may use any event loop, or none. Needs the
    extra ``sandbox``.

    ::

        with serve_app(app) as url, Sandbox(key, secret, callback_url=url).serve() as sandbox:
            ...
    """
    from sinch_voice_async.sandbox.server import Serving  # noqa: PLC0415 - of an extra

    serving = Serving(app, app, host="127.0.0.1", port=0, allow_remote=False)
    with serving:
        yield f"{serving.url}/"
