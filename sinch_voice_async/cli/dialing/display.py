"""How a campaign stands while it runs: a line, drawn again and again on a terminal, printed now and then elsewhere."""

import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from sinch_voice_async.cli.output import tell
from sinch_voice_async.dialer import ContactState, Counts

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Display", "Pace", "Standing", "display_for"]

_EVERY = 10.0


class Running(Protocol):
    """What is looked at: a run."""

    @property
    def counts(self) -> Counts: ...
    @property
    def alive(self) -> int: ...
    @property
    def rate(self) -> float: ...
    @property
    def paused(self) -> str | None: ...


class Standing:
    """How far a run has come: what is done of how many, and the line that says so."""

    def __init__(self, run: Running, pace: float | None) -> None:
        counts, states, results = run.counts, run.counts.states, run.counts.results
        to_do = states[ContactState.TODO]
        self.total: int = sum(states.values())
        self.done: int = self.total - to_do - run.alive
        failed = sum(results.values()) - results["ANSWERED"] - results["BUSY"] + states[ContactState.REJECTED]
        left = "" if not pace else f", {_clock(to_do / pace)} left"
        self.line: str = (
            f"{counts.placed} placed, {run.alive} ringing or talking, {results['ANSWERED']} answered, "
            f"{results['BUSY']} busy, {failed} failed, {states[ContactState.UNKNOWN]} unknown, "
            f"{states[ContactState.SKIPPED]} skipped, {to_do} to do; {pace or 0.0:.1f} a second{left}"
            + (f" ({run.paused})" if run.paused else "")
        )


class Pace:
    """Callouts per second over the last seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic, over: float = 10.0) -> None:
        self._now = now
        self._over = over
        self._seen: deque[tuple[float, int]] = deque()

    def of(self, placed: int) -> float | None:
        """Return it, None as long as nothing can be said."""
        now = self._now()
        self._seen.append((now, placed))
        while now - self._seen[0][0] > self._over:
            self._seen.popleft()
        since, before = self._seen[0]
        return (placed - before) / (now - since) if now > since else None


class Display:
    """Prints a line every ten seconds, and the last one."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._next = now() + _EVERY

    def __call__(self, standing: Standing) -> None:
        """Show how it stands, where it is time to."""
        if self._now() >= self._next:
            self._next = self._now() + _EVERY
            tell(standing.line)

    def end(self, standing: Standing) -> None:
        """Show how it stands at the end."""
        tell(standing.line)


class _Drawing(Display):
    """Draws a bar and the line under it on a terminal, in place."""

    def __init__(self) -> None:
        super().__init__()
        self._bars: Progress = _bars()
        self._task: TaskID = self._bars.add_task("", total=None)
        self._bars.start()

    def __call__(self, standing: Standing) -> None:
        """Draw it anew."""
        self._bars.update(self._task, total=standing.total, completed=standing.done, description=standing.line)

    def end(self, standing: Standing) -> None:
        """Draw it for the last time, and leave it there."""
        self(standing)
        self._bars.stop()


def display_for() -> Display:
    """Return what suits stderr."""
    return _Drawing() if sys.stderr.isatty() else Display()


def _bars() -> "Progress":
    # Slow to load, and only for terminals.
    from rich import progress  # noqa: PLC0415 - see above
    from rich.console import Console  # noqa: PLC0415 - see above

    columns = (progress.BarColumn(), progress.MofNCompleteColumn(), progress.TextColumn("{task.description}"))
    return progress.Progress(*columns, console=Console(stderr=True))


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
