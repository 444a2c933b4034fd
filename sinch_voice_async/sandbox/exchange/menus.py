"""Menus: a prompt, keys, and what they lead to.

Documents: SVAML, "runMenu". Input ends with the last of ``maxDigits``, with ``#``, or with ``timeoutMills`` of
silence. Keys that no option begins with are invalid. ``repeats`` times the menu is played again, as its
``repeatPrompt`` where it has one; then the application hears of the time-out or the invalid input. What is spoken into
a telephone is not understood here: ``enableVoice`` changes nothing.
"""

from dataclasses import dataclass

from sinch_voice_async.sandbox.exchange.asking import tell
from sinch_voice_async.sandbox.exchange.line import DisconnectError, Line
from sinch_voice_async.sandbox.exchange.prompts import parts_of, play
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.refusals import RefusalError

__all__ = ["Choice", "run_menu"]

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
