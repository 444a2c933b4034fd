"""``sinch-voice status``: a call by its id."""

import click

import sinch_voice_async
from sinch_voice_async.cli.client import with_client
from sinch_voice_async.cli.commands.call import describe
from sinch_voice_async.cli.output import show
from sinch_voice_async.cli.settings import Command, Settings, settable

__all__ = ["status"]


@settable
@click.command(cls=Command)
@click.argument("call_id")
@click.option("--watch", is_flag=True, help="Print every change, until the call has ended.")
@click.option(
    "--every",
    type=click.FloatRange(0, min_open=True),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How often --watch asks.",
)
@click.pass_obj
def status(settings: Settings, /, *, call_id: str, watch: bool, every: float) -> None:
    """Print what is known about a call.

    With --watch, each change is a line until the call has ended. CALL_ID may be the callResourceURL of an event, which
    names the region too.

    Example:
      sinch-voice status --watch 4398599d1ba84ef3bde0a82dfb61abed
    """
    if not watch:
        call = with_client(settings, lambda client: client.calls.get(call_id))
        show(settings, call, describe(call))
        return
    with_client(settings, lambda client: _follow(settings, client, call_id, every), stopped=lambda: _left(call_id))


async def _follow(settings: Settings, client: "sinch_voice_async.VoiceClient", call_id: str, every: float) -> None:
    import anyio  # noqa: PLC0415  # help and completion need no event loop

    shown = None
    while True:
        call = await client.calls.get(call_id)
        if call != shown:
            line = f"{call.status or '?'}  {call.result or '?'}  {call.reason or '?'}  {call.duration or 0} s"
            show(settings, call, line)
            shown = call
        if call.is_final:
            return
        await anyio.sleep(every)


def _left(call_id: str) -> str:
    return f"Stopped watching; the call goes on. `sinch-voice hangup {call_id}` ends it."
