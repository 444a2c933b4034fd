"""JSON text <-> plain values <-> Python values, as tolerantly as the platform's documents and SDKs differ.

Rules of the text:

- Written compactly, in UTF-8 rather than escapes; NaN and the infinities are refused.
- Read with Decimal for every number that has a fraction or an exponent: 0.1850 is money, and 1E+400 is not infinite.
- ``ODD_FROM_TEXT`` reads what the strict decoder refuses for one number alone: NaN, the infinities and numbers that
  Python does not compute with become text.

Rules of the values:

- text: a string; a whole number is read as its digits (menu examples send ``"dtmf": 1``).
- int: a whole number; also ``14.0``, and ``"14"`` as a string. True is not a number.
- bool: true or false; also ``"true"`` and ``"False"`` as strings (the AMD example sends ``"enabled": "true"``).
- Decimal: any number, or a number in a string; exact.
- datetime: ISO 8601 with ``Z``, with an offset, or without a zone, which is UTC (seen in answers to Get Call Result);
  up to seven fractional digits (seen in ``x-timestamp``), of which a datetime keeps six. Written in UTC with ``Z``, and
  with a fraction if it has one.
- An open enumeration (``Literal[...] | str``): a known value is recognised in any casing; an unknown one is kept.
- ``TextOrJson``: a string; any other value is read as its compact JSON.
- Unknown fields (``extra``, ``headers``) are kept as plain JSON: a number that a float holds exactly is a float, any
  other stays a Decimal.

A value that does not fit raises ``TypeError`` or ``ValueError``, which says what is expected and not the value, for it
may be secret.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from json import encoder as json_encoder
from typing import Any, Final, NoReturn

BOM: Final = "\ufeff"
"""Some servers send it before their JSON; it is skipped."""

# The standard encoder cannot write a Decimal as a number, so each goes through it as a marked string and loses its
# quotes afterwards. The mark is random in each process, so that no text can pretend to be a number.
MARK: Final = f"decimal-{os.urandom(8).hex()}:"
_MARKED: Final = re.compile(f'"{MARK}([^"]*)"')


def numbers_restored(text: str) -> str:
    """Return a JSON text with its marked Decimals as numbers."""
    return _MARKED.sub(r"\1", text)


def marked(value: object) -> str:
    """Return a finite Decimal as a marked string; raise ``TypeError`` for any other value."""
    if isinstance(value, Decimal) and value.is_finite():
        return f"{MARK}{value}"
    raise TypeError(f"JSON cannot hold a {type(value).__name__}")


def pieces_writer(default: Callable[[Any], Any]) -> Callable[[Any, int], Iterable[str]]:
    """Return a function from plain values, and 0, to the pieces of their compact JSON.

    ``default`` turns any other value into plain ones.
    """
    # A document that contains itself is found by its depth, which is cheaper than a list of all that was entered.
    encoder = json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"), default=default
    )
    make: Any = getattr(json_encoder, "c_make_encoder", None)
    if make is None:
        # A Python without the C part of the standard library.
        return lambda value, _: encoder.iterencode(value)
    # ``encode`` makes this anew for each document, which takes as long as to write a small one.
    pieces: Callable[[Any, int], Iterable[str]] = make(
        None, default, json_encoder.encode_basestring, None, ":", ",", False, False, False
    )
    return pieces


def writer(default: Callable[[Any], Any]) -> Callable[[Any], str]:
    """Return a function from plain values to compact JSON; ``default`` turns any other value into plain ones."""
    pieces = pieces_writer(default)
    return lambda value: "".join(pieces(value, 0))


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


class OddNumber(str):
    """A number that Python cannot compute with, as the text that came; a field that wants a text does not take it."""

    __slots__ = ()


def _odd_fraction(digits: str) -> Decimal | OddNumber:
    try:
        return Decimal(digits)
    except ArithmeticError:
        return OddNumber(digits)


def _odd_whole(digits: str) -> int | OddNumber:
    # Python neither reads nor writes an integer of more than 4,300 digits.
    return int(digits) if len(digits) <= 4000 else OddNumber(digits)


TO_PIECES: Final = pieces_writer(marked)
TO_TEXT: Final = writer(marked)
_DECODER: Final = json.JSONDecoder(parse_float=Decimal, parse_constant=_refused)
FROM_TEXT: Final = _DECODER.decode
SCAN: Final[Callable[[str, int], tuple[Any, int]]] = _DECODER.scan_once  # type: ignore[attr-defined]  # not in typeshed
"""Read a document from a place in a text on, and return it and where it ends; no white space before it is skipped."""
ODD_FROM_TEXT: Final = json.JSONDecoder(
    parse_float=_odd_fraction, parse_int=_odd_whole, parse_constant=OddNumber
).decode


def parse_timestamp(text: str) -> datetime:
    """Return the moment that an ISO 8601 text names, aware and in UTC; raise ValueError if it names none."""
    try:
        moment = datetime.fromisoformat(text.upper())
        if moment.tzinfo is UTC:
            return moment
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("an ISO 8601 time is expected") from None


def format_timestamp(moment: datetime) -> str:
    """Return ``2022-03-21T13:13:59Z`` of an aware datetime; raise ValueError if it has no zone."""
    if moment.tzinfo is None:
        raise ValueError("a time with a zone is expected, such as datetime.now(UTC)")
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


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


def canonical_values(known: tuple[str, ...]) -> dict[str, str]:
    """Return known values by their documented and by their lower-case spelling."""
    return {value.lower(): value for value in known} | {value: value for value in known}


def enumeration_reader(known: tuple[str, ...]) -> Callable[[Any, Any], str]:
    """Return a reader that writes known values in their documented casing, and keeps unknown ones."""
    canonical = canonical_values(known)

    def read_enumeration(value: Any, _: Any = None) -> str:
        text = value if value.__class__ is str else read_text(value)
        return canonical.get(text) or canonical.get(text.lower(), text)

    return read_enumeration


def plain(value: Any) -> Any:
    """Return a JSON value with ordinary numbers, as far as that loses nothing."""
    if value.__class__ is dict:
        return read_object(value)
    if value.__class__ is list:
        return [plain(item) for item in value]
    if value.__class__ is Decimal and Decimal(repr(float(value))) == value:
        return float(value)
    return str(value) if value.__class__ is OddNumber else value
