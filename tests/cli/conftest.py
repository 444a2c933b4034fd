"""The command as somebody runs it whose environment points at a served sandbox."""

import io
import json
import os
import re
import select
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from attrs import define, evolve, frozen

from sinch_voice_async.cli import main
from sinch_voice_async.sandbox import Sandbox

KEY, SECRET = "cli-tests-key", "Y2FuYXJ5LXNlY3JldA=="
CLI, CALLEE = "+46700000000", "+46700000001"


@frozen
class Ran:
    """What one command left: its exit code, and what it wrote where."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON documents on stdout, one on each line."""
        return [json.loads(line) for line in self.out.splitlines()]


@frozen
class Command:
    """Runs the command in this process, and sees to what every run promises."""

    capsys: pytest.CaptureFixture[str]
    more: tuple[str, ...] = ()

    def __call__(self, *arguments: str) -> Ran:
        """Run it with these arguments."""
        code = self.run([*self.more, *arguments])
        ran = Ran(code, *self.capsys.readouterr())
        assert "Traceback" not in ran.err
        assert SECRET not in ran.out + ran.err
        assert not re.search(r"\+?\d{9,}", re.sub(r"[\w-]*[a-f]\w*-[\w-]+", "", ran.err)), ran.err
        return ran

    def run(self, arguments: Sequence[str]) -> int:
        """Run it, and return its exit code."""
        return main(arguments)


@frozen
class InThread(Command):
    """Runs the command in a thread of its own.

    Python 3.11 reports no call when an exception is thrown into a coroutine, as each cancellation is, but it reports
    the return. A tracer then takes it for the return of the function that waits for the event loop, and measures no
    further line of that function: here of a test.
    """

    def run(self, arguments: Sequence[str]) -> int:
        """Run it there."""
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(main, arguments).result()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A served sandbox in which a call is over in no time."""
    with Sandbox(KEY, SECRET, speed=1000).serve() as served:
        yield served


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> Command:
    """The command, with the settings that the sandbox prints."""
    monkeypatch.setenv("SINCH_APPLICATION_KEY", KEY)
    monkeypatch.setenv("SINCH_APPLICATION_SECRET", SECRET)
    monkeypatch.setenv("SINCH_VOICE_BASE_URL", sandbox.url)
    return Command(capsys)


@pytest.fixture(params=["asyncio", "trio"])
def either(request: pytest.FixtureRequest, command: Command) -> Command:
    """The command on each of the event loops."""
    return evolve(command, more=("--backend", request.param))


@define
class Terminal:
    """A terminal of the system's, which a test reads like a person."""

    shown: str = ""

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Let everything that is printed go to it; pytest takes hold of the streams again for each phase of a test."""
        controller, other = os.openpty()
        with pytest.MonkeyPatch.context() as patch, os.fdopen(other, "w") as stream:
            patch.setenv("TERM", "xterm-256color")
            patch.setenv("COLUMNS", "100")
            patch.setattr(sys, "stdout", stream)
            patch.setattr(sys, "stderr", stream)
            yield
            stream.flush()
            shown = b""
            while select.select([controller], [], [], 0)[0]:
                shown += os.read(controller, 65_536)
            self.shown = shown.decode()
        os.close(controller)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A real terminal, with the colours that it is able to show."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


class Stdin:
    """Gives the command something on stdin that is no terminal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, text: str) -> None:
        """Have the next command read this."""
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Stdin:
    """A pipe into the command."""
    return Stdin(monkeypatch)
