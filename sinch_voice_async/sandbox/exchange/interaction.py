"""Menus: a prompt, keys, and what they lead to.

Documents: SVAML, "runMenu". Input ends with the last of ``maxDigits``, with ``#``, or with ``timeoutMills`` of
silence. Keys that no option begins with are invalid. ``repeats`` times the menu is played again, as its
``repeatPrompt`` where it has one; then the application hears of the time-out or the invalid input. What is spoken into
a telephone is not understood here: ``enableVoice`` changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from sinch_voice_async.sandbox.exchange.calls import Heard, Seat
from sinch_voice_async.sandbox.exchange.events import tell
from sinch_voice_async.sandbox.exchange.recordings import stop_conference
from sinch_voice_async.sandbox.exchange.runner import DisconnectError, Line, RedirectError
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.markup import parts, without_markup
from sinch_voice_async.sandbox.refusals import RefusalError

__all__ = ["Choice", "confer", "hear", "play", "run_menu", "spoken"]


CHARACTERS_PER_SECOND = 15
SECONDS_OF_A_FILE = 3.0


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a prompt: a text, or the name of a file."""

    text: str = ""
    file: str = ""

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return len(without_markup(self.text)) / CHARACTERS_PER_SECOND if self.text else SECONDS_OF_A_FILE


def spoken(text: str) -> Iterator[Part]:
    """Return the one part that a plain text is."""
    yield Part(text=text)


def parts_of(prompt: str) -> Iterator[Part]:
    """Return the parts of a prompt in order."""
    for kind, content in parts(prompt):
        yield Part(text=content) if kind in {"tts", "ssml"} else Part(file=content)


def hear(line: Line, part: Part, locale: str) -> float:
    """Let whoever is there hear one part, and return how long it takes; no time where nobody is there."""
    if line.person is None:
        return 0.0
    seconds = round(part.seconds, 3)
    heard = Heard(line.now, seconds, part.text, locale if part.text else "", part.file, line.leg)
    line.call.heard.append(heard)
    data = {"seconds": seconds, "text": heard.text, "locale": heard.locale, "file": heard.file, "leg": heard.leg}
    line.log("heard", heard.text or heard.file, data)
    return seconds


async def play(line: Line, pieces: Iterator[Part], locale: str = "", *, barge: bool = False) -> str | None:
    """Play parts one after the other; with ``barge`` the first key ends it and is returned."""
    for part in pieces:
        seconds = hear(line, part, locale)
        if not barge:
            await line.sleep(seconds)
        elif (key := await line.key(seconds)) is not None:
            return key
    return None


TIMEOUT_MILLS = 5_000
THINKS_FOR = 1.0
BETWEEN_KEYS = 0.25


@dataclass(frozen=True, slots=True)
class Choice:
    """What came of a menu: ``type`` is return, sequence, timeout, invalidinput or hangup."""

    menu_id: str
    type: str
    value: str = ""

    def result(self) -> dict[str, object]:
        """Return the ``menuResult`` of the event."""
        return {"menuId": self.menu_id, "type": self.type, "value": self.value, "inputMethod": "dtmf"}


async def run_menu(line: Line, action: Fields) -> Choice:
    """Run menus from the first until one of them gives a result; whoever hangs up meanwhile is told of."""
    menus = {menu.required_text("id"): menu for menu in action.children("menus")}
    menu_id = action.text("mainMenu") or "main"
    while True:
        if menu_id not in menus:
            action.illegal("menus", "there is no such menu")
        line.enter("menu", id=menu_id)
        try:
            choice = await _Menu(line, action, menus[menu_id]).run()
        except DisconnectError as end:
            if end.reason in {"CALLERHANGUP", "CALLEEHANGUP"}:
                tell(line, "pie", menuResult=Choice(menu_id, "hangup").result())
            raise
        if choice.type != "menu":
            return choice
        menu_id = choice.value


class _Menu:
    def __init__(self, line: Line, action: Fields, menu: Fields) -> None:
        self._line = line
        self._id = menu.required_text("id")
        self._barge = action.value("barge") is not False
        self._locale = action.text("locale") or ""
        self._prompt = menu.text("mainPrompt") or ""
        self._repeat_prompt = menu.text("repeatPrompt") or self._prompt
        self._repeats = menu.whole("repeats") or 0
        self._most = menu.whole("maxDigits")
        # Without any patience a menu would repeat itself in no time.
        self._patience = max(100, menu.whole("timeoutMills") or TIMEOUT_MILLS) / 1000
        self._options = {f"{each.value('dtmf')}": each.required_text("action") for each in menu.children("options")}

    async def run(self) -> Choice:
        choice = await self._ask(self._prompt)
        while choice.type in {"timeout", "invalidinput"} and self._repeats:
            self._repeats -= 1
            choice = await self._ask(self._repeat_prompt)
        return choice

    async def _ask(self, prompt: str) -> Choice:
        key = await play(self._line, parts_of(prompt), self._locale, barge=self._barge)
        if key is None:
            _have_person_press(self._line)
            key = await self._line.key(self._patience)
        return await self._collect(key)

    async def _collect(self, key: str | None) -> Choice:
        keys = ""
        while key is not None and not (key == "#" and self._most is not None):
            keys += key
            if not self._may_go_on(keys):
                return self._choice(keys)
            key = await self._line.key(self._patience)
        return self._choice(keys) if keys else Choice(self._id, "timeout")

    def _may_go_on(self, keys: str) -> bool:
        if self._most is not None:
            return len(keys) < self._most
        return any(option.startswith(keys) and option != keys for option in self._options)

    def _choice(self, keys: str) -> Choice:
        target = self._options.get(keys)
        if target is None:
            return Choice(self._id, "invalidinput" if self._most is None else "sequence", keys)
        kind, _, argument = target.rstrip(")").partition("(")
        if kind.strip().lower() not in {"menu", "return"}:
            raise RefusalError(40001, "Illegal parameter 'menus': an option's action is menu(...) or return(...)")
        return Choice(self._id, kind.strip().lower(), argument)


def _have_person_press(line: Line) -> None:
    if line.keys_left:
        for position, key in enumerate(line.keys_left.pop(0)):
            line.later(THINKS_FOR + position * BETWEEN_KEYS, lambda key=key: line.press(key))  # type: ignore[misc]  # a lambda's default has no type


CONFERENCE_TIMEOUT_MILLS = 3_000


async def confer(line: Line, action: Fields) -> NoReturn:
    """Join a conference and stay there until the call ends or is sent elsewhere."""
    options = action.child("conferenceDtmfOptions") or Fields({})
    seat = Seat(action.required_text("conferenceId"), line.now, (options.text("mode") or "ignore").lower())
    seat.moh = action.text("moh") or action.text("mohClass")
    line.call.seat = seat
    line.enter("conference", conferenceId=seat.conference_id)
    try:
        greeting = action.text("greeting")
        if greeting:
            await play(line, spoken(greeting), action.text("locale") or "")
        await _listen(line, seat, options)
    except RedirectError:
        line.call.seat = None
        raise
    finally:
        stop_conference(line, seat.conference_id)


async def _listen(line: Line, seat: Seat, options: Fields) -> NoReturn:
    most = options.whole("maxDigits") or 1
    patience = (options.whole("timeoutMills") or CONFERENCE_TIMEOUT_MILLS) / 1000
    while True:
        keys = await line.key(None) or ""
        if seat.dtmf == "forward":
            _forward(line, seat, keys)
        while seat.dtmf == "detect" and len(keys) < most:
            key = await line.key(patience)
            if key is None:
                break
            keys += key
        if seat.dtmf == "detect":
            # The answer to this one is a plain 200.
            tell(line, "pie", menuResult=Choice(seat.conference_id, "sequence", keys).result())


def _forward(line: Line, seat: Seat, key: str) -> None:
    for other in line.services.calls:
        if other is not line.call and other.seat is not None and other.seat.conference_id == seat.conference_id:
            other.handle.note(f"hears the key {key} of another participant")
