"""JSON values -> Python values, as tolerantly as the platform's own documents and SDKs differ.

Rules:

- text: a string; a whole number is read as its digits (menu examples send ``"dtmf": 1``).
- int: a whole number; also ``14.0``, and ``"14"`` as a string. True is not a number.
- bool: true or false; also ``"true"`` and ``"False"`` as strings (the AMD example sends ``"enabled": "true"``).
- Decimal: any number, or a number in a string; exact.
- datetime: see :mod:`~sinch_voice_async._wire.timestamps`.
- An open enumeration (``Literal[...] | str``): a known value is recognised in any casing; an unknown one is kept as
  it is.
- ``TextOrJson``: a string; anything else is read as its compact JSON.
- What this library does not know (``extra``, ``headers``) is kept as plain JSON: a number that a float holds exactly
  is a float, any other stays a Decimal.

Whatever does not fit raises ``TypeError`` or ``ValueError`` saying what is expected and never what came: it may be
secret.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sinch_voice_async._wire.json import TO_TEXT, OddNumber, numbers_restored
from sinch_voice_async._wire.timestamps import parse_timestamp

# A Decimal may say 1E+999999999: as an int it would fill the memory. No field of the platform counts this far.
_LARGEST = 10**18


def read_text(value: Any, _: Any = None) -> str:
    """Return a string, or the digits of a whole number."""
    if value.__class__ is str:
        return value
    if value.__class__ is int:
        return str(value)
    raise TypeError("a string is expected")


def read_int(value: Any, _: Any = None) -> int:
    """Return a whole number."""
    if value.__class__ is int:
        return value
    if value.__class__ is Decimal and abs(value) < _LARGEST and value == int(value):
        return int(value)
    if value.__class__ is str and value.isascii() and value.removeprefix("-").isdigit():
        return int(value)
    raise TypeError("a whole number is expected")


def read_bool(value: Any, _: Any = None) -> bool:
    """Return true or false."""
    if value.__class__ is str:
        value = {"true": True, "false": False}.get(value.lower())
    if value.__class__ is bool:
        return value
    raise TypeError("true or false is expected")


def read_decimal(value: Any, _: Any = None) -> Decimal:
    """Return an exact number."""
    if value.__class__ in (Decimal, int):
        return Decimal(value)
    try:
        number = Decimal(value if value.__class__ is str else "")
    except InvalidOperation:
        raise TypeError("a number is expected") from None
    if not number.is_finite():
        raise ValueError("a finite number is expected")
    return number


def read_datetime(value: Any, _: Any = None) -> datetime:
    """Return a moment in UTC."""
    return parse_timestamp(value if value.__class__ is str else read_text(value))


def read_object(value: Any, _: Any = None) -> Mapping[str, Any]:
    """Return an object of unknown fields."""
    if value.__class__ is not dict:
        raise TypeError("an object is expected")
    return {key: plain(item) for key, item in value.items()}


def read_text_or_object(value: Any, _: Any = None) -> str | Mapping[str, Any]:
    """Return what came: the documents disagree on whether ``custom`` is a string or an object."""
    return read_object(value) if value.__class__ is dict else read_text(value)


def read_text_or_json(value: Any, _: Any = None) -> str:
    """Return a string, and of anything else its JSON."""
    return value if value.__class__ is str else numbers_restored(TO_TEXT(value))


def enumeration_reader(known: tuple[str, ...]) -> Callable[[Any, Any], str]:
    """Return a reader that writes known values in their documented casing, and keeps unknown ones."""
    canonical = {value.lower(): value for value in known} | {value: value for value in known}

    def read_enumeration(value: Any, _: Any = None) -> str:
        text = value if value.__class__ is str else read_text(value)
        return canonical.get(text) or canonical.get(text.lower(), text)

    return read_enumeration


def plain(value: Any) -> Any:
    """Return a JSON value whose numbers are ordinary where that loses nothing."""
    if value.__class__ is dict:
        return read_object(value)
    if value.__class__ is list:
        return [plain(item) for item in value]
    if value.__class__ is Decimal and Decimal(repr(float(value))) == value:
        return float(value)
    return str(value) if value.__class__ is OddNumber else value
