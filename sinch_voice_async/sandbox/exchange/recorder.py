"""Recordings of calls: begun and ended by SVAML or with the call, stored as WAV files, and told of by notifications.

Documents: "Recording". Every file is stored in the sandbox, whatever place its options name, under the documented
automatic name with the ending of what it is; and it is the documented tone, not speech, that is heard in it.
"""

import json

from sinch_voice_async.sandbox.exchange.asking import tell
from sinch_voice_async.sandbox.exchange.line import Line
from sinch_voice_async.sandbox.fields import Fields

__all__ = ["announce", "start_recording", "stop_recording"]


def start_recording(line: Line, options: Fields | None) -> None:
    """Record from now on; a call with an app or a browser is not recorded, and one recording is enough."""
    parties = (line.call.listener, line.call.connected_to)
    if any(party is not None and party.kind == "username" for party in parties) or line.recording_since is not None:
        line.log("note", "startRecording is ignored")
        return
    line.recording_options = options or Fields({})
    # What is wrong with them is to be known now, not when the call ends.
    _is_transcribed(line)
    _place(line)
    line.recording_since = line.now


def stop_recording(line: Line) -> list[dict[str, object]]:
    """End the recording and store it; returns the notifications that say where it is."""
    since, line.recording_since = line.recording_since, None
    if since is None:
        return []
    began_on = line.call.clock.date(since)
    name = f"{began_on:%Y%m%d%H%M%S}_{line.services.account.application_key}_{line.call.call_id}"
    line.services.recordings.add(f"{name}.wav", seconds=line.now - since, created_on=began_on)
    notifications = [_available(line, "recording", f"{name}.wav")]
    if _is_transcribed(line):
        line.services.recordings.add(f"{name}-transcript.json", data=_transcript(line, since), created_on=began_on)
        notifications.append(_available(line, "transcription", f"{name}-transcript.json"))
    if line.recording_options.value("notificationEvents") is False:
        return []
    tell(line, "notify", type="recording_finished")
    return notifications


def announce(line: Line, notifications: list[dict[str, object]]) -> None:
    """Tell the application where its files are."""
    for members in notifications:
        tell(line, "notify", **members)


def _available(line: Line, what: str, name: str) -> dict[str, object]:
    place = _place(line)
    if not place or place.startswith("sdrive:"):
        destination = f"{line.services.base_url()}/calling/v1/recording/{name}"
    else:
        names_a_file = "." in place.rpartition("/")[2]
        destination = place if names_a_file and what == "recording" else f"{place.rstrip('/')}/{name}"
    return {"type": f"{what}_available", "destination": destination}


def _is_transcribed(line: Line) -> bool:
    options = line.recording_options.child("transcriptionOptions")
    return options is not None and options.flag("enabled")


def _place(line: Line) -> str:
    options = line.recording_options
    return options.text("destinationUrl") or options.text("destination") or ""


def _transcript(line: Line, since: float) -> bytes:
    lines = [
        {"timestamp": round(heard.at - since, 2), "speakerLabel": "Speaker 1", "text": heard.text}
        for heard in line.call.heard
        if heard.text and heard.at >= since
    ]
    return json.dumps({"text": " ".join(str(each["text"]) for each in lines), "lines": lines}).encode()
