"""``sinch-voice call``, ``status``, ``hangup`` and ``conference``: a call, from its callout to its end.

In the commands of ``conference`` the conference comes first, and the participant's call second.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import attrs
import click

import sinch_voice_async
from sinch_voice_async.cli.client import LastOutcome, with_client
from sinch_voice_async.cli.failures import ExitCode
from sinch_voice_async.cli.output import aligned, show, show_table, tell
from sinch_voice_async.cli.settings import Command, Group, Settings, option_group, settable

if TYPE_CHECKING:
    from sinch_voice_async.errors import Outcome

__all__ = [
    "call",
    "callout_options",
    "conference",
    "describe",
    "destination_of",
    "hangup",
    "headers_of",
    "place",
    "price",
    "status",
]

_STOPPED: Final = {
    "unsent": "Stopped: the callout was not sent; no telephone rings.",
    "rejected": "Stopped: the platform had refused the callout; no telephone rings.",
    "accepted": "Stopped: the callout was placed, and the telephone rings.",
    "unknown": "Stopped while the callout was on its way: the telephone may ring. Look before you repeat it.",
}


callout_options: Final = option_group(
    click.option("--to", type=click.Choice(["number", "username", "sip"]), default="number", show_default=True),
    click.option("--cli", metavar="NUMBER", help="The number shown to the callee, or private."),
    click.option("--locale", metavar="LOCALE", help="The language or the voice, such as en-GB."),
    click.option("--dtmf", metavar="KEYS", help="Keys pressed on answer: 0-9 # w, w is half a second."),
    click.option("--domain", metavar="DOMAIN", help="pstn or mxp."),
    click.option("--custom", metavar="TEXT", help="Comes back in the events of the call."),
    click.option("--enable-ace/--no-enable-ace", default=None, help="Ask for the AnsweredCall event."),
    click.option("--enable-dice/--no-enable-dice", default=None, help="Ask for the DisconnectedCall event."),
    click.option("--enable-pie/--no-enable-pie", default=None, help="Ask for the PromptInput event."),
    click.option(
        "--callback-header", "callback_headers", metavar="NAME=VALUE", multiple=True, help="X-CB-..., up to 5."
    ),
    click.option("--wait", is_flag=True, help="Wait until the call has ended, and print how."),
    click.option(
        "--give-up-after",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="Wait no longer than this; the call goes on.",
    ),
)
"""What every callout may carry."""


@settable
@click.command(cls=Command)
@click.argument("destination")
@click.argument("text", required=False)
@click.option("--prompts", metavar="PROMPTS", help="Instead of TEXT: #tts[...], #ssml[...], #href[...]; by ';'.")
@click.option(
    "--max-text-length",
    type=click.IntRange(1),
    default=600,
    show_default=True,
    help="What your account allows to be spoken at once.",
)
@callout_options
@click.pass_obj
def call(
    settings: Settings, /, *, destination: str, to: str, text: str | None, max_text_length: int, **more: Any
) -> int:
    """Call a number and speak a text.

    DESTINATION is a telephone number with its country code, or what --to says. If TEXT is -, it is read from stdin.
    Prints the id of the call, which `status` and `hangup` take.

    Examples:
      sinch-voice call +46700000001 "Hello!" --cli +46700000000
      sinch-voice call anna "Hello!" --to username --wait
    """
    wait, give_up_after = more.pop("wait"), more.pop("give_up_after")
    headers = headers_of(more.pop("callback_headers"))
    spoken = sys.stdin.read().strip() if text == "-" else text
    if not spoken and not more["prompts"] and not more["enable_ace"]:
        raise click.UsageError("Nothing to say: pass TEXT or --prompts, or --enable-ace to answer with SVAML.")
    callout = sinch_voice_async.TtsCallout(destination=destination_of(to, destination), text=spoken or None, **more)
    return place(settings, callout, headers, wait=wait, give_up_after=give_up_after, max_text_length=max_text_length)


def destination_of(kind: str, endpoint: str) -> "sinch_voice_async.Destination":
    """Return what a callout goes to.

    :raises InvalidRequestError: it cannot be called; the message says how to name what is not a number.
    """
    make = getattr(sinch_voice_async.Destination, kind)
    try:
        destination: sinch_voice_async.Destination = make(endpoint)
    except sinch_voice_async.InvalidRequestError as error:
        rule = str(error).partition("; use")[0].replace("endpoint", "DESTINATION", 1)
        remedy = "; say --to username or --to sip for anything else" if kind == "number" else ""
        raise sinch_voice_async.InvalidRequestError(rule + remedy, field="destination") from None
    return destination


def headers_of(pairs: tuple[str, ...]) -> dict[str, str] | None:
    """Return ``NAME=VALUE`` pairs as headers; what they may be is checked before they are sent."""
    return {name: value for name, _, value in (each.partition("=") for each in pairs)} or None


def place(
    settings: Settings,
    callout: "sinch_voice_async.TtsCallout | sinch_voice_async.ConferenceCallout",
    headers: dict[str, str] | None,
    *,
    wait: bool,
    give_up_after: float | None,
    max_text_length: int = 600,
) -> int:
    """Place a callout and print its id, or wait and print how the call ended."""
    observer, watched = LastOutcome(), _PlacedCall()
    code = ExitCode.OK

    async def run(client: "sinch_voice_async.VoiceClient") -> None:
        receipt = await client.callouts.place(callout, callback_headers=headers)
        watched.call_id = receipt.call_id
        if not wait:
            show(settings, receipt, receipt.call_id)
            return
        tell(f"Ringing: call {receipt.call_id}")
        try:
            found = await client.calls.wait_until_final(receipt.call_id, poll_interval=1.0, timeout=give_up_after)
        except sinch_voice_async.InvalidRequestError:
            nonlocal code
            code = ExitCode.FAILED
            tell("The callout was placed, and no call can be asked for by that id: how it ends is not known.")
            return
        show(settings, found, describe(found))

    with_client(
        settings,
        run,
        stopped=lambda: watched.stopped(observer.outcome),
        observer=observer,
        max_text_length=max_text_length,
    )
    return code


@attrs.define
class _PlacedCall:
    """The call that a command is about, once its id is known."""

    call_id: str | None = None

    def stopped(self, outcome: "Outcome") -> str:
        """Say what Ctrl-C left behind."""
        if self.call_id is None:
            return _STOPPED[outcome]
        return f"Stopped waiting; the call goes on. `sinch-voice hangup {self.call_id}` ends it."


def describe(found: "sinch_voice_async.Call") -> str:
    """Return a call as lines: a field and its value on each."""
    return aligned(
        {
            "call": found.call_id,
            "status": found.status,
            "result": found.result,
            "reason": found.reason,
            "from": found.from_ and found.from_.endpoint,
            "to": found.to and found.to.endpoint,
            "duration": None if found.duration is None else f"{found.duration} s",
            "time": found.timestamp and found.timestamp.isoformat(" ", "seconds"),
            "rate": price(found.user_rate),
            "cost": price(found.debit),
        }
    )


def price(value: "sinch_voice_async.Price | None") -> str | None:
    """Return an amount and its currency, as ``0.015 EUR``."""
    return None if value is None else f"{value.amount} {value.currency_id or ''}".strip()


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
    """Call DESTINATION into CONFERENCE_ID. The conference is created if it does not exist.

    Example:
      sinch-voice conference call team +46700000001 --cli +46700000000
    """
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
    """List the participants of CONFERENCE_ID.

    Example:
      sinch-voice conference show team
    """
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
    """Put CALL_ID on hold.

    Example:
      sinch-voice conference hold team CALL_ID --moh music1
    """
    _manage(settings, "on hold", call_id, lambda client: client.conferences.hold(conference_id, call_id, moh))


@settable
@conference.command("kick-all")
@click.argument("conference_id")
@click.pass_obj
def _kick_all(settings: Settings, /, *, conference_id: str) -> None:
    """Remove all participants, which ends CONFERENCE_ID.

    Example:
      sinch-voice conference kick-all team
    """
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
    @conference.command(name, help=f"{says}\n\nExample:\n  sinch-voice conference {name} team CALL_ID\n")
    @click.argument("conference_id")
    @click.argument("call_id")
    @click.pass_obj
    def manage(settings: Settings, /, *, conference_id: str, call_id: str) -> None:
        _manage(settings, done, call_id, lambda client: getattr(client.conferences, name)(conference_id, call_id))


_managing("mute", "muted", "Stop the others from hearing CALL_ID.")
_managing("unmute", "unmuted", "Let the others hear CALL_ID again.")
_managing("resume", "resumed", "Take CALL_ID off hold.")
_managing("kick", "kicked", "Remove CALL_ID from the conference.")
