"""A request to the sandbox: its endpoint, the members of its path and of its JSON, and its refusal.

Members are read strictly: each mistake is answered with the documented code. Names are matched in any case: the
platform's own samples write both ``enableDice`` and ``enabledice``, and its own client libraries disagree on
``applicationKey``. A member that is null counts as absent. Unknown members are ignored.

The sandbox remembers what it was sent, but not all of it: JSON has an estimated size, and a shorter form.
"""

import json
import re
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple, NoReturn, TypeVar
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

__all__ = [
    "LONGEST_TEXT",
    "PARAMETERS",
    "Codes",
    "Endpoint",
    "Fields",
    "Handler",
    "RefusalError",
    "body_of",
    "found",
    "note",
    "path_member",
    "read_object",
    "shortened",
    "size_of_body",
    "size_of_value",
]

_Found = TypeVar("_Found")


class RefusalError(Exception):
    """The answer to a request that is refused: an HTTP status, a code of five digits, a message and a reference.

    The first three digits of the code are the status. ``details`` are further members of the error object.

    Source: Calling API, Errors.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status: int = code // 100 if status is None else status
        self.headers: dict[str, str] = dict(headers or {})
        self.details: dict[str, str] = dict(details or {})

    def response(self) -> JSONResponse:
        """Return the error object as an HTTP answer with a new reference."""
        body = {"errorCode": self.code, "message": self.message, "reference": str(uuid.uuid4()), **self.details}
        return JSONResponse(body, status_code=self.status, headers=self.headers)


BYTES_OF_A_VALUE = 100
"""What Python needs for one value of JSON, about."""
LONGEST_TEXT = 500
MOST_VALUES = 40
MOST_CHARACTERS = 2_000
CUT = "... ({} characters)"
LONGEST_CUT = 32
DEEPEST = 12


def size_of_body(body: bytes) -> int:
    """Return an upper estimate, in bytes, of the parsed JSON. It is fast: it does not parse."""
    values = 1 + body.count(b",") + body.count(b"[") + body.count(b"{")
    # A text with one character outside of the Basic Multilingual Plane takes four bytes for each character.
    width = 1 if body.isascii() and b"\\u" not in body else 4
    return width * len(body) + BYTES_OF_A_VALUE * values


def size_of_value(value: object, depth: int = 0) -> int:
    """Return an estimate, in bytes, of JSON that is not deeper than what :func:`shortened` returns."""
    if isinstance(value, str):
        return BYTES_OF_A_VALUE + len(value)
    if isinstance(value, Mapping) and depth <= DEEPEST:
        inner = sum(size_of_value(name) + size_of_value(each, depth + 1) for name, each in value.items())
        return BYTES_OF_A_VALUE + inner
    if isinstance(value, list) and depth <= DEEPEST:
        return BYTES_OF_A_VALUE + sum(size_of_value(each, depth + 1) for each in value)
    return BYTES_OF_A_VALUE


def shortened(value: object) -> object:
    """Return JSON with at most 40 values and about 2,000 characters, none of 500 in one text; it says what is missing.

    What is short already stays as it is.
    """
    return _shortened(value, _Left(), 0)


@dataclass(slots=True)
class _Left:
    """How much may still be kept."""

    values: int = MOST_VALUES
    characters: int = MOST_CHARACTERS

    def text(self, value: str) -> str:
        most = max(0, min(LONGEST_TEXT, self.characters))
        short = value if len(value) <= most + LONGEST_CUT else value[:most] + CUT.format(len(value))
        self.characters -= len(short)
        return short


def _shortened(value: object, left: _Left, depth: int) -> object:
    left.values -= 1
    if isinstance(value, str):
        return left.text(value)
    if not isinstance(value, Mapping | list):
        return "(a large number)" if isinstance(value, int) and not -(2**63) <= value < 2**63 else value
    if depth == DEEPEST:
        return "(nested too deeply)"
    short: dict[str, object] = {}
    for name, each in value.items() if isinstance(value, Mapping) else enumerate(value):
        if left.values <= 0:
            short["..."] = f"({len(value)} in all)"
            break
        short[left.text(f"{name}")] = _shortened(each, left, depth + 1)
    return short if isinstance(value, Mapping) else list(short.values())


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


Handler = Callable[[Request], Awaitable[Response]]


class Endpoint(NamedTuple):
    """One method and path with its handler."""

    method: str
    template: str
    handler: Handler


async def body_of(request: Request, codes: Codes = PARAMETERS) -> Fields:
    """Return the JSON object in the body."""
    return read_object(await request.body(), codes)


def path_member(request: Request, name: str) -> str:
    """Return a member of the path, percent-decoded: a ``%2F`` in an id never splits the path."""
    return unquote(str(request.path_params[name]))


def found(value: _Found | None, noun: str) -> _Found:
    """Return what a path names, and refuse one that names nothing: 40400."""
    if value is None:
        raise RefusalError(40400, f"{noun} not found")
    return value


def note(request: Request, text: str) -> None:
    """Add the outcome to the request's log line: never a secret, a text or a whole number."""
    request.state.note = text
