"""A text with fields: ``Hi {name}``, where ``name`` is a column. Nothing but plain names, and ``{{`` for a brace."""

from string import Formatter

from attrs import frozen

from sinch_voice_async import ConfigurationError, InvalidRequestError
from sinch_voice_async.dialer import Contact

__all__ = ["Template"]


@frozen
class Template:
    """A text, taken apart once: what stands as it is, and the column behind it."""

    parts: tuple[tuple[str, str | None], ...]

    @classmethod
    def parse(cls, text: str) -> "Template":
        """Read a template.

        :raises ConfigurationError: a brace is open, or there is more than a name between two.
        """
        try:
            parts = [*Formatter().parse(text)]
        except ValueError as problem:
            raise ConfigurationError(f"--text is no template: {problem}; write {{{{ for a brace") from None
        for _, name, form, conversion in parts:
            if name is not None and (not name or form or conversion or set(name) & set(".[]")):
                raise ConfigurationError("--text may hold nothing but the names of columns in braces: {name}")
        return cls(tuple((text, name) for text, name, _, _ in parts))

    def render(self, contact: Contact) -> str:
        """Return the text for one contact.

        :raises InvalidRequestError: it has no such field, or an empty one.
        """
        return "".join(text + ("" if name is None else _value(contact, name)) for text, name in self.parts)


def _value(contact: Contact, name: str) -> str:
    value = contact[name]
    if value is None or not str(value).strip():
        raise InvalidRequestError(f"the field {name!r} is empty", field=name)
    return str(value)
