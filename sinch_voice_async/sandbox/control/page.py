"""The page at ``/_sandbox/``, and who may reach it and the control API.

The Content-Security-Policy allows no script or style but these files, and Trusted Types forbid turning text into
markup. Source: CSP.

No password is asked for, so two attacks through a visitor's browser are refused instead. DNS rebinding gives a foreign
name this machine's address: ``Host`` must be ``localhost``, an IP address, or a name that the owner of the sandbox has
allowed (``--allow-host``). Cross-site requests carry ``Origin`` or ``Sec-Fetch-Site``: both must say that the request
comes from the sandbox's own page. And a body must be called JSON, which a form of another site cannot do without
asking first.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sinch_voice_async.sandbox.requests import RefusalError

__all__ = ["BODY_METHODS", "PAGE", "SAFETY", "Guard", "page_routes"]

BODY_METHODS = ("POST", "PUT", "PATCH")


class Guard:
    """Lets requests in by their headers. ``hosts`` are names that are allowed beside localhost and IP addresses."""

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self.hosts: tuple[str, ...] = tuple(host.lower() for host in hosts)

    def check(self, method: str, headers: Mapping[str, str]) -> None:
        """Refuse, with 40300 or 41500, a request that another site may have caused."""
        self.check_host(headers)
        host = headers["host"].lower()
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{host}", f"https://{host}"}:
            raise RefusalError(40300, "The sandbox is controlled from its own page: 'Origin' is another site")
        if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            raise RefusalError(40300, "The sandbox is controlled from its own page: 'Sec-Fetch-Site' is another site")
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method in BODY_METHODS and media_type != "application/json":
            raise RefusalError(41500, "The body must be JSON, and 'Content-Type' must say application/json")

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Refuse, with 40300, a request to a name that a foreign site could have given this machine."""
        if not self._is_this_machine(headers.get("host", "")):
            problem = "'Host' is neither localhost, an IP address, nor a name given with --allow-host"
            raise RefusalError(40300, f"The sandbox is not controlled at this address: {problem}")

    def _is_this_machine(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name == "localhost" or name.endswith(".localhost") or name in self.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


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
