"""The markup of prompts, read in time that grows with the length of a text and no faster.

A prompt joins parts by semicolons: ``#tts[text]``, ``#ssml[markup]``, ``#href[url]``, or the URL or name of a file. No
document says how ``]`` and ``;`` inside a text are written: here a part ends at the first ``]`` that is followed by
``;`` or by the end. Source: SVAML, Prompts.
"""

import re
from collections.abc import Iterator

__all__ = ["parts", "without_markup"]

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
