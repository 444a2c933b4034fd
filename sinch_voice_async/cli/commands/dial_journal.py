"""``sinch-voice dial status``, ``report`` and the others that need only the journal of a campaign."""

import pkgutil
import sys
from pathlib import Path
from typing import Any, Final

import anyio
import click

from sinch_voice_async import ConfigurationError
from sinch_voice_async.cli import campaigns
from sinch_voice_async.cli.client import on_loop
from sinch_voice_async.cli.failures import ExitCode, in_options, masked
from sinch_voice_async.cli.live import Rate, display_for, standing_of_report
from sinch_voice_async.cli.output import ask, count, show, show_table, tell
from sinch_voice_async.cli.settings import (
    Command,
    PathType,
    Settings,
    holds_password,
    option_group,
    path_problem,
    settable,
)
from sinch_voice_async.dialer import Campaign, Outcome
from sinch_voice_async.dialer.contacts import read_number
from sinch_voice_async.dialer.sql import is_address

__all__ = [
    "COMMANDS",
    "POSITIVE",
    "campaign_of",
    "checked_journal",
    "is_engine",
    "journal_argument",
    "work_for_engine",
]

POSITIVE: Final = click.FloatRange(0, min_open=True)


def checked_journal(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse what is no path of a file, and a password among the arguments: every user of the machine may read it."""
    is_file = value is not None and not (value.strip() and is_address(value))
    if is_file and (problem := path_problem(str(value))):
        raise click.BadParameter(problem, context, parameter)
    is_argument = context.get_parameter_source(str(parameter.name)) is click.core.ParameterSource.COMMANDLINE
    if is_argument and value and holds_password(value):
        raise click.UsageError(
            "The journal's address holds a password, which every user of this machine can read: set PGPASSWORD, or the "
            "whole address as SINCH_VOICE_JOURNAL."
        )
    return value


journal_argument: Final = option_group(
    click.argument("journal", envvar="SINCH_VOICE_JOURNAL", callback=checked_journal),
    click.option("--name", metavar="NAME", help="The campaign, if a database has several."),
)
"""The journal, and the name of a campaign in it."""


@settable
@click.command("report", cls=Command)
@journal_argument
@click.option("--output", "-o", type=PathType(), metavar="FILE", help="Write a .csv or .json.")
@click.option("--rejects", type=PathType(), metavar="FILE", help="Write rows without a contact.")
@click.option("--bom", is_flag=True, help="Begin the CSV with a byte order mark, for Excel.")
@click.option("--force", is_flag=True, help="Replace files that exist.")
@click.pass_obj
def _report(
    settings: Settings,
    /,
    *,
    journal: str,
    name: str | None,
    output: Path | None,
    rejects: Path | None,
    bom: bool,
    force: bool,
) -> None:
    """Say what became of a campaign, also while it runs.

    Example:
      sinch-voice dial report contacts.sqlite --output calls.csv
    """
    campaigns.check_output(output, "--output", force=force)
    campaigns.check_output(rejects, "--rejects", force=force)
    kept = on_loop(settings, lambda: campaigns.kept_options(journal, name))
    needed = [str(kept.options[each]) for each in ("file", "do_not_call") if kept and kept.options.get(each)]
    campaigns.check_apart({"--output": output, "--rejects": rejects}, (journal, *needed))
    campaign = campaign_of(settings, journal, name)

    async def report() -> Any:
        found = await campaign.report()
        if output is not None:
            await campaigns.write_report(found, output, bom=bom)
        if rejects is not None:
            await campaigns.write_row_fates(rejects, campaign)
        return found

    found = on_loop(settings, report)
    show(settings, campaigns.report_totals(found), masked(str(found)))


@settable
@click.command("status", cls=Command)
@journal_argument
@click.pass_obj
def _status(settings: Settings, /, *, journal: str, name: str | None) -> None:
    """Say how a campaign stands, also while it runs elsewhere.

    Example:
      sinch-voice dial status contacts.sqlite
    """
    campaign = campaign_of(settings, journal, name)
    standing = on_loop(settings, lambda: _look(campaign, Rate()))
    show(settings, standing, "\n".join(standing.lines()))


@settable
@click.command("watch", cls=Command)
@journal_argument
@click.option("--every", type=POSITIVE, default=1.0, show_default=True, metavar="SECONDS")
@click.pass_obj
def _watch(settings: Settings, /, *, journal: str, name: str | None, every: float) -> None:
    """Show how a campaign stands until no contact is left to call.

    Ctrl-C ends the view and not the campaign. With --json, a document on each line.

    Example:
      sinch-voice dial watch contacts.sqlite
    """
    campaign = campaign_of(settings, journal, name)

    async def watch() -> None:
        display, rate = display_for(), Rate()
        async with campaign:
            standing = await _look(campaign, rate)
            while standing.to_do or standing.active:
                if settings.json:
                    show(settings, standing, "")
                else:
                    display(standing)
                await anyio.sleep(every)
                standing = await _look(campaign, rate)
            if settings.json:
                show(settings, standing, "")
            else:
                display.end(standing)

    on_loop(settings, watch, lambda: "Stopped watching; that does not stop the campaign.")


async def _look(campaign: Campaign, rate: Rate) -> Any:
    async with campaign:
        control, running, kept = await campaign.control(), await campaign.is_running(), await campaign.journal.options()
        follow = "poll" if kept is None else kept.get("follow")
        return standing_of_report(await campaign.report(), control.pause, rate, running=running, follow=follow)


def _obeyed(settings: Settings, campaign: Campaign, running: str, resting: str) -> str:
    """Return which of two sentences is true: of a run that obeys, or of a campaign that no process dials."""
    return resting if on_loop(settings, campaign.is_running) is False else running


@settable
@click.command("pause", cls=Command)
@journal_argument
@click.option(
    "--reason", default="by hand; `dial resume` ends it", show_default=True, metavar="TEXT", help="Shown to others."
)
@click.pass_obj
def _pause(settings: Settings, /, *, journal: str, name: str | None, reason: str) -> None:
    """Place no more calls until `resume`; active calls go on.

    Example:
      sinch-voice dial pause contacts.sqlite
    """
    campaign = campaign_of(settings, journal, name)
    standing = on_loop(settings, lambda: _look(campaign, Rate()))
    if not (standing.to_do or standing.active):
        show(settings, {"paused": None}, "No contact is left to call: nothing to pause.")
        return
    on_loop(settings, lambda: campaign.pause(reason))
    obeyed = "A run obeys within a second; `dial resume` ends the pause."
    text = _obeyed(settings, campaign, obeyed, "No process dials it now: the next run waits for `dial resume`.")
    show(settings, {"paused": reason}, f"Paused. {text}")


@settable
@click.command("resume", cls=Command)
@journal_argument
@click.pass_obj
def _resume(settings: Settings, /, *, journal: str, name: str | None) -> None:
    """End a pause. A campaign that is not running is resumed by `dial --resume`.

    Example:
      sinch-voice dial resume contacts.sqlite
    """
    campaign = campaign_of(settings, journal, name)
    on_loop(settings, campaign.resume)
    obeyed = "A running campaign obeys within a second."
    resting = "No process dials it now: `dial --resume --journal JOURNAL` does."
    show(settings, {"paused": None}, f"Resumed. {_obeyed(settings, campaign, obeyed, resting)}")


@settable
@click.command("pace", cls=Command)
@journal_argument
@click.argument("cps", metavar="CPS")
@click.pass_obj
def _pace(settings: Settings, /, *, journal: str, name: str | None, cps: str) -> None:
    """Change the pace of a running campaign.

    CPS is the number of calls per second, or `own` for the pace that the campaign began with.

    Example:
      sinch-voice dial pace contacts.sqlite 2.5
    """
    try:
        pace = None if cps == "own" else float(cps)
    except ValueError:
        raise click.UsageError(f"CPS must be a number of calls per second, or own, not {cps!r}.") from None
    campaign = campaign_of(settings, journal, name)
    on_loop(settings, lambda: campaign.set_pace(pace))
    text = "its own pace" if pace is None else f"{pace:g} calls per second"
    obeyed = "A running campaign obeys within a second."
    obeyed = _obeyed(settings, campaign, obeyed, "No process dials it now: the next run keeps to it.")
    show(settings, {"calls_per_second": pace}, f"Set to {text}. {obeyed}")


@settable
@click.command("cancel", cls=Command)
@journal_argument
@click.pass_obj
def _cancel(settings: Settings, /, *, journal: str, name: str | None) -> None:
    """End the run of a campaign, wherever it runs; active calls go on.

    Example:
      sinch-voice dial cancel contacts.sqlite
    """
    campaign = campaign_of(settings, journal, name)
    obeyed = "A running campaign ends within a second; --resume begins again."
    text = _obeyed(settings, campaign, obeyed, "No process dialled it; --resume begins again.")
    on_loop(settings, campaign.cancel)
    show(settings, {"cancelled": True}, f"Cancelled. {text}")


@settable
@click.command("unknowns", cls=Command)
@journal_argument
@click.pass_obj
def _unknowns(settings: Settings, /, *, journal: str, name: str | None) -> None:
    """List contacts whose telephones may have rung without a result.

    Example:
      sinch-voice dial unknowns contacts.sqlite
    """
    found = on_loop(settings, campaign_of(settings, journal, name).unknowns)
    records = [campaigns.outcome_record(each) for each in found]
    rows = [(each["number"], each["placed_at"], in_options(each["note"] or "")) for each in records]
    show_table(settings, records, ("number", "placed", "note"), rows)


_releasing: Final = option_group(
    journal_argument,
    click.argument("numbers", nargs=-1),
    click.option("--unknown", is_flag=True, help="All contacts that are unknown."),
    click.option("--yes", "-y", is_flag=True, help="Do not ask."),
)


@settable
@click.command("release", cls=Command)
@_releasing
@click.pass_obj
def _release(settings: Settings, /, **options: Any) -> int:
    """Let NUMBERS be dialled again.

    That is for contacts that are unknown, rejected or skipped. A contact that is unknown may be called twice by it.

    Examples:
      sinch-voice dial release contacts.sqlite +46700000001
      sinch-voice dial release contacts.sqlite --unknown
    """
    return _let_go(settings, **options)


@settable
@click.command("forget", cls=Command, hidden=True)
@_releasing
@click.pass_obj
def _forget(settings: Settings, /, **options: Any) -> int:
    """Do what `release` does, which is its name now."""
    tell("`dial forget` is now `dial release`.")
    return _let_go(settings, **options)


def _let_go(
    settings: Settings, *, journal: str, name: str | None, numbers: tuple[str, ...], unknown: bool, yes: bool
) -> int:
    if bool(numbers) == unknown:
        raise click.UsageError("Name the NUMBERS, or pass --unknown.")
    campaign = campaign_of(settings, journal, name)
    country = campaign.settings.country
    given = dict.fromkeys(read_number(each, country=country, allow_premium=True) for each in numbers)
    wanted = tuple(given) or _all_unknown(settings, campaign)
    able = on_loop(settings, lambda: campaign.releasable(wanted)) if wanted else 0
    if not able:
        raise ConfigurationError(
            "none of these can be released: only contacts that are unknown, rejected or skipped are; "
            "`sinch-voice dial report` says how each stands"
        )
    rest = f" ({len(wanted) - able:,} of {len(wanted):,} cannot be released)" if able < len(wanted) else ""
    if not yes and not ask(f"{count(able, 'contact')} may be called once more{rest}. Go on?"):
        raise click.Abort
    released = on_loop(settings, lambda: campaign.release(wanted))
    show(settings, {"released": released}, f"{count(released, 'contact')} may be dialled again{rest}")
    return ExitCode.OK


def _all_unknown(settings: Settings, campaign: Campaign) -> tuple[str, ...]:
    found: list[Outcome] = on_loop(settings, campaign.unknowns)
    return tuple(each.number for each in found)


def campaign_of(settings: Settings, journal: str, name: str | None, *, must_exist: bool = True) -> Campaign:
    """Return a campaign to look at; looking does not make one.

    :raises ConfigurationError: the journal does not exist.
    """
    kept = on_loop(settings, lambda: campaigns.kept_options(journal, name))
    if kept is None and must_exist:
        raise ConfigurationError(f"there is no journal {journal}")
    country = kept.options.get("country") if kept else None
    return Campaign(name or (kept.name if kept else campaigns.name_of(journal)), journal=journal, country=country)


def is_engine(journal: str) -> bool:
    """Return whether an argument names an engine in a module, ``reminders:engine``, and no journal."""
    module, colon, name = journal.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), *name.split(".")))


def work_for_engine(settings: Settings, engine: str, *, concurrency: int, graceful: float, no_listen: bool) -> int:
    """Run the worker of procrastinate for an engine, until a signal ends it or the database is lost.

    :raises ConfigurationError: the engine does not exist.
    """
    found = _engine_of(engine)
    if settings.backend != "asyncio":
        raise ConfigurationError("procrastinate runs on asyncio alone: leave --backend out")
    options: dict[str, Any] = {"concurrency": concurrency, "shutdown_graceful_timeout": graceful}
    if no_listen:
        options |= {"listen_notify": False, "fetch_job_polling_interval": 1.0, "abort_job_polling_interval": 1.0}
    tell(f"The worker of {engine} has started. Ctrl-C stops it.")
    on_loop(settings, lambda: found.work(**options))
    tell("The worker has stopped.")
    return ExitCode.OK


def _engine_of(path: str) -> Any:
    """Return the engine that ``module:name`` means; modules are looked for in this folder too.

    :raises ConfigurationError: there is none.
    """
    module, _, name = path.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = pkgutil.resolve_name(path)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"there is no module {error.name!r}, which {path} needs") from error
    except AttributeError as error:
        raise ConfigurationError(f"there is no {name!r} in the module {module}") from error
    if not hasattr(found, "work"):
        raise ConfigurationError(f"{path} is a {type(found).__name__}, and must be a ProcrastinateEngine")
    return found


COMMANDS: Final = (
    _report,
    _status,
    _watch,
    _pause,
    _resume,
    _pace,
    _cancel,
    _unknowns,
    _release,
    _forget,
)
"""The commands of ``sinch-voice dial`` that need only a journal."""
