"""The page at ``/_sandbox/``: files that are named here, read once, and nothing else from the disk.

The Content-Security-Policy allows no script or style but these files, and Trusted Types forbid turning text into
markup. Source: CSP.
"""

from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sinch_voice_async.sandbox.control.guard import Guard
from sinch_voice_async.sandbox.refusals import RefusalError

__all__ = ["PAGE", "SAFETY", "page_routes"]

PAGE = "/_sandbox"
SAFETY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
"""Headers of everything under ``/_sandbox``."""
MEDIA_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def page_routes(guard: Guard) -> list[Route]:
    """Return the page and its files."""

    async def redirect(_request: Request) -> Response:
        return RedirectResponse(f"{PAGE}/", status_code=308)

    async def index(request: Request) -> Response:
        return _answer(guard, request, "index.html")

    async def file(request: Request) -> Response:
        return _answer(guard, request, request.path_params["name"])

    return [Route(PAGE, redirect), Route(f"{PAGE}/", index), Route(f"{PAGE}/page/{{name}}", file)]


def _answer(guard: Guard, request: Request, name: str) -> Response:
    guard.check_host(request.headers)
    content = _contents().get(name)
    if content is None:
        raise RefusalError(40400, "Resource not found")
    return Response(content, media_type=MEDIA_TYPES[name.rpartition(".")[2]])


@cache
def _contents() -> dict[str, bytes]:
    folder = files("sinch_voice_async.sandbox") / "page"
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.name.rpartition(".")[2] in MEDIA_TYPES}
