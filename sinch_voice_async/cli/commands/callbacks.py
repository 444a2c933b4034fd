"""``sinch-voice callbacks``: the URLs to which the platform sends events."""

import click

from sinch_voice_async.cli.client import with_client
from sinch_voice_async.cli.output import aligned, show
from sinch_voice_async.cli.settings import Group, Settings, settable

__all__ = ["callbacks"]


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
    """Have events sent to PRIMARY, and to FALLBACK if that fails."""
    with_client(settings, lambda client: client.callbacks.update(primary, fallback, application_key=application))
    show(settings, {"primary": primary, "fallback": fallback}, aligned({"primary": primary, "fallback": fallback}))
