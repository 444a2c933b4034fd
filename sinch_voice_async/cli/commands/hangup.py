"""``sinch-voice hangup``: end a call by its id."""

import click

from sinch_voice_async.cli.client import with_client
from sinch_voice_async.cli.output import show
from sinch_voice_async.cli.settings import Command, Settings, settable

__all__ = ["hangup"]


@settable
@click.command(cls=Command)
@click.argument("call_id")
@click.pass_obj
def hangup(settings: Settings, /, *, call_id: str) -> None:
    """End an ongoing call.

    Example:
      sinch-voice hangup 4398599d1ba84ef3bde0a82dfb61abed
    """
    with_client(settings, lambda client: client.calls.hang_up(call_id))
    show(settings, {"call_id": call_id, "hung_up": True}, f"Hung up {call_id}")
