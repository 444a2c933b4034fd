"""Prompts: what is played or spoken, as the platform writes it.

A prompt is one or more parts joined with ``;``. A part is ``#tts[text]``, ``#ssml[markup]``, ``#href[url]``, a bare
URL or the name of a recorded file. The platform documents no way to escape ``;`` and ``]`` inside a part, so a part
that holds one is refused here rather than cut in two on somebody's telephone.
"""

import re
from typing import Final

from sinch_voice_async.errors import InvalidRequestError

__all__ = ["href", "prompts", "ssml", "tts"]

_PART: Final = re.compile(r"#\w+\[[^\];]*\]|[^#;][^;]*")


def tts(text: str) -> str:
    """A prompt part that is spoken: ``#tts[text]``.

    The platform speaks at most 600 characters of each part, unless your account says otherwise. Raises
    ``InvalidRequestError`` for a text with ``;`` or ``]`` in it. Calling API, Text-to-speech Callout.
    """
    return _part("tts", "text", text, "write a comma or a round bracket, or let a Say instruction speak it")


def ssml(markup: str) -> str:
    """A prompt part that is spoken as its markup says: ``#ssml[<speak>…</speak>]``.

    Raises ``InvalidRequestError`` for markup with ``;`` or ``]`` in it, entities included. Voice API, Prompts.
    """
    return _part("ssml", "markup", markup, "write entities such as &amp; in words")


def href(url: str) -> str:
    """A prompt part that plays the file at a URL, of at most 1 MB: ``#href[url]``.

    Raises ``InvalidRequestError`` for a URL with ``;`` or ``]`` in it. Voice API, Prompts.
    """
    return _part("href", "url", url, "percent-encode them as %3B and %5D")


def prompts(*parts: str) -> str:
    """Several prompt parts, played one after the other without a pause.

    Each is made by ``tts``, ``ssml`` or ``href``, or is a bare URL or the name of a recorded file. Raises
    ``InvalidRequestError`` for a part that would be read as two, or as none. Calling API, Text-to-speech Callout.
    """
    for index, part in enumerate(parts):
        if not _is_part(part):
            raise InvalidRequestError(
                f"parts[{index}] is not one prompt: give the name of a file, a URL, or what tts, ssml or href returns",
                field=f"parts[{index}]",
            )
    if not parts:
        raise InvalidRequestError("parts must not be empty: there is nothing to play", field="parts")
    return ";".join(parts)


def unplayable(prompt: str) -> str | None:
    """What is wrong with a whole prompt, or None: each part of it must be closed where it ends."""
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
