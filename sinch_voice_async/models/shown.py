"""The reprs of fields: enough to tell two models apart, never a whole telephone number or a spoken text.

Reprs end in logs and error reports, whose readers may not know who called whom and why.
"""

from collections.abc import Mapping
from typing import Any

from attrs import field

__all__ = ["Absent", "length", "masked", "unknown_fields"]


class Absent(tuple[Any, ...]):
    """An empty list that was not given: it equals ``()``, which is written as ``[]``, and is left out itself."""

    __slots__ = ()


def masked(value: object) -> str:
    """Show the last two characters of a number or address, and of a longer one its length by the stars."""
    return repr(f"{'*' * (len(value) - 2)}{value[-2:]}") if isinstance(value, str) else repr(value)


def length(value: object) -> str:
    """Show the length of a text, and the class of any other value."""
    if isinstance(value, str):
        return f"<{len(value)} characters>"
    return "None" if value is None else f"<{type(value).__name__}>"


def unknown_fields() -> Mapping[str, Any]:
    """Declare ``extra``: the fields that the platform sent and the model does not know, by their names on the wire.

    They are kept when a document is read and written back with it. They count for equality, and not for the hash.
    """
    extra: Mapping[str, Any] = field(factory=dict, hash=False, repr=False)
    return extra
