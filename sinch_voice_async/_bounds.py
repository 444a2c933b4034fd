"""What an argument may be: one function per kind of value, used by every public constructor and method.

Rules:

- A value is checked when the object is made, before it is stored and before anything is sent.
- Each kind means one thing everywhere. A bool is not a number; NaN and infinity are not numbers of anything; a number
  in a ``str`` is text. None passes only with ``optional=True``.
- A refusal reads ``NAME must be RULE, not VALUE``. It shows numbers and only names the type of other values: they may
  be a secret, a telephone number or a text.
- The error is :class:`~sinch_voice_async.errors.ConfigurationError`, or what ``error=`` names.
- Each function returns the value that it was given. :func:`path` is the exception: it returns a ``Path``.
"""

import math
import os
import re
import sys
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn, TypeGuard, TypeVar

import attrs

from sinch_voice_async.errors import ConfigurationError, InvalidRequestError, SinchVoiceError

__all__ = [
    "LONGEST",
    "checked",
    "flag",
    "function",
    "instance",
    "moment",
    "number",
    "one_of",
    "path",
    "refuse",
    "seconds",
    "text",
    "url",
    "whole",
]

T = TypeVar("T")

LONGEST: Final = 1e10
"""Seconds, three centuries. Every clock, timer and date of the standard library takes a number up to here."""

_MOST: Final = sys.maxsize
_URL: Final = re.compile(r"https?://[^\s/?#]\S*", re.IGNORECASE)


def refuse(name: str, rule: str, value: object, *, error: type[SinchVoiceError] = ConfigurationError) -> NoReturn:
    """Raise the error that says what ``name`` must be and what it is."""
    message = f"{name} must be {rule}, not {_shown(value)}"
    if issubclass(error, InvalidRequestError):
        raise error(message, field=name)
    raise error(message)


def seconds(
    value: float | None,
    name: str,
    *,
    zero: bool = True,
    most: float = LONGEST,
    optional: bool = False,
    error: type[SinchVoiceError] = ConfigurationError,
) -> Any:
    """Require a finite number of seconds, 0 or more; more than 0 if ``zero`` is False; at most ``most``."""
    if value is None and optional:
        return value
    if _is_number(value) and (value >= 0 if zero else value > 0) and value <= most:
        return value
    least = "a number of seconds, 0 or more" if zero else "a positive number of seconds"
    refuse(name, _rule(least, _limit(value, most), optional=optional), value, error=error)


def number(
    value: float | None,
    name: str,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    optional: bool = False,
    error: type[SinchVoiceError] = ConfigurationError,
) -> Any:
    """Require a finite number: at least ``least``, more than ``above``, at most ``most``, as far as they are given."""
    if value is None and optional:
        return value
    if (
        _is_number(value)
        and (least is None or value >= least)
        and (above is None or value > above)
        and (most is None or value <= most)
    ):
        return value
    refuse(name, _rule(_range("a number", least, above, most), optional=optional), value, error=error)


def whole(
    value: int | None,
    name: str,
    *,
    least: int = 0,
    most: int = _MOST,
    optional: bool = False,
    error: type[SinchVoiceError] = ConfigurationError,
) -> Any:
    """Require a whole number from ``least`` to ``most``."""
    if value is None and optional:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    rule, limit = f"a whole number from {least} to {most}", ""
    if most == _MOST:
        rule, limit = f"a whole number from {least}", _limit(value, most)
    refuse(name, _rule(rule, limit, optional=optional), value, error=error)


def flag(
    value: bool | None,  # noqa: FBT001  # it is the value that is checked
    name: str,
    *,
    optional: bool = False,
    error: type[SinchVoiceError] = ConfigurationError,
) -> Any:
    """Require True or False."""
    if isinstance(value, bool) or (value is None and optional):
        return value
    refuse(name, _rule("True or False", optional=optional), value, error=error)


def text(
    value: str | None, name: str, *, optional: bool = False, error: type[SinchVoiceError] = ConfigurationError
) -> Any:
    """Require a line of printable text that is not empty."""
    if (value is None and optional) or (isinstance(value, str) and value.strip() and value.isprintable()):
        return value
    rule = "a str that is not empty and has no control characters"
    refuse(name, _rule(rule, optional=optional), value, error=error)


def path(
    value: str | os.PathLike[str],
    name: str,
    *,
    error: type[SinchVoiceError] = ConfigurationError,
) -> Path:
    """Require the path of a file, and return it as a ``Path``; what no file system takes as a name is refused."""
    named = value if isinstance(value, (str, os.PathLike)) else ""
    found = os.fspath(named)
    if not isinstance(found, str) or not found or "\0" in found or not _is_encodable(found):
        refuse(name, "a path (a str or a Path that is not empty)", value, error=error)
    return Path(found)


def _is_encodable(name: str) -> bool:
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True


def url(
    value: str | None, name: str, *, optional: bool = False, error: type[SinchVoiceError] = ConfigurationError
) -> Any:
    """Require an http or https URL with a host."""
    if (value is None and optional) or (isinstance(value, str) and value.isprintable() and _URL.fullmatch(value)):
        return value
    if isinstance(value, str):
        # Of a text the type says nothing, and its content may be a secret.
        message = f"{name} must be an http or https URL with a host, such as https://example.com/voice"
        raise error(message, field=name) if issubclass(error, InvalidRequestError) else error(message)
    refuse(name, _rule("an http or https URL", optional=optional), value, error=error)


def moment(
    value: datetime | None, name: str, *, optional: bool = False, error: type[SinchVoiceError] = ConfigurationError
) -> Any:
    """Require a datetime with a time zone."""
    if (value is None and optional) or (isinstance(value, datetime) and value.utcoffset() is not None):
        return value
    rule = "a datetime with a time zone, such as datetime(2026, 1, 31, tzinfo=UTC)"
    refuse(name, _rule(rule, optional=optional), value, error=error)


def function(
    value: object, name: str, *, optional: bool = False, error: type[SinchVoiceError] = ConfigurationError
) -> Any:
    """Require something that can be called."""
    if callable(value) or (value is None and optional):
        return value
    refuse(name, _rule("a function", optional=optional), value, error=error)


def instance(
    value: object,
    name: str,
    cls: type,
    *,
    optional: bool = False,
    error: type[SinchVoiceError] = ConfigurationError,
) -> Any:
    """Require an instance of one class."""
    if isinstance(value, cls) or (value is None and optional):
        return value
    refuse(name, _rule(_a(cls.__name__), optional=optional), value, error=error)


def one_of(value: T, name: str, choices: Collection[object], *, error: type[SinchVoiceError] = ConfigurationError) -> T:
    """Require one of a few values, of the type that stands there: True is not 1."""
    if any(type(value) is type(choice) and value == choice for choice in choices):
        return value
    refuse(name, "one of " + ", ".join(map(repr, choices)), value, error=error)


def checked(check: Callable[..., object], **options: Any) -> Callable[[object, "attrs.Attribute[Any]", Any], None]:
    """Make an attrs validator of one of the functions above.

    ::

        max_attempts: int = field(default=3, validator=checked(whole, least=1))
    """

    def validate(_instance: object, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        check(value, attribute.alias or attribute.name, **options)

    return validate


def _is_number(value: object) -> TypeGuard[float]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    # An integer is finite, and may be too large to become the float that `isfinite` wants.
    return isinstance(value, int) or math.isfinite(value)


def _limit(value: object, most: float) -> str:
    if not _is_number(value) or value <= most:
        return ""
    return f"at most {most}" if isinstance(most, int) else f"at most {most:g}"


def _range(kind: str, least: float | None, above: float | None, most: float | None) -> str:
    rules = [
        f"{word} {bound:g}"
        for word, bound in (("at least", least), ("more than", above), ("at most", most))
        if bound is not None
    ]
    return f"{kind}, {' and '.join(rules)}" if rules else kind


def _rule(*parts: str, optional: bool) -> str:
    rule = ", ".join(part for part in parts if part)
    return f"{rule}, or None" if optional else rule


def _a(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in {'a', 'e', 'i', 'o', 'u'} else 'a'} {noun}"


def _shown(value: object) -> str:
    if value is None or isinstance(value, (bool, float)):
        return repr(value)
    if isinstance(value, int):
        # Python refuses to write an integer of thousands of digits.
        return repr(value) if abs(value) < 10**20 else f"an integer of {value.bit_length()} bits"
    if isinstance(value, str) and not value:
        return "an empty str"
    return _a(type(value).__name__)
