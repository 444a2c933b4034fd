"""Prompts and menus: what a caller hears, may press, and where each key leads.

A prompt is one or more parts joined with ``;``. A part is ``#tts[text]``, ``#ssml[markup]``, ``#href[url]``, a bare URL
or the name of a recorded file. The platform does not document how to escape ``;`` and ``]`` inside a part, so a part
that holds one is refused.

An option of a menu leads to another menu (``go_to``) or ends the menus with a value (``return_``), which a PIE event
brings.

Source: SVAML, runMenu; Calling API, Text-to-speech Callout.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from attrs import field, frozen

from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.fields import length
from sinch_voice_async.models.svaml.fields import Open, count, limit, listed, menu_key, typed

__all__ = ["Menu", "MenuOption", "go_to", "href", "prompts", "return_", "ssml", "tts"]

_PART: Final = re.compile(r"#\w+\[[^\];]*\]|[^#;][^;]*")


def tts(text: str) -> str:
    """Return a prompt part that is spoken: ``#tts[text]``.

    The platform speaks at most 600 characters of each part, unless your account allows more.

    :raises InvalidRequestError: the text holds ``;`` or ``]``.

    Source: Calling API, Text-to-speech Callout.
    """
    return _part("tts", "text", text, "write a comma or a round bracket, or let a Say instruction speak it")


def ssml(markup: str) -> str:
    """Return a prompt part that is spoken as its markup says: ``#ssml[<speak>…</speak>]``.

    :raises InvalidRequestError: the markup holds ``;`` or ``]``, for example in an entity.

    Source: SVAML, Prompts.
    """
    return _part("ssml", "markup", markup, "write entities such as &amp; in words")


def href(url: str) -> str:
    """Return a prompt part that plays the file at a URL, of at most 1 MB: ``#href[url]``.

    :raises InvalidRequestError: the URL holds ``;`` or ``]``.

    Source: SVAML, Prompts.
    """
    return _part("href", "url", url, "percent-encode them as %3B and %5D")


def prompts(*parts: str) -> str:
    """Return several prompt parts as one prompt; they are played one after the other without a pause.

    Each is made by ``tts``, ``ssml`` or ``href``, or is a bare URL or the name of a recorded file.

    :raises InvalidRequestError: a part would be read as two parts, or as an empty one.

    Source: Calling API, Text-to-speech Callout.
    """
    for index, part in enumerate(parts):
        if not _is_part(part):
            raise InvalidRequestError(
                f"parts[{index}] is not one prompt: pass the name of a file, a URL, or the result of tts, ssml or href",
                field=f"parts[{index}]",
            )
    if not parts:
        raise InvalidRequestError("nothing to play: pass at least one part", field="parts")
    return ";".join(parts)


def unplayable(prompt: str) -> str | None:
    """Return the fault of a whole prompt, or None: each part must be closed at its end."""
    if all(not part or _is_part(part) for part in prompt.split(";")):
        return None
    return (
        "would be cut short: no part may hold ; or ], which separate and close parts (see tts, ssml, href and prompts)"
    )


def _is_part(part: object) -> bool:
    return isinstance(part, str) and _PART.fullmatch(part) is not None


def _part(kind: str, field: str, inside: object, advice: str) -> str:
    if not isinstance(inside, str) or not inside:
        raise InvalidRequestError(f"{field} must be a str, and not empty", field=field)
    if ";" in inside or "]" in inside:
        raise InvalidRequestError(
            f"{field} holds ; or ], which the platform reads as the end of a prompt and cannot be escaped: {advice}",
            field=field,
        )
    return f"#{kind}[{inside}]"


_TARGET: Final = re.compile(r"(menu|return)\(([^()]*)\)")
_FIRST: Final = "main"


def return_(value: str) -> str:
    """Return the action that ends the menus with a value, which the PIE event has in ``menu_result.value``.

    :raises InvalidRequestError: the value holds a round bracket, and would not be read back whole.
    """
    return _target("return", "value", value)


def go_to(menu_id: str) -> str:
    """Return the action that continues with another menu of the same document.

    :raises InvalidRequestError: the id holds a round bracket.
    """
    return _target("menu", "menu_id", menu_id)


def _target(kind: str, field_name: str, inside: object) -> str:
    if not isinstance(inside, str) or not _TARGET.fullmatch(target := f"{kind}({inside})"):
        raise InvalidRequestError(f"{field_name} must be a str without round brackets", field=field_name)
    return target


def _no_target(action: str) -> str | None:
    return None if _TARGET.fullmatch(action) else "must be the result of return_() or go_to()"


@frozen(field_transformer=typed)
class MenuOption(Open):
    """The action of one key: ``MenuOption("1", return_("sales"))``.

    ``dtmf`` holds ``0-9``; the documents do not mention ``*``, ``#`` and more than one key. ``action`` is the result of
    ``return_`` or ``go_to``.

    :raises InvalidRequestError: a field holds anything else.
    """

    dtmf: str = field(validator=limit(menu_key))
    action: str = field(validator=limit(_no_target))


def _options(options: Iterable[MenuOption] | None) -> tuple[MenuOption, ...] | None:
    # None is left out, an empty list is sent.
    return None if options is None else listed(options)


@frozen(field_transformer=typed)
class Menu(Open):
    """One menu: its prompt, and the keys that may be pressed.

    ``repeat_prompt`` is played on each of ``repeats`` repetitions. With ``max_digits`` the menu collects digits, until
    that many are pressed, ``#`` is pressed, or no key for ``timeout_mills`` milliseconds (default 5,000).
    ``max_timeout_mills`` (default 20,000) bounds the wait for spoken input.

    :raises InvalidRequestError: a prompt would be cut short, or a number is negative.

    Source: SVAML, runMenu.
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
        """Yield the ids of the menus that the options lead to."""
        for option in self.options or ():
            target = _TARGET.fullmatch(option.action)
            if target and target[1] == "menu":
                yield target[2]


def broken_menus(menus: Iterable[Menu], main_menu: str | None) -> str | None:
    """Return the fault of the menus of one action, or None: each id is there once, and within reach of the first."""
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
    # The platform requires a menu "main" even if another one comes first.
    ahead = [first, _FIRST] if _FIRST in menus else [first]
    while ahead:
        menu_id = ahead.pop()
        if menu_id not in seen:
            seen.add(menu_id)
            ahead += menus[menu_id].targets()
    lost = [menu_id for menu_id in menus if menu_id not in seen]
    return f"never lead to {lost[0]!r}" if lost else None
