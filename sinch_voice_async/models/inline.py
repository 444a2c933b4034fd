"""The mark of a document that may be sent inline, as a string of JSON: a SVAML document carries it.

SVAML has more classes than all other models together, and making them is most of what importing this package would
cost. Who never speaks of SVAML never loads it: whatever takes a document knows it by this mark.
"""

from typing import Annotated, Any, TypeAlias

__all__ = ["Inline", "TextOrJson"]

TextOrJson: TypeAlias = Annotated[str, "read as JSON where it is no text"]
"""A text of the customer's that comes back; some of the platform's documents have an object there."""


class Inline:
    """A document that may stand where a URL may stand too."""

    __slots__ = ()

    def check(self, place: Any) -> None:
        """Raise ``InvalidRequestError`` if the platform would refuse this document there."""
