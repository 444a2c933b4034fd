"""``sinch-voice dial run`` and ``dial worker``: look at the file, dial and watch, and say what came of it."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
from attrs import define

from sinch_voice_async import ConfigurationError, VoiceClient
from sinch_voice_async.cli.dialing.campaigns import Wanted, check_shared
from sinch_voice_async.cli.dialing.contacts import Inspection, contacts_of, inspect
from sinch_voice_async.cli.dialing.display import Pace, Standing, display_for
from sinch_voice_async.cli.dialing.interrupts import Interrupts
from sinch_voice_async.cli.dialing.reporting import record, report
from sinch_voice_async.cli.exit_codes import ExitCode
from sinch_voice_async.cli.output import show, tell
from sinch_voice_async.cli.running import on_loop, with_client
from sinch_voice_async.cli.settings import Settings
from sinch_voice_async.dialer import Campaign, CampaignRun, ContactFile, Preview

__all__ = ["fill", "run", "work"]

_LOOK = 0.1


def run(
    settings: Settings,
    *,
    file: Path | None,
    journal: str | None,
    name: str | None,
    number_column: str,
    zone_column: str | None,
    dry_run: bool,
    resume: bool,
    strict: bool,
    report: Path | None,
    **wanted: Any,
) -> int:
    """Dial a file, or what its journal has left."""
    journal = _journal_of(file, journal, resume=resume, dry_run=dry_run)
    options = Wanted(**wanted)
    campaign, callout_of = options.campaign(journal, name), options.callout_of()
    contacts = None if file is None else contacts_of(file, number=number_column, zone=zone_column)
    _look_at(contacts, callout_of, strict=strict)
    if dry_run:
        preview = on_loop(
            settings,
            lambda: campaign.preview(contacts, callout_of, max_text_length=options.max_text_length),
            lambda: "Stopped; nobody was rung.",
        )
        show(settings, preview, _foretold(preview))
        return ExitCode.OK
    resuming = f"`sinch-voice dial run --journal {shlex.quote(journal)} --resume` with the same options goes on"
    watched = Watched(settings, campaign, resuming, report)
    return watched.run(lambda client: campaign.run(client, contacts, callout_of), options.max_text_length)


async def fill(campaign: Campaign, file: Path, *, number: str, zone: str | None) -> int:
    """Write the contacts of a file into a journal for workers, and return how many were new."""
    check_shared(campaign)
    from sinch_voice_async.dialer.cluster import enqueue  # noqa: PLC0415 - an extra of its own

    return await enqueue(campaign, contacts_of(file, number=number, zone=zone))


def work(settings: Settings, *, journal: str, name: str | None, stay: bool, **wanted: Any) -> int:
    """Dial what others have enqueued."""
    options = Wanted(**wanted)
    campaign, callout_of = options.campaign(journal, name), options.callout_of()
    check_shared(campaign)
    from sinch_voice_async.dialer.cluster import worker  # noqa: PLC0415 - an extra of its own

    watched = Watched(settings, campaign, "another worker, or this one started again, goes on", None)
    return watched.run(lambda client: worker(campaign, client, callout_of, stay=stay), options.max_text_length)


@define
class Watched:
    """One run: shown while it lasts, stopped by Ctrl-C, and reported on when it ends."""

    settings: Settings
    campaign: Campaign
    resuming: str
    output: Path | None
    stopped: tuple[ExitCode, str] | None = None

    def run(self, start: Callable[[VoiceClient], CampaignRun], max_text_length: int) -> int:
        """Dial until nobody is left or something stops it; return the exit code."""

        async def dial(client: VoiceClient) -> int:
            with Interrupts() as interrupts:
                await self._dial(start(client), interrupts)
            found = await report(self.campaign, self.output)
            show(self.settings, found.totals, found.text)
            if self.stopped is not None:
                code, reason = self.stopped
                tell(f"sinch-voice: Stopped: {reason}; {self.resuming}.")
                return code
            return ExitCode.UNKNOWN if found.has_unknown else ExitCode.OK

        return with_client(
            self.settings,
            dial,
            stopped=lambda: f"Stopped; {self.resuming}.",
            max_text_length=max_text_length,
        )

    async def _dial(self, running: CampaignRun, interrupts: Interrupts) -> None:
        with anyio.CancelScope() as everything:
            async with running as outcomes, anyio.create_task_group() as beside:
                beside.start_soon(self._watch, running, interrupts, everything)
                async for outcome in outcomes:
                    if self.settings.json:
                        show(self.settings, record(outcome), "")
                beside.cancel_scope.cancel()

    async def _watch(self, running: CampaignRun, interrupts: Interrupts, everything: anyio.CancelScope) -> None:
        display, pace = display_for(), Pace()
        try:
            while True:
                display(Standing(running, pace.of(running.counts.placed)))
                if self.stopped is None:
                    self._stop_where_it_must(running, interrupts)
                if interrupts.count > 1:
                    self.stopped = ExitCode.INTERRUPTED, "callouts that were on their way are unknown now"
                    everything.cancel()
                await anyio.sleep(_LOOK)
        finally:
            display.end(Standing(running, pace.of(running.counts.placed)))

    def _stop_where_it_must(self, running: CampaignRun, interrupts: Interrupts) -> None:
        if interrupts.count:
            self.stopped = ExitCode.INTERRUPTED, "nobody else is called"
            tell("Stopping: callouts on their way are waited for. Ctrl-C once more stops at once.")
            running.cancel()
        elif running.paused is not None:
            # Nobody may be at the terminal who could put money into the account and say so.
            self.stopped = ExitCode.REJECTED, running.paused
            running.cancel()


def _journal_of(file: Path | None, journal: str | None, *, resume: bool, dry_run: bool) -> str:
    if file is None and not resume:
        raise ConfigurationError("name the file of contacts, or say --resume to go on with those of the journal")
    if journal is None:
        if file is None:
            raise ConfigurationError("--resume without a file needs --journal")
        journal = str(file.with_suffix(".sqlite"))
    if "://" not in journal and Path(journal).exists() != resume and not dry_run:
        raise ConfigurationError(
            f"there is no journal {journal} to go on with"
            if resume
            else f"there is a journal {journal} already: --resume goes on with it, and rings nobody twice"
        )
    return journal


def _look_at(contacts: ContactFile | None, callout_of: Callable[..., Any], *, strict: bool) -> None:
    """Report what cannot be called, before anybody is."""
    found = Inspection() if contacts is None else inspect(contacts, callout_of)
    for line in found.lines():
        tell(line)
    if found.bad and (strict or not found.sound):
        raise ConfigurationError(f"{found.bad} of {found.bad + found.sound} rows cannot be called; nobody was rung")


def _foretold(preview: Preview) -> str:
    minutes = f"{preview.seconds / 60:.1f} minutes"
    lines = [f"{preview.to_call} would be called, in {minutes} at this pace; nobody was rung"]
    lines += [f"  {preview.waiting} of them wait for their calling window"] if preview.waiting else []
    lines += [f"  {count} skipped: {reason}" for reason, count in preview.skipped.most_common()]
    lines += [f"  {count} {state} before" for state, count in preview.called.items()]
    lines += [f"  {preview.duplicates} rows have the number of another row"] if preview.duplicates else []
    lines += [f"  {preview.broken_rows} rows are broken"] if preview.broken_rows else []
    return "\n".join(lines)
