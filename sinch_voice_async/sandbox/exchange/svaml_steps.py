"""The steps of a call: from the callout to DiCE, through the instructions and actions of SVAML.

::

    placed -> (ICE) -> ringing -> answered -> (ACE) -> SVAML: instructions, then an action
                  menu -> (PIE) -> SVAML ...      connected, conference, parked, stream      final -> (DiCE)

An action returns the SVAML that comes next, or None: then the parties talk. The documents name no default for how long
a telephone rings or a call lasts, and do not say when the platform ends a text-to-speech call: here the callee ends it.
Source: SVAML, Instructions; SVAML, Actions.
"""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from sinch_voice_async.sandbox.exchange.calls import Ending, Party
from sinch_voice_async.sandbox.exchange.documents import Callout, call_headers_of, prompts_in
from sinch_voice_async.sandbox.exchange.events import failure, illegal, request_svaml, send_event, without_credentials
from sinch_voice_async.sandbox.exchange.interaction import (
    announce,
    confer,
    parts_of,
    play,
    record,
    record_conference,
    run_menu,
    spoken,
    start_recording,
    stop_recording,
)
from sinch_voice_async.sandbox.exchange.people import Person
from sinch_voice_async.sandbox.exchange.runner import CallRunner, DisconnectError, RedirectError
from sinch_voice_async.sandbox.exchange.streams import Refused
from sinch_voice_async.sandbox.requests import Fields, RefusalError

__all__ = ["manage", "run_call"]

logger: logging.Logger = logging.getLogger("sinch_voice_async.sandbox")

RINGS_FOR = 30.0
LONGEST_CALL = 14_400
LONGEST_PARKING = 600
MACHINE_FOUND_AFTER = 3
HUMAN_FOUND_AFTER = 1
MOST_COOKIE_BYTES = 1_024
SECONDS_OF_A_KEY = 0.1
SECONDS_OF_A_PAUSE = 0.5
SORRY = "We are sorry, an error has occurred."


async def run_call(runner: CallRunner) -> None:
    """Run a call from its beginning to its end."""
    try:
        await _conduct(runner)
    except DisconnectError as end:
        _finish(runner, end)
    except RefusalError as refusal:
        # Some faults of SVAML show only when a step is performed.
        _finish(runner, illegal(runner, refusal))
    except Exception:
        # A fault of the sandbox in one call must not stop the exchange.
        logger.exception("call %s failed in the sandbox", runner.call.call_id)
        _finish(runner, failure(runner, "GENERALERROR"))


async def _conduct(runner: CallRunner) -> None:
    steps = _open(runner)
    while True:
        try:
            document = await steps
            if document is None:
                await _talk(runner)
            else:
                steps = perform(runner, document)
        except RedirectError as change:
            steps = perform(runner, change.document)


async def _talk(runner: CallRunner) -> None:
    """Let the parties talk until the call is ended."""
    while True:
        await runner.key(None)


async def _open(runner: CallRunner) -> Fields | None:
    runner.enter("placed")
    callout = runner.call.callout
    if callout is None:
        join(runner, runner.context.people.at(runner.call.listener.endpoint))
        return await _incoming(runner)
    if callout.method != "customCallout":
        return await _begin_answered(runner, callout)
    if not callout.fields.text("ice") and callout.endpoint:
        return await connect(runner, runner.call.to, callout.fields)
    return await _incoming(runner)


async def _incoming(runner: CallRunner) -> Fields | None:
    document = await request_svaml(runner, "ice")
    if document is None:
        await play(runner, spoken(SORRY), "en-US")
        raise failure(runner, "CALLBACKERROR")
    return document


async def _begin_answered(runner: CallRunner, callout: Callout) -> Fields | None:
    fields = callout.fields
    await dial(runner, runner.call.to, max_duration=callout.max_duration)
    await send_dtmf_if_any(runner, fields.text("dtmf"))
    document = await request_svaml(runner, "ace")
    if document is not None and _decides(document):
        return document
    if document is not None:
        await perform(runner, document)
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


def _finish(runner: CallRunner, end: DisconnectError) -> None:
    call = runner.call
    notifications = stop_recording(runner) if runner.recording is not None else []
    call.ended = Ending(runner.now, end.result, end.reason)
    runner.enter("final", result=end.result, reason=end.reason, duration=call.duration)
    send_event(runner, "dice")
    runner.context.calls.end(call)
    if notifications:
        announce(runner, notifications)


async def dial(
    runner: CallRunner, party: Party, *, seconds: float | None = None, max_duration: int | None = None
) -> Person:
    """Ring a telephone and return the person who answers. Raises DisconnectError if the call is not answered."""
    person = runner.context.people.at(party.endpoint)
    runner.enter("ringing", kind=party.kind, endpoint=party.endpoint, manual=person.is_manual)
    if person.refuses is not None:
        raise DisconnectError(result_of(runner, "BUSY"), "CALLEEHANGUP")
    if not await _picks_up(runner, person, RINGS_FOR if seconds is None else seconds):
        raise DisconnectError(result_of(runner, "NOANSWER"), "TIMEOUT")
    answer(runner, max_duration)
    if runner.person is None:
        # The answer to ICE may be the first to name the callee.
        runner.call.to = runner.call.to if runner.call.to.endpoint else party
        join(runner, person)
    else:
        runner.call.connected_to = party
        runner.enter("connected", kind=party.kind, endpoint=party.endpoint)
        leave(runner, person, "CALLEEHANGUP")
    return person


def answer(runner: CallRunner, max_duration: int | None = None) -> None:
    """Mark the call as answered if it is not yet, and end it when it lasts too long."""
    if runner.call.answered is None:
        runner.call.answered = runner.now
        runner.enter("answered")
        runner.later(LONGEST_CALL, lambda: runner.disconnect("ANSWERED", "MANAGERHANGUP"))
    if max_duration:
        runner.later(max_duration, lambda: runner.disconnect("ANSWERED", "MANAGERHANGUP"))


def join(runner: CallRunner, person: Person) -> None:
    """Put a person on the line who hears the prompts, presses keys and hangs up."""
    runner.person = person
    runner.keys_left = list(person.keys)
    leave(runner, person, "CALLERHANGUP" if runner.call.is_inbound else "CALLEEHANGUP")


def leave(runner: CallRunner, person: Person, reason: str) -> None:
    """Have a person hang up after their time. In a conference most people stay."""
    if person.hangs_up_after is not None:
        runner.later(person.hangs_up_after, lambda: _hang_up_or_stay(runner, person, reason))


def _hang_up_or_stay(runner: CallRunner, person: Person, reason: str) -> None:
    if runner.context.streams.hangs_up_by_itself(runner.call.call_id):
        return  # a person with a script hangs up after it
    if runner.call.seat is None or person.leaves_conferences:
        runner.disconnect(result_of(runner, "NOANSWER"), reason)
    else:
        runner.later(max(1.0, person.hangs_up_after or 0.0), lambda: _hang_up_or_stay(runner, person, reason))


def result_of(runner: CallRunner, unanswered: str) -> str:
    """Return the result of a call that ends now."""
    return unanswered if runner.call.answered is None else "ANSWERED"


async def detect(runner: CallRunner, person: Person, amd: Fields | None) -> dict[str, object]:
    """Detect an answering machine if that was asked for, and return what ACE says of it. Source: AMD v2."""
    if amd is None or str(amd.value("enabled")).lower() != "true":
        return {}
    seconds = MACHINE_FOUND_AFTER if person.is_machine else HUMAN_FOUND_AFTER
    status = "machine" if person.is_machine else "human"
    found = {"status": status, "reason": "longgreeting" if person.is_machine else "n/a", "duration": seconds}
    if str(amd.value("async")).lower() != "true":
        await runner.sleep(seconds)
        return {"amd": found}
    runner.later(seconds, lambda: send_event(runner, "notify", type="amd", amd=found))
    if person.is_machine:
        beep = {"status": status, "reason": "beep", "duration": round(person.beeps_after)}
        runner.later(person.beeps_after, lambda: send_event(runner, "notify", type="amd_beep", amd=beep))
    return {"amd": {"status": "inprogress"}}


async def _picks_up(runner: CallRunner, person: Person, seconds: float) -> bool:
    if person.is_manual or person.answers_after is None or person.answers_after > seconds:
        return await runner.picked_up(seconds) is not None
    await runner.picked_up(person.answers_after)
    return True


async def carry_out(runner: CallRunner, document: Fields) -> None:
    """Perform the instructions of a document in order."""
    for instruction in document.children("instructions"):
        name = instruction.required_text("name")
        runner.log("instruction", name, {"instruction": without_credentials(dict(instruction.members))})
        await _INSTRUCTIONS[name.lower()](runner, instruction)


def at_once(steps: Coroutine[Any, Any, object]) -> None:
    """Perform steps without waiting, while the call continues with what it does."""
    try:
        while True:
            steps.send(None)
    except StopIteration:
        return


async def send_dtmf(runner: CallRunner, keys: str) -> None:
    """Play tones to the other party. A w is a pause of half a second."""
    runner.log("note", f"tones are played: {keys}")
    pauses = keys.count("w")
    await runner.sleep(pauses * SECONDS_OF_A_PAUSE + (len(keys) - pauses) * SECONDS_OF_A_KEY)


async def _play_files(runner: CallRunner, instruction: Fields) -> None:
    for prompt in prompts_in(instruction):
        await play(runner, parts_of(prompt), instruction.text("locale") or "")


async def _say(runner: CallRunner, instruction: Fields) -> None:
    await play(runner, spoken(instruction.required_text("text")), instruction.text("locale") or "")


async def _send_dtmf(runner: CallRunner, instruction: Fields) -> None:
    await send_dtmf(runner, instruction.required_text("value"))


async def _set_cookie(runner: CallRunner, instruction: Fields) -> None:
    runner.call.cookies[instruction.required_text("key")] = instruction.text("value") or ""
    if sum(len(f"{key}{value}".encode()) for key, value in runner.call.cookies.items()) > MOST_COOKIE_BYTES:
        raise failure(runner, "INVALIDSVAMLACTION")


async def _answer_now(runner: CallRunner, _instruction: Fields) -> None:
    answer(runner)


async def _start_recording_now(runner: CallRunner, instruction: Fields) -> None:
    start_recording(runner, instruction.child("options") or instruction.child("recordingOptions"))


async def _stop_recording_now(runner: CallRunner, _instruction: Fields) -> None:
    announce(runner, stop_recording(runner))


async def _report(_runner: CallRunner, _instruction: Fields) -> None:
    """Do nothing: the entry in the timeline is the report."""


_INSTRUCTIONS: dict[str, Callable[[CallRunner, Fields], Awaitable[None]]] = {
    "playfiles": _play_files,
    "say": _say,
    "senddtmf": _send_dtmf,
    "setcookie": _set_cookie,
    "answer": _answer_now,
    "startrecording": _start_recording_now,
    "stoprecording": _stop_recording_now,
    "reportcallstatus": _report,
}


async def perform(runner: CallRunner, document: Fields) -> Fields | None:
    """Perform the instructions of a document, then its action. Returns the SVAML that comes next."""
    await carry_out(runner, document)
    action = document.child("action")
    if action is None:
        return None
    name = action.required_text("name")
    runner.log("action", name, {"action": without_credentials(dict(action.members))})
    if action.value("record") is True:
        _record(runner, name.lower(), action)
    return await _ACTIONS[name.lower()](runner, action)


def _record(runner: CallRunner, name: str, action: Fields) -> None:
    options = action.child("recordingOptions")
    if name == "connectconf":
        record_conference(runner, action.required_text("conferenceId"), options)
    else:
        record(runner, options)


async def connect(runner: CallRunner, party: Party, action: Fields) -> Fields | None:
    """Ring a telephone, connect the call, and request SVAML with ACE."""
    runner.is_suppressed = runner.is_suppressed or action.value("suppressCallbacks") is True
    seconds, longest = action.whole("dialTimeout"), action.whole("maxDuration")
    person = await dial(runner, party, seconds=seconds, max_duration=longest)
    await send_dtmf_if_any(runner, action.text("dtmf"))
    return await request_svaml(runner, "ace", **await detect(runner, person, action.child("amd")))


async def send_dtmf_if_any(runner: CallRunner, keys: str | None) -> None:
    """Play the tones that a callout or action has for an answered call."""
    if keys:
        await send_dtmf(runner, keys)


async def _hang_up(runner: CallRunner, _action: Fields) -> Fields | None:
    raise DisconnectError(result_of(runner, "NOANSWER"), "MANAGERHANGUP")


async def _continue(_runner: CallRunner, _action: Fields) -> Fields | None:
    return None


async def _connect_pstn(runner: CallRunner, action: Fields) -> Fields | None:
    number = action.text("number")
    return await connect(runner, Party("number", number) if number else runner.call.to, action)


async def _connect_mxp(runner: CallRunner, action: Fields) -> Fields | None:
    destination = action.child("destination")
    endpoint = runner.call.to.endpoint if destination is None else destination.required_text("endpoint")
    runner.call.call_headers = [*call_headers_of(action)]
    runner.call.connected_to = Party("username", endpoint)
    # Neither ACE nor DiCE is issued for a call to an app; the DiCE of the caller is.
    suppressed, runner.is_suppressed = runner.is_suppressed, True
    await connect(runner, Party("username", endpoint), action)
    runner.is_suppressed = suppressed
    return None


async def _connect_sip(runner: CallRunner, action: Fields) -> Fields | None:
    return await connect(runner, Party("sip", action.required_child("destination").required_text("endpoint")), action)


async def _connect_stream(runner: CallRunner, action: Fields) -> Fields | None:
    # The query may hold a token.
    endpoint = action.required_child("destination").required_text("endpoint").partition("?")[0]
    runner.enter("stream", endpoint=endpoint)
    runner.context.streams.open(runner.call, action, runner.person)
    refused: Refused | None = await runner.answer()
    if refused is not None:
        runner.log("note", f"the stream could not be opened: {refused.note}")
        raise DisconnectError(result_of(runner, refused.result), refused.reason)
    answer(runner, action.whole("maxDuration"))
    return None


async def _connect_conference(runner: CallRunner, action: Fields) -> Fields | None:
    answer(runner)
    await confer(runner, action)


async def _run_menu(runner: CallRunner, action: Fields) -> Fields | None:
    answer(runner)
    choice = await run_menu(runner, action)
    return await request_svaml(runner, "pie", menuResult=choice.result())


async def _park(runner: CallRunner, action: Fields) -> Fields | None:
    answer(runner)
    runner.enter("parked")
    end = runner.now + (action.whole("maxDuration") or LONGEST_PARKING)
    for prompt in ("introPrompt", "holdPrompt"):
        await play(runner, parts_of(action.text(prompt) or ""), action.text("locale") or "")
    await runner.sleep(end - runner.now)
    raise DisconnectError("ANSWERED", "TIMEOUT")


async def _start_recording(runner: CallRunner, action: Fields) -> Fields | None:
    start_recording(runner, action.child("recordingOptions") or action.child("options"))
    return None


async def _stop_recording(runner: CallRunner, _action: Fields) -> Fields | None:
    announce(runner, stop_recording(runner))
    return None


_ACTIONS: dict[str, Callable[[CallRunner, Fields], Awaitable[Fields | None]]] = {
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


def manage(runner: CallRunner, document: Fields, leg: str) -> None:
    """Act on SVAML that arrived by PATCH: instructions at once, while the call goes on, and then the action."""
    runner.call.updates.append(document.members)
    # It is remembered twice: as an update, and in the steps of the timeline.
    runner.context.calls.grow(runner.call, 2 * document.size)
    runner.log("managed", leg, {"svaml": without_credentials(dict(document.members))})
    runner.leg = _leg(runner, leg)
    try:
        at_once(carry_out(runner, document))
    finally:
        runner.leg = _leg(runner, "caller")
    action = document.child("action")
    name = "continue" if action is None else action.required_text("name").lower()
    only_action = Fields({"action": document.value("action")})
    if name == "hangup":
        runner.call.hang_up()
    elif name in {"startrecording", "stoprecording"}:
        at_once(perform(runner, only_action))
    elif name != "continue":
        runner.redirect(only_action)


def _leg(runner: CallRunner, asked: str) -> str:
    """Return the leg that hears what is played. A callout, and a call in a conference, has only one."""
    if not runner.call.is_inbound:
        return "callee"
    return asked if runner.call.seat is None and runner.call.connected_to is not None else "caller"
