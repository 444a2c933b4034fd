"""``sinch-voice opt-outs``: the list of numbers that must not be called any more, with who, when and why."""

import getpass
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from sinch_voice_async import ConfigurationError
from sinch_voice_async.cli.failures import ExitCode
from sinch_voice_async.cli.output import count, show, show_table
from sinch_voice_async.cli.settings import Group, PathType, Settings, option_group, settable
from sinch_voice_async.dialer import OptOut, OptOutList, read_numbers

__all__ = ["opt_outs"]


@click.group(cls=Group)
def opt_outs() -> None:
    """Keep a list of numbers that must not be called.

    Every campaign that dials with `--do-not-call FILE` asks the list right before each callout, also while it runs.
    Nothing is ever removed from it.

    Examples:
      sinch-voice opt-outs add opt-outs.sqlite "+46 70 123 45 67" --why letter
      sinch-voice opt-outs list opt-outs.sqlite
      sinch-voice opt-outs check opt-outs.sqlite "+46 70 123 45 67"
    """


_about: Final = option_group(
    click.argument("file", type=PathType()),
    click.argument("numbers", nargs=-1),
    click.option("--country", metavar="CC", help="Read national numbers as this country's, such as SE."),
)
"""The list and how its numbers are read."""


@settable
@opt_outs.command("add")
@_about
@click.option("--why", default="by hand", show_default=True, metavar="TEXT", help="The reason.")
@click.option("--who", metavar="NAME", help="Who adds them; default: you.")
@click.option("--from", "source", type=PathType(), metavar="TEXTFILE", help="Numbers, one a line.")
@click.pass_obj
def _add(
    settings: Settings,
    /,
    *,
    file: Path,
    numbers: tuple[str, ...],
    country: str | None,
    why: str,
    who: str | None,
    source: Path | None,
) -> None:
    """Add NUMBERS to the list FILE, which is made if it is missing.

    The numbers are on the disk when the command ends. A number that is there already keeps its first entry.

    Examples:
      sinch-voice opt-outs add opt-outs.sqlite +46700000007 --why "phoned us"
      sinch-voice opt-outs add opt-outs.sqlite --from stop.txt
    """
    if not numbers and source is None:
        raise click.UsageError("Name the NUMBERS, or pass --from with a text file.")
    given = [*numbers, *(sorted(read_numbers(source, country=country)) if source is not None else ())]
    with closing(OptOutList(file, country=country)) as listed:
        added = listed.add(given, why, who=who or _user())
        total = len(listed)
    text = f"{count(added, 'number')} added to {file}, which has {count(total, 'number')}"
    show(settings, {"added": added, "numbers": total}, text)


@settable
@opt_outs.command("list")
@click.argument("file", type=PathType())
@click.pass_obj
def _list(settings: Settings, /, *, file: Path) -> None:
    """List the numbers of FILE, the first ones first: number, time, who, why.

    Example:
      sinch-voice opt-outs list opt-outs.sqlite
    """
    found = _look(file, None, lambda listed: [*listed])
    show_table(settings, [_record(each) for each in found], ("number", "since", "who", "why"), map(_row, found))


@settable
@opt_outs.command("check")
@_about
@click.pass_obj
def _check(settings: Settings, /, *, file: Path, numbers: tuple[str, ...], country: str | None) -> int:
    """Say which of NUMBERS are on the list FILE; exits with 3 if some are.

    Example:
      sinch-voice opt-outs check opt-outs.sqlite +46700000007
    """
    if not numbers:
        raise click.UsageError("Name the NUMBERS.")
    found = _look(file, country, lambda listed: [listed.find(each) for each in numbers])
    entries = [each for each in found if each is not None]
    if entries or settings.json:
        show_table(settings, [_record(each) for each in entries], ("number", "since", "who", "why"), map(_row, entries))
        return ExitCode.REJECTED if entries else ExitCode.OK
    show(settings, [], "Not on the list.")
    return ExitCode.OK


def _look(file: Path, country: str | None, read: Callable[[OptOutList], Any]) -> Any:
    """Return what is read of a list; looking makes none."""
    if not file.exists():
        raise ConfigurationError(f"the opt-out list {file} does not exist")
    with closing(OptOutList(file, country=country)) as listed:
        return read(listed)


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return None  # a container may have users without names


def _record(entry: OptOut) -> dict[str, Any]:
    return {"number": entry.number, "since": datetime.fromtimestamp(entry.at, UTC), "who": entry.who, "why": entry.why}


def _row(entry: OptOut) -> tuple[Any, ...]:
    since = datetime.fromtimestamp(entry.at, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    return entry.number, since, entry.who, entry.why
