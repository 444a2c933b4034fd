"""``sinch-voice dial``: campaigns. A file of contacts in, no number dialled twice, and a report."""

import os
import select
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import click

from sinch_voice_async import ConfigurationError, VoiceClient
from sinch_voice_async.cli import campaigns
from sinch_voice_async.cli.campaigns import CampaignOptions, Findings, Template
from sinch_voice_async.cli.client import on_loop, with_client
from sinch_voice_async.cli.commands.dial_journal import (
    COMMANDS,
    POSITIVE,
    campaign_of,
    checked_journal,
    is_engine,
    journal_argument,
    work_for_engine,
)
from sinch_voice_async.cli.failures import ExitCode, in_options
from sinch_voice_async.cli.live import RESULTS_SECRET, WatchedRun, check_results_url
from sinch_voice_async.cli.output import ask, count, show, tell, visible
from sinch_voice_async.cli.settings import Group, PathType, Settings, option_group, path_problem, settable
from sinch_voice_async.dialer import Campaign, ContactFile, Difference, Preview, SqliteJournal, read_contacts
from sinch_voice_async.dialer.contacts import tables
from sinch_voice_async.dialer.sql import is_address

__all__ = ["dial"]

_SANDBOX_PATIENCE: Final = 5.0
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
# What a callee hears or sees, and what protects people: another value is worth a question.
_MATERIAL: Final = frozenset(
    {
        "options.text",
        "options.cli",
        "options.locale",
        "options.country",
        "options.number_column",
        "options.allow_premium",
    }
)
_NAMES: Final = tuple(each.name for each in attrs.fields(CampaignOptions))


class _Moment(click.ParamType[str]):
    """A date and time: ISO 8601, in the zone of this machine unless it names one; or a time of today."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).strip()
        if len(text) == 5 and ":" in text:
            text = f"{datetime.now().astimezone():%Y-%m-%d}T{text}"
        try:
            return datetime.fromisoformat(text).astimezone().isoformat()
        except (ValueError, OverflowError):
            self.fail("must be such as 2026-11-27T20:00 or 20:00", param, ctx)


def _delimiter(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    return "\t" if value in ("tab", "\\t") else value


_dialing: Final = option_group(
    click.option("--text", metavar="TEMPLATE", help="What is spoken; {column} is a field of the row."),
    click.option("--cli", metavar="NUMBER", help="The number shown to the callee."),
    click.option("--locale", metavar="LOCALE", help="The language or the voice, such as en-GB."),
    click.option("--max-text-length", type=click.IntRange(1), default=600, show_default=True, metavar="N"),
    click.option("--cps", type=POSITIVE, default=1.0, show_default=True, help="Calls per second at most."),
    click.option("--in-flight", type=click.IntRange(1), default=100, show_default=True, help="Active calls."),
)
"""What a campaign says, and how fast."""


_following: Final = option_group(
    click.option(
        "--follow",
        type=click.Choice(["poll", "callbacks", "none"]),
        default="poll",
        show_default=True,
        help="How results are learnt.",
    ),
    click.option("--poll-interval", type=POSITIVE, default=5.0, show_default=True, metavar="SECONDS"),
    click.option(
        "--max-call-duration",
        type=POSITIVE,
        default=14_400.0,
        show_default=True,
        metavar="SECONDS",
        help="A call without news for so long is given up.",
    ),
)
"""How calls are followed to their end."""


_limits: Final = option_group(
    click.option("--window", metavar="HH:MM-HH:MM", help="When, by the callee's clock; several with commas; or `any`."),
    click.option("--days", metavar="DAYS", help="Days of the window, such as mon-fri."),
    click.option("--closed", metavar="DATES", help="No calls then: 2026-12-25,2027-01-01."),
    click.option("--zone", metavar="ZONE", help="The callees' zone, such as Europe/Paris; else by number."),
    click.option("--start", type=_Moment(), metavar="TIME", help="When to begin: 2026-11-27T09:00."),
    click.option("--ramp", type=POSITIVE, metavar="SECONDS", help="Climb to --cps in so many seconds."),
    click.option("--until", type=_Moment(), metavar="TIME", help="The last time to call: 2026-11-27T20:00."),
    click.option(
        "--do-not-call",
        type=PathType(str),
        metavar="FILE",
        help="Never called: numbers, one a line, or an opt-out list.",
    ),
    click.option("--cap", metavar="N/DAYS", help="Callouts to a number over campaigns, such as 4/30."),
    click.option("--cap-file", type=PathType(str), metavar="FILE", help="What they share for it."),
    click.option("--spend-limit", metavar="AMOUNT", help="Stop when so much is spent."),
    click.option(
        "--attempts", type=click.IntRange(1), default=1, show_default=True, help="Per number: busy, no answer."
    ),
    click.option("--attempts-per-day", type=click.IntRange(1), default=3, show_default=True, metavar="N"),
    click.option("--redial-after", type=click.FloatRange(0), default=1800.0, show_default=True, metavar="SECONDS"),
    click.option("--redial-declined", is_flag=True, help="Redial also those who seem to have declined."),
    _following,
)
"""When a campaign calls, how often, and how its calls are followed."""


_reading: Final = option_group(
    click.option(
        "--number-column",
        multiple=True,
        default=("number",),
        show_default=True,
        metavar="NAME",
        help="Repeat it for further numbers of a contact.",
    ),
    click.option("--zone-column", metavar="NAME", help="The column with the time zone."),
    click.option("--priority-column", metavar="NAME", help="The column with 0 to 100: higher is called first."),
    click.option("--country", metavar="CC", help="Read national numbers as this country's, such as SE."),
    click.option("--allow-premium", is_flag=True, help="Call premium-rate numbers too."),
    click.option("--encoding", metavar="NAME", help="Such as cp1252; else detected."),
    click.option("--delimiter", callback=_delimiter, metavar="CHAR", help="Such as ; or tab; else detected."),
)
"""How a file of contacts is read."""


class _RunByDefault(Group):
    """``dial contacts.csv`` is ``dial run contacts.csv``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            self._refuse_misspelt(ctx, args[0])
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def _refuse_misspelt(self, ctx: click.Context, name: str) -> None:
        close = get_close_matches(name, [*self.commands], 1, 0.7)
        if close and not name.startswith("-") and "." not in name and not Path(name).exists():
            raise click.UsageError(f"There is no command or file {name!r}; did you mean {close[0]}?", ctx)


@click.group(cls=_RunByDefault)
def dial() -> None:
    """Call every contact of a file, and no number twice.

    `dial contacts.csv` is short for `dial run contacts.csv`. The journal keeps what became of each contact, and the
    options: any command but `run` needs only the journal.

    Examples:
      sinch-voice dial contacts.csv --text "Hi {name}" --dry-run
      sinch-voice dial contacts.csv --text "Hi {name}" --cps 5
      sinch-voice dial status contacts.sqlite
      sinch-voice dial --resume --journal contacts.sqlite
    """


for _command in COMMANDS:
    dial.add_command(_command)


@settable
@dial.command("run")
@click.argument("file", type=PathType(str), required=False)
@click.option(
    "--journal",
    envvar="SINCH_VOICE_JOURNAL",
    callback=checked_journal,
    metavar="FILE|URL",
    help="Keeps what became of each contact; default: FILE with .sqlite.",
)
@click.option("--name", metavar="NAME", help="The campaign; default: the name of the journal.")
@_reading
@_dialing
@_limits
@click.option(
    "--results-url",
    metavar="URL",
    help=f"Post results to this URL, signed with the secret in {RESULTS_SECRET}.",
)
@click.option("--dry-run", is_flag=True, help="Say what would happen; place no calls.")
@click.option("--resume", is_flag=True, help="Resume the journal's campaign; its options and FILE are kept there.")
@click.option("--strict", is_flag=True, help="Place no calls if a row cannot be called.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before dialling.")
@click.option("--report", type=PathType(), metavar="FILE", help="Write a .csv or .json at the end.")
@click.option("--rejects", type=PathType(), metavar="FILE", help="Write rows that cannot be called.")
@click.option("--force", is_flag=True, help="Replace --report and --rejects files that exist.")
@click.pass_context
def _run(context: click.Context, /, **options: Any) -> int:
    r"""Call every contact of FILE.

    FILE is .csv, .json, .jsonl, .parquet or .xlsx; the texts may also be compressed (.gz). Rows that cannot be called
    are reported with their lines before the first call, and left out. On a terminal it asks before it dials. Ctrl-C
    waits for callouts on their way; pressed twice it does not. Exits with 7 if some telephones may have rung, and with
    3 if some contacts were rejected or skipped.

    Examples:
      sinch-voice dial contacts.csv --text "Hi {name}" --dry-run
      sinch-voice dial contacts.csv --text "Hi {name}" --country SE \
        --window 09:00-20:00 --do-not-call stop.txt --report calls.csv
      sinch-voice dial --resume --journal contacts.sqlite
    """
    settings: Settings = context.obj
    given = {name: value for name, value in options.items() if name in _NAMES and _was_given(context, name)}
    command = _DialRun(
        settings=settings,
        given=given,
        **{
            name: options[name] for name in ("dry_run", "resume", "strict", "yes", "report", "rejects", "force", "name")
        },
    )
    return command.run(options["file"], options["journal"])


def _was_given(context: click.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source in (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT)


@attrs.define(kw_only=True)
class _DialRun:
    """One ``dial run``: from its arguments to its exit code."""

    settings: Settings
    given: dict[str, Any]
    dry_run: bool
    resume: bool
    strict: bool
    yes: bool
    report: Path | None
    rejects: Path | None
    force: bool
    name: str | None

    def run(self, file: str | None, journal: str | None) -> int:
        """Look at the file, ask, dial and report."""
        journal = self._journal_of(file, journal)
        kept = self._kept(journal)
        options = self._options(kept.options if kept and self.resume else {})
        needed = (journal, options.file, options.do_not_call, options.cap_file)
        campaigns.check_apart({"--report": self.report, "--rejects": self.rejects}, needed)
        if options.results_url is not None:
            check_results_url(options.results_url)
        template = Template.parse(options.text)
        contacts = self._contacts(options)
        template.check(None if contacts is None else contacts.columns)
        name = self.name or (kept.name if kept else None) or campaigns.name_of(journal)
        campaign = options.campaign(journal, name)
        findings = Findings(options.callout_of(template))
        preview = self._preview(campaign, contacts, findings, options)
        if self.rejects is not None and contacts is not None:
            written = campaigns.write_rejects(self.rejects, contacts, findings.make)
            tell(f"{count(written, 'row')} that cannot be called: {self.rejects}")
        lines = campaigns.forecast(preview, findings, options, time.time())
        if self.dry_run:
            text = "\n".join([f"Dry run: {lines[0]}.", *lines[1:], "No calls placed."])
            show(self.settings, preview, text)
            return ExitCode.OK
        if not preview.to_call and not self.resume and not is_address(journal):
            for line in lines:
                tell(line)
            tell("No calls placed, and no journal made: no contact is left to call.")
            return ExitCode.REJECTED if preview.skipped else ExitCode.OK
        if self.resume:
            differences = on_loop(self.settings, campaign.differences)
            _confirm_differences(differences, self.settings, yes=self.yes)
        if preview.to_call and not self._confirmed(lines, findings, options):
            tell("No calls placed.")
            return ExitCode.INTERRUPTED
        return self._dial(campaign, contacts, findings, journal, options)

    def _dial(
        self,
        campaign: Campaign,
        contacts: ContactFile | None,
        findings: Findings,
        journal: str,
        options: CampaignOptions,
    ) -> int:
        command = campaigns.resume_command(journal, self.name, self.settings)
        watched = WatchedRun(
            settings=self.settings,
            campaign=campaign,
            resuming=f"To resume: `{command}`",
            output=self.report,
            results_url=options.results_url,
        )
        return watched.run(
            lambda client: campaign.run(client, contacts, findings.make, accept_changes=True), options.max_text_length
        )

    def _journal_of(self, file: str | None, journal: str | None) -> str:
        if self.dry_run and self.report is not None:
            raise click.UsageError("--report needs calls, and --dry-run places none: use --rejects for rows to mend.")
        if file is None and not self.resume:
            raise click.UsageError("Name the FILE of contacts, or pass --resume with --journal.")
        if file is not None:
            self.given["file"] = str(Path(file).absolute())
            path = Path(file)
            stem = path.with_suffix("") if path.suffix.lower() == ".gz" else path
            journal = journal or str(stem.with_suffix(".sqlite"))
        if journal is None:
            raise click.UsageError("--resume needs FILE or --journal.")
        if not is_address(journal):
            _check_place(journal)
        campaigns.check_output(self.report, "--report", force=self.force)
        campaigns.check_output(self.rejects, "--rejects", force=self.force)
        return journal

    def _kept(self, journal: str) -> Any:
        """Return what the journal keeps.

        :raises ConfigurationError: there is a journal and it is not to be resumed, or it is missing.
        """
        if not is_address(journal) and Path(journal).exists() and not self.resume and not self.dry_run:
            raise ConfigurationError(
                f"the journal {journal} exists already; --resume continues it, and no number is dialled twice"
            )
        kept = on_loop(self.settings, lambda: campaigns.kept_options(journal, self.name))
        if kept is None and self.resume:
            raise ConfigurationError(f"there is no journal {journal} to resume")
        return kept

    def _options(self, kept: Any) -> CampaignOptions:
        for name in ("do_not_call", "cap_file"):
            if self.given.get(name):
                self.given[name] = str(Path(self.given[name]).absolute())
        found = _merged(self.given, kept)
        if not found.get("text"):
            raise click.UsageError("Nothing to say: pass --text, such as --text 'Hi {name}'.")
        return CampaignOptions(**found)

    def _contacts(self, options: CampaignOptions) -> ContactFile | None:
        if options.file is None:
            return None
        if "file" not in self.given and not Path(options.file).exists():
            tell(f"{options.file} is gone: only the contacts of the journal are called.")
            return None
        contacts = read_contacts(
            _short(options.file),
            number=options.number_column,
            zone=options.zone_column,
            priority=options.priority_column,
            country=options.country,
            allow_premium=options.allow_premium,
            encoding=options.encoding,
            delimiter=options.delimiter,
        )
        if tables() is None and not options.allow_premium:
            tell(
                "Premium-rate numbers, and numbers that no telephone has, are not recognised: install the extra, "
                "sinch-voice-async[dialer]."
            )
        columns = f": {', '.join(map(visible, contacts.columns))}" if contacts.columns else ""
        tell(f"{contacts.path.name}: {', '.join(contacts.found)}{columns}")
        return contacts

    def _preview(
        self, campaign: Campaign, contacts: ContactFile | None, findings: Findings, options: CampaignOptions
    ) -> Preview:
        """Look at every contact, and report the rows that cannot be called.

        :raises ConfigurationError: none can be called, or one cannot and that is asked for.
        """
        preview = on_loop(
            self.settings,
            lambda: campaign.preview(contacts, findings, max_text_length=options.max_text_length),
            lambda: "Stopped; no calls placed.",
        )
        for line in findings.lines(preview):
            tell(line)
        bad = findings.bad + preview.broken_rows
        if bad and (self.strict or not findings.sound):
            raise ConfigurationError(
                f"{bad:,} of {count(bad + findings.sound, 'row')} cannot be called; no calls were placed"
            )
        return preview

    def _confirmed(self, lines: list[str], findings: Findings, options: CampaignOptions) -> bool:
        async def estimate(client: VoiceClient) -> str:
            return await campaigns.estimate_cost(client, findings)

        return _confirm_start(
            lines,
            lambda: with_client(self.settings, estimate),
            campaigns.outside_hours(findings, options, time.time()),
            self.settings,
            yes=self.yes,
        )


def _check_place(journal: str) -> None:
    """Make sure that a journal can be made, before anybody looks at contacts: the name may come from that of FILE."""
    if problem := path_problem(journal):
        raise click.UsageError(f"the journal cannot be used: {problem}.")
    if not Path(journal).parent.is_dir():
        raise click.UsageError(f"the journal {journal}: there is no such folder.")


def _merged(given: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return options: those that were given, else those that the journal keeps; defaults are left out."""
    return {name: given.get(name, kept.get(name)) for name in _NAMES if name in given or name in kept}


def _short(path: str) -> str:
    """Return a path relative to this folder if it is in it: that is how messages name it."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


@settable
@dial.command("enqueue")
@click.argument("file", type=PathType())
@journal_argument
@_reading
@click.pass_obj
def _enqueue(settings: Settings, /, *, file: Path, journal: str, name: str | None, **reading: Any) -> None:
    """Write the contacts of FILE into a journal, for workers to dial.

    Example:
      sinch-voice dial enqueue contacts.csv postgresql://me@host/calls
    """
    campaign = campaign_of(settings, journal, name, must_exist=False)
    if isinstance(campaign.journal, SqliteJournal):
        raise ConfigurationError("workers share a journal in PostgreSQL: name it as postgresql://user@host/database")
    columns = {name: reading.pop(f"{name}_column") for name in ("number", "zone", "priority")}
    contacts = read_contacts(file, **columns, **reading)
    tell(f"{contacts.path.name}: {', '.join(contacts.found)}")
    added = on_loop(settings, lambda: campaign.enqueue(contacts))
    show(settings, {"added": added}, f"{count(added, 'contact')} added")


@settable
@dial.command("worker")
@journal_argument
@_dialing
@_limits
@click.option("--stay", is_flag=True, help="Wait for more contacts, until Ctrl-C.")
@click.option("--concurrency", type=click.IntRange(1), default=2, show_default=True, help="Batches of an engine.")
@click.option(
    "--graceful",
    type=click.FloatRange(0),
    default=45.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a batch of an engine may go on after SIGTERM.",
)
@click.option("--no-listen", is_flag=True, help="Let an engine poll for jobs, as PgBouncer needs.")
@click.pass_context
def _worker(
    context: click.Context,
    /,
    *,
    journal: str,
    name: str | None,
    stay: bool,
    concurrency: int,
    graceful: float,
    no_listen: bool,
    **options: Any,
) -> int:
    """Dial what was enqueued, together with other workers.

    JOURNAL is postgresql://user@host/database; give every worker the same options. Or it names a ProcrastinateEngine in
    a module of yours, MODULE:ENGINE, which has its own campaign and text. Run it under a supervisor that always
    restarts it.

    Examples:
      sinch-voice dial worker postgresql://me@host/calls --text "Hi {name}"
      sinch-voice dial worker reminders:engine
    """
    if is_engine(journal):
        return work_for_engine(context.obj, journal, concurrency=concurrency, graceful=graceful, no_listen=no_listen)
    settings: Settings = context.obj
    given = {key: value for key, value in options.items() if _was_given(context, key)}
    if not given.get("text"):
        raise click.UsageError("Nothing to say: pass --text, such as --text 'Hi {name}'.")
    wanted = CampaignOptions(**given)
    make = wanted.callout_of(Template.parse(wanted.text))
    campaign = wanted.campaign(journal, name or campaigns.name_of(journal))
    if isinstance(campaign.journal, SqliteJournal):
        raise ConfigurationError("workers share a journal in PostgreSQL: name it as postgresql://user@host/database")
    resuming = "Another worker resumes, or this one when it is started again."
    watched = WatchedRun(settings=settings, campaign=campaign, resuming=resuming)
    return watched.run(
        lambda client: campaign.run(client, None, make, stay=stay, accept_changes=True), wanted.max_text_length
    )


def _confirm_differences(differences: Sequence[Difference], settings: Settings, *, yes: bool) -> None:
    """Say which options a campaign began with otherwise, and ask whether to go on if they matter.

    :raises ConfigurationError: there is no terminal to ask on, or the answer is no.
    """
    found = [(each, _described(each)) for each in differences if each.option.removeprefix("options.") != "file"]
    matter = [text for each, text in found if each.is_loosened or each.option in _MATERIAL]
    if not matter or yes:
        return
    if not _has_terminal() or settings.json:
        raise ConfigurationError(
            f"the campaign began with other options: {'; '.join(matter)}. Give them as before, or pass --yes"
        )
    tell("The campaign began with other options:")
    for text in matter:
        tell(f"  {text}")
    if not ask("Go on with the new ones?"):
        raise ConfigurationError("nothing was changed; give the options as before")


def _described(difference: Difference) -> str:
    name = difference.option.removeprefix("options.")
    option = in_options(name) if name in ("do_not_call", "spend_limit") else "--" + name.replace("_", "-")
    return f"{option} {visible(str(difference).partition(': ')[2])}"


def _confirm_start(
    lines: Sequence[str], estimate: Callable[[], str], warning: str | None, settings: Settings, *, yes: bool
) -> bool:
    """Ask on a terminal whether to begin; without one, go on and warn.

    If the platform is on this machine, it is a sandbox: no answer within 5 s is a yes.
    """
    if yes or settings.json or not _has_terminal():
        if warning:
            tell(warning)
        return True
    for line in [*lines, estimate(), warning or ""]:
        if line:
            tell(line)
    if _is_sandbox(settings):
        tell("The platform is a sandbox on this machine: no real calls.")
        tell(f"Without an answer, calling starts in {_SANDBOX_PATIENCE:g} s.")
        answer = _read_line("Start calling? [Y/n] ", _SANDBOX_PATIENCE)
        return answer is None or answer.strip().lower() in ("", "y", "yes")
    return ask("Start calling?")


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _is_sandbox(settings: Settings) -> bool:
    url = settings.base_url or os.environ.get("SINCH_VOICE_BASE_URL") or ""
    return urlsplit(url).hostname in _LOOPBACK


def _read_line(question: str, seconds: float) -> str | None:
    """Return what is typed, None if it takes longer than so many seconds."""
    sys.stderr.write(question)
    sys.stderr.flush()
    if not _has_typed(seconds):
        tell("")
        return None
    return sys.stdin.readline()


def _has_typed(seconds: float) -> bool:
    """Wait for a line on stdin for so many seconds at most; some systems cannot wait."""
    try:
        return bool(select.select([sys.stdin], [], [], seconds)[0])
    except (OSError, ValueError):
        return False
