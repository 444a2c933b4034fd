"""Interaction with the person on the line: prompts, menus, keys in a conference, and recordings of what is said.

A text takes as long as the sandbox guesses; a file takes three seconds, and is never fetched. The input of a menu ends
with the last of ``maxDigits``, with ``#``, or after ``timeoutMills`` of silence. Keys with which no option begins are
invalid. The menu is played again ``repeats`` times, with its ``repeatPrompt`` if it has one; then the application is
told of the time-out or the invalid input. Speech is not recognised: ``enableVoice`` changes nothing.

A call is recorded from an instruction until it ends; a conference from the ``record`` of the action by which a call
joined until the last participant leaves, and the call that began it is notified. Every file is stored in the sandbox,
also if its options name another destination, under the platform's automatic name with the format as its ending: mp3 by
default. The sandbox has no MP3 encoder: the content is WAV, and so says the content type of a download.

Source: SVAML, runMenu; SVAML, connectConf; Calling API, Recordings.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from sinch_voice_async.sandbox.exchange.calls import Call, Heard, Seat
from sinch_voice_async.sandbox.exchange.documents import parts, without_markup
from sinch_voice_async.sandbox.exchange.events import send_event
from sinch_voice_async.sandbox.exchange.recordings import Recordings, Stored
from sinch_voice_async.sandbox.exchange.runner import ActiveRecording, CallRunner, DisconnectError, RedirectError
from sinch_voice_async.sandbox.requests import Fields, RefusalError

__all__ = [
    "announce",
    "confer",
    "parts_of",
    "play",
    "record",
    "record_conference",
    "run_menu",
    "spoken",
    "start_recording",
    "stop_conference",
    "stop_recording",
]

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


BETWEEN_KEYS = 0.25
CHARACTERS_PER_SECOND = 15
CONFERENCE_TIMEOUT_MILLS = 3_000
SECONDS_OF_A_FILE = 3.0
SHORTEST_TIMEOUT_MILLS = 100
"""A menu that waits for no time would repeat itself at once."""
THINKS_FOR = 1.0
TIMEOUT_MILLS = 5_000


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a prompt: a text, or the name of a file."""

    text: str = ""
    file: str = ""

    @property
    def seconds(self) -> float:
        """Its length in seconds."""
        return len(without_markup(self.text)) / CHARACTERS_PER_SECOND if self.text else SECONDS_OF_A_FILE


def spoken(text: str) -> Iterator[Part]:
    """Yield a plain text as one part."""
    yield Part(text=text)


def parts_of(prompt: str) -> Iterator[Part]:
    """Yield the parts of a prompt in order."""
    for kind, content in parts(prompt):
        yield Part(text=content) if kind in {"tts", "ssml"} else Part(file=content)


def hear(runner: CallRunner, part: Part, locale: str) -> float:
    """Play one part to the person on the line and return its length. Without a person it takes no time."""
    if runner.person is None:
        return 0.0
    seconds = round(part.seconds, 3)
    heard = Heard(runner.now, seconds, part.text, locale if part.text else "", part.file, runner.leg)
    runner.call.heard.append(heard)
    data = {"seconds": seconds, "text": heard.text, "locale": heard.locale, "file": heard.file, "leg": heard.leg}
    runner.log("heard", heard.text or heard.file, data)
    return seconds


async def play(runner: CallRunner, pieces: Iterator[Part], locale: str = "", *, barge: bool = False) -> str | None:
    """Play parts one after the other. With ``barge`` the first key ends them and is returned."""
    for part in pieces:
        seconds = hear(runner, part, locale)
        if not barge:
            await runner.sleep(seconds)
        elif (key := await runner.key(seconds)) is not None:
            return key
    return None


@dataclass(frozen=True, slots=True)
class MenuChoice:
    """The result of a menu. ``type`` is return, sequence, timeout, invalidinput or hangup."""

    menu_id: str
    type: str
    value: str = ""

    def result(self) -> dict[str, object]:
        """Return the ``menuResult`` of the event."""
        return {"menuId": self.menu_id, "type": self.type, "value": self.value, "inputMethod": "dtmf"}


async def run_menu(runner: CallRunner, action: Fields) -> MenuChoice:
    """Run menus, from the main one, until one of them has a result. A person who hangs up meanwhile is reported."""
    menus = {menu.required_text("id"): menu for menu in action.children("menus")}
    menu_id = action.text("mainMenu") or "main"
    while True:
        if menu_id not in menus:
            action.illegal("menus", "there is no such menu")
        runner.enter("menu", id=menu_id)
        try:
            choice = await _Menu(runner, action, menus[menu_id]).run()
        except DisconnectError as end:
            if end.reason in {"CALLERHANGUP", "CALLEEHANGUP"}:
                send_event(runner, "pie", menuResult=MenuChoice(menu_id, "hangup").result())
            raise
        if choice.type != "menu":
            return choice
        menu_id = choice.value


class _Menu:
    def __init__(self, runner: CallRunner, action: Fields, menu: Fields) -> None:
        self._runner = runner
        self._id = menu.required_text("id")
        self._barge = action.value("barge") is not False
        self._locale = action.text("locale") or ""
        self._prompt = menu.text("mainPrompt") or ""
        self._repeat_prompt = menu.text("repeatPrompt") or self._prompt
        self._repeats = menu.whole("repeats") or 0
        self._most = menu.whole("maxDigits")
        self._timeout = max(SHORTEST_TIMEOUT_MILLS, menu.whole("timeoutMills") or TIMEOUT_MILLS) / 1000
        self._options = {f"{each.value('dtmf')}": each.required_text("action") for each in menu.children("options")}

    async def run(self) -> MenuChoice:
        choice = await self._ask(self._prompt)
        while choice.type in {"timeout", "invalidinput"} and self._repeats:
            self._repeats -= 1
            choice = await self._ask(self._repeat_prompt)
        return choice

    async def _ask(self, prompt: str) -> MenuChoice:
        key = await play(self._runner, parts_of(prompt), self._locale, barge=self._barge)
        if key is None:
            _have_person_press(self._runner)
            key = await self._runner.key(self._timeout)
        return await self._collect(key)

    async def _collect(self, key: str | None) -> MenuChoice:
        keys = ""
        while key is not None and not (key == "#" and self._most is not None):
            keys += key
            if not self._may_go_on(keys):
                return self._choice(keys)
            key = await self._runner.key(self._timeout)
        return self._choice(keys) if keys else MenuChoice(self._id, "timeout")

    def _may_go_on(self, keys: str) -> bool:
        if self._most is not None:
            return len(keys) < self._most
        return any(option.startswith(keys) and option != keys for option in self._options)

    def _choice(self, keys: str) -> MenuChoice:
        target = self._options.get(keys)
        if target is None:
            return MenuChoice(self._id, "invalidinput" if self._most is None else "sequence", keys)
        kind, _, argument = target.rstrip(")").partition("(")
        if kind.strip().lower() not in {"menu", "return"}:
            raise RefusalError(40001, "Illegal parameter 'menus': an option's action is menu(...) or return(...)")
        return MenuChoice(self._id, kind.strip().lower(), argument)


def _have_person_press(runner: CallRunner) -> None:
    if runner.keys_left:
        for position, key in enumerate(runner.keys_left.pop(0)):
            runner.later(THINKS_FOR + position * BETWEEN_KEYS, lambda key=key: runner.press(key))  # type: ignore[misc]  # a lambda's default has no type


async def confer(runner: CallRunner, action: Fields) -> NoReturn:
    """Join a conference and stay in it until the call ends or is sent elsewhere."""
    options = action.child("conferenceDtmfOptions") or Fields({})
    seat = Seat(action.required_text("conferenceId"), runner.now, (options.text("mode") or "ignore").lower())
    seat.moh = action.text("moh") or action.text("mohClass")
    runner.call.seat = seat
    runner.enter("conference", conferenceId=seat.conference_id)
    try:
        greeting = action.text("greeting")
        if greeting:
            await play(runner, spoken(greeting), action.text("locale") or "")
        await _listen(runner, seat, options)
    except RedirectError:
        runner.call.seat = None
        raise
    finally:
        stop_conference(runner, seat.conference_id)


async def _listen(runner: CallRunner, seat: Seat, options: Fields) -> NoReturn:
    most = options.whole("maxDigits") or 1
    timeout = (options.whole("timeoutMills") or CONFERENCE_TIMEOUT_MILLS) / 1000
    while True:
        keys = await runner.key(None) or ""
        if seat.dtmf == "forward":
            _forward(runner, seat, keys)
        while seat.dtmf == "detect" and len(keys) < most:
            key = await runner.key(timeout)
            if key is None:
                break
            keys += key
        if seat.dtmf == "detect":
            # The application answers this one with a plain 200.
            send_event(runner, "pie", menuResult=MenuChoice(seat.conference_id, "sequence", keys).result())


def _forward(runner: CallRunner, seat: Seat, key: str) -> None:
    for other in runner.context.calls:
        if other is not runner.call and other.seat is not None and other.seat.conference_id == seat.conference_id:
            other.handle.note(f"hears the key {key} of another participant")
