"""Who may reach the control API and its page: whoever sits at this machine, and no web page from elsewhere.

There is no password, so two attacks through a visitor's browser are refused instead. DNS rebinding gives a foreign
name this machine's address: ``Host`` must be ``localhost`` or an IP address, which nobody can rebind. Cross-site
requests carry ``Origin`` or ``Sec-Fetch-Site``: both must say that the request comes from the sandbox's own page. And a
body must be called JSON, which a form of another site cannot do without asking first.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from sinch_voice_async.sandbox.refusals import RefusalError

__all__ = ["BODY_METHODS", "check_host", "check_visitor"]

BODY_METHODS = ("POST", "PUT", "PATCH")


def check_visitor(method: str, headers: Mapping[str, str]) -> None:
    """Refuse, with 40300 or 41500, a request that another site may be behind."""
    check_host(headers)
    host = headers["host"]
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in {f"http://{host.lower()}", f"https://{host.lower()}"}:
        raise RefusalError(40300, "The sandbox is controlled from its own page: 'Origin' is another site")
    if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise RefusalError(40300, "The sandbox is controlled from its own page: 'Sec-Fetch-Site' is another site")
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if method in BODY_METHODS and media_type != "application/json":
        raise RefusalError(41500, "The body must be JSON, and 'Content-Type' must say application/json")


def check_host(headers: Mapping[str, str]) -> None:
    """Refuse, with 40300, a request to a name that anybody could have given this machine."""
    if not _is_this_machine(headers.get("host", "")):
        raise RefusalError(40300, "The sandbox is controlled at localhost or at an IP address: 'Host' is neither")


def _is_this_machine(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
