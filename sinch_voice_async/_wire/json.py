"""JSON text <-> plain values, by the standard library, prepared once; numbers are exact both ways.

Rules:

- Written compactly, in UTF-8 rather than escapes; NaN and the infinities are refused.
- Read with Decimal for every number that has a fraction or an exponent: 0.1850 is money, and 1E+400 is not infinite.
- ``ODD_FROM_TEXT`` reads what the strict decoder refuses for one number alone: NaN, the infinities and numbers that
  Python does not compute with become text.
"""

import json
import os
import re
from collections.abc import Callable
from decimal import Decimal
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


def writer(default: Callable[[Any], Any]) -> Callable[[Any], str]:
    """Return a function from plain values to compact JSON; ``default`` turns any other value into plain ones."""
    # A document that contains itself is found by its depth, which is cheaper than a list of all that was entered.
    encoder = json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"), default=default
    )
    return encoder.encode


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


TO_TEXT: Final = writer(marked)
FROM_TEXT: Final = json.JSONDecoder(parse_float=Decimal, parse_constant=_refused).decode
ODD_FROM_TEXT: Final = json.JSONDecoder(
    parse_float=_odd_fraction, parse_int=_odd_whole, parse_constant=OddNumber
).decode
