"""JSON text <-> plain values, by the standard library, prepared once; numbers are exact both ways.

Rules:

- Written compactly, in UTF-8 rather than escapes; NaN and the infinities are refused, also on reading.
- Read with Decimal for every number that has a fraction or an exponent: 0.1850 is money, and 1E+400 is no infinity.
"""

import json
import os
import re
from decimal import Decimal
from typing import NoReturn

BOM = "\ufeff"
"""Servers of one family put it before their JSON; it is skipped."""

# The standard encoder cannot write a Decimal as a number, so each goes through it as a marked string and loses its
# quotes afterwards. The mark is drawn anew in each process: no text that somebody sends can pretend to be a number.
MARK = f"decimal-{os.urandom(8).hex()}:"
_MARKED = re.compile(f'"{MARK}([^"]*)"')


def numbers_restored(text: str) -> str:
    """Return a JSON text with its marked Decimals as numbers."""
    return _MARKED.sub(r"\1", text)


def _marked(value: object) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return f"{MARK}{value}"
    raise TypeError(f"{type(value).__name__} is no JSON")


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


# What contains itself is found out by the depth that it reaches, rather than by a list of all that was entered.
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"), default=_marked
)
TO_TEXT = _ENCODER.encode
FROM_TEXT = json.JSONDecoder(parse_float=Decimal, parse_constant=_refused).decode
