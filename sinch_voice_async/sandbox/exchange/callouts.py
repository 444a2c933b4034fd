"""Callouts: the body of ``POST /calling/v1/callouts``, checked as the platform does.

The envelope names one of three methods, and has an object under that name. If the documents and the platform's own
client libraries differ, each form is accepted. Source: Calling API, Callouts.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sinch_voice_async.sandbox.exchange.svaml import check_svaml, parts
from sinch_voice_async.sandbox.requests import Fields, RefusalError

__all__ = ["Callout", "callback_headers", "read_callout"]

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


def _check_conference(fields: Fields, _max_text_length: int) -> None:
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
    "conferenceCallout": _check_conference,
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
