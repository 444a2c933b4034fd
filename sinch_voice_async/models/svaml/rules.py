"""The limits that the platform documents for SVAML, each a pure function: value -> what is wrong with it, or None.

A rule never repeats the value: it may be a telephone number, a PIN or a message.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.phone_numbers import read_dialable

__all__ = ["at_most_bytes", "at_most_characters", "count", "menu_key", "phone_number", "seconds", "size", "tones"]

_TONES: Final = re.compile(r"[0-9#w]+")
_MENU_KEY: Final = re.compile(r"[0-9*#]+")


def tones(value: str) -> str | None:
    """DTMF to send: digits, ``#``, and ``w`` for a pause of 500 ms."""
    return None if _TONES.fullmatch(value) else "may hold only the tones 0-9 and #, and w for a pause of half a second"


def menu_key(value: str) -> str | None:
    """DTMF to wait for: digits, ``#`` or ``*``. The documents show digits alone and are silent on the two others."""
    return None if _MENU_KEY.fullmatch(value) else "must be what a caller can press: 0-9, * or #"


def phone_number(value: str) -> str | None:
    """A number that can be dialled as it stands: E.164, with or without the plus, as the platform's samples have it."""
    try:
        read_dialable(value, "must be a phone number in E.164 form and")
    except InvalidRequestError as problem:
        return str(problem)
    return None


def count(value: int) -> str | None:
    """A number of things, of milliseconds or of seconds without a documented end."""
    return None if value >= 0 else "must be 0 or more"


def seconds(most: int) -> Callable[[int], str | None]:
    """A duration of at most so many seconds."""
    return lambda value: None if 0 <= value <= most else f"must be 0 to {most} seconds"


def at_most_characters(most: int) -> Callable[[str], str | None]:
    """A text of 1 to so many characters."""
    return lambda value: None if 1 <= len(value) <= most else f"must have 1 to {most} characters, and has {len(value)}"


def at_most_bytes(most: int, texts: Iterable[str]) -> str | None:
    """Keys and values that together have at most so many bytes of UTF-8."""
    found = sum(map(size, texts))
    return None if found <= most else f"must have at most {most} bytes in all, keys included, and has {found}"


def size(text: str) -> int:
    """How many bytes a text has in UTF-8; a lone surrogate counts as three."""
    return len(text.encode("utf-8", "surrogatepass"))
