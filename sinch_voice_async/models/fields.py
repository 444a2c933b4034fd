"""What the fields of models have in common: their reprs, their types, and the fields that no model knows.

Reprs end in logs and error reports, whose readers may not know who called whom and why. So a repr tells two models
apart, and never shows a whole telephone number or a spoken text.
"""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from attrs import field

__all__ = ["Absent", "Inline", "TextOrJson", "length", "masked", "unknown_fields"]

TextOrJson: TypeAlias = Annotated[str, "any JSON but a text is read as its JSON"]
"""A text of yours that comes back; some documents of the platform have an object there."""


class Inline:
    """The mark of a document that may be sent inline, as a string of JSON, in the place of a URL.

    SVAML documents have it. SVAML has more classes than all other models together, and making them is most of the cost
    of importing this package. A program that does not use SVAML does not load it: the other models know a document by
    its mark.
    """

    __slots__ = ()

    def check(self, place: Any) -> None:
        """Raise ``InvalidRequestError`` if the platform would refuse this document there."""


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
