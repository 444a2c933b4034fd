"""A campaign while it runs: two to six lines drawn in place on a terminal, plain lines elsewhere, and Ctrl-C.

All figures of a view have one scope, which its first line names: this run, or the campaign.
"""

import os
import shutil
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import anyio
import httpx
from attrs import define, frozen

from sinch_voice_async import CampaignError, ConfigurationError, JournalError, RetryPolicy, VoiceClient
from sinch_voice_async.cli.campaigns import outcome_record, report_totals, write_report
from sinch_voice_async.cli.client import with_client
from sinch_voice_async.cli.failures import ExitCode, masked
from sinch_voice_async.cli.output import count, duration, show, stderr_console, tell, visible
from sinch_voice_async.cli.settings import Settings
from sinch_voice_async.dialer import Campaign, CampaignRun, ContactState, Report, ResultStream

if TYPE_CHECKING:
    from rich.live import Live

__all__ = [
    "RESULTS_SECRET",
    "Display",
    "Interrupts",
    "Rate",
    "Standing",
    "WatchedRun",
    "check_results_url",
    "display_for",
    "standing_of_report",
    "standing_of_run",
]

_EVERY: Final = 10.0
_BAR: Final = 24
_SHORTEST_BAR: Final = 6
_LOOK: Final = 0.1
_NOT_RUNNING: Final = "no process dials it now: `dial --resume --journal JOURNAL` continues it"
RESULTS_SECRET: Final = "SINCH_VOICE_RESULTS_SECRET"  # noqa: S105  # the name of a variable
_RESULTS_TIMEOUT: Final = 10.0


@frozen(kw_only=True)
class Standing:
    """How far a campaign has come: every contact counted once, by where it stands."""

    scope: str
    total: int
    to_do: int
    active: int
    answered: int = 0
    machine: int = 0
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
    running: bool | None = None
    polled: bool = True

    @property
    def needs_run(self) -> bool:
        """Whether contacts or results are left, and it is certain that no process dials."""
        return self.running is False and bool(self.to_do or (self.active and self.polled))

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
            (self.machine, "answering machines"),
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
        left = self.seconds_left
        figures = [f"{self.done:,}/{self.total:,}", f"{self.to_do:,} to do", *self._pace()]
        figures += [f"{duration(left)} left"] if left is not None and self.to_do else []
        room = min(_BAR, width - len("  ".join(figures)) - 3)
        if room >= _SHORTEST_BAR:
            bar = "#" * (room * self.done // self.total if self.total else 0)
            first = [f"[{bar:<{room}}] {'  '.join(figures)}"]
        else:
            first = _filled(figures, width)
        lines = [*first, *_filled([f"{self.scope}: {self.active:,} active", *self.parts()], width)]
        lines += [f"cost so far {self.cost}"] if self.cost else []
        lines += [visible(self.health)] if self.health else []
        lines += [_NOT_RUNNING] if self.needs_run else []
        return [line if len(line) <= width else line[: width - 3] + "..." for line in lines][:6]

    def line(self) -> str:
        """Return the view as one line, for a pipe."""
        left = self.seconds_left
        parts = [
            f"{self.scope}: {self.done:,} of {self.total:,} done",
            f"{self.to_do:,} to do",
            f"{self.active:,} active",
        ]
        parts += [*self.parts(), *self._pace()] + (
            [f"{duration(left)} left"] if left is not None and self.to_do else []
        )
        notes = [visible(self.health)] if self.health else []
        notes += [_NOT_RUNNING] if self.needs_run else []
        return ", ".join(parts) + (f" ({'; '.join(notes)})" if notes else "")

    def _pace(self) -> list[str]:
        """Return the pace, nothing if one look cannot tell it."""
        return [] if self.rate is None else [f"{self.rate:.1f} calls/s"]


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

    return Live(console=stderr_console(), auto_refresh=False, redirect_stdout=False)


class Interrupts:
    """Counts Ctrl-C, SIGTERM and SIGHUP within ``with``; from the third on Ctrl-C is the event loop's own."""

    def __init__(self) -> None:
        self.count: int = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        # Other threads get no signals, and may not ask for them.
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                number = getattr(signal, name, None)
                if number is None or (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
                    continue  # nohup asks for a campaign that goes on when its terminal is closed
                self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        before = self._before.get(signal.SIGINT)
        if self.count > 2 and callable(before):
            before(number, frame)


@define(kw_only=True)
class WatchedRun:
    """One run: shown while it lasts, stopped by Ctrl-C, and reported on when it ends."""

    settings: Settings
    campaign: Campaign
    resuming: str
    output: Path | None = None
    results_url: str | None = None
    stopped: tuple[ExitCode, str] | None = None
    pause: str | None = None

    def run(self, start: Callable[[VoiceClient], CampaignRun], max_text_length: int) -> int:
        """Dial until no contact is left or something stops it; return the exit code."""

        async def dial(client: VoiceClient) -> int:
            with Interrupts() as interrupts:
                async with AsyncExitStack() as stack:
                    await self._stream_results(stack)
                    await self._dial(start(client), interrupts)
            found = await self.campaign.report()
            if self.output is not None:
                await write_report(found, self.output)
            show(self.settings, report_totals(found), masked(str(found)))
            return self._end(found)

        try:
            return with_client(
                self.settings,
                dial,
                stopped=lambda: f"Stopped. {self.resuming}",
                max_text_length=max_text_length,
                # The campaign slows down by itself; a repetition behind its back would break its pace.
                retry=RetryPolicy(max_attempts=self.settings.max_attempts, max_retry_after=0.0),
            )
        except CampaignError as error:
            # Another run would meet the same fault of the journal.
            if not isinstance(error, JournalError):
                error.add_note("Run it again and it resumes where it stopped; no number is dialled twice.")
            raise

    async def _stream_results(self, stack: AsyncExitStack) -> None:
        """Post results to a URL until the stack is left."""
        if self.results_url is None:
            return
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=_RESULTS_TIMEOUT))
        stream = ResultStream(self.campaign, self.results_url, secret=_results_secret(), http_client=http)
        await stack.enter_async_context(stream)

    def _end(self, found: Report) -> int:
        if self.stopped is not None:
            code, reason = self.stopped
            tell(f"sinch-voice: Stopped: {masked(reason)}.")
            tell(self.resuming, wrap=False)
            return code
        if left := found.states.get(ContactState.TODO, 0):
            tell(f"sinch-voice: Stopped with {count(left, 'contact')} left to call.")
            tell(self.resuming, wrap=False)
            return ExitCode.INTERRUPTED
        if unknown := found.states.get(ContactState.UNKNOWN, 0):
            tell(f"{count(unknown, 'contact')} unknown: `sinch-voice dial unknowns` lists them; none is dialled again.")
            return ExitCode.UNKNOWN
        missed = [f"{number:,} rejected ({reason})" for reason, number in found.rejected.items()]
        missed += [f"{number:,} skipped ({reason})" for reason, number in found.skipped.items()]
        if missed:
            tell(f"Not all were called: {masked(', '.join(missed))}.")
            return ExitCode.REJECTED
        return ExitCode.OK

    async def _dial(self, running: CampaignRun, interrupts: Interrupts) -> None:
        with anyio.CancelScope() as everything:
            async with running as outcomes, anyio.create_task_group() as beside:
                beside.start_soon(self._watch, running, interrupts, everything)
                async for outcome in outcomes:
                    if self.settings.json:
                        show(self.settings, outcome_record(outcome), "")
                beside.cancel_scope.cancel()

    async def _watch(self, running: CampaignRun, interrupts: Interrupts, everything: anyio.CancelScope) -> None:
        display, rate = display_for(), Rate()
        try:
            while True:
                display(standing_of_run(running, rate))
                if self.stopped is None:
                    await self._stop_if_needed(running, interrupts)
                if interrupts.count > 1:
                    self.stopped = ExitCode.INTERRUPTED, "callouts that were on their way are unknown now"
                    everything.cancel()
                await anyio.sleep(_LOOK)
        finally:
            display.end(standing_of_run(running, rate))

    async def _stop_if_needed(self, running: CampaignRun, interrupts: Interrupts) -> None:
        if interrupts.count:
            self.stopped = ExitCode.INTERRUPTED, "no other contact is called"
            tell("Stopping: callouts on their way are waited for. Ctrl-C once more stops at once.")
            running.cancel()
            return
        if running.paused is None or running.paused == self.pause:
            return
        control = await self.campaign.control()
        # A pause that a person asked for lasts until a person ends it; any other ends the command.
        if control.pause is not None:
            self.pause = running.paused
        else:
            self.stopped = ExitCode.REJECTED, running.paused
            running.cancel()


def check_results_url(url: str) -> None:
    """Make sure that results can be posted to a URL, and signed, before anything begins.

    :raises ConfigurationError: the URL or the secret cannot be used.
    """
    ResultStream(Campaign("check", journal="check"), url, secret=_results_secret(), http_client=httpx.AsyncClient())


def _results_secret() -> str:
    """Return the secret that signs results.

    :raises ConfigurationError: it is not set.
    """
    secret = os.environ.get(RESULTS_SECRET)
    if not secret:
        raise ConfigurationError(f"--results-url needs the secret that signs results: set {RESULTS_SECRET}")
    return secret


def standing_of_run(running: CampaignRun, rate: Rate) -> Standing:
    """Return how a campaign stands while it runs; all figures are of the campaign."""
    status = running.status()
    counts = status.campaign
    return _standing(
        counts.states,
        counts.results,
        active=max(status.alive, counts.states[ContactState.DIALING]),
        broken=counts.broken,
        rate=rate.of(status.this_run.placed),
        cost=" ".join([f"{counts.spent:f}", *map(visible, sorted(counts.currencies))]) if counts.spent else "",
        health=f"paused: {status.paused}" if status.paused else "",
    )


def standing_of_report(
    found: Report, paused: str | None, rate: Rate, *, running: bool | None, follow: str | None
) -> Standing:
    """Return how a campaign stands by its journal, seen from another process.

    ``running`` is None if it is not known whether a run dials. ``follow`` None: calls are not followed to their ends.
    """
    states = Counter(found.states)
    followed = states[ContactState.ACCEPTED] if follow else 0
    return _standing(
        states,
        Counter(found.results),
        active=states[ContactState.DIALING] + followed,
        broken=found.broken_rows,
        rate=rate.of(found.attempts),
        cost=", ".join(f"{amount:f} {visible(currency)}" for currency, amount in found.spent.items()),
        health=f"paused: {paused}" if paused else "",
        running=running,
        polled=follow == "poll",
    )


def _standing(states: Counter[ContactState], results: Counter[str], *, active: int, **more: Any) -> Standing:
    failed = sum(results.values()) - results["ANSWERED"] - results["BUSY"] - results["MACHINE"]
    return Standing(
        scope="campaign",
        total=sum(states.values()),
        to_do=states[ContactState.TODO],
        active=active,
        answered=results["ANSWERED"],
        busy=results["BUSY"],
        machine=results["MACHINE"],
        failed=failed,
        accepted=max(states[ContactState.ACCEPTED] + states[ContactState.DIALING] - active, 0),
        rejected=states[ContactState.REJECTED],
        unknown=states[ContactState.UNKNOWN],
        skipped=states[ContactState.SKIPPED],
        **more,
    )
