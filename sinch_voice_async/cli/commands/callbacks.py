"""``sinch-voice callbacks``: where the platform sends the events of an application."""

import click

from sinch_voice_async.cli.output import aligned, show
from sinch_voice_async.cli.running import with_client
from sinch_voice_async.cli.settings import Settings, settable

__all__ = ["callbacks"]


@click.group()
def callbacks() -> None:
    """Get and set where events are sent."""


@settable
@callbacks.command("get")
@click.option("--application", metavar="KEY", help="Another application than the one that signs.")
@click.pass_obj
def _get(settings: Settings, /, *, application: str | None) -> None:
    """Print the primary and the fallback URL."""
    found = with_client(settings, lambda client: client.callbacks.get(application))
    show(settings, found, aligned({"primary": found.primary, "fallback": found.fallback}))


@settable
@callbacks.command("set")
@click.argument("primary")
@click.argument("fallback", required=False)
@click.option("--application", metavar="KEY", help="Another application than the one that signs.")
@click.pass_obj
def _set(settings: Settings, /, *, primary: str, fallback: str | None, application: str | None) -> None:
    """Have events sent to PRIMARY, and to FALLBACK where that fails."""
    with_client(settings, lambda client: client.callbacks.update(primary, fallback, application_key=application))
    show(settings, {"primary": primary, "fallback": fallback}, aligned({"primary": primary, "fallback": fallback}))
