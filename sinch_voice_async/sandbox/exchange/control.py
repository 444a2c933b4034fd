"""The life of a call, from when it is placed until DiCE.

::

    placed -> (ICE) -> ringing -> answered -> (ACE) -> SVAML: instructions, then an action
                  menu -> (PIE) -> SVAML ...      connected, conference, parked, stream      final -> (DiCE)

Documents: Callback API, and Calling API, "Callouts". When the platform ends a text-to-speech call is not documented:
here it leaves that to whoever was called.
"""

import logging

from sinch_voice_async.sandbox.exchange.actions import connect, perform, send_dtmf_if_any
from sinch_voice_async.sandbox.exchange.asking import ask, failure, illegal, tell
from sinch_voice_async.sandbox.exchange.callouts import Callout
from sinch_voice_async.sandbox.exchange.dialling import dial, join
from sinch_voice_async.sandbox.exchange.line import DisconnectError, Line, RedirectError
from sinch_voice_async.sandbox.exchange.parties import Ending
from sinch_voice_async.sandbox.exchange.prompts import play, spoken
from sinch_voice_async.sandbox.exchange.recorder import announce, stop_recording
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.refusals import RefusalError

__all__ = ["live"]

logger: logging.Logger = logging.getLogger("sinch_voice_async.sandbox")

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
        return await _answered(line, callout)
    if not callout.fields.text("ice") and callout.endpoint:
        return await connect(line, line.call.to, callout.fields)
    return await _incoming(line)


async def _incoming(line: Line) -> Fields | None:
    document = await ask(line, "ice")
    if document is None:
        await play(line, spoken(SORRY), "en-US")
        raise failure(line, "CALLBACKERROR")
    return document


async def _answered(line: Line, callout: Callout) -> Fields | None:
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
