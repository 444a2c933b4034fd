"""Applications and callers that the tests of media streams share."""

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sinch_voice_async.streams import CallStream, Pcm, StreamApp

KEY, SECRET = "key", "c2VjcmV0"
URL = "wss://agent.example.com/streams"


def app_of(handler: Callable[[CallStream], Awaitable[None]] | None = None, **options: Any) -> StreamApp:
    """Return an application with a handler."""
    app = StreamApp(KEY, SECRET, url=URL, **options)
    if handler is not None:
        app.on_call(handler)
    return app


async def listen(stream: CallStream) -> None:
    """Hear the caller until the end."""
    async for _ in stream:
        pass


async def echo(stream: CallStream) -> None:
    """Say what is heard."""
    async for frame in stream:
        await stream.send_audio(frame)


class Keeper:
    """A handler that hands its stream to the test, and does what it is told."""

    def __init__(self, work: Callable[[CallStream], Awaitable[None]] = listen) -> None:
        self.work = work
        self.error: BaseException | None = None
        self.is_done = False
        self._streams: list[CallStream] = []

    async def __call__(self, stream: CallStream) -> None:
        """Serve one call."""
        self._streams.append(stream)
        try:
            await self.work(stream)
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.is_done = True

    @property
    def stream(self) -> CallStream:
        """The stream of the last call."""
        return self._streams[-1]

    @property
    def is_over(self) -> bool:
        """Whether the last call has ended."""
        return bool(self._streams) and self.stream.ended is not None

    @property
    def ended_by(self) -> str:
        """Why the last call ended."""
        assert self.stream.ended is not None
        return self.stream.ended.by


def tone(seconds: float, rate: int = 16_000) -> Pcm:
    """Return a tone."""
    return Pcm.tone(400, seconds, rate)


def near(value: float, expected: float, by: float = 0.03) -> bool:
    """Whether a number of seconds is about what it should be."""
    return abs(value - expected) <= by


@contextmanager
def everything_logged() -> Iterator[list[str]]:
    """Collect each line that any logger writes."""
    lines: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.name} {record.getMessage()} {record.exc_text or ''}")

    root, collector = logging.getLogger(), Collector()
    levels = {name: logging.getLogger(name).level for name in ("uvicorn", "uvicorn.access", "uvicorn.error", "")}
    root.addHandler(collector)
    for name in levels:
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        yield lines
    finally:
        root.removeHandler(collector)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
