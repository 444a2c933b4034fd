"""Recordings of calls and of conferences.

A call is recorded from an instruction until it ends; a conference from the ``record`` of the action by which a call
joined until the last participant leaves, and the call that began it is notified. Every file is stored in the sandbox,
whatever destination its options name, under the platform's automatic name, whose ending is the format: mp3 by default.
The sandbox has no MP3 encoder: the content is WAV, and so says the content type of a download. Source: Calling API,
Recordings.
"""

import json
from collections.abc import Sequence
from urllib.parse import quote

from sinch_voice_async.sandbox.exchange.calls import Call, Heard
from sinch_voice_async.sandbox.exchange.events import tell
from sinch_voice_async.sandbox.exchange.runner import Line, Tape
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.storage.audio import Stored

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
    _ = tape.is_transcribed, tape.place, tape.format
    return tape


def _store(line: Line, tape: Tape, heard: Sequence[Heard], end: float) -> list[dict[str, object]]:
    began_on = line.call.clock.date(tape.since)
    stem = f"{began_on:%Y%m%d%H%M%S}_{line.services.account.application_key}_{line.call.call_id}"
    script = [(each.at - tape.since, each.text, each.locale) for each in heard if each.at >= tape.since and each.text]
    recordings, name, transcript = line.services.recordings, f"{stem}.{tape.format}", f"{stem}-transcript.json"
    recordings.add_speech(name, script, seconds=end - tape.since, created_on=began_on)
    notifications: list[dict[str, object]] = [
        {"type": "recording_available", "destination": _destination(line, tape, name, "")}
    ]
    if tape.is_transcribed:
        recordings.add_of_call(transcript, Stored(_transcript(script)), began_on)
        destination = _destination(line, tape, transcript, "-transcript.json")
        notifications.append({"type": "transcription_available", "destination": destination})
    if tape.options.value("notificationEvents") is False:
        return []
    tell(line, "notify", type="recording_finished")
    return notifications


def _destination(line: Line, tape: Tape, name: str, beside: str) -> str:
    """Return where the options have a file stored: in a bucket or folder under its own name, or as the file they name.

    ``beside`` replaces the ending of such a file, for what is stored next to it.
    """
    scheme, _, place = tape.place.partition("://")
    if not place or scheme == "sdrive":
        return f"{line.services.base_url()}/calling/v1/recording/{quote(name)}"
    folder, slash, file = place.rpartition("/")
    # The name of a bucket, and of the container of an account, is not a file, although it may have a dot.
    is_file = "." in file and len(folder.split("/")) >= (2 if scheme == "azure" else 1) and bool(slash)
    if not is_file:
        return f"{scheme}://{place.rstrip('/')}/{name}"
    return f"{scheme}://{folder}/{file.rpartition('.')[0]}{beside}" if beside else tape.place


def _transcript(script: list[tuple[float, str, str]]) -> bytes:
    lines = [{"timestamp": round(at, 2), "speakerLabel": "Speaker 1", "text": text} for at, text, _ in script]
    return json.dumps({"text": " ".join(text for _, text, _ in script), "lines": lines}).encode()
