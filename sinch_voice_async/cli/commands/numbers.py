"""``sinch-voice numbers``: which there are, and which application each belongs to."""

from typing import Any

import click

from sinch_voice_async.cli.output import aligned, show, show_table
from sinch_voice_async.cli.running import with_client
from sinch_voice_async.cli.settings import Settings, settable
from sinch_voice_async.cli.watching import price

__all__ = ["numbers"]


@click.group()
def numbers() -> None:
    """List, assign, unassign and look up numbers."""


@settable
@numbers.command("list")
@click.pass_obj
def _list(settings: Settings) -> None:
    """List the numbers of your account, and the application of each."""
    found = with_client(settings, lambda client: client.numbers.list())
    rows = [(each.number, each.application_key, each.capability) for each in found]
    show_table(settings, found, ("number", "application", "capability"), rows)


def _assignable(command: Any) -> Any:
    for option in (
        click.option("--capability", type=click.Choice(["voice", "sms"])),
        click.option("--application", metavar="KEY", help="Another application than the one that signs."),
    ):
        command = option(command)
    return command


@settable
@numbers.command("assign")
@click.argument("numbers", nargs=-1, required=True)
@_assignable
@click.pass_obj
def _assign(
    settings: Settings, /, *, numbers: tuple[str, ...], application: str | None, capability: str | None
) -> None:
    """Assign 1 to 100 NUMBERS to the application."""
    with_client(
        settings,
        lambda client: client.numbers.assign(numbers, application_key=application, capability=capability),
    )
    show(settings, {"assigned": numbers}, f"assigned {', '.join(numbers)}")


@settable
@numbers.command("unassign")
@click.argument("number")
@_assignable
@click.pass_obj
def _unassign(settings: Settings, /, *, number: str, application: str | None, capability: str | None) -> None:
    """Take NUMBER away from the application."""
    with_client(
        settings,
        lambda client: client.numbers.unassign(number, application_key=application, capability=capability),
    )
    show(settings, {"unassigned": number}, f"unassigned {number}")


@settable
@numbers.command("query")
@click.argument("number")
@click.pass_obj
def _query(settings: Settings, /, *, number: str) -> None:
    """Print the country, the kind and the price per minute of NUMBER."""
    found = with_client(settings, lambda client: client.numbers.query(number))
    fields = {
        "number": found.normalized_number,
        "country": found.country_id,
        "type": found.number_type,
        "restricted": None if found.restricted is None else "yes" if found.restricted else "no",
        "rate": price(found.rate),
    }
    show(settings, found, aligned(fields))
