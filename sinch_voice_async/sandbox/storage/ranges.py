"""Which bytes of a file a request asks for; RFC 9110, sections 13.1.5 and 14."""

import re
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Span", "requested_span"]

ONE_RANGE = re.compile(r"bytes=\s*([0-9]*)-([0-9]*)\s*")


class Span(NamedTuple):
    """Bytes from ``start`` up to ``stop``; ``status`` is 200, 206, or 416 where no byte fits."""

    start: int
    stop: int
    status: int


def requested_span(headers: Mapping[str, str], *, size: int, validators: tuple[str, str]) -> Span:
    """Return the part asked for, the whole file where that is not one range, or is of another version.

    ``validators`` are the file's entity tag and modification date, either of which ``If-Range`` may name.
    """
    whole = Span(0, size, 200)
    match = ONE_RANGE.fullmatch(headers.get("range", ""))
    if match is None or headers.get("if-range", validators[0]) not in validators:
        return whole
    first, last = match.groups()
    if not first and not last:
        return whole
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < start:
            return whole
    return Span(start, stop, 206) if start < stop else Span(0, 0, 416)
