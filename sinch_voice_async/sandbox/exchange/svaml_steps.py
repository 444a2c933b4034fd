"""The life of a call, from when it is placed until DiCE.

::

    placed -> (ICE) -> ringing -> answered -> (ACE) -> SVAML: instructions, then an action
                  menu -> (PIE) -> SVAML ...      connected, conference, parked, stream      final -> (DiCE)

Documents: Callback API, and Calling API, "Callouts". When the platform ends a text-to-speech call is not documented:
here it leaves that to whoever was called.
"""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from sinch_voice_async.sandbox.exchange.callouts import Callout
from sinch_voice_async.sandbox.exchange.calls import Ending, Party
from sinch_voice_async.sandbox.exchange.events import ask, failure, hidden, illegal, tell
from sinch_voice_async.sandbox.exchange.interaction import confer, parts_of, play, run_menu, spoken
from sinch_voice_async.sandbox.exchange.people import Person
from sinch_voice_async.sandbox.exchange.recordings import (
    announce,
    record,
    record_conference,
    start_recording,
    stop_recording,
)
from sinch_voice_async.sandbox.exchange.runner import DisconnectError, Line, RedirectError
from sinch_voice_async.sandbox.exchange.streams import Refused
from sinch_voice_async.sandbox.exchange.svaml import prompts_in
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.refusals import RefusalError

__all__ = [
    "answer",
    "at_once",
    "carry_out",
    "connect",
    "detect",
    "dial",
    "join",
    "leave",
    "live",
    "perform",
    "result_of",
    "send_dtmf",
]

logger: logging.Logger = logging.getLogger("sinch_voice_async.sandbox")

RINGS_FOR = 30.0
LONGEST_CALL = 14_400
MACHINE_FOUND_AFTER = 3
HUMAN_FOUND_AFTER = 1


async def dial(line: Line, party: Party, *, seconds: float | None = None, max_duration: int | None = None) -> Person:
    """Ring a telephone, and return who picks up; raises DisconnectError where nobody does."""
    person = line.services.people.at(party.endpoint)
    line.enter("ringing", kind=party.kind, endpoint=party.endpoint, manual=person.is_manual)
    if person.refuses is not None:
        raise DisconnectError(result_of(line, "BUSY"), "CALLEEHANGUP")
    if not await _picks_up(line, person, RINGS_FOR if seconds is None else seconds):
        raise DisconnectError(result_of(line, "NOANSWER"), "TIMEOUT")
    answer(line, max_duration)
    if line.person is None:
        # An answer to ICE may be the first to say who is called.
        line.call.to = line.call.to if line.call.to.endpoint else party
        join(line, person)
    else:
        line.call.connected_to = party
        line.enter("connected", kind=party.kind, endpoint=party.endpoint)
        leave(line, person, "CALLEEHANGUP")
    return person


def answer(line: Line, max_duration: int | None = None) -> None:
    """Have the call answered, unless it is already, and end it when it lasts too long."""
    if line.call.answered is None:
        line.call.answered = line.now
        line.enter("answered")
        line.later(LONGEST_CALL, lambda: line.disconnect("ANSWERED", "MANAGERHANGUP"))
    if max_duration:
        line.later(max_duration, lambda: line.disconnect("ANSWERED", "MANAGERHANGUP"))


def join(line: Line, person: Person) -> None:
    """Have a person on the line who hears the prompts, presses keys, and hangs up when they have had enough."""
    line.person = person
    line.keys_left = list(person.keys)
    leave(line, person, "CALLERHANGUP" if line.call.is_inbound else "CALLEEHANGUP")


def leave(line: Line, person: Person, reason: str) -> None:
    """Have a person hang up after as long as they stay; most people stay in a conference."""
    if person.hangs_up_after is not None:
        line.later(person.hangs_up_after, lambda: _hang_up_or_stay(line, person, reason))


def _hang_up_or_stay(line: Line, person: Person, reason: str) -> None:
    if line.services.streams.hangs_up_by_itself(line.call.call_id):
        return  # on a stream, a person who has something to say hangs up after it
    if line.call.seat is None or person.leaves_conferences:
        line.disconnect(result_of(line, "NOANSWER"), reason)
    else:
        line.later(max(1.0, person.hangs_up_after or 0.0), lambda: _hang_up_or_stay(line, person, reason))


def result_of(line: Line, unanswered: str) -> str:
    """Return the result of a call that ends now."""
    return unanswered if line.call.answered is None else "ANSWERED"


async def detect(line: Line, person: Person, amd: Fields | None) -> dict[str, object]:
    """Find out whether a machine picked up, if that was asked for; returns what ACE says of it."""
    if amd is None or str(amd.value("enabled")).lower() != "true":
        return {}
    seconds = MACHINE_FOUND_AFTER if person.is_machine else HUMAN_FOUND_AFTER
    status = "machine" if person.is_machine else "human"
    found = {"status": status, "reason": "longgreeting" if person.is_machine else "n/a", "duration": seconds}
    if str(amd.value("async")).lower() != "true":
        await line.sleep(seconds)
        return {"amd": found}
    line.later(seconds, lambda: tell(line, "notify", type="amd", amd=found))
    if person.is_machine:
        beep = {"status": status, "reason": "beep", "duration": round(person.beeps_after)}
        line.later(person.beeps_after, lambda: tell(line, "notify", type="amd_beep", amd=beep))
    return {"amd": {"status": "inprogress"}}


async def _picks_up(line: Line, person: Person, seconds: float) -> bool:
    if person.is_manual or person.answers_after is None or person.answers_after > seconds:
        return await line.picked_up(seconds) is not None
    await line.picked_up(person.answers_after)
    return True


MOST_COOKIE_BYTES = 1_024
SECONDS_OF_A_KEY = 0.1
SECONDS_OF_A_PAUSE = 0.5


async def carry_out(line: Line, document: Fields) -> None:
    """Carry out every instruction of a document."""
    for instruction in document.children("instructions"):
        name = instruction.required_text("name")
        line.log("instruction", name, {"instruction": hidden(dict(instruction.members))})
        await _INSTRUCTIONS[name.lower()](line, instruction)


def at_once(steps: Coroutine[Any, Any, object]) -> None:
    """Run instructions over whatever the call is doing, in no time."""
    try:
        while True:
            steps.send(None)
    except StopIteration:
        return


async def send_dtmf(line: Line, keys: str) -> None:
    """Play tones to the other side; a w is a pause of half a second."""
    line.log("note", f"tones are played: {keys}")
    pauses = keys.count("w")
    await line.sleep(pauses * SECONDS_OF_A_PAUSE + (len(keys) - pauses) * SECONDS_OF_A_KEY)


async def _play_files(line: Line, instruction: Fields) -> None:
    for prompt in prompts_in(instruction):
        await play(line, parts_of(prompt), instruction.text("locale") or "")


async def _say(line: Line, instruction: Fields) -> None:
    await play(line, spoken(instruction.required_text("text")), instruction.text("locale") or "")


async def _send_dtmf(line: Line, instruction: Fields) -> None:
    await send_dtmf(line, instruction.required_text("value"))


async def _set_cookie(line: Line, instruction: Fields) -> None:
    line.call.cookies[instruction.required_text("key")] = instruction.text("value") or ""
    if sum(len(f"{key}{value}".encode()) for key, value in line.call.cookies.items()) > MOST_COOKIE_BYTES:
        raise failure(line, "INVALIDSVAMLACTION")


async def _answer_now(line: Line, _instruction: Fields) -> None:
    answer(line)


async def _start_recording_now(line: Line, instruction: Fields) -> None:
    start_recording(line, instruction.child("options") or instruction.child("recordingOptions"))


async def _stop_recording_now(line: Line, _instruction: Fields) -> None:
    announce(line, stop_recording(line))


async def _report(_line: Line, _instruction: Fields) -> None:
    """Do nothing: it is logged, and that is where a report ends up."""


_INSTRUCTIONS: dict[str, Callable[[Line, Fields], Awaitable[None]]] = {
    "playfiles": _play_files,
    "say": _say,
    "senddtmf": _send_dtmf,
    "setcookie": _set_cookie,
    "answer": _answer_now,
    "startrecording": _start_recording_now,
    "stoprecording": _stop_recording_now,
    "reportcallstatus": _report,
}


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
    # The query may hold a token.
    endpoint = action.required_child("destination").required_text("endpoint").partition("?")[0]
    line.enter("stream", endpoint=endpoint)
    line.services.streams.open(line.call, action, line.person)
    refused: Refused | None = await line.answer()
    if refused is not None:
        line.log("note", f"the stream could not be opened: {refused.note}")
        raise DisconnectError(result_of(line, refused.result), refused.reason)
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


SORRY = "We are sorry, an error has occurred."


async def live(line: Line) -> None:
    """Live through a call."""
    try:
        await _conduct(line)
    except DisconnectError as end:
        _finish(line, end)
    except RefusalError as refusal:
        # Some of what is illegal in SVAML shows only when its turn comes.
        _finish(line, illegal(line, refusal))
    except Exception:
        # One call's fault must not stop the exchange.
        logger.exception("call %s failed in the sandbox", line.call.call_id)
        _finish(line, failure(line, "GENERALERROR"))


async def _conduct(line: Line) -> None:
    steps = _open(line)
    while True:
        try:
            document = await steps
            if document is None:
                await _talk(line)
            else:
                steps = perform(line, document)
        except RedirectError as change:
            steps = perform(line, change.document)


async def _talk(line: Line) -> None:
    """Let the parties talk until somebody ends it."""
    while True:
        await line.key(None)


async def _open(line: Line) -> Fields | None:
    line.enter("placed")
    callout = line.call.callout
    if callout is None:
        join(line, line.services.people.at(line.call.listener.endpoint))
        return await _incoming(line)
    if callout.method != "customCallout":
        return await _begin_answered(line, callout)
    if not callout.fields.text("ice") and callout.endpoint:
        return await connect(line, line.call.to, callout.fields)
    return await _incoming(line)


async def _incoming(line: Line) -> Fields | None:
    document = await ask(line, "ice")
    if document is None:
        await play(line, spoken(SORRY), "en-US")
        raise failure(line, "CALLBACKERROR")
    return document


async def _begin_answered(line: Line, callout: Callout) -> Fields | None:
    fields = callout.fields
    await dial(line, line.call.to, max_duration=callout.max_duration)
    await send_dtmf_if_any(line, fields.text("dtmf"))
    document = await ask(line, "ace")
    if document is not None and _decides(document):
        return document
    if document is not None:
        await perform(line, document)
    return _message(fields) if callout.method == "ttsCallout" else _joining(fields)


def _decides(document: Fields) -> bool:
    action = document.child("action")
    return action is not None and action.required_text("name").lower() != "continue"


def _message(fields: Fields) -> Fields:
    text, prompts = fields.text("text"), fields.text("prompts")
    prompt = prompts or (f"#tts[{text}]" if text else "")
    instruction = {"name": "playFiles", "ids": [prompt], "locale": fields.text("locale") or "en-US"}
    return Fields({"instructions": [instruction] if prompt else [], "action": {"name": "continue"}})


def _joining(fields: Fields) -> Fields:
    chosen = ("conferenceId", "conferenceDtmfOptions", "mohClass", "greeting", "locale")
    return Fields({"action": {"name": "connectConf", **{name: fields.value(name) for name in chosen}}})


def _finish(line: Line, end: DisconnectError) -> None:
    call = line.call
    notifications = stop_recording(line)
    call.ended = Ending(line.now, end.result, end.reason)
    line.enter("final", result=end.result, reason=end.reason, duration=call.duration)
    tell(line, "dice")
    line.services.calls.end(call)
    announce(line, notifications)
