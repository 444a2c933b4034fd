"""Bounds of what a program hands to the sandbox: one function for each kind of value, each with one meaning.

A value out of bounds is refused when an object is made or an attribute is set, with :class:`ValueError` that names the
argument. ``True`` and ``False`` are not numbers. NaN and infinity are not numbers of seconds.
"""

import binascii
import os
import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlsplit

__all__ = [
    "KEYS",
    "LONGEST",
    "choice",
    "flag",
    "header",
    "instance",
    "keys",
    "moment",
    "number",
    "path",
    "seconds",
    "secret",
    "share",
    "text",
    "texts",
    "web_url",
    "whole",
]

LONGEST = 1e9
"""The largest number of seconds, about 31 years: a date that far away still has a calendar."""
LARGEST = 2**63 - 1
KEYS = frozenset("0123456789*#")
HALF_A_PAIR = re.compile("[\ud800-\udfff]")
LATIN = re.compile("[ -~\xa0-\xff]*")
Choice = TypeVar("Choice", bound=str)


def number(name: str, value: object, *, least: float = 0.0, most: float = LONGEST) -> float:
    """Return a finite number from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{name} must be a number {_range(least, most)}")
    return float(value)


def seconds(name: str, value: object, *, least: float = 0.0, most: float = LONGEST) -> float:
    """Return a number of seconds from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{name} must be a number of seconds {_range(least, most)}")
    return float(value)


def share(name: str, value: object) -> float:
    """Return a share from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} must be a share from 0 to 1")
    return float(value)


def whole(name: str, value: object, *, least: int = 0, most: int = LARGEST) -> int:
    """Return a whole number from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name} must be a whole number {_range(least, most)}")
    return value


def flag(name: str, value: object) -> bool:
    """Return True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False")  # noqa: TRY004  # one class of error for every argument
    return value


def text(name: str, value: object, *, most: int = 1_024) -> str:
    """Return a text of at most ``most`` characters that can be written in UTF-8."""
    if not isinstance(value, str) or len(value) > most or HALF_A_PAIR.search(value):
        raise ValueError(f"{name} must be a text of at most {most} characters")
    return value


def texts(name: str, values: object) -> tuple[str, ...]:
    """Return texts that are not empty, from a list or another collection, but not from a str."""
    found = tuple(values) if isinstance(values, Iterable) and not isinstance(values, str | bytes) else ("",)
    if not all(isinstance(each, str) and each for each in found):
        raise ValueError(f"{name} must be a list of texts that are not empty")
    return found


def instance(name: str, value: object, cls: type) -> None:
    """Require an instance of a class, or None."""
    if value is not None and not isinstance(value, cls):
        raise ValueError(f"{name} must be a {cls.__name__}")  # one class of error for every argument


def path(name: str, value: object) -> None:
    """Require the path of a file: a text or a path that is not empty and that a file system can hold."""
    found = os.fspath(value) if isinstance(value, str | os.PathLike) else ""
    if not isinstance(found, str) or not found or "\0" in found or HALF_A_PAIR.search(found):
        raise ValueError(f"{name} must be a path (a str or a Path that is not empty)")


def keys(name: str, value: object) -> str:
    """Return keys of a telephone: at least one of 0-9, * and #."""
    if not isinstance(value, str) or not value or not KEYS.issuperset(value):
        raise ValueError(f"{name} must be a text of 0-9, * and #")
    return value


def choice(name: str, value: object, allowed: Collection[Choice]) -> Choice:
    """Return one of the allowed words."""
    for each in allowed:
        if value == each:
            return each
    raise ValueError(f"{name} must be one of {', '.join(allowed)}")


class _Hidden(str):
    """A text whose ``repr`` shows nothing of it: trackers of errors take the ``repr`` of each local variable."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<hidden>"


def hidden(value: object) -> str | None:
    """Return a secret as a text that no traceback shows; a value of another type as a text that is not base64."""
    return None if value is None else _Hidden(value if isinstance(value, str) else "?")


def secret(name: str, value: object) -> str:
    """Return an application secret, which is base64."""
    try:
        # The module base64 keeps the secret as bytes in its frames.
        binascii.a2b_base64(text(name, value), strict_mode=True)
    except (ValueError, binascii.Error):
        raise ValueError(f"{name} is not base64") from None
    return text(name, value)


def web_url(name: str, value: object) -> str:
    """Return an http or https URL with a host."""
    try:
        parts = urlsplit(text(name, value, most=8_192))
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or any(character <= " " or character == "\x7f" for character in str(value)):
        raise ValueError(f"{name} must be an http or https URL with a host")
    return str(value)


def moment(name: str, value: object) -> datetime:
    """Return a time between the years 1900 and 9000, in UTC; a time without a zone is UTC."""
    if not isinstance(value, datetime) or not 1900 <= value.year < 9000:
        raise ValueError(f"{name} must be a time between the years 1900 and 9000")
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def header(name: str, value: object) -> str:
    """Return the value of an HTTP header: at most 1,024 characters of Latin-1 without control characters."""
    if (
        not isinstance(value, str)
        or len(value) > 1_024
        or not all(" " <= each <= "~" or "\xa0" <= each <= "\xff" for each in value)
    ):
        raise ValueError(f"{name} must be at most 1024 printable characters of Latin-1")
    return value


def _range(least: float, most: float) -> str:
    return f"of {least:,} or more" if most in {LONGEST, LARGEST} else f"from {least:,} to {most:,}"
