"""Menus: what a caller hears, may press, and where each key leads. Voice API, SVAML, runMenu.

A menu's option leads to another menu (``go_to``) or ends the menus with a value (``return_``), which a PIE event
brings you.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from attrs import field, frozen

from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.shown import length
from sinch_voice_async.models.svaml.fields import limit, listed, typed
from sinch_voice_async.models.svaml.kinds import Open
from sinch_voice_async.models.svaml.prompts import unplayable
from sinch_voice_async.models.svaml.rules import count, menu_key

__all__ = ["Menu", "MenuOption", "go_to", "return_"]

_TARGET: Final = re.compile(r"(menu|return)\(([^()]*)\)")
_FIRST: Final = "main"


def return_(value: str) -> str:
    """End the menus with a value: the PIE event has it in ``menu_result.value``.

    Raises ``InvalidRequestError`` for a value with a round bracket in it, which would not be read back whole.
    """
    return _target("return", "value", value)


def go_to(menu_id: str) -> str:
    """Go on with another menu of the same document.

    Raises ``InvalidRequestError`` for an id with a round bracket in it.
    """
    return _target("menu", "menu_id", menu_id)


def _target(kind: str, field_name: str, inside: object) -> str:
    if not isinstance(inside, str) or not _TARGET.fullmatch(target := f"{kind}({inside})"):
        raise InvalidRequestError(f"{field_name} must be a str without round brackets", field=field_name)
    return target


def _no_target(action: str) -> str | None:
    return None if _TARGET.fullmatch(action) else "must be what return_() or go_to() returns"


@frozen(field_transformer=typed)
class MenuOption(Open):
    """What one key does: ``MenuOption("1", return_("sales"))``.

    ``dtmf`` holds ``0-9``; the documents are silent on ``*`` and ``#``, and on more than one key. ``action`` is what
    ``return_`` or ``go_to`` returns. Raises ``InvalidRequestError`` for anything else.
    """

    dtmf: str = field(validator=limit(menu_key))
    action: str = field(validator=limit(_no_target))


def _options(options: Iterable[MenuOption] | None) -> tuple[MenuOption, ...] | None:
    # None is left out, an empty list is sent.
    return None if options is None else listed(options)


@frozen(field_transformer=typed)
class Menu(Open):
    """One menu: what is played, and what may be pressed.

    ``repeat_prompt`` is played on each of ``repeats`` repetitions. With ``max_digits`` the menu collects digits,
    until there are that many, ``#`` is pressed or nothing for ``timeout_mills`` milliseconds (5,000 where left out).
    ``max_timeout_mills`` (20,000) bounds the wait for spoken input. A prompt that would be cut short, or a negative
    number, is an ``InvalidRequestError``.
    """

    id: str
    main_prompt: str | None = field(default=None, kw_only=True, repr=length, validator=limit(unplayable))
    repeat_prompt: str | None = field(default=None, kw_only=True, repr=length, validator=limit(unplayable))
    repeats: int | None = field(default=None, kw_only=True, validator=limit(count))
    max_digits: int | None = field(default=None, kw_only=True, validator=limit(count))
    timeout_mills: int | None = field(default=None, kw_only=True, validator=limit(count))
    max_timeout_mills: int | None = field(default=None, kw_only=True, validator=limit(count))
    options: tuple[MenuOption, ...] | None = field(default=None, kw_only=True, converter=_options)

    def targets(self) -> Iterator[str]:
        """The ids of the menus that the options lead to."""
        for option in self.options or ():
            target = _TARGET.fullmatch(option.action)
            if target and target[1] == "menu":
                yield target[2]


def broken_menus(menus: Iterable[Menu], main_menu: str | None) -> str | None:
    """What is wrong with the menus of one action, or None: each id is there once, and within reach of the first."""
    by_id: dict[str, Menu] = {}
    for menu in menus:
        if menu.id in by_id:
            return f"have the id {menu.id!r} twice"
        by_id[menu.id] = menu
    first = main_menu or _FIRST
    if first not in by_id:
        return f"must have one whose id is {first!r}, to begin with"
    return _dangling(by_id) or _unreachable(by_id, first)


def _dangling(menus: Mapping[str, Menu]) -> str | None:
    for menu in menus.values():
        for target in menu.targets():
            if target not in menus:
                return f"lead from {menu.id!r} to {target!r}, which is not among them"
    return None


def _unreachable(menus: Mapping[str, Menu], first: str) -> str | None:
    seen: set[str] = set()
    # "main" is there for the platform's sake where another menu comes first: it asks for one.
    ahead = [first, _FIRST] if _FIRST in menus else [first]
    while ahead:
        menu_id = ahead.pop()
        if menu_id not in seen:
            seen.add(menu_id)
            ahead += menus[menu_id].targets()
    lost = [menu_id for menu_id in menus if menu_id not in seen]
    return f"never lead to {lost[0]!r}" if lost else None
