"""One control endpoint, and how its request is read: strictly, each mistake named.

What an endpoint takes is said once, in its entry: the same words describe it at ``/_sandbox/api/`` and decide which
members are known. An unknown member is refused here, for it is a misspelt one.
"""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sinch_voice_async.sandbox.fields import Fields, read_object
from sinch_voice_async.sandbox.refusals import RefusalError
from sinch_voice_async.sandbox.routes.control_guard import BODY_METHODS, check_visitor

__all__ = ["API", "Control", "given", "number"]

API = "/_sandbox/api"
LARGEST_BODY = 1_048_576
Handler = Callable[[Request, Fields], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Control:
    """What is done at one method and path; ``takes`` describes each member of the JSON object in the body."""

    method: str
    path: str
    handler: Handler
    takes: Mapping[str, str] = field(default_factory=dict)

    def route(self) -> Route:
        """Return the endpoint for a router."""
        return Route(API + self.path, self.answer, methods=[self.method])

    def described(self) -> dict[str, object]:
        """Return the endpoint's entry in the list that programs read."""
        does = (self.handler.__doc__ or "").partition("\n")[0]
        return {"method": self.method, "path": API + self.path, "does": does, "takes": dict(self.takes)}

    async def answer(self, request: Request) -> Response:
        """Let in, read and serve one request."""
        check_visitor(request.method, request.headers)
        fields = await _members(request) if request.method in BODY_METHODS else Fields({})
        known = {name.lower() for name in self.takes}
        for name in fields.members:
            if name.lower() not in known:
                fields.illegal(name, f"is not known here, but {', '.join(self.takes) or 'nothing'}")
        return await self.handler(request, fields)


async def _members(request: Request) -> Fields:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY:
            raise RefusalError(41300, f"The body is larger than {LARGEST_BODY} bytes")
    return read_object(bytes(body)) if body.strip() else Fields({})


def given(fields: Fields, name: str) -> bool:
    """Whether a member is there, be it as null."""
    return name.lower() in {member.lower() for member in fields.members}


def number(fields: Fields, name: str, *, least: float = 0.0, most: float = 1e9) -> float | None:
    """Return a number from ``least`` to ``most``, None where it is absent."""
    value = fields.value(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        fields.illegal(name, "must be a number")
    if not least <= value <= most:
        fields.illegal(name, f"must be from {least:g} to {most:g}")
    return float(value)
