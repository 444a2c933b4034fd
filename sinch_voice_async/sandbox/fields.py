"""The members of a JSON object in a request, read strictly: each mistake is answered with the documented code.

Names are matched in any case: the platform's own samples write both ``enableDice`` and ``enabledice``, and its own
client libraries disagree on ``applicationKey``. A member that is null counts as absent. Unknown members are ignored.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NoReturn

from sinch_voice_async.sandbox.refusals import RefusalError
from sinch_voice_async.sandbox.sizes import size_of_body

__all__ = ["PARAMETERS", "Codes", "Fields", "read_object"]


LARGEST = 2**31 - 1
"""The largest whole number that is accepted, unless a member has a limit of its own."""
SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Codes:
    """Which error code an endpoint answers for a malformed and for a missing member."""

    illegal: int = 40001
    missing: int = 40002


PARAMETERS = Codes()
"""What most endpoints answer."""


def read_object(body: bytes, codes: Codes = PARAMETERS) -> "Fields":
    """Return the JSON object in a request's body, or answer 40003."""
    if not body.strip():
        raise RefusalError(40003, "Request data missing")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusalError(40003, "Invalid request: the body is not JSON") from None
    if not isinstance(value, dict):
        raise RefusalError(40003, "Invalid request: the body is not a JSON object")
    return Fields(value, codes=codes, size=size_of_body(body))


class Fields:
    """The members of one JSON object. ``path`` is its place in messages, ``size`` an estimate of its bytes."""

    __slots__ = ("_lower", "codes", "members", "path", "size")

    def __init__(
        self, members: Mapping[str, object], path: str = "", codes: Codes = PARAMETERS, *, size: int = 0
    ) -> None:
        self.members: Mapping[str, object] = members
        self.path: str = path
        self.codes: Codes = codes
        self.size: int = size
        self._lower: dict[str, object] | None = None

    def name(self, member: str) -> str:
        """Return the path of a member, as in ``ttsCallout.destination.endpoint``."""
        return f"{self.path}.{member}" if self.path else member

    def illegal(self, member: str, problem: str) -> NoReturn:
        """Refuse a member that has an illegal value."""
        raise RefusalError(self.codes.illegal, f"Illegal parameter '{self.name(member)}': {problem}")

    def missing(self, member: str) -> NoReturn:
        """Refuse a request without a required member."""
        raise RefusalError(self.codes.missing, f"Missing parameter '{self.name(member)}'")

    def value(self, member: str) -> object:
        """Return the member as it came, None if it is absent."""
        if member in self.members:
            return self.members[member]
        if self._lower is None:
            # The first of several spellings counts.
            self._lower = {}
            for name, value in self.members.items():
                self._lower.setdefault(name.lower(), value)
        return self._lower.get(member.lower())

    def text(self, member: str, *, most: int | None = None) -> str | None:
        """Return a string of at most ``most`` characters, None if it is absent."""
        value = self.value(member)
        if value is None:
            return None
        if not isinstance(value, str):
            self.illegal(member, "must be a string")
        if SURROGATE.search(value):
            self.illegal(member, "is not Unicode: it holds half a surrogate pair")
        if most is not None and len(value) > most:
            self.illegal(member, f"must not be longer than {most} characters")
        return value

    def required_text(self, member: str, *, most: int | None = None) -> str:
        """Return a string that is required and not empty."""
        return self.text(member, most=most) or self.missing(member)

    def choice(self, member: str, allowed: Collection[str]) -> str | None:
        """Return one of the ``allowed`` words in lower case; it may come in any case."""
        value = self.text(member)
        if value is not None and value.lower() not in allowed:
            self.illegal(member, f"must be one of {', '.join(sorted(allowed))}")
        return None if value is None else value.lower()

    def flag(self, member: str) -> bool:
        """Return true or false; false if it is absent."""
        value = self.value(member)
        if value is not None and not isinstance(value, bool):
            self.illegal(member, "must be true or false")
        return bool(value)

    def whole(self, member: str, *, least: int = 0, most: int = LARGEST) -> int | None:
        """Return a whole number from ``least`` to ``most``, None if it is absent."""
        value = self.value(member)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self.illegal(member, "must be a whole number")
        if not least <= value <= most:
            self.illegal(member, f"must be {least} or more" if value < least else f"must be from {least} to {most}")
        return value

    def child(self, member: str) -> "Fields | None":
        """Return a nested object, None if it is absent."""
        value = self.value(member)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.illegal(member, "must be an object")
        return Fields(value, self.name(member), self.codes)

    def required_child(self, member: str) -> "Fields":
        """Return a nested object that is required."""
        return self.child(member) or self.missing(member)

    def children(self, member: str) -> "list[Fields]":
        """Return a list of nested objects, empty if it is absent."""
        return [
            Fields(value, f"{self.name(member)}[{index}]", self.codes)
            if isinstance(value, dict)
            else self.illegal(f"{member}[{index}]", "must be an object")
            for index, value in enumerate(self.array(member))
        ]

    def texts(self, member: str) -> list[str]:
        """Return a list of strings, empty if it is absent."""
        return [
            value if isinstance(value, str) else self.illegal(f"{member}[{index}]", "must be a string")
            for index, value in enumerate(self.array(member))
        ]

    def array(self, member: str) -> list[object]:
        """Return a list, empty if it is absent."""
        value = self.value(member)
        if value is not None and not isinstance(value, list):
            self.illegal(member, "must be a list")
        return list(value or [])
