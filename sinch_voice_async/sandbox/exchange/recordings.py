"""Recordings of calls and of conferences.

A call is recorded from an instruction until it ends; a conference from the ``record`` of the action by which a call
joined until the last participant leaves, and the call that began it is notified. Every file is stored in the sandbox,
also if its options name another destination, under the platform's automatic name with the format as its ending: mp3 by
default.
The sandbox has no MP3 encoder: the content is WAV, and so says the content type of a download. Source: Calling API,
Recordings.
"""

import json
import re
from collections.abc import Sequence

from sinch_voice_async.sandbox.audio import Stored
from sinch_voice_async.sandbox.exchange.calls import Call, Heard
from sinch_voice_async.sandbox.exchange.events import send_event
from sinch_voice_async.sandbox.exchange.runner import ActiveRecording, CallRunner
from sinch_voice_async.sandbox.recordings import Recordings
from sinch_voice_async.sandbox.requests import Fields

__all__ = ["announce", "record", "record_conference", "start_recording", "stop_conference", "stop_recording"]


FORMAT = re.compile("[a-z0-9]{1,8}")
LONGEST_DESTINATION = 2_048
Notifications = list[dict[str, object]]


def start_recording(runner: CallRunner, options: Fields | None) -> None:
    """Record the call from now on, as an instruction says. It is ignored for a call with an app."""
    parties = (runner.call.listener, runner.call.connected_to)
    if any(party is not None and party.kind == "username" for party in parties):
        runner.log("note", "startRecording is ignored")
    else:
        record(runner, options)


def record(runner: CallRunner, options: Fields | None) -> None:
    """Record the call from now on, unless it is being recorded."""
    if runner.recording is not None:
        runner.log("note", "startRecording is ignored")
        return
    runner.recording = ActiveRecording(runner.now, _checked(options))


def record_conference(runner: CallRunner, conference_id: str, options: Fields | None) -> None:
    """Record a conference from now on, unless it is being recorded."""
    if conference_id in runner.context.conference_recordings:
        runner.log("note", "the conference is being recorded")
        return
    runner.context.conference_recordings[conference_id] = runner, ActiveRecording(runner.now, _checked(options))


def stop_recording(runner: CallRunner) -> Notifications:
    """End the recording of the call and store it. Returns the notifications of its destination.

    Ringing is not recorded: a recording begins with the answer, and a call without one has no recording.
    """
    recording, runner.recording = runner.recording, None
    if recording is None or runner.call.answered is None:
        return []
    since = max(recording.since, runner.call.answered)
    return _store(runner, ActiveRecording(since, recording.options), runner.call.heard, runner.now)


def stop_conference(runner: CallRunner, conference_id: str) -> None:
    """End the recording of a conference whose last participant leaves, and notify the call that began it."""
    if conference_id not in runner.context.conference_recordings or _is_going_on(runner, conference_id):
        return
    calls = [each for each in runner.context.calls if each is runner.call or _sat_there(each, conference_id)]
    heard = sorted((each for call in calls for each in call.heard), key=lambda each: each.at)
    owner, recording = runner.context.conference_recordings.pop(conference_id)
    announce(owner, _store(owner, recording, heard, runner.now))


def announce(runner: CallRunner, notifications: Notifications) -> None:
    """Send notifications about stored files."""
    for members in notifications:
        send_event(runner, "notify", **members)


def _is_going_on(runner: CallRunner, conference_id: str) -> bool:
    others = (each for each in runner.context.calls if each is not runner.call and each.ended is None)
    return any(_sat_there(each, conference_id) for each in others)


def _sat_there(call: Call, conference_id: str) -> bool:
    return call.seat is not None and call.seat.conference_id == conference_id


def _checked(options: Fields | None) -> Fields:
    """Return the options. Faults in them are told now, not when the call ends."""
    options = options or Fields({})
    _ = _is_transcribed(options), _place(options), _format(options)
    return options


def _is_transcribed(options: Fields) -> bool:
    transcription = options.child("transcriptionOptions")
    return transcription is not None and transcription.flag("enabled")


def _place(options: Fields) -> str:
    """Return the destination, which older documents call by another name."""
    for name in ("destinationUrl", "destination"):
        place = options.text(name, most=LONGEST_DESTINATION)
        if place:
            return place
    return ""


def _format(options: Fields) -> str:
    name = (options.text("format") or "mp3").lower()
    return name if FORMAT.fullmatch(name) else options.illegal("format", "must be letters and digits")


def _store(runner: CallRunner, recording: ActiveRecording, heard: Sequence[Heard], end: float) -> Notifications:
    since, options, store = recording.since, recording.options, runner.context.recordings
    began_on = runner.call.clock.date(since)
    stem = f"{began_on:%Y%m%d%H%M%S}_{runner.context.account.application_key}_{runner.call.call_id}"
    script = [(each.at - since, each.text, each.locale) for each in heard if each.at >= since and each.text]
    name, transcript = f"{stem}.{_format(options)}", f"{stem}-transcript.json"
    store.add_speech(name, script, seconds=end - since, created_on=began_on)
    destination = _destination(store, _place(options), name, "")
    notifications: Notifications = [{"type": "recording_available", "destination": destination}]
    if _is_transcribed(options):
        store.add_of_call(transcript, Stored(_transcript(script)), began_on)
        destination = _destination(store, _place(options), transcript, "-transcript.json")
        notifications.append({"type": "transcription_available", "destination": destination})
    if options.value("notificationEvents") is False:
        return []
    send_event(runner, "notify", type="recording_finished")
    return notifications


def _destination(store: Recordings, asked: str, name: str, beside: str) -> str:
    """Return where a file would be stored: in a bucket or folder under its own name, or as the file that was asked for.

    ``beside`` replaces the ending of such a file, for a file that is stored next to it.
    """
    scheme, _, place = asked.partition("://")
    if not place or scheme == "sdrive":
        return store.url_of(name)
    folder, slash, file = place.rpartition("/")
    # The name of a bucket, or of the container of an account, is not a file, although it may have a dot.
    is_file = "." in file and len(folder.split("/")) >= (2 if scheme == "azure" else 1) and bool(slash)
    if not is_file:
        return f"{scheme}://{place.rstrip('/')}/{name}"
    return f"{scheme}://{folder}/{file.rpartition('.')[0]}{beside}" if beside else asked


def _transcript(script: list[tuple[float, str, str]]) -> bytes:
    lines = [{"timestamp": round(at, 2), "speakerLabel": "Speaker 1", "text": text} for at, text, _ in script]
    return json.dumps({"text": " ".join(text for _, text, _ in script), "lines": lines}).encode()
