"""How much memory JSON takes, and shorter JSON in its place.

The sandbox remembers what it was sent. A test that sends a gigabyte must not fill the memory of the process.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["LONGEST_TEXT", "shortened", "size_of_body", "size_of_value"]

BYTES_OF_A_VALUE = 100
"""What Python needs for one value of JSON, about."""
LONGEST_TEXT = 500
MOST_VALUES = 40
MOST_CHARACTERS = 2_000
CUT = "... ({} characters)"
LONGEST_CUT = 32
DEEPEST = 12


def size_of_body(body: bytes) -> int:
    """Return an upper estimate, in bytes, of the parsed JSON. It is fast: it does not parse."""
    values = 1 + body.count(b",") + body.count(b"[") + body.count(b"{")
    # A text with one character outside of the Basic Multilingual Plane takes four bytes for each character.
    width = 1 if body.isascii() and b"\\u" not in body else 4
    return width * len(body) + BYTES_OF_A_VALUE * values


def size_of_value(value: object, depth: int = 0) -> int:
    """Return an estimate, in bytes, of JSON that is not deeper than what :func:`shortened` returns."""
    if isinstance(value, str):
        return BYTES_OF_A_VALUE + len(value)
    if isinstance(value, Mapping) and depth <= DEEPEST:
        inner = sum(size_of_value(name) + size_of_value(each, depth + 1) for name, each in value.items())
        return BYTES_OF_A_VALUE + inner
    if isinstance(value, list) and depth <= DEEPEST:
        return BYTES_OF_A_VALUE + sum(size_of_value(each, depth + 1) for each in value)
    return BYTES_OF_A_VALUE


def shortened(value: object) -> object:
    """Return JSON with at most 40 values and about 2,000 characters, none of 500 in one text; it says what is missing.

    What is short already stays as it is.
    """
    return _shortened(value, _Left(), 0)


@dataclass(slots=True)
class _Left:
    """How much may still be kept."""

    values: int = MOST_VALUES
    characters: int = MOST_CHARACTERS

    def text(self, value: str) -> str:
        most = max(0, min(LONGEST_TEXT, self.characters))
        short = value if len(value) <= most + LONGEST_CUT else value[:most] + CUT.format(len(value))
        self.characters -= len(short)
        return short


def _shortened(value: object, left: _Left, depth: int) -> object:
    left.values -= 1
    if isinstance(value, str):
        return left.text(value)
    if not isinstance(value, Mapping | list):
        return "(a large number)" if isinstance(value, int) and not -(2**63) <= value < 2**63 else value
    if depth == DEEPEST:
        return "(nested too deeply)"
    short: dict[str, object] = {}
    for name, each in value.items() if isinstance(value, Mapping) else enumerate(value):
        if left.values <= 0:
            short["..."] = f"({len(value)} in all)"
            break
        short[left.text(f"{name}")] = _shortened(each, left, depth + 1)
    return short if isinstance(value, Mapping) else list(short.values())
