"""The page at ``/_sandbox/``: files that are named here, read once, and nothing else from the disk.

Documents of the browser: the Content-Security-Policy allows no script or style but these files, and Trusted Types
forbid turning text into markup.
"""

from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sinch_voice_async.sandbox.refusals import RefusalError
from sinch_voice_async.sandbox.routes.control_guard import check_host

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


def page_routes() -> list[Route]:
    """Return the page and its files."""
    return [
        Route(PAGE, _redirect),
        Route(f"{PAGE}/", _index),
        Route(f"{PAGE}/page/{{name}}", _file),
    ]


async def _redirect(_request: Request) -> Response:
    return RedirectResponse(f"{PAGE}/", status_code=308)


async def _index(request: Request) -> Response:
    return _answer(request, "index.html")


async def _file(request: Request) -> Response:
    return _answer(request, request.path_params["name"])


def _answer(request: Request, name: str) -> Response:
    check_host(request.headers)
    content = _contents().get(name)
    if content is None:
        raise RefusalError(40400, "Resource not found")
    return Response(content, media_type=MEDIA_TYPES[name.rpartition(".")[2]])


@cache
def _contents() -> dict[str, bytes]:
    folder = files("sinch_voice_async.sandbox") / "page"
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.name.rpartition(".")[2] in MEDIA_TYPES}
