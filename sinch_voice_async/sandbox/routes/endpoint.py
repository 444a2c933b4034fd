"""An endpoint: an HTTP method, a path as the documents write it, and a handler."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from sinch_voice_async.sandbox.fields import PARAMETERS, Codes, Fields, read_object

__all__ = ["Endpoint", "Handler", "body_of", "note", "path_member"]

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


def note(request: Request, text: str) -> None:
    """Add the outcome to the request's log line: never a secret, a text or a whole number."""
    request.state.note = text
