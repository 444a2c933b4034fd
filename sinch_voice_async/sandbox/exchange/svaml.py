"""The check of SVAML: which instructions and actions the platform accepts, and for which events; the markup of prompts.

The event ``"call"`` is a PATCH of an ongoing call. Names are matched in any case, as the platform's own samples need.
Older documents manage recordings by an *action*. Source: SVAML, Instructions; SVAML, Actions.

A prompt joins parts by semicolons: ``#tts[text]``, ``#ssml[markup]``, ``#href[url]``, or the URL or name of a file. No
document says how ``]`` and ``;`` inside a text are written: here a part ends at the first ``]`` that is followed by
``;`` or by the end. It is read in time that grows with the length of a text and no faster. Source: SVAML, Prompts.
"""

import re
from collections.abc import Callable, Iterator

from sinch_voice_async.sandbox.requests import Fields

__all__ = ["call_headers_of", "check_svaml", "parts", "prompts_in", "without_markup"]

INSTRUCTIONS = {
    "playfiles": "ice ace pie call",
    "say": "ice ace pie call",
    "senddtmf": "ice pie call",
    "setcookie": "ice ace pie call",
    "answer": "ice call",
    "startrecording": "ice ace pie call",
    "stoprecording": "ice ace pie call",
    "reportcallstatus": "dice",
}
ACTIONS = {
    "hangup": "ice ace pie dice call",
    "continue": "ace pie call",
    "connectpstn": "ice pie call",
    "connectmxp": "ice call",
    "connectconf": "ice ace pie call",
    "connectsip": "ice pie call",
    "connectstream": "ice",
    "runmenu": "ice ace pie call",
    "park": "ice call",
    "startrecording": "call",
    "stoprecording": "call",
}

MOST_STEPS = 1_000
"""Instructions of a document, and parts of what one of them plays. The documents name no limit."""
MOST_HEADER_BYTES = 1_024


def check_svaml(document: Fields, event: str) -> Fields:
    """Return the document if the platform accepts it there. Raises the documented :class:`RefusalError` if not."""
    instructions = document.children("instructions")
    if len(instructions) > MOST_STEPS:
        document.illegal("instructions", f"must not be more than {MOST_STEPS}")
    action = document.child("action")
    if action is None and document.value("instructions") is None:
        document.missing("action")
    for instruction in instructions:
        _check(instruction, INSTRUCTIONS, event)
    if action is not None:
        _check(action, ACTIONS, event)
    return document


def _check(step: Fields, table: dict[str, str], event: str) -> None:
    name = step.required_text("name").lower()
    if name not in table:
        step.illegal("name", "is not known")
    if event not in table[name].split():
        step.illegal("name", f"{name} is not allowed in {'a managed call' if event == 'call' else event.upper()}")
    _MEMBERS.get(name, _nothing)(step)


def _nothing(step: Fields) -> None:
    """Accept an instruction or action without members that could be wrong."""


def prompts_in(step: Fields) -> list[str]:
    """Return the prompts of playFiles. The vendor's old Python library sends a list of lists."""
    flat: list[object] = []
    for each in step.array("ids"):
        flat += each if isinstance(each, list) else [each]
    return Fields({"ids": flat}, step.path, step.codes).texts("ids")


def _check_play_files(step: Fields) -> None:
    prompts = prompts_in(step)
    if not prompts:
        step.missing("ids")
    if sum(prompt.count(";") + 1 for prompt in prompts) > MOST_STEPS:
        step.illegal("ids", f"must not have more than {MOST_STEPS} parts")


def _check_say(step: Fields) -> None:
    step.required_text("text")


def _check_send_dtmf(step: Fields) -> None:
    if set(step.required_text("value")) - set("0123456789#w"):
        step.illegal("value", "may hold 0-9, # and w")


def _check_set_cookie(step: Fields) -> None:
    step.required_text("key")
    step.text("value")


def _check_conference(step: Fields) -> None:
    step.required_text("conferenceId", most=64)


def _check_connect(step: Fields) -> None:
    step.required_child("destination").required_text("endpoint")
    step.whole("maxDuration", most=14_400)


def _check_stream(step: Fields) -> None:
    _check_connect(step)
    endpoint = step.required_child("destination").required_text("endpoint")
    if not endpoint.lower().startswith(("ws://", "wss://")):
        step.illegal("destination", "must be a ws or wss URL")
    options = step.child("streamingOptions")
    if options is not None:
        rate = options.whole("sampleRate")
        if rate not in {None, 8_000, 16_000, 24_000, 44_100, 48_000, 96_000}:
            options.illegal("sampleRate", "must be 8000, 16000, 24000, 44100, 48000 or 96000")


def _check_connect_pstn(step: Fields) -> None:
    step.text("number")
    step.whole("maxDuration", most=14_400)
    step.whole("dialTimeout")


def call_headers_of(step: Fields) -> list[dict[str, str]]:
    """Return the call headers of an action, each with a key and a value. Source: Call Headers."""
    headers = [
        {"key": each.required_text("key"), "value": each.text("value") or ""} for each in step.children("callHeaders")
    ]
    if sum(len(f"{each['key']}{each['value']}".encode()) for each in headers) > MOST_HEADER_BYTES:
        step.illegal("callHeaders", f"must not be longer than {MOST_HEADER_BYTES} bytes")
    return headers


def _check_connect_mxp(step: Fields) -> None:
    call_headers_of(step)


def _check_park(step: Fields) -> None:
    step.whole("maxDuration", most=600)
    _check_prompts(step, "introPrompt", "holdPrompt")


def _check_prompts(step: Fields, *names: str) -> None:
    for name in names:
        if (step.text(name) or "").count(";") >= MOST_STEPS:
            step.illegal(name, f"must not have more than {MOST_STEPS} parts")


def _check_menus(step: Fields) -> None:
    menus = step.children("menus")
    for menu in menus:
        _check_prompts(menu, "mainPrompt", "repeatPrompt")
    names = [menu.required_text("id") for menu in menus]
    known = set(names)
    if "main" not in known:
        step.illegal("menus", "one menu must have the id main")
    if len(known) < len(names):
        step.illegal("menus", "two menus have the same id")
    for option in (option for menu in menus for option in menu.children("options")):
        target = option.required_text("action")
        if target.startswith("menu(") and target[5:-1] not in known:
            option.illegal("action", "leads to no menu")


_MEMBERS: dict[str, Callable[[Fields], None]] = {
    "playfiles": _check_play_files,
    "say": _check_say,
    "senddtmf": _check_send_dtmf,
    "setcookie": _check_set_cookie,
    "connectconf": _check_conference,
    "connectsip": _check_connect,
    "connectstream": _check_stream,
    "connectmxp": _check_connect_mxp,
    "connectpstn": _check_connect_pstn,
    "park": _check_park,
    "runmenu": _check_menus,
}


BEGIN = re.compile(r"#(tts|ssml|href)\[")
END = re.compile(r"\](?=;)")


def parts(prompt: str) -> Iterator[tuple[str, str]]:
    """Return each part that is not empty, in order: its kind, ``"tts"``, ``"ssml"``, ``"href"`` or ``""``, and what it
    holds.
    """
    whole = prompt.rstrip()
    position = 0
    is_closed = True
    while position < len(whole):
        begin = BEGIN.match(whole, position) if is_closed else None
        if begin is None:
            kind, end = "", whole.find(";", position)
            content, position = whole[position : end if end >= 0 else None], end + 1 if end >= 0 else len(whole)
        else:
            kind, close = begin[1], END.search(whole, begin.end())
            if close is None and not whole.endswith("]"):
                # No part that begins later is closed either: none of them looks for its end again.
                is_closed = False
                continue
            end = len(whole) - 1 if close is None else close.start()
            content, position = whole[begin.end() : end], end + 2
        if content.strip():
            yield kind, content.strip()


def without_markup(text: str) -> str:
    """Return a text without ``<...>``; a ``<`` that is not closed is part of the text."""
    pieces = []
    position = 0
    while (begin := text.find("<", position)) >= 0 and (end := text.find(">", begin)) >= 0:
        pieces.append(text[position:begin])
        position = end + 1
    return "".join((*pieces, text[position:]))
