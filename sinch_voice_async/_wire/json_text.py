"""JSON text <-> plain values, by the standard library, prepared once; numbers are exact both ways.

Rules:

- Written compactly, in UTF-8 rather than escapes; NaN and the infinities are refused, also on reading.
- Read with Decimal for every number that has a fraction or an exponent: 0.1850 is money, and 1E+400 is no infinity.
"""

import json
import os
import re
from collections.abc import Callable
from decimal import Decimal
from json import encoder
from typing import Any, NoReturn

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


def prepared_encoder() -> Callable[[object], str]:
    """Return what turns plain values into a JSON text, Decimals marked."""
    in_c = getattr(encoder, "c_make_encoder", None)
    if in_c is None:  # not CPython
        return json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_marked).encode
    # What JSONEncoder.encode makes anew for each text: no marks against cycles (they end in a RecursionError), no
    # indent, the two separators, keys as they come and none skipped, no NaN.
    pieces = in_c(None, _marked, encoder.encode_basestring, None, ":", ",", False, False, False)
    return lambda value: "".join(pieces(value, 0))


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refused)


def _from_text(text: str) -> Any:
    # Looking for white space around the document costs as much as reading a short one, and there hardly ever is any.
    if text.startswith("{"):
        document, end = _DECODER.raw_decode(text)
        if end == len(text):
            return document
    return _DECODER.decode(text)


TO_TEXT = prepared_encoder()
FROM_TEXT = _from_text
