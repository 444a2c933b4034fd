"""Prompts: what they say, how long that takes, and who hears it.

Documents: SVAML, "Prompts": ``#tts[text]``, ``#ssml[markup]``, ``#href[url]``, or the URL or id of a file, joined by
semicolons. How long a text takes is the sandbox's own guess; nobody fetches a file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sinch_voice_async.sandbox.exchange.line import Line
from sinch_voice_async.sandbox.exchange.timeline import Heard

__all__ = ["hear", "play", "spoken"]

PART = re.compile(r"#(tts|ssml|href)\[(.*?)\](?=;|\s*$)|([^;]+)", re.DOTALL)
TAG = re.compile(r"<[^>]*>")
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
        return len(TAG.sub("", self.text)) / CHARACTERS_PER_SECOND if self.text else SECONDS_OF_A_FILE


def spoken(text: str) -> Iterator[Part]:
    """Return the one part that a plain text is."""
    yield Part(text=text)


def parts_of(prompt: str) -> Iterator[Part]:
    """Return the parts of a prompt in order."""
    for kind, inner, bare in PART.findall(prompt):
        content = (inner if kind else bare).strip()
        if content:
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


async def play(line: Line, parts: Iterator[Part], locale: str = "", *, barge: bool = False) -> str | None:
    """Play parts one after the other; with ``barge`` the first key ends it and is returned."""
    for part in parts:
        seconds = hear(line, part, locale)
        if not barge:
            await line.sleep(seconds)
        elif (key := await line.key(seconds)) is not None:
            return key
    return None
