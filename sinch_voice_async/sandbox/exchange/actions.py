"""The actions of SVAML: the one decision that ends a document. Documents: SVAML, "Actions".

Each takes the line and the action, and returns the SVAML that comes next; None where the parties now simply talk.
"""

from collections.abc import Awaitable, Callable

from sinch_voice_async.sandbox.exchange.asking import ask, failure, hidden
from sinch_voice_async.sandbox.exchange.conferencing import confer
from sinch_voice_async.sandbox.exchange.dialling import answer, detect, dial, result_of
from sinch_voice_async.sandbox.exchange.instructions import carry_out, send_dtmf
from sinch_voice_async.sandbox.exchange.line import DisconnectError, Line
from sinch_voice_async.sandbox.exchange.menus import run_menu
from sinch_voice_async.sandbox.exchange.parties import Party
from sinch_voice_async.sandbox.exchange.prompts import parts_of, play
from sinch_voice_async.sandbox.exchange.recorder import (
    announce,
    record,
    record_conference,
    start_recording,
    stop_recording,
)
from sinch_voice_async.sandbox.fields import Fields

__all__ = ["connect", "perform"]

LONGEST_PARKING = 600


async def perform(line: Line, document: Fields) -> Fields | None:
    """Do what a document says: its instructions, then its action."""
    await carry_out(line, document)
    action = document.child("action")
    if action is None:
        return None
    name = action.required_text("name")
    line.log("action", name, {"action": hidden(dict(action.members))})
    if action.value("record") is True:
        _record(line, name.lower(), action)
    return await _ACTIONS[name.lower()](line, action)


def _record(line: Line, name: str, action: Fields) -> None:
    options = action.child("recordingOptions")
    if name == "connectconf":
        record_conference(line, action.required_text("conferenceId"), options)
    else:
        record(line, options)


async def connect(line: Line, party: Party, action: Fields) -> Fields | None:
    """Ring somebody, connect them, and ask the application what to do."""
    line.is_suppressed = line.is_suppressed or action.value("suppressCallbacks") is True
    seconds, longest = action.whole("dialTimeout"), action.whole("maxDuration")
    person = await dial(line, party, seconds=seconds, max_duration=longest)
    await send_dtmf_if_any(line, action.text("dtmf"))
    return await ask(line, "ace", **await detect(line, person, action.child("amd")))


async def send_dtmf_if_any(line: Line, keys: str | None) -> None:
    """Play the tones that were to be played when somebody picks up."""
    if keys:
        await send_dtmf(line, keys)


async def _hang_up(line: Line, _action: Fields) -> Fields | None:
    raise DisconnectError(result_of(line, "NOANSWER"), "MANAGERHANGUP")


async def _continue(_line: Line, _action: Fields) -> Fields | None:
    return None


async def _connect_pstn(line: Line, action: Fields) -> Fields | None:
    number = action.text("number")
    return await connect(line, Party("number", number) if number else line.call.to, action)


async def _connect_mxp(line: Line, action: Fields) -> Fields | None:
    destination = action.child("destination")
    endpoint = line.call.to.endpoint if destination is None else destination.required_text("endpoint")
    line.call.call_headers = [dict(header.members) for header in action.children("callHeaders")]
    line.call.connected_to = Party("username", endpoint)
    # The documents: neither ACE nor DiCE is issued for calls to apps; the caller's own DiCE is.
    suppressed, line.is_suppressed = line.is_suppressed, True
    await connect(line, Party("username", endpoint), action)
    line.is_suppressed = suppressed
    return None


async def _connect_sip(line: Line, action: Fields) -> Fields | None:
    return await connect(line, Party("sip", action.required_child("destination").required_text("endpoint")), action)


async def _connect_stream(line: Line, action: Fields) -> Fields | None:
    line.enter("stream", endpoint=action.required_child("destination").required_text("endpoint"))
    line.services.streams.open(line.call, action)
    problem = await line.answer()
    if problem:
        line.log("note", f"the stream could not be opened: {problem}")
        raise failure(line, "GENERALERROR")
    answer(line, action.whole("maxDuration"))
    return None


async def _connect_conference(line: Line, action: Fields) -> Fields | None:
    answer(line)
    await confer(line, action)


async def _run_menu(line: Line, action: Fields) -> Fields | None:
    answer(line)
    choice = await run_menu(line, action)
    return await ask(line, "pie", menuResult=choice.result())


async def _park(line: Line, action: Fields) -> Fields | None:
    answer(line)
    line.enter("parked")
    end = line.now + (action.whole("maxDuration") or LONGEST_PARKING)
    for prompt in ("introPrompt", "holdPrompt"):
        await play(line, parts_of(action.text(prompt) or ""), action.text("locale") or "")
    await line.sleep(end - line.now)
    raise DisconnectError("ANSWERED", "TIMEOUT")


async def _start_recording(line: Line, action: Fields) -> Fields | None:
    start_recording(line, action.child("recordingOptions") or action.child("options"))
    return None


async def _stop_recording(line: Line, _action: Fields) -> Fields | None:
    announce(line, stop_recording(line))
    return None


_ACTIONS: dict[str, Callable[[Line, Fields], Awaitable[Fields | None]]] = {
    "hangup": _hang_up,
    "continue": _continue,
    "connectpstn": _connect_pstn,
    "connectmxp": _connect_mxp,
    "connectsip": _connect_sip,
    "connectstream": _connect_stream,
    "connectconf": _connect_conference,
    "runmenu": _run_menu,
    "park": _park,
    "startrecording": _start_recording,
    "stoprecording": _stop_recording,
}
