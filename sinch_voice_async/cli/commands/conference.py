"""``sinch-voice conference``: the conference comes first, and the participant's call second."""

from collections.abc import Awaitable, Callable
from typing import Any

import click

import sinch_voice_async
from sinch_voice_async.cli.client import with_client
from sinch_voice_async.cli.commands.call import callout_options, destination_of, headers_of, place
from sinch_voice_async.cli.output import show, show_table
from sinch_voice_async.cli.settings import Group, Settings, settable

__all__ = ["conference"]


@click.group(cls=Group)
def conference() -> None:
    """Call into conferences, and manage them.

    A conference lives in one region: give all of its commands the same --region.

    Examples:
      sinch-voice conference call team +46700000001 --cli +46700000000
      sinch-voice conference show team
      sinch-voice conference mute team CALL_ID
    """


@settable
@conference.command("call")
@click.argument("conference_id")
@click.argument("destination")
@click.option("--greeting", metavar="TEXT", help="Spoken first.")
@click.option("--max-duration", type=int, metavar="SECONDS", help="At most 14,400.")
@click.option("--moh", "moh_class", metavar="MUSIC", help="While alone: ring, music1, music2 or music3.")
@callout_options
@click.pass_obj
def _call(settings: Settings, /, *, conference_id: str, destination: str, to: str, **more: Any) -> int:
    """Call DESTINATION into CONFERENCE_ID. The conference is created if it does not exist."""
    wait, give_up_after = more.pop("wait"), more.pop("give_up_after")
    headers = headers_of(more.pop("callback_headers"))
    callout = sinch_voice_async.ConferenceCallout(
        destination=destination_of(to, destination), conference_id=conference_id, **more
    )
    return place(settings, callout, headers, wait=wait, give_up_after=give_up_after)


@settable
@conference.command("show")
@click.argument("conference_id")
@click.pass_obj
def _show(settings: Settings, /, *, conference_id: str) -> None:
    """List the participants of CONFERENCE_ID."""
    found = with_client(settings, lambda client: client.conferences.get(conference_id))
    rows = [(each.call_id, each.cli, f"{each.duration or 0} s", *_state(each)) for each in found.participants]
    show_table(settings, found.participants, ("call", "cli", "duration", "muted", "on hold"), rows)


def _state(participant: "sinch_voice_async.Participant") -> tuple[str, str]:
    return ("muted" if participant.muted else "", "on hold" if participant.on_hold else "")


@settable
@conference.command("hold")
@click.argument("conference_id")
@click.argument("call_id")
@click.option("--moh", metavar="MUSIC", help="ring, music1, music2 or music3.")
@click.pass_obj
def _hold(settings: Settings, /, *, conference_id: str, call_id: str, moh: str | None) -> None:
    """Put CALL_ID on hold."""
    _manage(settings, "on hold", call_id, lambda client: client.conferences.hold(conference_id, call_id, moh))


@settable
@conference.command("kick-all")
@click.argument("conference_id")
@click.pass_obj
def _kick_all(settings: Settings, /, *, conference_id: str) -> None:
    """Remove all participants, which ends CONFERENCE_ID."""
    with_client(settings, lambda client: client.conferences.kick_all(conference_id))
    show(settings, {"conference_id": conference_id, "done": "kicked all"}, f"kicked all of {conference_id}")


def _manage(
    settings: Settings, done: str, call_id: str, act: "Callable[[sinch_voice_async.VoiceClient], Awaitable[None]]"
) -> None:
    with_client(settings, act)
    show(settings, {"call_id": call_id, "done": done}, f"{done}: {call_id}")


def _managing(name: str, done: str, says: str) -> None:
    """Make the command that calls the endpoint of its name for one participant."""

    @settable
    @conference.command(name, help=says)
    @click.argument("conference_id")
    @click.argument("call_id")
    @click.pass_obj
    def manage(settings: Settings, /, *, conference_id: str, call_id: str) -> None:
        _manage(settings, done, call_id, lambda client: getattr(client.conferences, name)(conference_id, call_id))


_managing("mute", "muted", "Stop the others from hearing CALL_ID.")
_managing("unmute", "unmuted", "Let the others hear CALL_ID again.")
_managing("resume", "resumed", "Take CALL_ID off hold.")
_managing("kick", "kicked", "Remove CALL_ID from the conference.")
