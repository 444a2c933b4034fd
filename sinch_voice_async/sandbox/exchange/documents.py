"""The documents of requests, checked as the platform does: callouts, SVAML, and the markup of prompts.

A callout is the body of ``POST /calling/v1/callouts``. The envelope names one of three methods, and has an object under
that name. If the documents and the platform's own client libraries differ, each form is accepted. Source: Calling API,
Callouts.

Instructions and actions are allowed for some events. The event ``"call"`` is a PATCH of an ongoing call. Names are
matched in any case, as the platform's own samples need. Older documents manage recordings by an *action*. Source:
SVAML, Instructions; SVAML, Actions.

A prompt joins parts by semicolons: ``#tts[text]``, ``#ssml[markup]``, ``#href[url]``, or the URL or name of a file. No
document says how ``]`` and ``;`` inside a text are written: here a part ends at the first ``]`` that is followed by
``;`` or by the end. It is read in time that grows with the length of a text and no faster. Source: SVAML, Prompts.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sinch_voice_async.sandbox.requests import Fields, RefusalError

__all__ = [
    "Callout",
    "call_headers_of",
    "callback_headers",
    "check_svaml",
    "parts",
    "prompts_in",
    "read_callout",
    "without_markup",
]

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


METHODS = {name.lower(): name for name in ("ttsCallout", "conferenceCallout", "customCallout")}
PHONE_NUMBER = re.compile(r"\+?[0-9]{5,15}")
DTMF = re.compile(r"[0-9#w]*")
MOST_PROMPTS = 65_536
"""Characters of all prompts of a callout, and of SVAML in a callout; the documents name no limit."""
KNOWN = frozenset(
    {
        *("destination", "cli", "dtmf", "domain", "custom", "maxduration", "enableace", "enabledice", "enablepie"),
        *("locale", "text", "prompts", "conferenceid", "greeting", "mohclass", "conferencedtmfoptions"),
        *("ice", "ace", "pie", "dice", "dialtimeout", "suppresscallbacks", "amd"),
    }
)
MUSIC = ("ring", "music1", "music2", "music3")
LONGEST_CALL = 14_400
MOST_CUSTOM_BYTES = 1_024
MOST_CALLBACK_HEADERS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Callout:
    """One accepted callout. ``request`` is its whole JSON as it came, ``fields`` the object of its method.

    ``kind`` (number, username or sip) and ``endpoint`` name the callee. Both are empty if the answer to a callback
    has to name it.
    """

    method: str
    request: Mapping[str, object]
    fields: Fields
    kind: str
    endpoint: str
    cli: str | None
    domain: str
    custom: str
    max_duration: int | None
    conference_id: str | None
    size: int = 0
    """An estimate of the request's bytes in memory."""


def read_callout(envelope: Fields, *, max_text_length: int) -> Callout:
    """Return the callout that the JSON describes. Raises the documented :class:`RefusalError` for other JSON."""
    method = METHODS.get(envelope.required_text("method").lower())
    if method is None:
        raise RefusalError(40001, "Method needs to be `ttsCallout`, `conferenceCallout`, or `customCallout`")
    fields = _known(envelope.required_child(method))
    kind, endpoint = _destination(fields, method)
    _READERS[method](fields, max_text_length)
    _common(fields)
    return Callout(
        method=method,
        request=envelope.members,
        fields=fields,
        kind=kind,
        endpoint=endpoint,
        cli=fields.text("cli"),
        domain=fields.choice("domain", ("pstn", "mxp")) or ("mxp" if kind == "username" else "pstn"),
        custom=fields.text("custom") or "",
        max_duration=fields.whole("maxDuration", most=LONGEST_CALL),
        conference_id=fields.text("conferenceId") if method == "conferenceCallout" else None,
        size=envelope.size,
    )


def _known(fields: Fields) -> Fields:
    """Leave out members that nothing reads: the request keeps them, and may be shortened while the call goes on."""
    return Fields(
        {name: value for name, value in fields.members.items() if name.lower() in KNOWN}, fields.path, fields.codes
    )


def _destination(fields: Fields, method: str) -> tuple[str, str]:
    destination = fields.child("destination")
    if destination is None:
        return _dialled_inline(fields) if method == "customCallout" else fields.missing("destination")
    kind = destination.choice("type", ("number", "username", "sip")) or destination.missing("type")
    endpoint = destination.required_text("endpoint")
    if kind == "number" and not PHONE_NUMBER.fullmatch(endpoint):
        destination.illegal("endpoint", "is not a phone number")
    return kind, endpoint


def _dialled_inline(fields: Fields) -> tuple[str, str]:
    """Return the callee that an inline ICE document names: empty texts if a callback has to name it."""
    ice = fields.text("ice") or ""
    if not ice.lstrip().startswith("{"):
        return "", ""
    action = check_svaml(_parsed(fields, "ice", ice), "ice").required_child("action")
    destination = action.child("destination")
    if destination is not None:
        return (destination.text("type") or "sip").lower(), destination.required_text("endpoint")
    number = action.text("number")
    return ("number", number) if number else ("", "")


def _common(fields: Fields) -> None:
    """Check the members that the three kinds of callout share."""
    if not DTMF.fullmatch(fields.text("dtmf") or ""):
        fields.illegal("dtmf", "may hold 0-9, # and w")
    if len((fields.text("custom") or "").encode()) > MOST_CUSTOM_BYTES:
        fields.illegal("custom", f"must not be longer than {MOST_CUSTOM_BYTES} bytes")
    for name in ("enableAce", "enableDice", "enablePie"):
        fields.flag(name)


def _check_tts(fields: Fields, max_text_length: int) -> None:
    fields.text("locale")
    text = fields.text("text", most=max_text_length)
    prompts = fields.text("prompts", most=MOST_PROMPTS)
    if any(kind == "tts" and len(spoken) > max_text_length for kind, spoken in parts(prompts or "")):
        fields.illegal("prompts", f"a #tts part must not be longer than {max_text_length} characters")
    if not text and not prompts and not fields.flag("enableAce"):
        fields.missing("text")


def _check_conference_callout(fields: Fields, _max_text_length: int) -> None:
    fields.required_text("conferenceId", most=64)
    fields.text("locale")
    fields.text("greeting")
    fields.choice("mohClass", MUSIC)
    options = fields.child("conferenceDtmfOptions")
    if options is not None:
        options.choice("mode", ("ignore", "forward", "detect"))
        options.whole("maxDigits")
        options.whole("timeoutMills")


def _check_custom(fields: Fields, _max_text_length: int) -> None:
    for event in ("ice", "ace", "pie", "dice"):
        text = fields.text(event, most=MOST_PROMPTS)
        if text and not text.lower().startswith(("http://", "https://")):
            check_svaml(_parsed(fields, event, text), event)


def _parsed(fields: Fields, event: str, text: str) -> Fields:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        fields.illegal(event, "is neither a URL nor a SVAML document")
    return Fields(value, fields.name(event), fields.codes)


_READERS: dict[str, Callable[[Fields, int], None]] = {
    "ttsCallout": _check_tts,
    "conferenceCallout": _check_conference_callout,
    "customCallout": _check_custom,
}


def callback_headers(headers: list[tuple[str, str]]) -> dict[str, str]:
    """Return the ``X-CB-`` headers that go to the application: the first five. The others are discarded.

    Source: Calling API, HTTP headers in callout requests.
    """
    chosen = [(name, value) for name, value in headers if name.lower().startswith("x-cb-")][:MOST_CALLBACK_HEADERS]
    for name, value in chosen:
        if len(name) > 32:
            raise RefusalError(40001, f"Illegal header '{name}': the name must not be longer than 32 characters")
        if len(value) > 128 or not all(" " <= character <= "~" for character in value):
            raise RefusalError(
                40001, f"Illegal header '{name}': the value must be at most 128 characters of printable ASCII"
            )
    return dict(chosen)
