"""The mark of a document that may be sent inline, as a string of JSON: SVAML documents have it.

SVAML has more classes than all other models together, and making them is most of the cost of importing this package. A
program that does not use SVAML does not load it: the other models know a document by its mark.
"""

from typing import Annotated, Any, TypeAlias

__all__ = ["Inline", "TextOrJson"]

TextOrJson: TypeAlias = Annotated[str, "any JSON but a text is read as its JSON"]
"""A text of yours that comes back; some documents of the platform have an object there."""


class Inline:
    """A document that is allowed in the place of a URL."""

    __slots__ = ()

    def check(self, place: Any) -> None:
        """Raise ``InvalidRequestError`` if the platform would refuse this document there."""
