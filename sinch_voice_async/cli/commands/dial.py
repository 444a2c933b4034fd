"""``sinch-voice dial``: campaigns. A file of contacts in, nobody rung twice, and a report."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sinch_voice_async.cli.output import show, show_table
from sinch_voice_async.cli.running import on_loop
from sinch_voice_async.cli.settings import Settings, settable

if TYPE_CHECKING:
    from sinch_voice_async.dialer import Campaign, Outcome

__all__ = ["dial"]


class _RunByDefault(click.Group):
    """``dial contacts.csv`` is ``dial run contacts.csv``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_RunByDefault)
def dial() -> None:
    """Call everybody in a file, and nobody twice.

    `dial contacts.csv` is short for `dial run contacts.csv`.
    """


def _without_password(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse a password among the arguments, which every user of the machine may read."""
    said = context.get_parameter_source(str(parameter.name)) is click.core.ParameterSource.COMMANDLINE
    user = (value or "").partition("://")[2].partition("@")
    if said and user[1] and ":" in user[0]:
        raise click.BadParameter("it holds a password: set PGPASSWORD, or the whole URL as SINCH_VOICE_JOURNAL")
    return value


def _journal(command: Any) -> Any:
    for option in (
        click.option("--name", metavar="NAME", help="The campaign; left out: named like the journal."),
        click.argument("journal", envvar="SINCH_VOICE_JOURNAL", callback=_without_password),
    ):
        command = option(command)
    return command


def _dialing(command: Any) -> Any:
    """Give a command what a campaign says to whom, how fast and when."""
    for option in reversed(
        (
            click.option("--text", required=True, metavar="TEMPLATE", help="Spoken; {column} is a field of the row."),
            click.option("--cli", metavar="NUMBER", help="The number shown to the callee."),
            click.option("--locale", metavar="LOCALE", help="The language or the voice, such as en-GB."),
            click.option("--max-text-length", type=click.IntRange(1), default=600, show_default=True),
            click.option("--cps", type=float, default=1.0, show_default=True, help="Callouts per second at most."),
            click.option("--in-flight", type=int, default=100, show_default=True, help="Calls alive at most."),
            click.option("--window", metavar="HH:MM-HH:MM", help="When, by the clock of the callee."),
            click.option("--zone", metavar="ZONE", help="Their time zone, such as Europe/Stockholm; else by number."),
            click.option("--do-not-call", type=click.Path(path_type=Path), metavar="FILE", help="A number a line."),
            click.option("--spend-limit", metavar="AMOUNT", help="Stop when so much is spent."),
            click.option("--attempts", type=int, default=1, show_default=True, help="Per number: busy, no answer."),
            click.option("--redial-declined", is_flag=True, help="Also whoever seems to have declined."),
            click.option("--redial-after", type=float, default=1800.0, show_default=True, metavar="SECONDS"),
            click.option(
                "--follow",
                type=click.Choice(["poll", "callbacks", "none"]),
                default="poll",
                show_default=True,
                help="How results are learnt.",
            ),
            click.option("--poll-interval", type=float, default=5.0, show_default=True, metavar="SECONDS"),
        )
    ):
        command = option(command)
    return command


def _reading(command: Any) -> Any:
    for option in (
        click.option("--zone-column", metavar="NAME", help="The column with the time zone."),
        click.option("--number-column", default="number", show_default=True, metavar="NAME"),
    ):
        command = option(command)
    return command


@settable
@dial.command("run")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--journal",
    envvar="SINCH_VOICE_JOURNAL",
    callback=_without_password,
    metavar="FILE|URL",
    help="What became of whom; left out: the file's name, and .sqlite.",
)
@click.option("--name", metavar="NAME", help="The campaign; left out: named like the journal.")
@_reading
@_dialing
@click.option("--dry-run", is_flag=True, help="Say what would happen, and ring nobody.")
@click.option("--resume", is_flag=True, help="Go on with the campaign that the journal has; FILE may be left out.")
@click.option("--strict", is_flag=True, help="Ring nobody where a row is broken or cannot be spoken.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE", help="Write a .csv or .json at the end.")
@click.pass_obj
def _run(settings: Settings, /, **options: Any) -> int:
    """Call everybody in FILE: .csv, .jsonl or .parquet.

    Rows that are broken, or make no text, are reported with their lines before anybody is rung, and left out. Ctrl-C
    waits for callouts on their way; pressed twice it does not. Exits with 7 where some telephones may have rung and
    nobody can say.
    """
    from sinch_voice_async.cli.dialing.command import run  # noqa: PLC0415 - it loads the dialer

    return run(settings, **options)


@settable
@dial.command("enqueue")
@click.argument("file", type=click.Path(path_type=Path))
@_journal
@_reading
@click.pass_obj
def _enqueue(
    settings: Settings, /, *, file: Path, journal: str, name: str | None, number_column: str, zone_column: str | None
) -> None:
    """Write the contacts of FILE into a journal, for workers to dial."""
    from sinch_voice_async.cli.dialing.command import fill  # noqa: PLC0415 - it loads the dialer

    campaign = _campaign(journal, name)
    added = on_loop(settings, lambda: fill(campaign, file, number=number_column, zone=zone_column), lambda: "Stopped.")
    show(settings, {"added": added}, f"{added} contacts added")


@settable
@dial.command("worker")
@_journal
@_dialing
@click.option("--stay", is_flag=True, help="Wait for more contacts, until Ctrl-C.")
@click.pass_obj
def _worker(settings: Settings, /, *, journal: str, name: str | None, stay: bool, **options: Any) -> int:
    """Dial what was enqueued, together with the other workers.

    JOURNAL is postgresql://user@host/database. Give every worker the same options.
    """
    from sinch_voice_async.cli.dialing.command import work  # noqa: PLC0415 - it loads the dialer

    return work(settings, journal=journal, name=name, stay=stay, **options)


@settable
@dial.command("report")
@_journal
@click.option("--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Write a .csv or .json.")
@click.pass_obj
def _report(settings: Settings, /, *, journal: str, name: str | None, output: Path | None) -> None:
    """Say what became of a campaign, also while it runs."""
    from sinch_voice_async.cli.dialing.reporting import report  # noqa: PLC0415 - it loads the dialer

    found = on_loop(settings, lambda: report(_campaign(journal, name), output), lambda: "Stopped.")
    show(settings, found.totals, found.text)


@settable
@dial.command("unknowns")
@_journal
@click.pass_obj
def _unknowns(settings: Settings, /, *, journal: str, name: str | None) -> None:
    """List whose telephones may have rung, and nobody can say."""
    from sinch_voice_async.cli.dialing.reporting import record  # noqa: PLC0415 - it loads the dialer

    found = on_loop(settings, _campaign(journal, name).unknowns, lambda: "Stopped.")
    records = [record(each) for each in found]
    rows = [(each["number"], each["placed_at"], each["note"]) for each in records]
    show_table(settings, records, ("number", "placed", "note"), rows)


@settable
@dial.command("forget")
@_journal
@click.argument("numbers", nargs=-1)
@click.option("--unknown", is_flag=True, help="All whose telephones may have rung.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def _forget(
    settings: Settings, /, *, journal: str, name: str | None, numbers: tuple[str, ...], unknown: bool, yes: bool
) -> None:
    """Let NUMBERS be dialled again.

    That is for contacts that are unknown, rejected or skipped. Whoever is unknown may be rung twice by it.
    """
    if bool(numbers) == unknown:
        raise click.UsageError("Name the numbers, or say --unknown.")
    campaign = _campaign(journal, name)
    wanted = tuple(map(_canonical, numbers)) or _all_unknown(settings, campaign)
    if not yes:
        click.confirm(f"{len(wanted)} contacts may be rung once more. Go on?", abort=True, err=True)
    count = on_loop(settings, lambda: campaign.release(wanted), lambda: "Stopped.")
    show(settings, {"forgotten": count}, f"{count} contacts may be dialled again")


def _canonical(number: str) -> str:
    from sinch_voice_async.dialer import Contact  # noqa: PLC0415 - it loads the dialer

    return Contact(number).number


def _all_unknown(settings: Settings, campaign: "Campaign") -> tuple[str, ...]:
    found: list[Outcome] = on_loop(settings, campaign.unknowns, lambda: "Stopped.")
    return tuple(each.number for each in found)


def _campaign(journal: str, name: str | None) -> "Campaign":
    from sinch_voice_async.cli.dialing.campaigns import existing  # noqa: PLC0415 - it loads the dialer

    return existing(journal, name)
