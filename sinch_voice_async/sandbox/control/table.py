"""One control endpoint, and how its request is read: strictly, each mistake named.

An entry says once what an endpoint takes. The same entry describes the endpoint at ``/_sandbox/api/`` and in
``openapi.json``, and decides which members are known: an unknown member is refused, because it is a misspelt one.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sinch_voice_async.sandbox.control.guard import BODY_METHODS, Guard
from sinch_voice_async.sandbox.fields import Fields, read_object
from sinch_voice_async.sandbox.refusals import RefusalError

__all__ = ["API", "Control", "Member", "flag", "given", "member", "number", "query_whole", "seconds", "text", "texts"]

API = "/_sandbox/api"
LARGEST_BODY = 1_048_576
WHOLE = re.compile("[0-9]{1,12}", re.ASCII)
Handler = Callable[[Request, Fields], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a request: what it means, and its JSON Schema."""

    about: str
    schema: Mapping[str, object]
    required: bool = False


def member(about: str, kind: str | list[str], *, required: bool = False, **schema: object) -> Member:
    """Describe a member of a JSON type, with further keywords of JSON Schema."""
    return Member(about, {"type": kind, **schema}, required)


def text(about: str, *, required: bool = False, **schema: object) -> Member:
    """Describe a string."""
    return member(about, "string", required=required, **schema)


def flag(about: str) -> Member:
    """Describe true or false."""
    return member(about, "boolean")


def seconds(about: str, *, required: bool = False, **schema: object) -> Member:
    """Describe a number of seconds."""
    return member(about, "number", required=required, **{"minimum": 0, **schema})


def texts(about: str) -> Member:
    """Describe a list of strings."""
    return member(about, "array", items={"type": "string"})


@dataclass(frozen=True, slots=True)
class Control:
    """What is done at one method and path: ``takes`` are the members of the JSON body, ``query`` those of the query.

    ``example`` is a body that the endpoint accepts, and ``status`` the status of success.
    """

    method: str
    path: str
    handler: Handler
    takes: Mapping[str, Member] = field(default_factory=dict)
    query: Mapping[str, Member] = field(default_factory=dict)
    status: int = 200
    example: Mapping[str, object] | None = None

    def route(self, guard: Guard) -> Route:
        """Return the endpoint for a router, behind the guard."""

        async def answer(request: Request) -> Response:
            guard.check(request.method, request.headers)
            return await self.handler(request, await self._members(request))

        return Route(API + self.path, answer, methods=[self.method])

    def described(self) -> dict[str, object]:
        """Return the endpoint's entry in the list that programs read."""
        takes = {name: each.about for name, each in (self.takes or self.query).items()}
        return {"method": self.method, "path": API + self.path, "does": self.does, "takes": takes}

    @property
    def does(self) -> str:
        """What the endpoint does, in one sentence."""
        return (self.handler.__doc__ or "").partition("\n")[0]

    async def _members(self, request: Request) -> Fields:
        if request.method not in BODY_METHODS:
            return Fields({})
        fields = await _read(request)
        known = {name.lower() for name in self.takes}
        for name in fields.members:
            if name.lower() not in known:
                fields.illegal(name, f"is not known here; known are: {', '.join(self.takes) or 'none'}")
        return fields


async def _read(request: Request) -> Fields:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY:
            raise RefusalError(41300, f"The body is larger than {LARGEST_BODY} bytes")
    return read_object(bytes(body)) if body.strip() else Fields({})


def given(fields: Fields, name: str) -> bool:
    """Whether a member is present, even as null."""
    return name.lower() in {member.lower() for member in fields.members}


def number(fields: Fields, name: str, *, least: float = 0.0, most: float = 1e9) -> float | None:
    """Return a number from ``least`` to ``most``, None if it is absent; an integer of any length is compared, not
    converted.
    """
    value = fields.value(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:  # noqa: PLR0124  # NaN
        fields.illegal(name, "must be a number")
    if not least <= value <= most:
        fields.illegal(name, f"must be from {least:g} to {most:g}")
    return float(value)


def query_whole(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    """Return a whole number of the query, or refuse it with the name of the parameter."""
    value = request.query_params.get(name)
    if value is None:
        return default
    if not WHOLE.fullmatch(value) or not least <= int(value) <= most:
        raise RefusalError(40001, f"Illegal parameter '{name}': must be a whole number from {least} to {most}")
    return int(value)
