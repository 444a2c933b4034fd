"""Recordings: of a call, from an instruction until it ends; and of a conference, from the ``record`` of the action that
somebody joined by until all have left. They are stored as WAV files, and told of by notifications.

Documents: "Recording". Every file is stored in the sandbox, whatever place its options name, under the documented
automatic name with the ending of what it is. Whose ``record`` began the recording of a conference is told of it.
"""

import json
from collections.abc import Sequence

from sinch_voice_async.sandbox.exchange.calls import Call, Heard
from sinch_voice_async.sandbox.exchange.events import tell
from sinch_voice_async.sandbox.exchange.runner import Line, Tape
from sinch_voice_async.sandbox.fields import Fields

__all__ = ["announce", "record", "record_conference", "start_recording", "stop_conference", "stop_recording"]


def start_recording(line: Line, options: Fields | None) -> None:
    """Record from now on, as an instruction says: a call with an app or a browser is not recorded by one."""
    parties = (line.call.listener, line.call.connected_to)
    if any(party is not None and party.kind == "username" for party in parties):
        line.log("note", "startRecording is ignored")
    else:
        record(line, options)


def record(line: Line, options: Fields | None) -> None:
    """Record the call from now on; one recording is enough."""
    if line.tape is not None:
        line.log("note", "startRecording is ignored")
        return
    line.tape = _checked(Tape(line.now, options or Fields({})))


def record_conference(line: Line, conference_id: str, options: Fields | None) -> None:
    """Record a conference from now on, unless it is being recorded."""
    tapes = line.services.tapes
    if conference_id in tapes:
        line.log("note", "the conference is being recorded")
        return
    tape = _checked(Tape(line.now, options or Fields({})))
    tapes[conference_id] = lambda heard, end: announce(line, _store(line, tape, heard, end))


def stop_recording(line: Line) -> list[dict[str, object]]:
    """End the recording of the call and store it; returns the notifications that say where it is.

    Nobody records ringing: it begins when the call is answered, and there is none where that never happens.
    """
    tape, line.tape = line.tape, None
    if tape is None or line.call.answered is None:
        return []
    return _store(line, Tape(max(tape.since, line.call.answered), tape.options), line.call.heard, line.now)


def stop_conference(line: Line, conference_id: str) -> None:
    """End the recording of a conference that its last participant leaves, store it, and tell who began it."""
    if conference_id not in line.services.tapes or _is_going_on(line, conference_id):
        return
    calls = [each for each in line.services.calls if each is line.call or _sat_there(each, conference_id)]
    heard = sorted((each for call in calls for each in call.heard), key=lambda each: each.at)
    line.services.tapes.pop(conference_id)(heard, line.now)


def announce(line: Line, notifications: list[dict[str, object]]) -> None:
    """Tell the application where its files are."""
    for members in notifications:
        tell(line, "notify", **members)


def _is_going_on(line: Line, conference_id: str) -> bool:
    others = (each for each in line.services.calls if each is not line.call and each.ended is None)
    return any(_sat_there(each, conference_id) for each in others)


def _sat_there(call: Call, conference_id: str) -> bool:
    return call.seat is not None and call.seat.conference_id == conference_id


def _checked(tape: Tape) -> Tape:
    """Return the tape; what is wrong with its options is to be known now, not when the call ends."""
    _ = tape.is_transcribed, tape.place
    return tape


def _store(line: Line, tape: Tape, heard: Sequence[Heard], end: float) -> list[dict[str, object]]:
    began_on = line.call.clock.date(tape.since)
    name = f"{began_on:%Y%m%d%H%M%S}_{line.services.account.application_key}_{line.call.call_id}"
    script = [(each.at - tape.since, each.text, each.locale) for each in heard if each.at >= tape.since and each.text]
    recordings = line.services.recordings
    recordings.add_speech(f"{name}.wav", script, seconds=end - tape.since, created_on=began_on)
    notifications = [_available(line, tape, "recording", f"{name}.wav")]
    if tape.is_transcribed:
        recordings.add(f"{name}-transcript.json", data=_transcript(script), created_on=began_on)
        notifications.append(_available(line, tape, "transcription", f"{name}-transcript.json"))
    if tape.options.value("notificationEvents") is False:
        return []
    tell(line, "notify", type="recording_finished")
    return notifications


def _available(line: Line, tape: Tape, what: str, name: str) -> dict[str, object]:
    place = tape.place
    if not place or place.startswith("sdrive:"):
        destination = f"{line.services.base_url()}/calling/v1/recording/{name}"
    else:
        names_a_file = "." in place.rpartition("/")[2]
        destination = place if names_a_file and what == "recording" else f"{place.rstrip('/')}/{name}"
    return {"type": f"{what}_available", "destination": destination}


def _transcript(script: list[tuple[float, str, str]]) -> bytes:
    lines = [{"timestamp": round(at, 2), "speakerLabel": "Speaker 1", "text": text} for at, text, _ in script]
    return json.dumps({"text": " ".join(text for _, text, _ in script), "lines": lines}).encode()
