"""Recordings of calls: when they begin and end, where they are said to be, and what is stored."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sinch_voice_async.sandbox import Call, Sandbox
from sinch_voice_async.sandbox.exchange import recordings
from sinch_voice_async.sandbox.exchange.recordings import Stored
from sinch_voice_async.sandbox.requests import Fields
from tests.sandbox.applications import Application, served
from tests.sandbox.exchange.scripts import custom, lines, place

SAY = {"name": "say", "text": "x" * 30}


def recorded(sandbox: Sandbox, *instructions: dict[str, Any], **action: Any) -> tuple[Call, list[dict[str, Any]]]:
    """Have a call carry out instructions, and return it with the notifications."""
    application = Application(sandbox)
    with served(application.app) as url:
        sandbox.account.callback_urls.primary = url
        ace = {"instructions": list(instructions), "action": action or {"name": "hangup"}}
        call = custom(sandbox, ace).until_final_sync(300)
    return call, [event for event in application.events if event["event"] == "notify"]


@pytest.mark.parametrize(
    ("options", "destination"),
    [
        ({}, "http://localhost/calling/v1/recording/{name}.mp3"),
        ({"format": "mp3"}, "http://localhost/calling/v1/recording/{name}.mp3"),
        ({"format": "WAV"}, "http://localhost/calling/v1/recording/{name}.wav"),
        ({"destinationUrl": "sdrive://mine"}, "http://localhost/calling/v1/recording/{name}.mp3"),
        ({"destinationUrl": "s3://bucket"}, "s3://bucket/{name}.mp3"),
        ({"destinationUrl": "s3://my.bucket"}, "s3://my.bucket/{name}.mp3"),
        ({"destinationUrl": "s3://my.bucket/call.mp3"}, "s3://my.bucket/call.mp3"),
        ({"destinationUrl": "azure://account/container/call.mp3"}, "azure://account/container/call.mp3"),
        ({"destinationUrl": "azure://account/con.tainer"}, "azure://account/con.tainer/{name}.mp3"),
        ({"destination": "s3://bucket/folder/"}, "s3://bucket/folder/{name}.mp3"),
    ],
)
def test_the_application_is_told_where_it_is(fast: Sandbox, options: dict[str, Any], destination: str) -> None:
    """Finished, then available; a place that names no file is given the automatic name."""
    call, (finished, available) = recorded(fast, {"name": "startRecording", "options": options}, SAY)
    [recording] = fast.recordings
    name, _, ending = recording.key.rpartition(".")
    assert ending == options.get("format", "mp3").lower()
    assert name.endswith(f"_{fast.account.application_key}_{call.call_id}")
    assert recording.size == 44 + 32_000
    assert (finished["type"], available["type"]) == ("recording_finished", "recording_available")
    assert available["destination"] == destination.format(name=name)


def test_a_recording_ends_where_it_is_stopped(fast: Sandbox) -> None:
    """A second start changes nothing, a second stop neither."""
    start, stop = {"name": "startRecording", "options": {"notificationEvents": False}}, {"name": "stopRecording"}
    call, notifications = recorded(fast, start, start, SAY, stop, stop, SAY)
    assert [recording.size for recording in fast.recordings] == [44 + 32_000]
    assert "note startRecording is ignored" in lines(call)
    assert notifications == []


def test_what_was_said_is_written_down(fast: Sandbox) -> None:
    """A transcript beside the recording, and its own notification."""
    options = {"destinationUrl": "s3://bucket/call.wav", "transcriptionOptions": {"enabled": True, "locale": "en-US"}}
    _, notifications = recorded(fast, SAY, {"name": "startRecording", "options": options}, SAY)
    assert [each["type"] for each in notifications][-1] == "transcription_available"
    assert notifications[-1]["destination"] == "s3://bucket/call-transcript.json"
    [transcript] = [each for each in fast.recordings if each.key.endswith(".json")]
    written = json.loads(transcript.read())
    assert written == {"text": "x" * 30, "lines": [{"timestamp": 0.0, "speakerLabel": "Speaker 1", "text": "x" * 30}]}


def test_recording_is_managed_from_outside(sandbox: Sandbox) -> None:
    """As an action, as the older documents write it."""
    call = custom(sandbox)
    call.handle.manage(Fields({"action": {"name": "startRecording", "recordingOptions": {}}}), "caller")
    sandbox.clock.step(2)
    call.handle.manage(Fields({"action": {"name": "stopRecording"}}), "caller")
    assert [recording.size for recording in sandbox.recordings] == [44 + 32_000]
    assert not call.is_final


def test_an_action_may_record(sandbox: Sandbox) -> None:
    """``record`` on an action: until the call ends."""
    call = custom(sandbox, {"action": {"name": "continue", "record": True, "recordingOptions": {"format": "mp3"}}})
    sandbox.clock.step(1)
    call.hang_up()
    assert [recording.size for recording in sandbox.recordings] == [44 + 16_000]


def test_a_conference_is_recorded_until_all_have_left(fast: Sandbox) -> None:
    """By ``record`` on the action, once; who began it is told, though they left first."""
    fast.clock.speed = 0
    application = Application(fast)
    join = {
        "name": "connectConf",
        "conferenceId": "room",
        "record": True,
        "recordingOptions": {"destinationUrl": "s3://b"},
    }
    with served(application.app) as url:
        fast.account.callback_urls.primary = url
        first = custom(fast, {"action": join})
        fast.clock.step(10)
        second = custom(fast, {"instructions": [SAY], "action": join})
        fast.clock.step(10)
        first.hang_up()
        assert not list(fast.recordings)
        fast.clock.step(10)
        second.hang_up()
        first.until_final_sync(300)
        second.until_final_sync(300)
    [recording] = fast.recordings
    assert first.call_id in recording.key
    assert recording.size == 44 + 16_000 * 30
    assert "note the conference is being recorded" in lines(second)
    told = [(event["callid"], event.get("type")) for event in application.events if event["event"] == "notify"]
    assert told == [(first.call_id, "recording_finished"), (first.call_id, "recording_available")]


def test_a_participant_is_recorded_until_they_leave(sandbox: Sandbox) -> None:
    """By the instruction: it is their call that is recorded, whoever stays; a redirected one leaves as well."""
    record = {"name": "startRecording"}
    join = {"name": "connectConf", "conferenceId": "room"}
    stays = custom(sandbox, {"action": {**join, "record": True}})
    leaves = custom(sandbox, {"instructions": [record], "action": join})
    sandbox.clock.step(5)
    leaves.hang_up()
    assert [recording.size for recording in sandbox.recordings] == [44 + 16_000 * 5]
    sandbox.clock.step(5)
    stays.handle.manage(Fields({"action": {"name": "park"}}), "caller")
    assert [recording.size for recording in sandbox.recordings] == [44 + 16_000 * 5, 44 + 16_000 * 10]
    assert not stays.is_final


def test_ringing_is_not_recorded(sandbox: Sandbox) -> None:
    """A recording begins when somebody picks up, and there is none where nobody does."""
    sandbox.phone("+46700000001").answers(after=10).hangs_up(after=2)
    action = {"name": "connectPstn", "number": "+46700000001", "record": True}
    call = place(sandbox, destination=None, ice={"action": action})
    sandbox.clock.step(20)
    assert call.is_final
    assert [recording.size for recording in sandbox.recordings] == [44 + 32_000]
    sandbox.phone("+46700000001").is_busy()
    assert place(sandbox, destination=None, ice={"action": action}).is_final
    assert len(sandbox.recordings) == 1


def test_a_reset_stops_the_tapes(sandbox: Sandbox) -> None:
    """A conference of the same name is another one, then."""
    join = {"name": "connectConf", "conferenceId": "room", "record": True}
    custom(sandbox, {"action": join})
    sandbox.reset()
    call = custom(sandbox, {"action": join})
    assert "note the conference is being recorded" not in lines(call)
    call.hang_up()
    assert len(sandbox.recordings) == 1


def test_a_format_is_letters_and_digits(fast: Sandbox) -> None:
    """It becomes the ending of a name; anything else is illegal SVAML."""
    call, _ = recorded(fast, {"name": "startRecording", "options": {"format": "../x"}}, SAY)
    assert call.reason == "INVALIDSVAMLACTION"
    assert not list(fast.recordings)


def test_old_recordings_of_calls_make_room_for_new_ones(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    """What a program stored stays; when that alone is too much, it is refused."""
    monkeypatch.setattr(recordings, "MOST_BYTES", 1_000)
    stored = sandbox.add_recording("stored", data=bytes(900))
    for name in ("a", "b", "c"):
        sandbox.recordings.add_of_call(name, Stored(bytes(50)), datetime.now(UTC))
    assert [each.key for each in sandbox.recordings] == ["stored", "b", "c"]
    with pytest.raises(ValueError, match="data must fit"):
        sandbox.add_recording("more", data=bytes(1))
    sandbox.remove_recording("c")
    assert sandbox.add_recording("more", data=bytes(50)).size == 50
    sandbox.add_recording("more", data=bytes(10))
    assert sandbox.recordings["stored"] is stored
    sandbox.recordings.add_of_call("huge", Stored(bytes(2_000)), datetime.now(UTC))
    assert [each.key for each in sandbox.recordings] == ["stored", "more"]


def test_only_the_newest_recordings_of_calls_are_kept(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    """By their number too."""
    monkeypatch.setattr(recordings, "MOST_OF_CALLS", 2)
    for name in ("a", "b", "c"):
        sandbox.recordings.add_speech(name, [], seconds=1e9, created_on=datetime.now(UTC))
    assert [each.key for each in sandbox.recordings] == ["b", "c"]
    assert sandbox.recordings["c"].size < 2**32
