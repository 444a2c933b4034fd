"""``sinch-voice doctor``: what is wrong, and what to do next."""

from typing import TYPE_CHECKING

import click

import sinch_voice_async
from sinch_voice_async.cli.account import Account, find_account
from sinch_voice_async.cli.exit_codes import ExitCode
from sinch_voice_async.cli.output import show
from sinch_voice_async.cli.running import on_loop
from sinch_voice_async.cli.settings import Settings, settable

if TYPE_CHECKING:
    from sinch_voice_async.cli.doctor.checks import Check

__all__ = ["doctor"]

_MARKS = {"ok": ("ok", "green"), "warning": ("look", "yellow"), "failed": ("FAIL", "red"), "skipped": ("-", None)}


@settable
@click.command()
@click.option("--call", "call_id", metavar="CALL_ID", help="Also find the region that knows this call.")
@click.option("--conference", "conference_id", metavar="ID", help="Also find the region that has this conference.")
@click.pass_obj
def doctor(settings: Settings, /, *, call_id: str | None, conference_id: str | None) -> int:
    """Find out why requests fail.

    Looks at credentials, network, TLS, clock and region, and sends a signed request that changes nothing. Each step is
    a line; one that fails says what to do next. Exits with 1 where one does.
    """
    from sinch_voice_async.cli.doctor.examination import Examination  # noqa: PLC0415 - it loads an HTTP client

    examination = Examination(
        settings, _account(settings), _ignore if settings.json else _print, call_id, conference_id
    )
    on_loop(settings, examination.run, lambda: "Stopped.")
    if settings.json:
        show(settings, {"ok": examination.well, "checks": examination.checks}, "")
    return ExitCode.OK if examination.well else ExitCode.FAILED


def _account(settings: Settings) -> "Account | sinch_voice_async.ConfigurationError":
    try:
        return find_account(settings)
    except sinch_voice_async.ConfigurationError as error:
        return error


def _print(check: "Check") -> None:
    mark, colour = _MARKS[check.status]
    click.echo(f"{click.style(f'{mark:<5}', fg=colour)} {check.name}: {check.found}")
    if check.advice:
        click.echo(f"      {check.advice}")


def _ignore(check: "Check") -> None:
    """Say nothing now: all of it comes as one document."""
