"""How a campaign stands while it runs: two to six lines drawn in place on a terminal, plain lines elsewhere.

All figures of a view have one scope, which its first line names: this run, or the campaign.
"""

import shutil
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from attrs import frozen

from sinch_voice_async.cli.output import count, stderr_console, tell, visible

if TYPE_CHECKING:
    from rich.live import Live

__all__ = ["Display", "Rate", "Standing", "display_for", "duration"]

_EVERY: Final = 10.0
_BAR: Final = 24


@frozen(kw_only=True)
class Standing:
    """How far a campaign has come: every contact counted once, by where it stands."""

    scope: str
    total: int
    to_do: int
    active: int
    answered: int = 0
    busy: int = 0
    failed: int = 0
    accepted: int = 0
    rejected: int = 0
    unknown: int = 0
    skipped: int = 0
    broken: int = 0
    rate: float | None = None
    cost: str = ""
    health: str = ""

    @property
    def done(self) -> int:
        """How many contacts need no call any more."""
        return max(self.total - self.to_do - self.active, 0)

    @property
    def seconds_left(self) -> float | None:
        """How long the contacts that are left take at this rate, None if the rate is not known."""
        return self.to_do / self.rate if self.rate else None

    def parts(self) -> list[str]:
        """Return what became of the contacts, without what did not happen."""
        pairs = (
            (self.answered, "answered"),
            (self.busy, "busy"),
            (self.failed, "failed"),
            (self.accepted, "placed"),
            (self.rejected, "rejected"),
            (self.unknown, "unknown"),
            (self.skipped, "skipped"),
        )
        return [f"{number:,} {word}" for number, word in pairs if number] + (
            [count(self.broken, "broken row")] if self.broken else []
        )

    def lines(self, width: int = 79) -> list[str]:
        """Return the view, each line at most ``width`` characters."""
        bar = "#" * int(_BAR * self.done / self.total) if self.total else ""
        left = self.seconds_left
        pace = f"{self.rate or 0.0:.1f} calls/s"
        first = f"[{bar:<{_BAR}}] {self.done:,}/{self.total:,}  {self.to_do:,} to do  {pace}"
        first += f"  {duration(left)} left" if left is not None and self.to_do else ""
        lines = [f"{self.scope}: {self.active:,} active"] if self.active else [self.scope]
        lines = [first, *_filled([*lines, *self.parts()], width)]
        lines += [f"cost so far {self.cost}"] if self.cost else []
        lines += [visible(self.health)] if self.health else []
        return [line if len(line) <= width else line[: width - 3] + "..." for line in lines][:6]

    def line(self) -> str:
        """Return the view as one line, for a pipe."""
        pace = f"{self.rate or 0.0:.1f} calls/s"
        left = self.seconds_left
        parts = [
            f"{self.scope}: {self.done:,} of {self.total:,} done",
            f"{self.to_do:,} to do",
            f"{self.active:,} active",
        ]
        parts += [*self.parts(), pace] + ([f"{duration(left)} left"] if left is not None and self.to_do else [])
        return ", ".join(parts) + (f" ({visible(self.health)})" if self.health else "")


def _filled(parts: list[str], width: int) -> list[str]:
    """Return parts joined by commas, in as many lines as they need."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) + 2 <= width:
            lines[-1] += f", {part}"
        else:
            lines[-1] += ","
            lines.append(f"  {part}")
    return lines


def duration(seconds: float) -> str:
    """Return a duration as people read it: ``20 s``, ``4 min``, ``1 h 05 min``."""
    whole = round(seconds)
    if whole < 90:
        return f"{max(whole, 0)} s"
    minutes = round(whole / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02d} min"


class Rate:
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
        """Show how it stands, if it is time to."""
        if self._now() >= self._next:
            self._next = self._now() + _EVERY
            tell(standing.line())

    def end(self, standing: Standing) -> None:
        """Show how it stands at the end."""
        tell(standing.line())


class _Drawing(Display):
    """Draws the view on a terminal, in place."""

    def __init__(self) -> None:
        super().__init__()
        self._live: Live = _live()
        self._live.start()

    def __call__(self, standing: Standing) -> None:
        """Draw it anew."""
        self._live.update("\n".join(standing.lines(shutil.get_terminal_size().columns - 1)), refresh=True)

    def end(self, standing: Standing) -> None:
        """Draw it for the last time, and leave it there."""
        self(standing)
        self._live.stop()


def display_for() -> Display:
    """Return what suits stderr."""
    return _Drawing() if sys.stderr.isatty() else Display()


def _live() -> "Live":
    from rich.live import Live  # noqa: PLC0415  # slow to load, and only for terminals

    return Live(console=stderr_console(), auto_refresh=False, transient=False)
