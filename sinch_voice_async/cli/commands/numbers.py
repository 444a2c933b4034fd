"""``sinch-voice numbers`` and ``callbacks``: the numbers of an account, and the URLs of its applications."""

from typing import Final

import click

from sinch_voice_async.cli.client import with_client
from sinch_voice_async.cli.commands.call import price
from sinch_voice_async.cli.output import aligned, show, show_table, visible
from sinch_voice_async.cli.settings import Group, Settings, option_group, settable

__all__ = ["callbacks", "numbers"]


@click.group(cls=Group)
def numbers() -> None:
    """List, assign, unassign and look up numbers.

    Examples:
      sinch-voice numbers list
      sinch-voice numbers assign +46700000000
      sinch-voice numbers query +46700000001
    """


@settable
@numbers.command("list")
@click.pass_obj
def _list(settings: Settings) -> None:
    """List the numbers of your account, and the application of each.

    Example:
      sinch-voice numbers list --json
    """
    found = with_client(settings, lambda client: client.numbers.list())
    rows = [(each.number, each.application_key, each.capability) for each in found]
    show_table(settings, found, ("number", "application", "capability"), rows)


_assignable: Final = option_group(
    click.option("--application", metavar="KEY", help="Another application than the one that signs."),
    click.option("--capability", type=click.Choice(["voice", "sms"])),
)


@settable
@numbers.command("assign")
@click.argument("numbers", nargs=-1, required=True)
@_assignable
@click.pass_obj
def _assign(
    settings: Settings, /, *, numbers: tuple[str, ...], application: str | None, capability: str | None
) -> None:
    """Assign 1 to 100 NUMBERS to the application.

    Example:
      sinch-voice numbers assign +46700000002 +46700000003
    """
    with_client(
        settings,
        lambda client: client.numbers.assign(numbers, application_key=application, capability=capability),
    )
    show(settings, {"assigned": numbers}, f"assigned {visible(', '.join(numbers))}")


@settable
@numbers.command("unassign")
@click.argument("number")
@_assignable
@click.pass_obj
def _unassign(settings: Settings, /, *, number: str, application: str | None, capability: str | None) -> None:
    """Take NUMBER away from the application.

    Example:
      sinch-voice numbers unassign +46700000002
    """
    with_client(
        settings,
        lambda client: client.numbers.unassign(number, application_key=application, capability=capability),
    )
    show(settings, {"unassigned": number}, f"unassigned {visible(number)}")


@settable
@numbers.command("query")
@click.argument("number")
@click.pass_obj
def _query(settings: Settings, /, *, number: str) -> None:
    """Print the country, the kind and the price per minute of NUMBER.

    Example:
      sinch-voice numbers query +46700000001
    """
    found = with_client(settings, lambda client: client.numbers.query(number))
    fields = {
        "number": found.normalized_number,
        "country": found.country_id,
        "type": found.number_type,
        "restricted": None if found.restricted is None else "yes" if found.restricted else "no",
        "rate": price(found.rate),
    }
    show(settings, found, aligned(fields))


@click.group(cls=Group)
def callbacks() -> None:
    """Get and set where events are sent.

    Examples:
      sinch-voice callbacks get
      sinch-voice callbacks set https://example.com/voice
    """


@settable
@callbacks.command("get")
@click.option("--application", metavar="KEY", help="Another application than the one that signs.")
@click.pass_obj
def _get(settings: Settings, /, *, application: str | None) -> None:
    """Print the primary and the fallback URL.

    Example:
      sinch-voice callbacks get
    """
    found = with_client(settings, lambda client: client.callbacks.get(application))
    show(settings, found, aligned({"primary": found.primary, "fallback": found.fallback}))


@settable
@callbacks.command("set")
@click.argument("primary")
@click.argument("fallback", required=False)
@click.option("--application", metavar="KEY", help="Another application than the one that signs.")
@click.pass_obj
def _set(settings: Settings, /, *, primary: str, fallback: str | None, application: str | None) -> None:
    """Have events sent to PRIMARY, and to FALLBACK if that fails.

    Example:
      sinch-voice callbacks set https://example.com/voice
    """
    with_client(settings, lambda client: client.callbacks.update(primary, fallback, application_key=application))
    show(settings, {"primary": primary, "fallback": fallback}, aligned({"primary": primary, "fallback": fallback}))
